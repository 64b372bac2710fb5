import t from 'tap';
import type { RefusalCode } from '../../../src/core/refusals.ts';
import { refuse } from '../../../src/core/refusals.ts';
import { challengeHeads } from '../../../src/http/challenge.ts';
import { challengeFor, compileChallenge } from '../../../src/pipeline/access/challenge.ts';
import { createDpopChallenges } from '../../../src/pipeline/access/dpop-challenge.ts';
import type { VerifiedToken } from '../../../src/tokens/verified-token.ts';
import { refusalOf, scopesOf } from '../../support/pipeline/challenges.ts';
import {
  type ConfigInput,
  fakeVerifier,
  fileWith,
  gateOf,
  requestOf,
  tokenOf,
} from '../../support/pipeline/gate.ts';

type Access = ConfigInput['routes'][number]['access'];

const ISSUERS = {
  corp: { issuer: 'https://corp.example', audiences: ['api'] },
  entra: { issuer: 'https://entra.example', audiences: ['api'], scopePrefix: 'api://ID/' },
  partner: { issuer: 'https://partner.example', audiences: ['api'], scopePrefix: 'p:' },
};

/** Asks a route with this access, with the token if there is one. */
async function ask(access: Access, token?: Partial<VerifiedToken>, rest: Partial<ConfigInput> = {}) {
  const file = fileWith([{ access }], { issuers: ISSUERS, defaults: { issuers: ['corp'] }, ...rest });
  const gate = await gateOf(
    file,
    fakeVerifier({
      t: tokenOf(token?.claims, token),
      late: refuse('token_expired', 'x', { issuer: token?.issuer ?? 'corp' }),
    }),
  );
  const send = (...fields: string[]) => refusalOf(gate, requestOf('GET /', ...fields));
  return {
    bare: send(),
    refused: send('Authorization', 'Bearer t'),
    late: send('Authorization', 'Bearer late'),
    unknown: send('Authorization', 'Bearer other'),
  };
}

t.test('401 names what the route needs', async (t) => {
  const { bare, late, unknown } = await ask({ scopes: ['a', 'b'] });
  t.equal(bare.challenge, 'Bearer realm="sealgate", scope="a b"');
  t.equal(
    late.challenge,
    'Bearer realm="sealgate", error="invalid_token", error_description="The token has expired", scope="a b"',
  );
  t.match(unknown.challenge, /error="invalid_token", .*, scope="a b"$/);
  t.equal((await ask('authenticated')).bare.challenge, 'Bearer realm="sealgate"', 'no scopes, no attribute');
  t.match(
    (await ask('optional')).late.challenge,
    /^Bearer realm="sealgate", error="invalid_token", error_description="[\w ]+"$/,
  );
  const named = await ask('authenticated', {}, { listen: { publicUrl: 'https://api.example.com:8443/x' } });
  t.equal(named.bare.challenge, 'Bearer realm="api.example.com:8443"', 'the realm is the public host');
});

t.test('all of `all`, the first of `any`, and the policy of the block', async (t) => {
  const policies = { p: { scopes: { any: ['p1', 'p2'], all: ['p3'] } }, q: { scopes: ['a'] } };
  const table: readonly (readonly [Access, readonly string[]])[] = [
    [{ scopes: { any: ['b', 'a'] } }, ['b']],
    [{ scopes: { all: ['b', 'a'] } }, ['b', 'a']],
    [{ scopes: { any: ['b', 'a'], all: ['c'] } }, ['c', 'b']],
    [{ scopes: { any: ['c', 'a'], all: ['c'] } }, ['c']],
    [{ policy: 'p' }, ['p3', 'p1']],
    [{ policy: 'p', scopes: ['a'] }, ['p3', 'p1', 'a']],
    [{ policy: 'q', scopes: ['a', 'b'] }, ['a', 'b']],
    [[{ scopes: ['first'] }, { scopes: ['second'] }], ['first']],
  ];
  for (const [access, scopes] of table) {
    const { bare, refused } = await ask(access, {}, { policies });
    t.strictSame(scopesOf(bare.challenge), scopes, JSON.stringify(access));
    t.equal(refused.code, 'insufficient_scope');
    t.strictSame(scopesOf(refused.challenge), scopes, 'the same in 403');
  }
});

t.test('403 names all scopes, also those that the token has', async (t) => {
  const { refused } = await ask({ scopes: ['a', 'b'] }, { scopes: ['a', 'z'] });
  t.equal(
    refused.challenge,
    'Bearer realm="sealgate", error="insufficient_scope", error_description="The token lacks a required scope", scope="a b"',
  );
});

t.test('no challenge where no scope would help', async (t) => {
  const policies = { staff: { roles: ['staff'] }, acme: { claims: { tenant: 'acme' } } };
  const lacking: readonly Access[] = [
    { scopes: ['a'], roles: ['staff'] },
    { scopes: ['a'], policy: 'staff' },
    { scopes: ['a'], policy: 'acme' },
    { scopes: ['a'], claims: { tenant: 'acme' } },
    { scopes: ['a'], when: 'claims.tenant == "acme"' },
    { scopes: ['a'], when: 'request.method == "POST"' },
    { scopes: ['a'], roles: ['staff'], claims: { tenant: 'acme' } },
  ];
  for (const access of lacking) {
    const name = JSON.stringify(access);
    const { refused, bare } = await ask(access, {}, { policies });
    t.strictSame(refused, { code: 'insufficient_scope', challenge: undefined }, name);
    t.strictSame(scopesOf(bare.challenge), ['a'], 'another token may have the rest');
    if (name.includes('POST')) continue;
    const good = await ask(access, { roles: ['staff'], claims: { tenant: 'acme' } }, { policies });
    t.strictSame(scopesOf(good.refused.challenge), ['a'], `${name}, of a token that has the rest`);
  }
  const others: readonly (readonly [Access, RefusalCode])[] = [
    [{ roles: ['staff'] }, 'role_missing'],
    [{ claims: { tenant: 'acme' } }, 'claim_mismatch'],
    [{ when: 'claims.tenant == "acme"' }, 'condition_failed'],
    [{ scopes: ['has'], roles: ['staff'] }, 'role_missing'],
  ];
  for (const [access, code] of others) {
    const { refused } = await ask(access, { scopes: ['has'] });
    t.strictSame(refused, { code, challenge: undefined }, code);
  }
});

t.test('of several alternatives, the one whose code is given', async (t) => {
  const access = [
    { scopes: ['a'], roles: ['staff'] },
    { scopes: ['b'] },
    { scopes: ['c'] },
    { issuers: ['partner'], scopes: ['d'] },
  ];
  const { refused } = await ask(access);
  t.strictSame(scopesOf(refused.challenge), ['b'], 'the first that scopes alone open');
  const { refused: further } = await ask(access, { scopes: ['a'] });
  t.strictSame(further, { code: 'role_missing', challenge: undefined }, 'the first got further');
  const { refused: staff } = await ask(access, { roles: ['staff'] });
  t.strictSame(scopesOf(staff.challenge), ['a']);
  const { refused: partner, late } = await ask(access, { issuer: 'partner' });
  t.strictSame(scopesOf(partner.challenge), ['p:d'], 'the only one for its issuer');
  t.strictSame(scopesOf(late.challenge), ['p:d'], 'and so in 401');
});

t.test('the prefix of the issuer stands before scopes', async (t) => {
  const access = { issuers: ['entra', 'corp', 'partner'], scopes: ['read', 'openid', 'email', 'profile'] };
  const at = async (issuer: string) => {
    const { refused, late } = await ask(access, { issuer });
    t.strictSame(scopesOf(refused.challenge), scopesOf(late.challenge));
    return scopesOf(refused.challenge);
  };
  t.strictSame(await at('entra'), ['api://ID/read', 'openid', 'email', 'profile']);
  t.strictSame(await at('corp'), ['read', 'openid', 'email', 'profile']);
  t.strictSame(await at('partner'), ['p:read', 'openid', 'email', 'profile']);
  const { bare } = await ask(access);
  t.strictSame(scopesOf(bare.challenge)?.[0], 'api://ID/read', 'no token: the first accepted issuer');
  const stranger = await ask({ issuers: ['entra'], scopes: ['read'] }, { issuer: 'corp' });
  t.equal(stranger.refused.code, 'issuer_not_allowed');
  t.strictSame(scopesOf(stranger.refused.challenge), ['api://ID/read'], 'not accepted: likewise');
});

/** The challenge that a resource's route has for a token. */
async function compiled(access: Access, resource: { isCumulative: boolean; resourceMetadata?: string }) {
  const gate = await gateOf(fileWith([{ access }], { issuers: ISSUERS, defaults: { issuers: ['corp'] } }));
  const [route] = gate.routes;
  if (route === undefined) throw new Error('no route');
  const challenge = compileChallenge(route.access, {
    heads: challengeHeads('r'),
    resource: { resourceMetadata: undefined, ...resource },
    dpop: createDpopChallenges([]),
  });
  const [block] = route.access.blocks;
  const lack = refuse('insufficient_scope', 'x', { scopes: block?.neededScopes ?? [], issuer: 'entra' });
  return { challenge, lack };
}

t.test('challenges of a protected resource name its metadata', async (t) => {
  const resourceMetadata = 'https://api.example.com/.well-known/oauth-protected-resource/mcp';
  const { challenge, lack } = await compiled({ scopes: ['a'] }, { isCumulative: false, resourceMetadata });
  const tail = `, scope="a", resource_metadata="${resourceMetadata}"`;
  t.equal(challengeFor(challenge, refuse('token_missing', 'x'), undefined), `Bearer realm="r"${tail}`);
  t.ok(challengeFor(challenge, lack, tokenOf())?.endsWith(tail));
  t.ok(challengeFor(challenge, refuse('token_expired', 'x'), undefined)?.endsWith(tail));
  const { challenge: open } = await compiled('authenticated', { isCumulative: false, resourceMetadata });
  t.equal(
    challengeFor(open, refuse('token_missing', 'x'), undefined),
    `Bearer realm="r", resource_metadata="${resourceMetadata}"`,
  );
  t.equal(challengeFor(undefined, refuse('token_missing', 'x'), undefined), undefined, 'no route');
});

t.test('a cumulative challenge names the scopes of the token too, on 403 only', async (t) => {
  const access = { issuers: ['entra', 'corp'], scopes: ['a', 'b'] };
  const { challenge, lack } = await compiled(access, { isCumulative: true });
  const named = (scopes: readonly string[]) =>
    scopesOf(challengeFor(challenge, lack, tokenOf({}, { scopes })));
  const needed = ['api://ID/a', 'api://ID/b'];
  t.strictSame(named([]), needed);
  t.strictSame(named(['b', 'c', 'openid', 'offline_access']), [...needed, 'api://ID/c', 'openid']);
  t.strictSame(named(['x", error="y', 'e\u00e9', 'a b', '', 'z\r\n']), needed, 'no other text of a token');
  const many = named(Array.from({ length: 2000 }, (_, at) => `s${at}`))?.join(' ') ?? '';
  t.ok(many.length > 4000 && many.length <= 4096, `${many.length} characters at most`);
  const late = refuse('token_expired', 'x', { issuer: 'corp' });
  t.strictSame(scopesOf(challengeFor(challenge, late, tokenOf({}, { scopes: ['c'] }))), ['a', 'b']);
});

t.test('scopes of a refusal stand in place of those of the route', async (t) => {
  const access = [{ scopes: ['a'] }, { issuers: ['entra'], scopes: ['b'] }];
  const { challenge } = await compiled(access, {
    isCumulative: false,
    resourceMetadata: 'https://a.example/',
  });
  const of = (code: 'insufficient_scope' | 'token_missing', issuer?: string) =>
    challengeFor(
      challenge,
      refuse(code, 'x', { scopes: ['a', 'tool'], ...(issuer && { issuer }) }),
      undefined,
    );
  t.match(of('insufficient_scope', 'corp'), /, scope="a tool", resource_metadata="https:\/\/a.example\/"$/);
  t.strictSame(scopesOf(of('insufficient_scope', 'entra')), ['api://ID/a', 'api://ID/tool']);
  t.strictSame(scopesOf(of('token_missing')), ['a', 'tool']);
  t.equal(challengeFor(challenge, refuse('insufficient_scope', 'x'), undefined), undefined, 'none without');
});

t.test('routes with equal access share their challenges', async (t) => {
  const { routes } = await gateOf(
    fileWith([
      { path: '/a', access: { scopes: ['a'] } },
      { path: '/b', access: { scopes: ['a'] } },
      { path: '/c', access: 'public' },
    ]),
  );
  t.ok(routes[0]?.challenge);
  t.equal(routes[0]?.challenge, routes[1]?.challenge);
  t.equal(routes[2]?.challenge, undefined);
});
