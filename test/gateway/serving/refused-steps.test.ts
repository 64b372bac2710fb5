import t from 'tap';
import { type LiveGateway, liveText, startLiveGateway } from '../../support/gateway/live-gateway.ts';

const MSG = 'a step of a decision refused';
const SECRET = 'S3CR3T-value';

const ROUTES = `
  - name: either
    path: /either
    upstream: backend
    access:
      - { scopes: [write] }
      - { roles: [admin], claims: { tenant: acme } }
      - { scopes: [read], when: claims.tenant == "other" }
  - { name: trial, path: /trial, upstream: backend, access: { scopes: [write] }, mode: report }
`;

/** The log lines of the steps that refused one request, without its access line. */
async function stepsOf(live: LiveGateway, path: string, token?: string) {
  const from = live.lines.length;
  const accessed = live.nextLine('request');
  await (await live.get(path, token)).text();
  const { requestId, ...access } = await accessed;
  const lines = live.lines.slice(from).filter(({ msg }) => msg === MSG);
  for (const line of lines) t.equal(line.requestId, requestId);
  return {
    access,
    steps: lines.map(({ step, route, code, cause, reason }) => ({ step, route, code, cause, reason })),
  };
}

t.test('at level debug every step that refused has a line of its own', async (t) => {
  const live = await startLiveGateway(t, liveText({ routes: ROUTES, top: 'log: { level: debug }' }));
  const token = live.token({ scope: 'read', tenant: SECRET, sub: SECRET });
  const cases: readonly (readonly [path: string, token: string | undefined, steps: readonly object[]])[] = [
    ['/a', token, []],
    ['/a//b', token, [{ step: 'path', route: undefined, code: 'ambiguous_path' }]],
    ['/nowhere', token, [{ step: 'match', route: undefined, code: 'route_unknown' }]],
    ['/a', 'no-token', [{ step: 'form', route: 'a', code: 'token_malformed' }]],
    ['/a', live.token({ iss: SECRET }), [{ step: 'issuer', route: 'a', code: 'issuer_unknown' }]],
    ['/a', live.token({ exp: 1 }), [{ step: 'times', route: 'a', code: 'token_expired' }]],
    [
      '/a',
      live.token({ aud: 'elsewhere' }),
      [{ step: 'audiences', code: 'audience_mismatch', reason: /elsewhere/ }],
    ],
    [
      '/either',
      token,
      [
        { step: 'scopes (alternative 1)', route: 'either', code: 'insufficient_scope' },
        { step: 'roles (alternative 2)', route: 'either', code: 'role_missing' },
        { step: 'when (alternative 3)', route: 'either', code: 'condition_failed' },
      ],
    ],
    [
      '/either',
      live.token({ scope: 'read', tenant: 'other' }),
      [{ code: 'insufficient_scope' }, { code: 'role_missing' }],
    ],
    ['/trial', token, [{ step: 'scopes', route: 'trial', code: 'insufficient_scope' }]],
  ];
  for (const [path, sent, expected] of cases) {
    const { access, steps } = await stepsOf(live, path, sent);
    t.match(steps, expected, path);
    t.equal(steps.length, expected.length, path);
    for (const { cause, reason } of steps) t.ok(cause && reason, 'with its cause and reason');
    if (access.code !== 'allow') {
      const deciding = steps.filter(({ code, reason }) => code === access.code && reason === access.reason);
      t.equal(deciding.length, 1, 'one of them is the refusal of the access line');
    }
  }
  t.notMatch(JSON.stringify(live.lines), new RegExp(`${SECRET}|${token.split('.')[2]}`));
});

t.test('at other levels there are none, and the access line is the same', async (t) => {
  const live = await startLiveGateway(t, liveText({ routes: ROUTES }));
  // A reload takes the level of the file, which is info.
  live.write(liveText({ routes: ROUTES, top: 'log: { level: info }' }));
  await live.gateway.reload('signal');
  const { access, steps } = await stepsOf(live, '/a', live.token({ aud: 'elsewhere' }));
  t.same(steps, []);
  t.match(access, { code: 'audience_mismatch', reason: /elsewhere/ });

  // What is traced is not remembered: nothing is traced here.
  const token = live.token();
  for (let n = 0; n < 4; n += 1) t.equal((await live.get('/a', token)).status, 200);
  const { cache } = (await (await live.admin('/status')).json()) as { cache: { hits: number } };
  t.not(cache.hits, 0);
});
