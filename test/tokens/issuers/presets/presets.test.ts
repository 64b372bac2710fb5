import t, { type Test } from 'tap';
import { isRefusal } from '../../../../src/core/refusals.ts';
import type { CompiledIssuer } from '../../../../src/tokens/compiled-issuer.ts';
import { compileIssuers } from '../../../../src/tokens/issuers/compile-issuers.ts';
import type { VerifiedToken } from '../../../../src/tokens/verified-token.ts';
import { freezeTime } from '../../../support/core/frozen-time.ts';
import { mint, type SigningKey, signingKey } from '../../../support/tokens/mint.ts';
import {
  ANY_ISSUER,
  codeOf,
  compile,
  fileWithIssuers,
  inPlace,
  verifierOf,
} from '../../../support/tokens/verifier.ts';

const time = freezeTime();
const now = time.clock() / 1000;
const key = signingKey('RS256', { kid: 'k1' });
const lived = { iat: now, nbf: now, exp: now + 3600 };
const TENANT = '72f988bf-86f1-41af-91ab-2d7cd011db47';
const OTHER_TENANT = '0b4b5a5e-3f5a-4c8a-9a8e-0d5a1c2b3d4e';
const V2 = (tenant: string) => `https://login.microsoftonline.com/${tenant}/v2.0`;
const V1 = (tenant: string) => `https://sts.windows.net/${tenant}/`;

/** The issuer as the preset sees it, and a verifier over keys that are put in the place of its key server. */
async function rigOf(t: Test, preset: string, written: Record<string, unknown>, ...keys: SigningKey[]) {
  const [issuer] = compile({ p: { preset, ...written } }).issuers;
  if (issuer === undefined) throw new Error(JSON.stringify(compile({ p: { preset, ...written } }).problems));
  const verifier = verifierOf(
    { p: { preset, ...written, jwks: inPlace(...(keys.length > 0 ? keys : [key])) } },
    { time },
  );
  t.teardown(() => verifier.close());
  await verifier.start();
  const outcome = (claims: Record<string, unknown>, header = {}, by = keys[0] ?? key) =>
    verifier.verify(mint(by, { ...lived, ...claims }, header), ANY_ISSUER) as VerifiedToken;
  return { issuer, outcome, code: (...of: Parameters<typeof outcome>) => codeOf(outcome(...of)) };
}

function errorsOf(preset: string, written: Record<string, unknown>): readonly string[] {
  return compile({ p: { preset, audiences: ['a'], ...written } })
    .problems.filter(({ severity }) => severity === 'error')
    .map(({ path, message }) => `${path.slice(2).join('.')}: ${message}`);
}

function warningsOf(preset: string, written: Record<string, unknown>): readonly string[] {
  return compile({ p: { preset, audiences: ['a'], ...written } })
    .problems.filter(({ severity }) => severity === 'warning')
    .map(({ path }) => path.slice(2).join('.'));
}

const place = ({ source }: CompiledIssuer): string =>
  source.kind === 'url' ? source.url.href : source.kind === 'discovery' ? `${source.issuer} by metadata` : '';

t.test('okta', async (t) => {
  const iss = 'https://example.okta.com/oauth2/default';
  const { issuer, outcome, code } = await rigOf(t, 'okta', { issuer: iss, audiences: ['api://default'] });
  t.equal(place(issuer), `${iss} by metadata`);
  const claims = {
    iss,
    aud: 'api://default',
    cid: '0oa1',
    uid: '00u1',
    scp: ['openid', 'orders:read'],
    groups: ['admins'],
    ver: 1,
  };
  t.match(outcome(claims, { typ: undefined }), { scopes: ['openid', 'orders:read'], roles: ['admins'] });
  t.equal(code({ ...claims, at_hash: 'x' }), 'type_not_allowed', 'an ID token');
  t.match(errorsOf('okta', { issuer: 'https://example.okta.com' }), [/opaque/], 'the org server');
  t.match(errorsOf('okta', { issuer: 'https://example.okta.com/' }), [/opaque/]);
  t.match(errorsOf('okta', { issuer: 'https://example.okta.com/oauth2/default/' }), [/no slash at the end/]);
  t.match(errorsOf('okta', {}), [/issuer is required/]);
});

t.test('auth0', async (t) => {
  const iss = 'https://example.eu.auth0.com/';
  const { outcome } = await rigOf(t, 'auth0', { issuer: iss, audiences: ['https://api.example.com'] });
  const aud = ['https://api.example.com', `${iss}userinfo`];
  const claims = {
    iss,
    aud,
    sub: 'abc@clients',
    azp: 'abc',
    gty: 'client-credentials',
    scope: 'a b',
    permissions: ['p'],
  };
  t.match(outcome(claims, { typ: 'at+jwt' }), { scopes: ['a', 'b'], roles: ['p'], audiences: aud });
  t.match(errorsOf('auth0', { issuer: 'https://example.eu.auth0.com' }), [/ends in a slash/]);
});

t.test('keycloak', async (t) => {
  const iss = 'https://sso.example.com/realms/corp';
  const enc = signingKey('RS256', { kid: 'enc', members: { use: 'enc', alg: 'RSA-OAEP' } }, 'enc');
  const written = { issuer: iss, audiences: ['orders'] };
  const { issuer, outcome, code } = await rigOf(t, 'keycloak', written, key, enc);
  const claims = {
    iss,
    aud: 'account',
    typ: 'Bearer',
    azp: 'web',
    realm_access: { roles: ['customer'] },
    resource_access: { orders: { roles: ['reader'] } },
    scope: 'openid profile',
  };
  t.match(outcome(claims), { roles: ['customer'], scopes: ['openid', 'profile'], audiences: ['account'] });
  t.match(issuer.audienceHint, /audience mapper/);
  for (const typ of ['ID', 'Refresh', 'Offline', 'Logout', undefined, 'bearer']) {
    t.equal(code({ ...claims, typ }), 'type_not_allowed', String(typ));
  }
  const own = await rigOf(t, 'keycloak', {
    ...written,
    roleClaims: [['resource_access', 'orders', 'roles']],
  });
  t.match(own.outcome(claims), { roles: ['reader'] }, "the file's own values come first");
});

t.test('cognito', async (t) => {
  const pool = 'eu-central-1_a1b2c3d4e';
  const iss = `https://cognito-idp.eu-central-1.amazonaws.com/${pool}`;
  const second = signingKey('RS256', { kid: 'k2' }, 'foreign');
  const { issuer, outcome, code } = await rigOf(
    t,
    'cognito',
    { userPool: pool, audiences: ['client1'] },
    key,
    second,
  );
  t.same(issuer.issuers, [iss]);
  const claims = {
    iss,
    client_id: 'client1',
    token_use: 'access',
    scope: 'orders/read',
    'cognito:groups': ['g'],
  };
  t.match(outcome(claims, { typ: undefined }), {
    audiences: ['client1'],
    scopes: ['orders/read'],
    roles: ['g'],
  });
  t.equal(code({ ...claims, token_use: 'id' }), 'type_not_allowed');
  t.equal(code({ ...claims, token_use: undefined }), 'type_not_allowed');
  t.equal(
    outcome({ ...claims, aud: 'client1', client_id: undefined }).audiences,
    undefined,
    '`aud` does not count',
  );
  const withId = await rigOf(t, 'cognito', { issuer: iss, audiences: ['client1'], idTokens: true });
  t.match(withId.outcome({ iss, aud: 'client1', token_use: 'id', at_hash: 'x' }), { audiences: ['client1'] });
  t.match(errorsOf('cognito', { userPool: 'nonsense' }), [/userPool/]);
  t.match(errorsOf('cognito', { userPool: pool, issuer: 'https://other.example' }), [/contradict/]);
  t.match(errorsOf('cognito', {}), [/either `userPool` or `issuer`/]);
});

/** As Entra publishes them: no `alg`, a certificate, and an issuer for each key. */
const entraKey = (issuer: string, material = 'first') =>
  signingKey(
    'RS256',
    { kid: `entra-${material}`, members: { alg: undefined, x5c: ['MIIC'], x5t: 'x', issuer } },
    material,
  );

t.test('entra', async (t) => {
  const keys = entraKey(V2(TENANT));
  const by = { tenant: TENANT, audiences: ['api-client-id'] };
  const { issuer, outcome, code } = await rigOf(t, 'entra', by, keys);
  t.same(issuer.issuers, [V2(TENANT), V1(TENANT)]);
  t.equal(place(issuer), `https://login.microsoftonline.com/${TENANT}/discovery/v2.0/keys`);
  const claims = { aud: 'api-client-id', tid: TENANT, ver: '2.0' };
  t.match(outcome({ ...claims, iss: V2(TENANT), scp: 'a b' }), { scopes: ['a', 'b'] });
  t.match(outcome({ ...claims, iss: V1(TENANT), roles: ['r'], ver: '1.0' }), { roles: ['r'] });
  t.equal(code({ ...claims, iss: V2(OTHER_TENANT) }), 'issuer_unknown');
  t.equal(code({ ...claims, iss: `${V2(TENANT)}/` }), 'issuer_unknown');
  for (const written of [V2(TENANT), V1(TENANT)]) {
    const [same] = compile({ p: { preset: 'entra', issuer: written, audiences: ['a'] } }).issuers;
    t.same(same?.issuers, issuer.issuers, `given as ${written}`);
  }
  t.match(errorsOf('entra', { tenant: 'common' }), [/stands for every tenant/]);
  t.match(errorsOf('entra', { issuer: V2('organizations') }), [/stands for every tenant/]);
  t.match(errorsOf('entra', { tenant: 'contoso.onmicrosoft.com' }), [/not the GUID/]);
  t.match(errorsOf('entra', { tenant: TENANT, issuer: V2(OTHER_TENANT) }), [/contradict/]);
  t.match(errorsOf('entra', { tenant: TENANT, issuer: 'https://other.example' }), [/contradict/]);
  t.same(
    compile({ p: { preset: 'entra', tenant: TENANT.toUpperCase(), audiences: ['a'] } }).issuers[0]?.issuers,
    issuer.issuers,
  );
  t.match(errorsOf('entra', {}), [/either `tenant` or `issuer`/]);
});

t.test('entra-multitenant', async (t) => {
  const any = entraKey(V2('{tenantid}'));
  const own = entraKey(V2(OTHER_TENANT), 'foreign');
  const bare = signingKey('RS256', { kid: 'bare' }, 'bare');
  const keys = [any, own, bare] as const;
  const { issuer, code } = await rigOf(
    t,
    'entra-multitenant',
    { tenants: [TENANT], audiences: ['a'] },
    ...keys,
  );
  t.equal(place(issuer), 'https://login.microsoftonline.com/common/discovery/v2.0/keys');
  const claims = { aud: 'a', tid: TENANT, iss: V2(TENANT) };
  t.equal(code(claims), 'ok');
  t.equal(code({ ...claims, tid: OTHER_TENANT, iss: V2(OTHER_TENANT) }), 'issuer_unknown', 'not on the list');
  t.equal(code({ ...claims, tid: OTHER_TENANT }), 'key_unknown', '`tid` and `iss` of different tenants');
  t.equal(code({ ...claims, tid: undefined }), 'key_unknown');
  t.equal(code({ ...claims, tid: TENANT.toUpperCase() }), 'key_unknown');
  t.equal(code(claims, {}, own), 'key_unknown', 'the key of another tenant');
  t.equal(code(claims, {}, bare), 'key_unknown', 'a key that names nobody');
  t.equal(code({ ...claims, iss: V1(TENANT) }), 'key_unknown', 'a key for v2 tokens');

  const open = await rigOf(t, 'entra-multitenant', { tenants: 'any', audiences: ['a'] }, ...keys);
  t.equal(open.code(claims), 'ok');
  t.equal(open.code({ ...claims, tid: OTHER_TENANT, iss: V2(OTHER_TENANT) }, {}, own), 'ok', 'its own key');
  t.equal(open.code(claims, {}, own), 'key_unknown');
  t.equal(open.code({ ...claims, tid: OTHER_TENANT }), 'issuer_unknown');
  t.equal(open.code({ ...claims, tid: '../evil', iss: V2('../evil') }), 'issuer_unknown');
  t.same(warningsOf('entra-multitenant', { tenants: 'any' }), ['tenants']);
  t.match(errorsOf('entra-multitenant', {}), [/`tenants` is required/]);
  t.match(errorsOf('entra-multitenant', { tenants: ['contoso.com'] }), [
    /tenants.0: the tenant is not the GUID of one/,
  ]);
  t.same(errorsOf('entra-multitenant', { tenants: [TENANT.toUpperCase()], issuer: V2('{tenantid}') }), []);
  t.match(errorsOf('entra-multitenant', { tenants: [TENANT], issuer: V2(TENANT) }), [
    /makes the issuers from/,
  ]);
});

t.test('google', async (t) => {
  const { issuer, code } = await rigOf(t, 'google', { audiences: ['id.apps.googleusercontent.com'] });
  t.equal(place(issuer), 'https://www.googleapis.com/oauth2/v3/certs');
  const claims = {
    aud: 'id.apps.googleusercontent.com',
    sub: '1',
    email_verified: true,
    hd: 'example.com',
    at_hash: 'x',
  };
  t.equal(code({ ...claims, iss: 'https://accounts.google.com' }), 'ok');
  t.equal(code({ ...claims, iss: 'accounts.google.com' }), 'ok', 'both spellings are one issuer');
  t.equal(code({ ...claims, iss: 'http://accounts.google.com' }), 'issuer_unknown');
});

t.test('google-iap', async (t) => {
  const es = signingKey('ES256', { kid: 'iap' });
  const aud = '/projects/1/global/backendServices/2';
  const { issuer, code } = await rigOf(t, 'google-iap', { audiences: [aud] }, es);
  t.equal(place(issuer), 'https://www.gstatic.com/iap/verify/public_key-jwk');
  t.same(issuer.tokenHeaders, ['x-goog-iap-jwt-assertion']);
  t.equal(
    code({ iss: 'https://cloud.google.com/iap', aud, sub: 'accounts.google.com:1', email: 'a@b' }),
    'ok',
  );
  t.equal(code({ iss: 'https://cloud.google.com/iap', aud }, {}, key), 'algorithm_not_allowed');
});

t.test('cloudflare-access', async (t) => {
  const { issuer, outcome } = await rigOf(t, 'cloudflare-access', { team: 'corp', audiences: ['tag'] });
  t.equal(place(issuer), 'https://corp.cloudflareaccess.com by metadata');
  t.same(issuer.tokenHeaders, ['cf-access-jwt-assertion']);
  const service = {
    iss: 'https://corp.cloudflareaccess.com',
    aud: ['tag'],
    type: 'app',
    sub: '',
    common_name: 'bot',
  };
  t.notOk(isRefusal(outcome(service)), 'a service token has an empty subject');
  const strict = await rigOf(t, 'cloudflare-access', {
    team: 'corp',
    audiences: ['tag'],
    requiredClaims: ['sub'],
  });
  t.equal(strict.code(service), 'claim_missing', 'unless people only are wanted');
  t.match(errorsOf('cloudflare-access', { team: 'evil.example/x' }), [/not a valid `team`/]);
});

t.test('firebase', async (t) => {
  const { issuer, code } = await rigOf(t, 'firebase', { project: 'shop', audiences: ['shop'] });
  t.match(place(issuer), /securetoken@system\.gserviceaccount\.com$/);
  const claims = {
    iss: 'https://securetoken.google.com/shop',
    aud: 'shop',
    sub: 'u',
    auth_time: now,
    at_hash: 'x',
  };
  t.equal(code(claims), 'ok');
  t.equal(code({ ...claims, sub: '' }), 'claim_missing');
  t.equal(code({ ...claims, sub: undefined }), 'claim_missing');
  t.equal(
    code({ ...claims, iss: 'https://securetoken.google.com/other' }),
    'issuer_unknown',
    'shared keys, other project',
  );
  t.same(warningsOf('firebase', { project: 'shop', audiences: ['other'] }), ['audiences']);
  const own = await rigOf(t, 'firebase', { project: 'shop', audiences: ['shop'], requiredClaims: ['email'] });
  t.equal(
    own.code({ ...claims, email: 'a@b', sub: '' }),
    'claim_missing',
    'the subject is required whatever the file adds',
  );
});

t.test('github-actions', async (t) => {
  const { issuer, code } = await rigOf(t, 'github-actions', { audiences: ['https://api.example.com'] });
  t.equal(place(issuer), 'https://token.actions.githubusercontent.com by metadata');
  const sub = 'repo:octo/app:ref:refs/heads/main';
  const claims = { iss: issuer.issuers[0], aud: 'https://api.example.com', sub, repository: 'octo/app' };
  t.equal(code(claims), 'ok');

  const problems = (access: unknown) =>
    compile({ p: { preset: 'github-actions', audiences: ['a'] } }, undefined, access).problems;
  const open = /anybody can get a token of `p`/;
  for (const access of [
    'authenticated',
    'optional',
    { scopes: ['a'] },
    { claims: { actor: 'me' } },
    { when: 'claims.actor == "me"' },
    { claims: [{ claim: ['sub', 'x'], equals: 'a' }] },
    [{ claims: { repository: 'octo/app' } }, { roles: ['x'] }],
  ]) {
    t.match(problems(access), [{ severity: 'error', message: open }], JSON.stringify(access));
  }
  for (const access of [
    'public',
    { claims: { repository: 'octo/app' } },
    { claims: { repository_owner_id: '1' } },
    { claims: [{ claim: ['sub'], any: [sub] }] },
    { when: 'claims.repository == "octo/app"' },
    { when: 'claims["sub"].startsWith("repo:octo/")' },
  ]) {
    t.same(problems(access), [], JSON.stringify(access));
  }
});

t.test('kubernetes', async (t) => {
  const iss = 'https://oidc.eks.example.com/id/ABC';
  const { issuer, outcome, code } = await rigOf(t, 'kubernetes', { issuer: iss, audiences: ['orders'] });
  t.equal(place(issuer), `${iss} by metadata`);
  const claims = {
    iss,
    aud: ['orders'],
    sub: 'system:serviceaccount:a:b',
    'kubernetes.io': { namespace: 'a' },
  };
  t.match(outcome(claims), { claims: { 'kubernetes.io': { namespace: 'a' } } });
  t.equal(code({ ...claims, exp: undefined }), 'claim_missing', 'the old tokens that never expire');
  const shared = 'https://kubernetes.default.svc.cluster.local';
  t.match(errorsOf('kubernetes', { issuer: shared }), [/share this issuer/]);
  t.same(warningsOf('kubernetes', { issuer: shared, jwks: inPlace(key) }), ['issuer']);
  t.same(warningsOf('kubernetes', { issuer: shared, jwksUri: 'https://10.0.0.1/openid/v1/jwks' }), [
    'issuer',
  ]);
});

t.test('a key of one preset is refused beside another, with the name of its owner', async (t) => {
  t.match(errorsOf('okta', { issuer: 'https://a.okta.com/oauth2/b', team: 'x' }), [
    /`team` has no meaning here/,
  ]);
  const plain = compile({ p: { issuer: 'https://a.example', audiences: ['a'], tenant: TENANT } }).problems;
  t.match(plain, [{ hint: 'it belongs to the preset entra' }]);
});

t.test('two issuers that come to the same iss are refused', async (t) => {
  const google = { preset: 'google', audiences: ['a'] };
  const { problems } = compile({
    one: google,
    two: { issuer: 'accounts.google.com', audiences: ['a'], jwks: inPlace(key) },
  });
  t.match(problems, [{ path: ['issuers', 'two'], message: /`one` accepts tokens of the same/ }]);
});

t.test('keys in place and files are checked when the file is loaded', async (t) => {
  const weak = signingKey('RS256', { bits: 1024 });
  const secret = { ...key.jwk, d: key.privateKey.export({ format: 'jwk' }).d };
  const base = { issuer: 'https://a.example', audiences: ['a'] };
  const messages = (more: Record<string, unknown>, read: Record<string, string> = {}) => {
    const { problems, files } = compileIssuers(fileWithIssuers({ p: { ...base, ...more } }), {
      resolvePath: (path) => `/etc/${path}`,
      readFile: (path) => {
        const text = read[path];
        if (text === undefined) throw Object.assign(new Error(), { code: 'ENOENT' });
        return Buffer.from(text);
      },
    });
    return { messages: problems.map(({ message }) => message), files };
  };
  t.match(messages({ jwks: inPlace(weak) }).messages, [
    /key 1 is unusable: RSA of 1024 bits/,
    /no key of the set/,
  ]);
  t.match(messages({ jwks: { keys: [key.jwk, secret] } }).messages, [/key 2 is unusable: its secret part/]);
  t.match(messages({ jwks: { file: 'k.json' } }).messages, [/there is no such file/]);
  t.match(messages({ jwks: { file: 'k.json' } }, { '/etc/k.json': 'secret text' }).messages, [
    /^not a JSON Web Key Set$/,
  ]);
  const good = messages({ jwks: { file: 'k.json' } }, { '/etc/k.json': JSON.stringify(inPlace(key)) });
  t.same(good, { messages: [], files: ['/etc/k.json'] });
  t.match(messages({ jwks: inPlace(key), jwksUri: 'https://a.example/k' }).messages, [
    /no meaning beside `jwks`/,
  ]);
  t.match(messages({ jwksUri: 'https://u:p@a.example/k' }).messages, [/user or password is not asked/]);
  t.match(messages({ keys: { ca: 'ca.pem' } }, { '/etc/ca.pem': 'x' }).messages, [/no PEM certificate/]);
});

t.test('beside keys in the file, only a front has settings for what it fetches', async (t) => {
  const base = { issuer: 'https://id.example', audiences: ['api'], jwks: inPlace(key) };
  const oauthProxy = { clientId: 'c', redirectUris: ['http://localhost/callback'] };
  const strayIn = (more: Record<string, unknown>) => {
    const config = fileWithIssuers({ p: { ...base, ...more } });
    const { problems } = compileIssuers(config, { resolvePath: (path) => path });
    return problems
      .filter(({ message }) => message === 'has no meaning beside `jwks`')
      .map(({ path }) => path.join('.'));
  };
  t.same(strayIn({ keys: { timeout: '2s' } }), ['issuers.p.keys']);
  t.same(strayIn({ oauthProxy, keys: { timeout: '2s', cooldown: '5s', ca: 'ca.pem' } }), []);
  t.same(strayIn({ oauthProxy, keys: { snapshot: 'p.jwks.json' } }), ['issuers.p.keys.snapshot']);
  t.same(strayIn({ oauthProxy, keys: { maxBytes: '2MiB' } }), ['issuers.p.keys.maxBytes']);
  t.same(strayIn({ oauthProxy, jwksUri: 'https://id.example/keys' }), ['issuers.p.jwksUri']);
});
