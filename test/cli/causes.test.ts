import { readFileSync } from 'node:fs';
import t from 'tap';
import { ADVICE } from '../../src/cli/advice.ts';
import { CAUSES, type Cause } from '../../src/core/causes.ts';
import { REFUSALS } from '../../src/core/refusals.ts';
import { UPSTREAM_FAULTS } from '../../src/proxy/upstream-faults.ts';
import { folderWith, sealgate } from '../support/cli/cli.ts';
import { encode, mint, mintText, type SigningKey, signingKey } from '../support/tokens/mint.ts';
import { makeProof, type ProofChanges, thumbprint } from '../support/tokens/proof.ts';
import { inPlace } from '../support/tokens/verifier.ts';

const KEY = signingKey('ES256');
const NOW = Date.parse('2026-01-31T12:00:00Z') / 1000;
const TENANT = '11111111-2222-3333-4444-555555555555';
const SECRET = 'S3CR3T';
const ORIGIN = ['--header', 'Origin: https://app.example'];
const PREFLIGHT = ['--method', 'OPTIONS', ...ORIGIN, '--header', 'Access-Control-Request-Method: GET'];

const FILE = `
issuers:
  corp:
    issuer: https://corp.example
    audiences: [api]
    algorithms: [ES256]
    jwks: { file: keys.json }
    requiredClaims: [sub]
    scopeClaims: [scope, perm.issions]
    roleClaims: [[realm, roles], groups, flat.roles]
  strict:
    issuer: https://strict.example
    audiences: [api]
    jwks: { file: keys.json }
    tokenTypes: [at+jwt]
    maxTokenAge: 1h
  realm: { preset: keycloak, issuer: https://kc.example/realms/a, audiences: [api], jwks: { file: keys.json } }
  bound: { issuer: https://bound.example, audiences: [api], algorithms: [ES256], jwks: { file: keys.json }, dpop: {} }
  nameless: { issuer: https://nameless.example, audiences: [api], jwks: { file: nameless.json } }
  fronted:
    issuer: https://fronted.example
    audiences: [api]
    oauthProxy: { path: /oauth, clientId: c, redirectUris: [https://app.example/callback] }
    logout: { clientId: c }
  gone: { issuer: https://gone.example, audiences: [api], jwksUri: http://127.0.0.1:1/keys }
  tenants:
    preset: entra-multitenant
    tenants: [${TENANT}]
    audiences: [api]
    algorithms: [ES256]
    jwks: { file: keys.json }
  opaque:
    issuer: https://opaque.example
    audiences: [api]
    jwks: none
    introspection: { url: http://127.0.0.1:1/i, auth: { clientId: g, clientSecret: s }, prefix: op_ }
defaults: { issuers: [corp, strict, realm, nameless, gone, tenants] }
identity:
  assertion: { header: x-sealgate-assertion }
listen: { publicUrl: https://api.example.com, trustedProxies: [127.0.0.1], clientCertHeader: { name: client-cert, format: rfc9440 } }
upstreams: { app: { url: "http://127.0.0.1:1" } }
routes:
  - { name: open, path: /open, upstream: app, access: public }
  - { name: any, path: /any, upstream: app, access: authenticated }
  - { name: get, path: /get, methods: [GET], upstream: app, access: authenticated }
  - { name: cors, path: /cors, methods: [POST], upstream: app, access: authenticated, cors: { origins: [https://app.example] } }
  - { name: cookie, path: /cookie, upstream: app, access: authenticated, tokenFrom: [{ header: x-token }, { cookie: session }] }
  - { name: opaque, path: /opaque, upstream: app, access: { issuers: [opaque] } }
  - { name: corp, path: /corp, upstream: app, access: { issuers: [corp] } }
  - { name: bound, path: /bound, upstream: app, access: { issuers: [bound] } }
  - { name: scope, path: /scope, upstream: app, access: { scopes: [read] } }
  - { name: tools, path: /tools, upstream: app, access: authenticated, resource: true }
  - { name: files, path: /files, upstream: app, access: authenticated, resource: true }
  - { name: role, path: /role, upstream: app, access: { roles: [admin] } }
  - { name: tenant, path: /tenant, upstream: app, access: { claims: { tenant: acme, plan: 5, org.id: x } } }
  - { name: plan, path: /plan, upstream: app, access: { claims: { plan: 5 } } }
  - { name: org, path: /org, upstream: app, access: { claims: { org.id: x } } }
  - { name: when, path: /when, upstream: app, access: { when: 'claims.tenant == "acme"' } }
  - { name: shown, path: /shown, upstream: app, access: { when: 'request.certificate.sha256 != ""' } }
  - { name: class, path: /class, upstream: app, access: { acr: [urn:mfa] } }
  - { name: age, path: /age, upstream: app, access: { maxAuthAge: 10m } }
  - { name: macros, path: /macros, upstream: app, access: { when: 'claims.list.all(a, claims.list.all(b, a == b))' } }
  - { name: needs, path: /needs, upstream: app, access: authenticated, identity: { headers: { x-t: { claim: tenant, required: true } } } }
  - { name: filtered, path: /filtered, upstream: app, access: authenticated, identity: { headers: { x-t: { claim: tenant, required: true, filter: '^a$' } } } }
  - { name: big, path: /big, upstream: app, access: authenticated, identity: { headers: { x-t: tenant } } }
  - { name: slash, path: /slash, upstream: app, access: authenticated, allow: [encodedSlash] }
  - { name: small, path: /small, upstream: app, access: authenticated, identity: { headers: { x-t: { claim: tenant, maxBytes: 4B } } } }
`;

const claims = { iss: 'https://corp.example', aud: 'api', sub: SECRET, iat: NOW - 60, exp: NOW + 300 };
const good = mint(KEY, claims);
const NAMELESS = signingKey('ES256', { kid: undefined });
const RSA = signingKey('RS256', { kid: 'rsa' });
const ENC = signingKey('RS256', { kid: 'enc', members: { use: 'enc' } });
const path = await folderWith(
  {
    'gw.yaml': FILE,
    'keys.json': JSON.stringify(inPlace(KEY, RSA, ENC)),
    'nameless.json': JSON.stringify(inPlace(NAMELESS)),
    'useless.json': JSON.stringify(inPlace(ENC)),
  },
  t,
);

/** Words of the command line that ask with a token of these claims. */
function having(
  changes: Record<string, unknown>,
  target = '/any',
  header: Record<string, unknown> = {},
): string[] {
  return [target, '--token', mint(KEY, { ...claims, ...changes }, header)];
}

function sending(authorization: string, target = '/any'): string[] {
  return [target, '--header', `Authorization: ${authorization}`];
}

function written(header: string, payload: string, key: SigningKey = KEY): string[] {
  return ['/any', '--token', mintText(key, header, payload)];
}

const CLIENT = signingKey('ES256', {}, 'client');
const BOUND = mint(KEY, { ...claims, iss: 'https://bound.example', cnf: { jkt: thumbprint(CLIENT) } });

/** Words of the command line that ask with a bound token and these proofs. */
function proving(...proofs: readonly string[]): string[] {
  const fields = [`Authorization: DPoP ${BOUND}`, ...proofs.map((proof) => `DPoP: ${proof}`)];
  return ['/bound', ...fields.flatMap((field) => ['--header', field])];
}

/** The same with one proof that is changed. */
function provenBy({ key = CLIENT, ...changes }: ProofChanges & { key?: SigningKey } = {}): string[] {
  const asked = { method: 'GET', uri: 'https://api.example.com/bound', token: BOUND };
  return proving(makeProof(key, asked, { ...changes, claims: { iat: NOW, ...changes.claims } }));
}

const HEADER = JSON.stringify({ alg: 'ES256', kid: KEY.kid });
const [head = '', body = '', signature = ''] = good.split('.');

/** One row for each cause that a command line can lead to. */
const EXPLAINED: readonly (readonly [cause: Cause, words: readonly string[], reason: RegExp])[] = [
  // The request
  ['target_form', ['any'], /origin form/],
  ['target_fragment', ['/any#top'], /fragment/],
  ['path_not_encoded', ['/a b'], /space/],
  ['path_not_encoded', ['/a|b'], /"\|".*percent-encoded: write %7C.*Firefox/],
  ['path_unsafe_character', ['/a\\b'], /backslash/],
  ['path_unsafe_character', ['/a%00'], /control/],
  ['path_broken_escape', ['/100%'], /broken escape/],
  ['path_broken_escape', ['/%ff'], /UTF-8/],
  ['path_encoded_twice', ['/a%252fb'], /encoded twice/],
  ['path_dot_segment', ['/a/../any'], /segment/],
  ['query_not_encoded', ['/any?a b'], /query/],
  ['spelling_not_allowed', ['/a;b'], /semicolon, which no route allows/],
  ['readings_apart', ['/any%2Fslash'], /readings/],
  ['path_cut', ['/any%3Fx'], /%3F/],
  ['path_marks', [`/any/${'%23'.repeat(17)}`], /more than 16 of %23 and %3F/],
  ['path_marks', [`/any${'/a'.repeat(260)}%3B`], /%3B or %3F and more than 256 segments/],
  ['host_twice', ['/any', '--header', 'Host: a', '--header', 'Host: b'], /more than one Host/],
  ['host_invalid', ['/any', '--host', 'a@b'], /not a name or address/],
  ['upgrade_refused', ['/open', '--header', 'Upgrade: websocket'], /websocket: true/],
  ['route_unknown', ['/nowhere'], /no route/],
  ['method_not_allowed', ['/get', '--method', 'POST'], /do not accept the method/],
  ['method_never_forwarded', ['/get', '--method', 'CONNECT'], /never forwarded/],
  ['method_never_forwarded', ['/get', '--method', 'TRACE'], /do not accept/],
  ['method_never_forwarded', ['/nowhere', '--method', 'TRACE'], /never forwarded/],
  ['front_method', ['/oauth/token'], /token endpoint of the front for OAuth clients of fronted/],
  ['event_method', ['/.well-known/sealgate/logout/fronted'], /logout tokens of fronted takes POST alone/],
  ['keys_read_only', ['/.well-known/sealgate/jwks.json', '--method', 'POST'], /only be read/],
  ['metadata_of_several', ['/.well-known/oauth-protected-resource'], /several protected resources/],
  ['metadata_read_only', ['/.well-known/oauth-protected-resource/tools', '--method', 'POST'], /only be read/],
  ['preflight_not_routed', ['/get', ...PREFLIGHT], /CORS preflight, and no `cors`/],
  ['preflight_method', ['/cors', ...PREFLIGHT], /CORS preflight for a method/],
  [
    'origin_not_allowed',
    [
      '/cors',
      '--method',
      'OPTIONS',
      '--header',
      'Origin: https://x.example',
      '--header',
      'Access-Control-Request-Method: POST',
    ],
    /origin/,
  ],

  // The place of the token
  [
    'authorization_twice',
    [...sending('Bearer a'), '--header', 'Authorization: Basic b'],
    /more than one Authorization/,
  ],
  ['tokens_in_one_field', sending('Bearer a, Bearer b'), /more than one token/],
  [
    'tokens_in_two_places',
    [...sending('Bearer a', '/cookie'), '--header', 'X-Token: b'],
    /more than one place/,
  ],
  [
    'token_hidden',
    ['/cookie', '--header', 'Cookie: Session=x'],
    /spells the cookie "session" in another way/,
  ],
  ['token_missing', ['/any'], /no token/],
  ['token_missing', ['/any', '--header', 'X-Forwarded-Authorization: Basic YTpi'], /carries no token/],
  [
    'token_elsewhere',
    ['/any', '--header', `X-Forwarded-Authorization: Bearer ${good}`],
    /the header "x-forwarded-authorization" looks like one/,
  ],
  ['token_elsewhere', ['/any', '--header', `X-Auth-Token: ${good}`], /the header "x-auth-token"/],
  ['token_elsewhere', ['/any', '--header', `Cookie: a=b; sid=${good}`], /the cookie "sid"/],
  ['other_scheme', sending('Basic YTpi'), /not of the Bearer scheme/],
  ['scheme_missing', sending(good), /without "Bearer" before it/],
  ['other_scheme', sending(`Token ${good}`), /not of the Bearer scheme/],
  ['preflight_without_cors', ['/any', ...PREFLIGHT], /CORS preflight, which never carries a token/],
  [
    'websocket_without_token',
    ['/any', ...ORIGIN, '--header', 'Upgrade: websocket'],
    /handshake of a browser/,
  ],
  ['bearer_empty', sending('Bearer'), /without a token/],
  ['bearer_repeated', sending(`Bearer Bearer ${good}`), /twice/],
  ['bearer_spacing', sending(`Bearer  ${good}`), /white space/],
  ['bearer_spacing', sending(`Bearer ${head}. ${body}.${signature}`), /white space/],
  ['token_place', ['/cookie', '--header', `X-Token: Token ${good}`], /does not hold one token alone/],

  // Tokens that the provider must be asked about
  [
    'token_prefix',
    sending('Bearer other_1', '/opaque'),
    /begins with the `introspection.prefix` of no issuer/,
  ],
  [
    'introspection_offline',
    sending('Bearer op_1', '/opaque'),
    /only the introspection endpoint of opaque knows/,
  ],
  [
    'introspection_unreachable',
    [...sending('Bearer op_1', '/opaque'), '--online'],
    /nothing listens at 127\.0\.0\.1:1/,
  ],
  ['keys_none', having({ iss: 'https://opaque.example' }, '/opaque'), /jwks: none/],

  // The form of the token
  ['token_placeholder', sending('Bearer undefined'), /placeholder/],
  ['token_placeholder', sending('Bearer ${TOKEN}'), /placeholder/],
  ['token_quoted', sending(`Bearer "${good}"`), /quotes/],
  ['token_json', sending('Bearer {"payload":"e30"}'), /JSON form/],
  ['token_cut', sending(`Bearer ${head}.${body}`), /two parts/],
  ['token_cut', sending(`Bearer ${head.slice(0, 5)}...${signature.slice(-5)}`), /ellipsis/],
  ['token_encrypted', sending(`Bearer ${head}.a.b.c.d`), /JWE/],
  ['token_encrypted', written('{"alg":"ES256","enc":"A256GCM"}', '{}'), /`enc`/],
  ['token_opaque', sending('Bearer 2YotnFZFEjr1zCsicMWpAA'), /not a JWT/],
  ['token_parts', sending(`Bearer ${good}.AAAA`), /more parts/],
  ['token_unsigned', sending(`Bearer ${head}.${body}.`), /no signature/],
  ['token_base64', sending(`Bearer ${head}.${body}=.${signature}`), /plain base64/],
  ['token_percent_encoded', sending(`Bearer ${head}.${body}%20.${signature}`), /percent-encoded/],
  ['token_not_base64url', sending(`Bearer ${head}.${body}.${signature.slice(0, -1)}~`), /lost or changed/],
  ['token_too_long', sending(`Bearer ${'a'.repeat(17_000)}`), /tokenBytes/],
  ['token_not_json', sending(`Bearer ${head}.${encode('[]')}.${signature}`), /not a JSON object/],
  ['token_duplicate_names', written(HEADER, '{"azp":"x","azp":"x"}'), /payload is refused: duplicate/],
  ['token_nested', written(HEADER, `{"a":${'['.repeat(40)}${']'.repeat(40)}}`), /too deeply/],
  ['token_number', written(HEADER, '{"a":1e999}'), /out of range/],
  ['token_header_invalid', written('{"kid":"x"}', '{}'), /no `alg`/],
  ['token_header_invalid', written('{"alg":"ES256","kid":5}', '{}'), /`kid` is not a string/],
  ['token_extension', written('{"alg":"ES256","crit":["x"]}', '{}'), /`crit`/],

  // The token's own claims
  ['iss_missing', having({ iss: undefined }), /no `iss`/],
  ['iss_missing', having({ iss: 5 }), /not a text/],
  ['iss_unknown', having({ iss: 'https://x.example' }), /no configured issuer/],
  ['iss_nearly_known', having({ iss: 'https://Corp.example/' }), /by case or by a slash/],
  ['iss_nearly_known', having({ iss: 'http://corp.example' }), /only by its scheme, by case/],
  [
    'issuer_not_allowed',
    having({ iss: 'https://strict.example' }, '/corp'),
    /does not accept tokens of strict/,
  ],
  ['algorithm_none', having({}, '/any', { alg: 'none' }), /none/],
  ['algorithm_symmetric', having({}, '/any', { alg: 'HS256' }), /symmetric.*never accepted/],
  ['algorithm_unsupported', having({}, '/any', { alg: 'ES256K' }), /not one that this gateway knows/],
  ['algorithm_not_listed', having({}, '/any', { alg: 'RS256' }), /not among the accepted ones of corp/],
  ['typ_missing', having({ iss: 'https://strict.example' }, '/any', { typ: undefined }), /no `typ`/],
  ['typ_not_listed', having({}, '/any', { typ: 'dpop+jwt' }), /`typ` "dpop\+jwt" is not accepted/],
  [
    'typ_not_listed',
    having({}, '/any', { typ: `a\u001b[2J"\n${'x'.repeat(200)}` }),
    /`typ` "a\\u001b\[2J\\"\\nx{10,60}" is not accepted/,
  ],
  ['key_unknown', having({}, '/any', { kid: 'other' }), /no ES256 key/],
  ['keys_unusable', [...having({}), '--jwks', path('useless.json')], /usable/],
  [
    'key_for_other_issuer',
    having({ iss: `https://login.microsoftonline.com/${TENANT}/v2.0`, tid: TENANT }),
    /not one that may sign/,
  ],
  ['key_without_id', having({ iss: 'https://nameless.example' }), /published: a key without key id/],
  ['key_unusable', having({}, '/any', { kid: 'enc' }), /published but not used: not for signatures/],
  [
    'key_for_other_algorithm',
    having({ iss: 'https://strict.example' }, '/any', { typ: 'at+jwt', kid: 'rsa' }),
    /published but not for ES256/,
  ],
  ['signature_removed', sending(`Bearer ${head}.${body}.SIGNATURE_REMOVED_BY_GOOGLE`), /removed by Google/],
  [
    'signature_invalid',
    ['/any', '--token', mint(signingKey('ES256', {}, 'other'), claims, { kid: KEY.kid })],
    /does not verify/,
  ],
  [
    'signature_length',
    sending(`Bearer ${head}.${body}.${signature.slice(0, 40)}`),
    /30 bytes, and one of ES256 has 64/,
  ],
  ['foreign_token', having({ events: {} }), /`events`/],
  ['foreign_token', having({ typ: 'Refresh' }), /refresh/],
  ['id_token', having({ at_hash: 'x' }), /ID token/],
  ['id_token', having({ token_use: 'id' }), /ID token/],
  ['not_access_token', having({ iss: 'https://kc.example/realms/a', typ: 'DPoP' }), /not Bearer/],
  ['token_bound', having({ cnf: { jkt: 'x' } }), /`cnf`/],
  ['token_bound', having({ cnf: { jku: 'x' } }), /`cnf`/],
  ['certificate_missing', having({ cnf: { 'x5t#S256': SECRET } }), /came without one/],
  ['proof_missing', proving(), /no DPoP field/],
  ['proof_twice', proving('a', 'b'), /more than one DPoP field/],
  ['proof_malformed', proving('a'), /not a JWT of three parts/],
  ['proof_type', provenBy({ header: { typ: 'JWT' } }), /not dpop\+jwt/],
  ['proof_algorithm', provenBy({ header: { alg: 'RS256' } }), /not among those of `dpop.algorithms`/],
  ['proof_key', provenBy({ header: { jwk: { kty: 'oct', k: SECRET } } }), /private or symmetric/],
  ['proof_other_key', provenBy({ key: KEY }), /another key than the one/],
  ['proof_method', provenBy({ claims: { htm: 'POST' } }), /not the method/],
  ['proof_uri', provenBy({ claims: { htu: `https://${SECRET}.example/` } }), /not the URI/],
  ['proof_undated', provenBy({ claims: { iat: 'now' } }), /no date/],
  ['proof_old', provenBy({ claims: { iat: NOW - 61 } }), /too long ago/],
  ['proof_early', provenBy({ claims: { iat: NOW + 31 } }), /in the future/],
  ['proof_identifier', provenBy({ claims: { jti: '' } }), /`jti`/],
  ['proof_token', provenBy({ claims: { ath: SECRET } }), /not the hash/],
  [
    'proof_signature',
    proving(
      makeProof(
        { ...KEY, jwk: CLIENT.jwk },
        { method: 'GET', uri: 'https://api.example.com/bound', token: BOUND },
        { claims: { iat: NOW } },
      ),
    ),
    /signature of the proof does not verify/,
  ],
  [
    'binding_required',
    ['/bound', '--header', `Authorization: DPoP ${mint(KEY, { ...claims, iss: 'https://bound.example' })}`],
    /bound to no key/,
  ],
  ['claim_missing', having({ sub: undefined }), /`sub` is required/],
  ['claim_missing', having({ sub: '' }), /`sub` is required/],
  ['exp_missing', having({ exp: undefined }), /`exp` is required/],
  [
    'iat_missing',
    having({ iss: 'https://strict.example', iat: undefined }, '/any', { typ: 'at+jwt' }),
    /`iat` is required/,
  ],
  ['date_not_number', having({ exp: String(NOW + 300) }), /`exp` is not a number of seconds/],
  ['date_not_number', having({ nbf: '2026-01-31' }), /`nbf` is not a number/],
  ['date_out_of_range', having({ exp: NOW * 1000 }), /`exp` .*milliseconds/],
  ['token_expired', having({ exp: NOW - 3600 }), /passed/],
  ['token_not_yet_valid', having({ nbf: NOW + 3600 }), / `nbf` lies in the future/],
  ['token_not_yet_valid', having({ nbf: NOW + 3600, iat: NOW + 1800 }), / `nbf` lies in the future/],
  ['token_issued_later', having({ iat: NOW + 3600 }), / `iat` lies in the future/],
  ['token_issued_later', having({ nbf: NOW + 3600, iat: NOW + 3600 }), / `iat` lies in the future/],
  [
    'token_too_old',
    having({ iss: 'https://strict.example', iat: NOW - 7200 }, '/any', { typ: 'at+jwt' }),
    /older/,
  ],
  ['audience_missing', having({ aud: undefined }), /names no audience/],
  ['audience_missing', having({ aud: [] }), /names no audience/],
  ['audience_mismatch', having({ aud: 'other' }), /another audience/],
  ['audience_nearly_accepted', having({ aud: 'API/' }), /"api" only by case, by a slash/],
  ['audience_nearly_accepted', having({ aud: ['other', 'api://api'] }), /only by case, by a slash/],
  ['audience_joined', having({ aud: 'web,api' }), /one text with separators.*"api" is in it/],
  ['audience_joined', having({ aud: `api ${SECRET}` }), /one text with separators/],
  ['audience_unreadable', having({ aud: { a: 'api' } }), /neither a text nor a list/],
  ['keys_unavailable', having({ iss: 'https://gone.example' }), /no keys/],

  // The rules
  [
    'insufficient_scope',
    having({ scope: 'x' }, '/scope'),
    /lacks the scope "read": claim "scope" does not have it/,
  ],
  ['insufficient_scope', having({ scope: ['x'] }, '/scope'), /"scope" does not list it/],
  ['scopes_absent', having({}, '/scope'), /claim "scope" is absent, claim "perm.issions" is absent/],
  ['scopes_elsewhere', having({ scp: 'read' }, '/scope'), /is absent, but "scp" is there$/],
  ['scopes_elsewhere', having({ permissions: ['read'] }, '/scope'), /but "permissions" is there$/],
  ['scopes_absent', having({ roles: ['read'], scp: '' }, '/scope'), /is absent$/],
  ['scopes_nested', having({ perm: { issions: 'read' } }, '/scope'), /but \[perm, issions\] is there/],
  ['scopes_unreadable', having({ scope: { read: true } }, '/scope'), /"scope" is an object/],
  ['scopes_joined', having({ scope: 'read,write' }, '/scope'), /"scope" is one text with commas/],
  ['scopes_as_json', having({ scope: '["read"]' }, '/scope'), /holds a list as JSON/],
  ['scope_nearly_held', having({ scope: 'Read other' }, '/scope'), /"scope" has "read" in another case/],
  [
    'role_missing',
    having({ groups: ['user'] }, '/role'),
    /lacks the role "admin": claim "groups" does not list it/,
  ],
  ['role_missing', having({ realm: { roles: 'user' } }, '/role'), /\["realm","roles"\] does not have it/],
  ['roles_absent', having({}, '/role'), /\["realm","roles"\] is absent, claim "groups" is absent/],
  [
    'roles_elsewhere',
    having({ realm_access: { roles: [SECRET] } }, '/role'),
    /is absent, but \[realm_access, roles\] is there$/,
  ],
  [
    'roles_elsewhere',
    having({ resource_access: { app: { roles: [SECRET] }, account: {} } }, '/role'),
    /but \[resource_access, app, roles\] is there$/,
  ],
  ['roles_elsewhere', having({ 'cognito:groups': [SECRET] }, '/role'), /but "cognito:groups" is there$/],
  [
    'roles_elsewhere',
    having({ roles: [SECRET], 'https://api.example/roles': [SECRET] }, '/role'),
    /but "roles", "https:\/\/api\.example\/roles" is there$/,
  ],
  [
    'roles_elsewhere',
    having(
      { resource_access: Object.fromEntries([...'abcde', 'a b'].map((name) => [name, { roles: ['x'] }])) },
      '/role',
    ),
    /but \[resource_access, a, roles\], \[resource_access, b, roles\], \[resource_access, c, roles\] is there$/,
  ],
  ['roles_absent', having({ roles: null, resource_access: { app: { roles: [] } } }, '/role'), /is absent$/],
  [
    'roles_nested',
    having({ flat: { roles: ['admin'] } }, '/role'),
    /"flat.roles" is absent, but \[flat, roles\] is there/,
  ],
  ['roles_nested', having({ 'realm.roles': ['admin'] }, '/role'), /but "realm.roles" is there/],
  ['roles_overage', having({ _claim_names: { groups: 'src1' } }, '/role'), /too many.*_claim_names/],
  ['roles_overage', having({ hasgroups: true }, '/role'), /too many/],
  [
    'roles_unreadable',
    having({ groups: { admin: { 1: 'a' } } }, '/role'),
    /"groups" is an object, not a list/,
  ],
  ['roles_unreadable', having({ groups: [1] }, '/role'), /members that are not texts/],
  ['roles_joined', having({ groups: 'user,admin' }, '/role'), /"groups" is one text with commas/],
  ['roles_as_json', having({ groups: '["admin"]' }, '/role'), /"groups" is a text that holds a list as JSON/],
  ['roles_joined', having({ groups: '[admin, user]' }, '/role'), /"groups" is one text with commas/],
  [
    'role_nearly_held',
    having({ groups: ['ADMIN', SECRET] }, '/role'),
    /"groups" has "admin" in another case/,
  ],
  ['role_nearly_held', having({ realm: { roles: 'Admin' } }, '/role'), /\["realm","roles"\] has "admin"/],
  ['claim_absent', having({}, '/tenant'), /no claim "tenant"/],
  ['claim_mismatch', having({ tenant: SECRET }, '/tenant'), /"tenant" does not have the required value/],
  ['claim_unreadable', having({ tenant: { a: 'acme' } }, '/tenant'), /"tenant" is an object/],
  ['claim_unreadable', having({ tenant: null }, '/tenant'), /"tenant" is null/],
  ['claim_joined', having({ tenant: 'acme,other' }, '/tenant'), /one text with separators/],
  ['claim_type', having({ plan: '5' }, '/plan'), /"plan" is a text, and the rule wants a number/],
  ['claim_nested', having({ org: { id: 'x' } }, '/org'), /"org.id" is absent, but \[org, id\] is there/],
  ['condition_failed', having({ tenant: 'x' }, '/when'), /is false/],
  ['condition_not_evaluated', having({}, '/when'), /could not be evaluated/],
  ['condition_without_certificate', having({}, '/shown'), /came without one/],
  ['condition_exceeded', having({ list: Array(1500).fill('a') }, '/macros'), /more than its 10000 steps/],
  ['acr_absent', having({}, '/class'), /no claim `acr`/],
  ['acr_unreadable', having({ acr: ['urn:mfa'] }, '/class'), /not a text/],
  ['acr_other', having({ acr: SECRET }, '/class'), /none of those/],
  ['auth_time_absent', having({}, '/age'), /no claim `auth_time`/],
  ['auth_time_unreadable', having({ auth_time: String(NOW) }, '/age'), /not a plain number/],
  ['auth_time_future', having({ auth_time: NOW + 31 }, '/age'), /in the future/],
  ['auth_too_long_ago', having({ auth_time: NOW - 630 }, '/age'), /longer ago than `maxAuthAge`/],
  ['identity_incomplete', having({}, '/needs'), /no value for x-t/],
  ['identity_filtered', having({ tenant: SECRET }, '/filtered'), /filter leaves nothing/],
  ['identity_unfit', having({ tenant: { a: SECRET } }, '/needs'), /can be written/],
  ['identity_unfit', having({ tenant: [] }, '/needs'), /can be written/],
  ['identity_filtered', having({ tenant: [SECRET] }, '/filtered'), /filter leaves nothing/],
  ['identity_over_budget', having({ tenant: SECRET.repeat(2000) }, '/big'), /more than 8192 bytes/],
  ['identity_too_large', having({ tenant: SECRET }, '/small'), /more than 4 bytes/],
];

/** The other causes, by the test file that produces them, with the words to find there where they differ from the name. */
const PRODUCED_ELSEWHERE: Readonly<Record<string, readonly (Cause | readonly [Cause, string])[]>> = {
  'tokens/replay/replay-guard.test.ts': [
    'proof_replayed',
    'proofs_too_many',
    'replay_store_full',
    'replay_store_down',
    'nonce_missing',
    'nonce_unknown',
  ],
  'gateway/serving/causes.test.ts': [
    'request_syntax',
    'request_framing',
    'http_version',
    'handshake_malformed',
    'target_unreadable',
    'host_missing',
    'header_count',
    'header_overflow',
    'header_timeout',
    'body_stalled',
    'body_too_large',
    'expectation_failed',
    'rate_limited',
  ],
  'gateway/server/http2/http2.test.ts': [
    ['method_unknown', 'a method nobody knows'],
    ['header_bytes', '40 KiB of fields'],
  ],
  'gateway/server/overload.test.ts': ['event_loop_behind'],
  'tokens/introspection/introspection.test.ts': [
    'token_inactive',
    'introspection_unclear',
    'introspection_differs',
    'introspected_issuer',
    'introspected_type',
  ],
  'tokens/revocation/revocations.test.ts': ['token_revoked', 'revocation_unavailable'],
  'gateway/serving/introspection.test.ts': [
    'introspection_timeout',
    'introspection_credentials',
    'introspection_invalid',
    'introspection_full',
  ],
  'gateway/serving/read-body.test.ts': ['message_slow', 'messages_too_many'],
  'pipeline/mcp/read-message.test.ts': ['mcp_not_json', 'mcp_names', 'mcp_not_message', 'mcp_uri'],
  'gateway/serving/mcp-messages.test.ts': [
    ['mcp_media_type', "'content-type': 'text/plain'"],
    ['mcp_content_coding', "'content-encoding': 'gzip'"],
    ['mcp_body_unexpected', 'GET /mcp'],
    ['mcp_response', 'a response, in a version that has none'],
    ['mcp_header_twice', 'a method twice'],
    ['mcp_header_missing', 'no version in the header'],
    ['mcp_header_mismatch', 'another method'],
    ['mcp_unlisted', 'a tool that nothing matches'],
    ['mcp_denied', 'a tool that is denied by name'],
  ],
  'gateway/decisions/http-ways.test.ts': [
    ['question_field', 'each field of its own exactly once'],
    'question_spoofed',
    'question_token',
    ['question_unknown', 'CAUSES.question_unknown'],
    ['route_for_decisions', 'CAUSES.route_for_decisions'],
    ['own_path_asked', 'CAUSES.own_path_asked'],
    ['mcp_asked', 'CAUSES.mcp_asked'],
    'proxy_not_trusted',
  ],
  'gateway/client-certificates.test.ts': [
    'client_certificate_field',
    'certificate_mismatch',
    'binding_required',
  ],
  'cli/explain-certificate.test.ts': [
    ['condition_certificate_unvouched', 'no authority of the file vouches'],
  ],
  'gateway/lifecycle/drain.test.ts': ['shutting_down'],
  'gateway/serving/unforeseen.test.ts': ['internal'],
  'attack/slow-clients.test.ts': [['response_stalled', 'took nothing of its response']],
  'pipeline/rate-limit/rate-limit.test.ts': ['limit_store_down'],
  'proxy/upstream/upstream.test.ts': ['upstream_full', 'upstream_unhealthy'],
  'proxy/forward.test.ts': ['pipelined_too_many'],
  'oauth/provider.test.ts': [
    ['provider_unreachable', "'upstream_unreachable'"],
    ['provider_invalid', "'upstream_invalid'"],
    ['provider_names_itself', 'RFC 9207'],
    ['provider_timeout', "'upstream_timeout'"],
    ['provider_full', "'overloaded'"],
  ],
  'oauth/hostile.test.ts': [
    ['front_request', 'no spelling of another redirect URI'],
    ['front_body', 'bodies are bounded'],
  ],
  'gateway/serving/logout-tokens.test.ts': [
    ['event_refused', 'what is no logout token revokes nothing'],
    ['event_body', '413'],
    ['event_unavailable', 'the provider has to try again'],
  ],
  'tokens/events/event-receiver.test.ts': [['event_full', 'no room for an entry']],
  'gateway/serving/exchange-responses.test.ts': [
    'insufficient_claims',
    'exchange_refused',
    'exchange_consent_missing',
    'exchange_unreachable',
    'exchange_timeout',
    'exchange_client_refused',
    'exchange_grant_refused',
    'exchange_target_refused',
    'exchange_request_invalid',
    'exchange_failed',
    'exchange_unreadable',
    'exchange_token_unusable',
  ],
  'gateway/serving/exchange-cache.test.ts': [['exchange_full', "code: 'overloaded'"]],
  'proxy/upstream-faults.test.ts': ['request_unfit', 'field_twice'],
};

const UNDECIDED: ReadonlySet<string> = new Set(['keys_unavailable', 'introspection_unavailable']);

for (const [cause, words, reason] of EXPLAINED) {
  const shown = words.map((word) => (word.length > 40 ? '…' : word)).join(' ');
  t.test(`explain ${shown}: the advice is that of ${cause}, and the reason matches ${reason}`, async (t) => {
    const ask = ['explain', '-c', path('gw.yaml'), '--at', '2026-01-31T12:00:00Z'];
    const { code, stdout } = await sealgate([...ask, '--format', 'json', ...words]);
    t.equal(code, UNDECIDED.has(CAUSES[cause]) ? 1 : 3);
    const response = JSON.parse(stdout);
    const last = response.steps.at(-1);
    t.equal(response.code, CAUSES[cause]);
    t.ok(last.note.endsWith(ADVICE[cause]), last.note);
    const text = (await sealgate([...ask, ...words])).stdout;
    const lines = text.trimEnd().split('\n');
    const [reported = '', advised = ''] = lines
      .filter((line) => !/^ +WWW-Authenticate: /.test(line))
      .slice(-2);
    t.match(reported, reason);
    t.equal(advised, `  To change this: ${ADVICE[cause]}`);
    t.notMatch(stdout + text, SECRET, 'no claim is shown');
  });
}

t.test('each cause has advice of its own, in one sentence that begins in lower case', async (t) => {
  const texts = Object.values<string>(ADVICE);
  t.equal(new Set(texts).size, texts.length);
  for (const text of texts) t.match(text, /^[a-z`][^\n]+[^.]$/, text);
});

t.test('every cause is brought about by a test', async (t) => {
  const elsewhere = Object.entries(PRODUCED_ELSEWHERE).flatMap(([file, causes]) => {
    const text = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
    return causes.map((entry) => {
      const [cause, mark] = typeof entry === 'string' ? [entry, `'${entry}'`] : entry;
      t.ok(text.includes(mark), `${file} brings about ${cause}`);
      return cause;
    });
  });
  const ofBackends = Object.values(UPSTREAM_FAULTS).map((row) => row.cause);
  const produced = new Set<string>([...EXPLAINED.map(([cause]) => cause), ...elsewhere, ...ofBackends]);
  t.strictSame([...produced].sort(), Object.keys(CAUSES).sort());
});

t.test('every code has a cause', async (t) => {
  t.strictSame([...new Set<string>(Object.values(CAUSES))].sort(), Object.keys(REFUSALS).sort());
});
