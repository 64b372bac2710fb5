import t from 'tap';
import { isRefusal } from '../../../src/core/refusals.ts';
import { decide } from '../../../src/pipeline/decision/decide.ts';
import { isServedHere } from '../../../src/pipeline/messages/direct-response.ts';
import { freezeTime } from '../../support/core/frozen-time.ts';
import { fieldsOf, fileWith, gateOf, requestOf } from '../../support/pipeline/gate.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';
import { verifierOf } from '../../support/tokens/verifier.ts';

const time = freezeTime();
const now = time.clock() / 1000;
const key = signingKey('RS256');
const jwks = { keys: [key.jwk] };
const issuers = {
  corp: { issuer: 'https://corp.example', audiences: ['api'], jwks },
  aged: {
    issuer: 'https://aged.example',
    audiences: ['api'],
    jwks,
    maxTokenAge: '1h',
    requiredClaims: ['sub'],
  },
  ids: { issuer: 'https://ids.example', audiences: ['api'], jwks, idTokens: true },
  realm: { preset: 'keycloak' as const, issuer: 'https://kc.example/realms/a', audiences: ['api'], jwks },
  pool: { preset: 'cognito' as const, issuer: 'https://pool.example', audiences: ['api'], jwks },
};
const gate = await gateOf(
  fileWith(
    [
      { path: '/any', access: { issuers: 'any' } },
      { path: '/scope', access: { issuers: 'any', scopes: ['read'] } },
      { path: '/role', access: { issuers: 'any', roles: ['admin'] } },
      { path: '/tenant', access: { issuers: 'any', claims: { tenant: 'acme' } } },
      {
        path: '/named',
        access: { issuers: 'any' },
        identity: { headers: { 'x-t': { claim: 'tenant', required: true } } },
      },
    ],
    { issuers },
  ),
  verifierOf(issuers, { time }),
);
const good = { iss: 'https://corp.example', aud: 'api', sub: 'u', iat: now, exp: now + 300 };

async function decided(target: string, claims: Record<string, unknown>, header = {}) {
  const token = mint(key, { ...good, ...claims }, header);
  const { outcome } = await decide(gate, requestOf(`GET ${target}`, 'Authorization', `Bearer ${token}`));
  return outcome;
}

async function codeOf(target: string, claims: Record<string, unknown>, header = {}): Promise<string> {
  const outcome = await decided(target, claims, header);
  return isRefusal(outcome) ? outcome.code : 'allow';
}

const AGED = { iss: 'https://aged.example' };
const IDS = { iss: 'https://ids.example' };
const REALM = { iss: 'https://kc.example/realms/a', typ: 'Bearer' };
const POOL = { iss: 'https://pool.example', token_use: 'access', client_id: 'api', aud: undefined };

t.test('null means absent; what an empty value means depends on the claim', async (t) => {
  const rows: readonly [claims: Record<string, unknown>, code: string, target?: string][] = [
    // Marks of other kinds of tokens: a null is no mark.
    [{ events: null }, 'allow'],
    [{ events: {} }, 'type_not_allowed'],
    [{ events: '' }, 'type_not_allowed'],
    [{ events: [] }, 'type_not_allowed'],
    [{ ...IDS, events: {} }, 'type_not_allowed'],
    [{ at_hash: null, c_hash: null }, 'allow'],
    [{ at_hash: '', c_hash: '' }, 'allow'],
    [{ at_hash: 'x' }, 'type_not_allowed'],
    [{ c_hash: 0 }, 'type_not_allowed'],
    [{ typ: null, token_use: null }, 'allow'],
    [{ ...REALM, typ: null }, 'type_not_allowed'],
    [{ ...REALM }, 'allow'],
    [{ ...POOL, token_use: null }, 'type_not_allowed'],
    [{ ...POOL }, 'allow'],
    [{ ...POOL, client_id: null }, 'claim_missing'],
    // Bound to a key: only a null means that it is not.
    [{ cnf: null }, 'allow'],
    [{ cnf: {} }, 'token_bound'],
    [{ cnf: '' }, 'token_bound'],
    [{ cnf: [] }, 'token_bound'],
    // Times.
    [{ exp: null }, 'claim_missing'],
    [{ exp: '' }, 'token_malformed'],
    [{ nbf: null, iat: null }, 'allow'],
    [{ nbf: '' }, 'token_malformed'],
    [{ ...AGED, iat: null }, 'claim_missing'],
    // Issuer, subject, audience.
    [{ iss: null }, 'issuer_unknown'],
    [{ sub: null }, 'allow'],
    [{ ...AGED, sub: null }, 'claim_missing'],
    [{ ...AGED, sub: '' }, 'claim_missing'],
    [{ aud: null }, 'claim_missing'],
    [{ aud: '' }, 'claim_missing'],
    [{ aud: [] }, 'claim_missing'],
    [{ aud: [null] }, 'audience_mismatch'],
    [{ aud: {} }, 'audience_mismatch'],
    [{ aud: ['', 'api'] }, 'allow'],
    // Scopes and roles: the first present claim counts.
    [{ scope: '', scp: ['read'] }, 'allow', '/scope'],
    [{ scope: null, scp: 'read' }, 'allow', '/scope'],
    [{ scope: [], scp: 'read' }, 'allow', '/scope'],
    [{ scope: '' }, 'insufficient_scope', '/scope'],
    [{ scope: 'write', scp: ['read'] }, 'insufficient_scope', '/scope'],
    [{ scope: {}, scp: ['read'] }, 'insufficient_scope', '/scope'],
    [{ roles: null }, 'role_missing', '/role'],
    [{ roles: [''] }, 'role_missing', '/role'],
    // Claims that rules compare or headers carry.
    [{ tenant: null }, 'claim_mismatch', '/tenant'],
    [{ tenant: '' }, 'claim_mismatch', '/tenant'],
    [{ tenant: null }, 'identity_incomplete', '/named'],
    [{ tenant: '' }, 'identity_incomplete', '/named'],
    [{ tenant: [] }, 'identity_incomplete', '/named'],
  ];
  for (const [claims, code, target = '/any'] of rows)
    t.equal(await codeOf(target, claims), code, `${target} ${JSON.stringify(claims)}`);
});

t.test('the header of a token is read strictly: null is of the wrong type', async (t) => {
  const rows: readonly [header: Record<string, unknown>, code: string][] = [
    [{ kid: '' }, 'allow'],
    [{ kid: null }, 'token_malformed'],
    [{ typ: null }, 'token_malformed'],
    [{ typ: '' }, 'type_not_allowed'],
    [{ alg: null }, 'token_malformed'],
    [{ alg: '' }, 'algorithm_not_allowed'],
    [{ crit: null }, 'token_malformed'],
    [{ crit: [] }, 'token_malformed'],
    [{ b64: null }, 'token_malformed'],
    [{ enc: null }, 'token_malformed'],
    [{ zip: '' }, 'token_malformed'],
    [{ jwk: null, jku: '', x5c: [], x5u: null }, 'allow'],
  ];
  for (const [header, code] of rows) t.equal(await codeOf('/any', {}, header), code, JSON.stringify(header));
});

t.test('a claim that is null or empty sets no identity header', async (t) => {
  for (const nothing of [null, '', []]) {
    const outcome = await decided('/any', { sub: nothing, scope: nothing, scp: nothing });
    if (isRefusal(outcome) || isServedHere(outcome)) throw new Error('refused');
    t.same(Object.keys(fieldsOf(outcome.identity)), ['x-user-issuer'], JSON.stringify(nothing));
  }
});
