import t from 'tap';
import type { Gate } from '../../../src/pipeline/gate.ts';
import type { VerifiedToken } from '../../../src/tokens/verified-token.ts';
import {
  compileFile,
  decideNow,
  fakeVerifier,
  fileWith,
  freshTokenOf,
  gateOf,
  permitOf,
  requestOf,
  resultOf,
  tokenOf,
} from '../../support/pipeline/gate.ts';

const ask = (path: string) => requestOf(`GET ${path}`, 'Authorization', 'Bearer good');

/** Whether a route gives the very same result for a token again, refusals too. */
function isKept(gate: Gate, path: string): boolean {
  const results = [1, 2].map(() => {
    const { outcome } = decideNow(gate, ask(path));
    return 'identity' in outcome ? outcome.identity : outcome;
  });
  return results[0] === results[1];
}

const named = ([, value]: readonly string[]) => value;

t.test('routes share a policy exactly where their access and identity rules are the same', async (t) => {
  const read = { scopes: ['read'] };
  const { routes } = await gateOf(
    fileWith([
      { path: '/a', access: read },
      { path: '/b', access: { scopes: ['read'] }, mode: 'report' },
      { path: '/c', access: { scopes: ['write'] } },
      { path: '/d', access: { roles: ['read'] } },
      { path: '/e', access: read, identity: { headers: { 'x-user-id': 'email' } } },
      { path: '/f', access: read, identity: { forwardToken: true } },
      { path: '/:g', access: read },
      { path: '/h', access: 'authenticated' },
      { path: '/i', access: 'optional' },
      { path: '/j', access: 'public' },
    ]),
  );
  const [first, second, ...others] = routes.map(({ policy }) => policy);
  t.equal(first, second, 'the mode is no part of it');
  t.equal(new Set([first, ...others]).size, 9);
  for (const { policy, access, identity } of routes) t.strictSame(policy, { access, identity });
});

t.test('the result of a policy is kept for a cached token, and never given by another policy', async (t) => {
  const token = tokenOf({ sub: 'alice', email: 'a@b.c' }, { scopes: ['read'] });
  const gate = await gateOf(
    fileWith([
      { path: '/read', access: { scopes: ['read'] } },
      { path: '/same', access: { scopes: ['read'] } },
      { path: '/write', access: { scopes: ['write'] } },
      {
        path: '/mail',
        access: { scopes: ['read'] },
        identity: { headers: { 'x-user-id': 'email' } },
      },
    ]),
    fakeVerifier({ good: token }),
  );
  const first = permitOf(gate, ask('/read'));
  for (let round = 0; round < 2; round += 1) {
    t.equal(permitOf(gate, ask('/same')).identity, first.identity);
    t.equal(resultOf(gate, ask('/write')), 'insufficient_scope');
    t.equal(named(permitOf(gate, ask('/read')).identity), 'alice');
    t.equal(named(permitOf(gate, ask('/mail')).identity), 'a@b.c');
  }
  for (const path of ['/read', '/same', '/write', '/mail']) t.ok(isKept(gate, path), path);
  const other = await gateOf(
    fileWith([{ path: '/read', access: { scopes: ['write'] } }]),
    fakeVerifier({ good: token }),
  );
  t.equal(resultOf(other, ask('/read')), 'insufficient_scope', 'nor to the policy of another file');
});

t.test('a token that is used once is checked each time, with the same result', async (t) => {
  const token = freshTokenOf({ sub: 'alice' });
  const gate = await gateOf(fileWith([{ access: 'authenticated' }]), fakeVerifier({ good: token }));
  const [first, second] = [permitOf(gate, ask('/')), permitOf(gate, ask('/'))];
  t.not(first.identity, second.identity);
  t.strictSame(first.identity, second.identity);
});

t.test('the results that are kept for a token are bounded, in number and in length', async (t) => {
  const routes = Array.from({ length: 20 }, (_, at) => ({
    path: `/${at}`,
    access: {
      scopes: [at % 2 === 0 ? 'read' : `lacking-${at}`, ...(at % 4 === 0 ? ['more'] : []), `s${at}`],
    },
  }));
  const scopes = ['read', 'more', ...routes.map((_, at) => `s${at}`)];
  const check = async (token: VerifiedToken) => {
    const gate = await gateOf(fileWith(routes), fakeVerifier({ good: token }));
    for (let round = 0; round < 2; round += 1) {
      for (const at of routes.keys())
        t.equal(resultOf(gate, ask(`/${at}`)), at % 2 === 0 ? 'allow' : 'insufficient_scope');
    }
    return [...routes.keys()].filter((at) => isKept(gate, `/${at}`)).length;
  };
  t.equal(await check(tokenOf({ sub: 'alice' }, { scopes })), 4);
  t.equal(
    await check(tokenOf({ sub: 'x'.repeat(2_000) }, { scopes })),
    0,
    'long identity headers are made each time',
  );
});

t.test('a problem is reported for each route that has it', async (t) => {
  const broken = { when: 'claims.sub ==' };
  const { problems } = await compileFile(
    fileWith([
      { path: '/a', access: broken },
      { path: '/b', access: broken },
      { path: '/c', access: 'authenticated', identity: { headers: { 'x-a': '$nothing' } } },
      { path: '/d', access: 'authenticated', identity: { headers: { 'x-a': '$nothing' } } },
    ]),
  );
  t.strictSame(problems.map(({ path }) => path[1]).sort(), [0, 1, 2, 3]);
});
