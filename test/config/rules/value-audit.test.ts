import t from 'tap';
import { parse, stringify } from 'yaml';
import { type JsonSchema, plainJsonSchema } from '../../../src/config/schema/json-schema.ts';
import { compileIssuers } from '../../../src/tokens/issuers/compile-issuers.ts';
import { loadText } from '../../support/config/config-text.ts';

/*
 * Every key of the file, with the values that are valid in form but match nothing, or do not mean what they seem to.
 * A key that is only a choice, a switch or a number within bounds has no such value; every other key has at least one row.
 */

type Severity = 'error' | 'warning' | 'fine';
type Row = readonly [key: string, value: unknown, severity: Severity, words?: RegExp];

const BASE = `
issuers:
  corp: { issuer: https://id.example.com, audiences: [api] }
upstreams:
  app: { url: http://app.example:3000 }
policies:
  staff: { roles: [staff] }
routes:
  - { name: r, path: /orders, upstream: app, access: { policy: staff } }
`;

const ENV = { CUT: "'api", TAIL: 'api"', QUOTED: '"api"', APOSTROPHE: "a'b" };
const GUID = '6babcaad-604b-40ac-a9d7-9fd97c0b779f';
/** An issuer of a preset, with what is its own. */
const of = (preset: string, own: Record<string, unknown>) => ({ preset, audiences: ['api'], ...own });

/** A front with these keys over the usual ones. */
const front = (own: Record<string, unknown>) => ({
  clientId: 'c',
  redirectUris: ['https://app.example/cb'],
  ...own,
});

/** Security events with these keys over the usual ones. */
const events = (own: Record<string, unknown>) => ({
  issuer: 'https://ssf.example.com',
  jwksUri: 'https://ssf.example.com/keys',
  audience: 'https://api.example.com/events',
  ...own,
});

/** An exchange with these keys over the usual ones. */
const exchange = (own: Record<string, unknown>) => ({
  grant: 'token-exchange',
  tokenUrl: 'https://id.example.com/token',
  auth: { clientId: 'gateway', clientSecret: 's' },
  audience: 'orders',
  ...own,
});
/** One of Entra ID. */
const onBehalfOf = (own: Record<string, unknown> = {}) =>
  exchange({ grant: 'on-behalf-of', audience: undefined, scopes: ['api://orders/.default'], ...own });

/** A header with the client certificate, with these keys over the usual ones. */
const certHeader = (own: Record<string, unknown>) => ({
  trustedProxies: ['10.0.0.0/8'],
  clientCertHeader: { name: 'client-cert', format: 'pem', ...own },
});

/** Introspection with these keys over the usual ones. */
const introspection = (own: Record<string, unknown>) => ({
  url: 'https://id.example.com/introspect',
  auth: { clientId: 'gateway', clientSecret: 's' },
  ...own,
});

/** Places are written with \`/\`, since names have dots. */
const ROWS: readonly Row[] = [
  ['listen/host', '*', 'error', /`\*` is not an address/],
  ['listen/host', 'http://0.0.0.0', 'error', /no scheme/],
  ['listen/host', '0.0.0.0:8080', 'error', /no scheme, port or path/],
  ['listen/host', '[::1]', 'error', /without brackets/],
  ['listen/host', 'a b', 'error', /neither an address nor a name/],
  ['listen/host', '10.0.0.0/8', 'error', /not a path|no scheme, port or path/],
  ['listen/host', '::', 'fine'],
  ['listen/host', 'localhost', 'fine'],
  ['listen/publicUrl', 'https://api.example.com/?a=1', 'error', /no query/],
  ['listen/publicUrl', 'https://u:p@api.example.com', 'error', /query, fragment or user/],
  ['listen/publicUrl', 'http://0.0.0.0:8080', 'error', /no client reaches/],
  ['listen/publicUrl', 'https://api.example.com/base', 'fine'],
  ['listen/trustedProxies/0', '10.1.2.3/8', 'warning', /a whole network/],
  ['listen/trustedProxies/0', '0.0.0.0', 'error', /no proxy has this address/],
  ['listen/trustedProxies/0', '::', 'error', /no proxy has this address/],
  ['listen/trustedProxies/0', '0.0.0.0/0', 'warning', /every client/],
  ['listen/trustedProxies/0', 'proxy.example', 'error', /neither an address nor a CIDR/],
  ['listen/trustedProxies/0', '10.0.0.0/8', 'fine'],
  ['listen/trustedProxies/0', '10.1.2.3/32', 'fine'],
  ['listen/trustedProxies/0', 'fd00::1/64', 'fine'],
  ['decisions/host', '*', 'error', /`\*` is not an address/],
  ['decisions/host', 'http://0.0.0.0', 'error', /no scheme/],
  ['decisions/host', '127.0.0.1', 'fine'],
  ['decisions/trustedProxies/0', '10.1.2.3/8', 'warning', /a whole network/],
  ['decisions/trustedProxies/0', '0.0.0.0', 'error', /no proxy has this address/],
  ['decisions/trustedProxies/0', '::/0', 'warning', /everyone who reaches/],
  ['decisions/trustedProxies/0', 'nginx', 'error', /neither an address nor a CIDR/],
  ['decisions/trustedProxies/0', '10.0.0.0/8', 'fine'],
  ['decisions/tls', { cert: '-----BEGIN X-----', key: 'k.pem' }, 'error', /the content of a file/],
  ['decisions/tls/cert', '-----BEGIN X-----', 'error', /the content of a file/],
  ['decisions/tls/key', '-----BEGIN X-----', 'error', /the content of a file/],
  ['decisions/tls/clientCa', 'https://a.example/ca.pem', 'error', /takes the path of a file/],
  ['decisions/tls', { cert: 'c.pem', key: 'k.pem', clientCert: 'required' }, 'error', /without `clientCa`/],
  ['listen/tls', { cert: '-----BEGIN X-----', key: 'k.pem' }, 'error', /the content of a file/],
  ['listen/tls/cert', '-----BEGIN X-----', 'error', /the content of a file/],
  ['listen/tls/key', '-----BEGIN X-----', 'error', /the content of a file/],
  ['listen/tls/clientCa', 'https://a.example/ca.pem', 'error', /takes the path of a file/],
  ['listen/tls', { cert: 'c.pem', key: 'k.pem', clientCert: 'required' }, 'error', /without `clientCa`/],
  ['listen/tls', { cert: 'c.pem', key: 'k.pem', clientCert: 'optional', clientCa: 'ca.pem' }, 'fine'],
  ['listen', certHeader({ name: 'authorization' }), 'error', /cannot hold the client certificate/],
  ['listen', certHeader({ name: 'X_User_Id' }), 'error', /identity header/],
  ['listen', certHeader({ name: 'x-forwarded-for' }), 'error', /another meaning/],
  ['listen', { ...certHeader({}), trustedProxies: [] }, 'error', /no proxy is trusted/],
  ['listen', certHeader({ ca: '-----BEGIN X-----' }), 'error', /the content of a file/],
  ['listen', certHeader({ ca: 'https://a.example/ca.pem' }), 'error', /takes the path of a file/],
  ['listen', certHeader({ ca: 'ca.pem' }), 'fine'],
  ['listen/responseHeaders/x-*', 'a', 'error', /`\*` is not a wildcard/],
  ['listen/responseHeaders/date', 'a', 'error', /states this header itself/],
  ['listen/responseHeaders/clear-site-data', '"cookies"', 'fine'],
  ['listen/overload/eventLoopDelay', '10ms', 'error', /at least 100ms/],
  ['listen/overload/eventLoopDelay', '10m', 'warning', /unusually long/],
  ['listen/limits/headerBytes', '0B', 'error', /nothing fits/],
  ['listen/limits/headerBytes', '1KiB', 'warning', /unusually small/],
  ['listen/limits/headerBytes', '8KiB', 'fine'],
  ['listen/limits/tokenBytes', '64B', 'error', /nothing fits/],
  ['listen/limits/tokenBytes', '512B', 'warning', /unusually small/],
  ['listen/limits/tokenBytes', '64KiB', 'warning', /exceeds `headerBytes`/],
  ['listen/limits/headerTimeout', '0s', 'error', /more than 0/],
  ['listen/limits/headerTimeout', '100ms', 'warning', /unusually short/],
  ['listen/limits/headerTimeout', '1h', 'warning', /unusually long/],
  ['listen/limits/headerTimeout', '30d', 'error', /24 days/],
  ['listen/limits/bodyIdle', '0s', 'error', /more than 0/],
  ['listen/limits/bodyIdle', '10ms', 'warning', /unusually short/],
  ['listen/limits/bodyIdle', '25d', 'error', /24 days/],
  ['admin/host', '*', 'error', /`\*` is not an address/],
  ['admin/token', 'Bearer abcdefgh', 'error', /not part of the token/],
  ['admin/token', 'pässword', 'error', /cannot be sent/],
  ['admin/token', 'abcd efgh', 'warning', /no spaces/],
  ['admin/token', 'abc', 'warning', /be guessed/],
  ['admin/token', 'abcdefgh', 'fine'],
  ['readiness/wait', '2h', 'warning', /unusually long/],
  ['readiness/wait', '0s', 'fine'],
  ['readiness/require/0', 'other', 'error', /unknown issuer/],
  ['shutdown/delay', '1h', 'warning', /unusually long/],
  ['shutdown/delay', '40d', 'error', /24 days/],
  ['shutdown/grace', '2h', 'warning', /unusually long/],
  ['shutdown/grace', '0s', 'fine'],
  ['defaults/issuers', ['nobody'], 'error', /unknown issuer/],
  ['defaults/issuers', 'any', 'warning', /added later/],
  ['revocation/file', 'revoked.jsonl', 'fine'],
  ['revocation/keep', '0s', 'error', /more than 0/],
  ['revocation/keep', '30s', 'warning', /unusually short/],
  ['revocation/keep', '90d', 'fine'],
  ['revocation/file', 'https://a.example/x', 'error', /takes the path of a file/],
  ['revocation/file', '{"issuer":"corp","jti":"a"}', 'error', /the content of a file/],
  ['rateLimitStore', 'redis://a:6379', 'warning', /no route has a `rateLimit`/],
  ['rateLimitStore', 'http://a:6379', 'error', /redis/],
  ['rateLimitStore', { url: 'redis://a', timeout: '0s' }, 'error', /more than 0/],
  ['rateLimitStore', { url: 'redis://a', timeout: '1m' }, 'warning', /unusually long/],
  ['revocation/store', 'redis://a:6379', 'fine'],
  ['revocation/store', 'rediss://user:secret@a:6379/3', 'fine'],
  ['revocation/store', 'http://a:6379', 'error', /redis/],
  ['revocation/store', 'redis://a:6379/tokens', 'error', /number of a database/],
  ['revocation/store', 'redis://a:6379?db=1', 'error', /query or a fragment/],
  ['revocation/onFailure', 'open', 'warning', /no `store` that could fail/],
  ['revocation/onFailure', 'ignore', 'error', /closed/],
  ['tokenCache/maxBytes', '1KiB', 'error', /`off` turns the cache off/],
  ['tokenCache/maxBytes', '8KiB', 'warning', /unusually small/],

  [
    'issuers/corp/issuer',
    'https://id.example.com/.well-known/openid-configuration',
    'error',
    /metadata or keys/,
  ],
  [
    'issuers/corp/issuer',
    'https://id.example.com/.well-known/oauth-authorization-server',
    'error',
    /metadata/,
  ],
  ['issuers/corp/issuer', 'https://id.example.com/.well-known/jwks.json', 'error', /metadata or keys/],
  ['issuers/corp/issuer', 'https://id.example.com/oauth2/v1/keys', 'warning', /an endpoint/],
  ['issuers/corp/issuer', 'https://id.example.com/oauth/token', 'warning', /an endpoint/],
  [
    'issuers/corp/issuer',
    'https://kc.example.com/realms/a/protocol/openid-connect/certs',
    'warning',
    /an endpoint/,
  ],
  ['issuers/corp/issuer', 'https://kc.example.com/realms/a/', 'warning', /do not end with/],
  ['issuers/corp/issuer', 'https://example.eu.auth0.com', 'warning', /Auth0 end with/],
  ['issuers/corp/issuer', 'https://example.okta.com/oauth2/default/', 'warning', /do not end with/],
  ['issuers/corp/issuer', 'https://accounts.google.com/', 'warning', /do not end with/],
  ['issuers/corp/issuer', 'https://login.microsoftonline.com/common/v2.0', 'error', /no token has this/],
  ['issuers/corp/issuer', 'https://login.microsoftonline.com/{tenantid}/v2.0', 'error', /placeholder/],
  ['issuers/corp/issuer', 'https://YOUR_TENANT.example.com', 'error', /placeholder/],
  [
    'issuers/corp/issuer',
    'https://sts.windows.net/6babcaad-604b-40ac-a9d7-9fd97c0b779f',
    'warning',
    /end with/,
  ],
  ['issuers/corp/issuer', 'https://kc.example.com/realms/a', 'fine'],
  ['issuers/corp/issuer', 'https://id.example.com/', 'fine'],
  ['issuers/corp/issuer', 'https://example.eu.auth0.com/', 'fine'],
  ['issuers/corp/issuer', 'id', 'error', /expected an https: URL/],
  ['issuers/corp/issuer', 'https://id.example.com/.well-known/', 'error', /metadata or keys/],
  ['issuers/corp/issuer', 'https://*.example.com', 'error', /no wildcard/],
  ['issuers/corp/issuer', 'https://id.example.com,https://b.example', 'error', /no list/],
  ['issuers/corp/issuer', 'https://ID.example.com', 'warning', /compared with its case/],
  ['issuers/corp/issuer', 'https://id.example.com:443/a', 'warning', /default port/],
  ['issuers/corp/issuer', 'https://id.example.com//a', 'warning', /`\/\/` in its path/],
  ['issuers/corp/issuer', 'https://id.example.com:8443/A', 'fine'],
  ['issuers/corp/issuer', 'https://id.example.com/oauth2/v1/token', 'warning', /an endpoint/],
  ['issuers/corp/issuer', 'https://id.example.com/oauth2/userinfo', 'warning', /an endpoint/],
  ['issuers/corp/issuer', 'https://www.googleapis.com/oauth2/v3/certs', 'warning', /an endpoint/],
  ['issuers/corp/issuer', 'https://dev-1-admin.okta.com/oauth2/default', 'warning', /admin console of Okta/],
  ['issuers/corp/issuer', 'https://kc.example.com/admin/realms/a', 'warning', /of Keycloak/],
  ['issuers/corp/issuer', 'https://kc.example.com/auth/realms/', 'warning', /of Keycloak/],
  [
    'issuers/corp/issuer',
    'https://login.microsoftonline.com/6babcaad-604b-40ac-a9d7-9fd97c0b779f',
    'warning',
    /ends with `\/v2\.0`/,
  ],
  [
    'issuers/corp/issuer',
    'https://login.microsoftonline.com/a.onmicrosoft.com/v2.0',
    'warning',
    /not its domain/,
  ],
  [
    'issuers/corp/issuer',
    'https://login.microsoftonline.com/6babcaad-604b-40ac-a9d7-9fd97c0b779f/v2.0',
    'fine',
  ],
  ['issuers/corp/issuer', 'https://id.ex\u0430mple.com', 'warning', /another alphabet/],
  ['issuers/corp/audiences', ['*'], 'error', /an audience of that name/],
  ['issuers/corp/audiences', ['any'], 'error', /write `audiences: any`|an audience/],
  ['issuers/corp/audiences', 'any', 'warning', /issued for other services/],
  ['issuers/corp/audiences/0', 'https://api.example.com/*', 'warning', /no pattern and no list/],
  ['issuers/corp/audiences/0', '^api', 'warning', /no pattern and no list/],
  ['issuers/corp/audiences/0', 'api|web', 'warning', /no pattern and no list/],
  ['issuers/corp/audiences/0', 'api;web', 'warning', /no pattern and no list/],
  ['issuers/corp/audiences/0', 'api,', 'warning', /no pattern and no list/],
  ['issuers/corp/audiences/0', 'undefined', 'warning', /a value is missing/],
  ['issuers/corp/audiences/0', '<no value>', 'warning', /a value is missing/],
  ['issuers/corp/audiences/0', 'my\u00a0api', 'warning', /special space/],
  ['issuers/corp/audiences/0', '\uff41pi', 'warning', /full-width/],
  ['issuers/corp/audiences/0', 'cafe\u0301', 'warning', /as two characters/],
  ['issuers/corp/audiences/0', 'café', 'fine'],
  ['issuers/corp/audiences/0', '\u0430\u043f\u0438', 'fine'],
  ['issuers/corp/audiences/0', 'a,b', 'warning', /is one entry/],

  ['issuers/corp/audiences/0', '${CUT}', 'warning', /variable `CUT` has a quote at one end/],
  ['issuers/corp/audiences/0', 'https://${TAIL}', 'warning', /variable `TAIL` has a quote at one end/],
  ['issuers/corp/audiences/0', 'https://${QUOTED}/x', 'warning', /variable `QUOTED` is in quotes/],
  ['issuers/corp/audiences/0', '${APOSTROPHE}', 'fine'],
  ['issuers/corp/issuer', 'https://id.example.com/${TAIL}', 'warning', /has a quote at one end/],
  ['issuers/corp/audiences/0', 'a b', 'warning', /is one entry/],
  ['issuers/corp/audiences/0', '["a"]', 'warning', /is one entry/],
  ['issuers/corp/audiences/0', '<client-id>', 'warning', /placeholder/],
  ['issuers/corp/audiences/0', 'https://id.example.com', 'warning', /this is an issuer/],
  ['issuers/corp/audiences/0', '/projects/1/global/backendServices/2', 'fine'],
  ['issuers/corp/jwks', { file: 'https://id.example.com/keys' }, 'error', /takes the path of a file/],
  ['issuers/corp/jwks', { file: '{"keys":[]}' }, 'error', /the content of a file/],
  ['issuers/corp/jwks', { file: 'keys.json' }, 'fine'],
  ['issuers/corp/jwksUri', 'https://id.example.com/.well-known/openid-configuration', 'error', /not of keys/],
  ['issuers/corp/jwksUri', 'https://id.example.com', 'warning', /this is the issuer/],
  ['issuers/corp/jwksUri', 'https://id.example.com/keys#a', 'error', /no fragment/],
  ['issuers/corp/issuer', 'https://id.example.com#a', 'error', /query, fragment/],
  ['issuers/corp/jwksUri', 'https://id.example.com/', 'warning', /this is the issuer/],
  ['issuers/corp/jwksUri', 'https://id.example.com/{tenant}/keys', 'error', /placeholder/],
  ['issuers/corp/jwksUri', 'https://id.example.com/oauth/token', 'warning', /another endpoint/],
  ['issuers/corp/jwksUri', 'https://id.example.com/oauth2/v1/keys', 'fine'],
  ['issuers/corp/clockTolerance', '1h', 'warning', /unusually long/],
  ['issuers/corp/maxTokenAge', '0s', 'error', /more than 0/],
  ['issuers/corp/maxTokenAge', '1s', 'warning', /unusually short/],
  ['issuers/corp/maxTokenAge', '30d', 'fine'],
  ['issuers/corp/tokenTypes/0', 'logout+jwt', 'error', /never accepted/],
  ['issuers/corp/tokenTypes/0', '*', 'error', /is not a type/],
  ['issuers/corp/tokenTypes/0', 'none', 'error', /is not a type/],
  ['issuers/corp/tokenTypes/0', 'NULL', 'error', /is not a type/],
  ['issuers/corp/tokenTypes/0', 'at+jwt;v=1', 'error', /no parameters/],
  ['issuers/corp/tokenTypes/0', 'RS256', 'error', /is an algorithm/],
  ['issuers/corp/tokenTypes/0', 'HS256', 'error', /is an algorithm/],
  ['issuers/corp/tokenTypes/0', '<type>', 'error', /not a media type/],
  ['issuers/corp/tokenTypes/0', 'at+jwt/', 'error', /not a media type/],
  ['issuers/corp/tokenTypes/0', 'https://a.example', 'error', /not a media type/],
  ['issuers/corp/algorithms/0', 'HS256', 'error', /expected `RS256`/],
  ['issuers/corp/tokenTypes/0', 'Bearer', 'warning', /not a usual `typ`/],
  ['issuers/corp/tokenTypes/0', 'access_token', 'warning', /not a usual `typ`/],
  ['issuers/corp/tokenTypes/0', 'JOSE', 'fine'],
  ['issuers/corp/tokenTypes/0', 'JWT, at+jwt', 'warning', /is one entry/],
  ['issuers/corp/tokenTypes/0', 'application/at+jwt', 'fine'],
  ['issuers/corp/requiredClaims/0', 'realm_access.roles', 'warning', /not a path|no scheme, port or path/],
  ['issuers/corp/requiredClaims/0', 'sub,email', 'warning', /is one entry/],
  ['issuers/corp/requiredClaims/0', 'events', 'error', /never accepted/],
  ['issuers/corp/requiredClaims/0', 'at_hash', 'error', /ID tokens alone/],
  ['issuers/corp/requiredClaims/0', 'kid', 'warning', /in the header/],
  ['issuers/corp/requiredClaims/0', 'tenant=acme', 'warning', /not a condition/],
  ['issuers/corp/requiredClaims/0', '*', 'warning', /no wildcards/],
  ['issuers/corp/requiredClaims/0', 'https://a.example/claim', 'fine'],
  ['issuers/corp/scopeClaims/0', 'auth.scope', 'warning', /not a path/],
  ['issuers/corp/scopeClaims', [['auth', 'scope\r']], 'error', /carriage return/],
  ['issuers/corp/scopePrefix', 'api://abc/ ', 'error', /ends with a space/],
  ['issuers/corp/scopePrefix', 'api abc/', 'error', /beginning of a scope/],
  ['issuers/corp/scopePrefix', '', 'error', /beginning of a scope|empty/],
  ['issuers/corp/scopePrefix', 'api://abc/', 'warning', /no route that accepts this issuer names a scope/],
  ['issuers/corp/roleClaims/0', 'realm_access.roles', 'warning', /not a path|no scheme, port or path/],
  ['issuers/corp/roleClaims', ['realm_access', 'roles'], 'warning', /is an object/],
  ['issuers/corp/roleClaims', [['realm_access', 'roles']], 'fine'],
  ['issuers/corp/roleClaims/0', 'roles[]', 'warning', /not a path|no scheme, port or path/],
  ['issuers/corp/roleClaims/0', 'roles[*]', 'warning', /not a path|no scheme, port or path/],
  ['issuers/corp/roleClaims/0', 'realm_access/roles', 'warning', /not a path|no scheme, port or path/],
  ['issuers/corp/roleClaims/0', 'https://example.com/roles', 'fine'],
  ['issuers/corp/roleClaims', [['resource_access', '*', 'roles']], 'warning', /no wildcards/],
  ['issuers/corp/roleClaims', [['roles', '0']], 'warning', /cannot pick a member/],
  ['issuers/corp/roleClaims', [['0']], 'fine'],
  ['issuers/corp/logout', { clientId: 'gateway' }, 'fine'],
  ['issuers/corp/logout', { clientId: 'my gateway' }, 'error', /without spaces/],
  ['issuers/corp/logout', { clientId: '' }, 'error', /visible/],
  ['issuers/corp/logout', { clientId: '${CUT}' }, 'warning', /has a quote at one end/],
  ['issuers/corp/events', events({}), 'fine'],
  ['issuers/corp/events', events({ issuer: '' }), 'error', /non-empty/],
  ['issuers/corp/events', events({ issuer: 'https://ssf.example.com ' }), 'error', /ends with a space/],
  ['issuers/corp/events', events({ audience: 'a b' }), 'error', /without spaces/],
  ['issuers/corp/events', events({ audience: 'https://${TAIL}' }), 'warning', /has a quote at one end/],
  ['issuers/corp/events', events({ jwksUri: 'ssf.example.com/keys' }), 'error', /URL/],
  ['issuers/corp/events', events({ jwksUri: 'http://ssf.example.com/keys' }), 'error', /plain http/],
  [
    'issuers/corp/events',
    events({ jwksUri: 'https://u:p@ssf.example.com/keys' }),
    'error',
    /user or password/,
  ],
  ['issuers/corp/events', events({ jwksUri: 'https://ssf.example.com/keys#a' }), 'error', /no fragment/],
  [
    'issuers/corp/events',
    events({ jwksUri: 'https://ssf.example.com/.well-known/ssf-configuration' }),
    'error',
    /not of keys/,
  ],
  ['issuers/corp/oauthProxy', front({}), 'fine'],
  ['issuers/corp/oauthProxy', front({ path: 'oauth' }), 'error', /a plain path/],
  ['issuers/corp/oauthProxy', front({ path: '/' }), 'error', /a plain path/],
  ['issuers/corp/oauthProxy', front({ path: '/oauth/' }), 'error', /a plain path/],
  ['issuers/corp/oauthProxy', front({ path: '/a/../b' }), 'error', /a plain path/],
  ['issuers/corp/oauthProxy', front({ path: '/:x' }), 'error', /a plain path/],
  ['issuers/corp/oauthProxy', front({ path: '/.well-known/x' }), 'error', /meanings of their own/],
  ['issuers/corp/oauthProxy', front({ clientId: 'a b' }), 'error', /without spaces/],
  ['issuers/corp/oauthProxy', front({ scopes: { add: ['openid email'] } }), 'error', /one scope/],
  ['issuers/corp/oauthProxy', front({ scopes: { drop: ['a"'] } }), 'error', /one scope/],
  ['issuers/corp/oauthProxy', front({ scopes: { add: ['a'], drop: ['a'] } }), 'error', /added and dropped/],
  ['issuers/corp/oauthProxy', front({ prompt: 'keep' }), 'warning', /without the user being asked/],
  ['issuers/corp/oauthProxy', front({ rateLimit: 0 }), 'error', /rateLimit|>=1|at least/],
  ['issuers/corp/oauthProxy', front({ redirectUris: ['https://app.example/*'] }), 'error', /no wildcard/],
  ['issuers/corp/oauthProxy', front({ redirectUris: ['https://app.example/cb#x'] }), 'error', /no fragment/],
  ['issuers/corp/oauthProxy', front({ redirectUris: ['https://u@app.example/cb'] }), 'error', /and no user/],
  ['issuers/corp/oauthProxy', front({ redirectUris: ['https:///cb'] }), 'error', /has a host/],
  [
    'issuers/corp/oauthProxy',
    front({ redirectUris: ['http://app.example/cb'] }),
    'error',
    /unless it is on loopback/,
  ],
  [
    'issuers/corp/oauthProxy',
    front({ redirectUris: ['http://127.0.0.2/cb'] }),
    'error',
    /unless it is on loopback/,
  ],
  [
    'issuers/corp/oauthProxy',
    front({ redirectUris: ['http://localhost.evil.example/'] }),
    'error',
    /loopback/,
  ],
  ['issuers/corp/oauthProxy', front({ redirectUris: ['app.example/cb'] }), 'error', /is absolute/],
  [
    'issuers/corp/oauthProxy',
    front({ redirectUris: ['javascript:alert(1)'] }),
    'error',
    /leads to no client/,
  ],
  [
    'issuers/corp/oauthProxy',
    front({ redirectUris: ['https://app.example/a b'] }),
    'error',
    /plain characters/,
  ],
  [
    'issuers/corp/oauthProxy',
    front({ redirectUris: ['https://a.example/', 'https://a.example/'] }),
    'warning',
    /twice/,
  ],
  ['issuers/corp/dpop', {}, 'fine'],
  ['issuers/corp/dpop', { algorithms: ['HS256'] }, 'error', /got the text `HS256`/],
  ['issuers/corp/dpop', { algorithms: [] }, 'error', /at least one algorithm/],
  ['issuers/corp/dpop', { nonce: 'optional' }, 'error', /off|required/],
  ['issuers/corp/dpop/maxAge', '500ms', 'error', /at least 1s/],
  ['issuers/corp/dpop/maxAge', '1h', 'warning', /unusually long/],
  ['issuers/corp/dpop/maxAge', '2s', 'warning', /unusually short/],
  ['issuers/corp/dpop/replay', 'http://a:6379', 'error', /redis/],
  ['issuers/corp/dpop/replay', 'disk', 'error', /memory/],
  ['issuers/corp/dpop/replay', { maxEntries: 0 }, 'error', /1/],
  ['issuers/corp/dpop/replay', 'redis://a:6379', 'fine'],
  ['issuers/corp/keys/refresh', '10ms', 'error', /shortest interval/],
  ['issuers/corp/keys', { refresh: '20h', maxStale: '30h' }, 'fine'],
  ['issuers/corp/keys', { refresh: '48h', maxStale: '96h' }, 'warning', /unusually long/],
  ['issuers/corp/keys/cooldown', '2h', 'warning', /unusually long/],
  ['issuers/corp/keys/maxStale', '1m', 'warning', /shorter than `refresh`/],
  ['issuers/corp/keys/timeout', '0s', 'error', /more than 0/],
  ['issuers/corp/keys/timeout', '5m', 'warning', /unusually long/],
  ['issuers/corp/keys/maxBytes', '10B', 'error', /nothing fits/],
  ['issuers/corp/keys/snapshot', 'https://a.example/x', 'error', /takes the path of a file/],
  ['issuers/corp/keys/snapshot', 'gateway.yaml', 'error', /written over this configuration/],
  ['issuers/corp/keys/snapshot', './x/../gateway.yaml', 'error', /written over this configuration/],
  ['issuers/corp/keys/snapshot', '/var/lib/sealgate/', 'error', /a snapshot is a file/],
  ['issuers/corp/keys', { ca: 'ca.pem', snapshot: 'ca.pem' }, 'error', /read for something else/],
  ['issuers/corp/keys/snapshot', '/etc/corp.json', 'fine'],

  ['issuers/corp/keys/snapshot', '/no/such/folder/corp.json', 'warning', /its folder does not exist/],
  ['issuers/corp', of('entra', { tenant: GUID }), 'fine'],
  ['issuers/corp', of('entra', { tenant: GUID.toUpperCase() }), 'fine'],
  ['issuers/corp', of('entra', { tenant: '*' }), 'error', /not the GUID/],
  ['issuers/corp', of('entra', { tenant: `{${GUID}}` }), 'error', /not the GUID/],
  ['issuers/corp', of('entra', { tenant: 'acme.onmicrosoft.com' }), 'error', /not the GUID/],
  ['issuers/corp', of('entra', { tenant: 'common' }), 'error', /every tenant/],
  ['issuers/corp', of('entra', { tenant: `${GUID}\r` }), 'error', /carriage return/],
  ['issuers/corp', of('entra', { tenant: '00000000-0000-0000-0000-000000000000' }), 'error', /not the GUID/],
  ['issuers/corp', of('entra', { tenant: GUID, issuer: 'https://id.example.com' }), 'error', /contradict/],
  ['issuers/corp', of('entra-multitenant', { tenants: ['any'] }), 'error', /not the GUID/],
  ['issuers/corp', of('entra-multitenant', { tenants: [`${GUID},${GUID}`] }), 'error', /not the GUID/],
  ['issuers/corp', of('entra-multitenant', { tenants: 'all' }), 'error', /expected `any` or a list/],
  ['issuers/corp', of('entra-multitenant', { tenants: [] }), 'error', /at least one/],
  ['issuers/corp', of('entra-multitenant', { tenants: 'any' }), 'warning', /every tenant/],
  ['issuers/corp', of('firebase', { project: 'acme-1', audiences: ['acme-1'] }), 'fine'],
  ['issuers/corp', of('firebase', { project: 'https://acme.web.app' }), 'error', /not a valid `project`/],
  ['issuers/corp', of('firebase', { project: 'acme/' }), 'error', /not a valid `project`/],
  ['issuers/corp', of('firebase', { project: '*' }), 'error', /not a valid `project`/],
  ['issuers/corp', of('firebase', { project: 'My Project' }), 'error', /not a valid `project`/],
  ['issuers/corp', of('firebase', { project: '123456789012' }), 'error', /not a valid `project`/],
  ['issuers/corp', of('firebase', { project: 'acme-1' }), 'warning', /project id as audience/],
  ['issuers/corp', of('firebase', { issuer: 'https://acme.firebaseapp.com' }), 'warning', /securetoken/],
  ['issuers/corp', of('cloudflare-access', { team: 'acme' }), 'fine'],
  ['issuers/corp', of('cloudflare-access', { team: '-' }), 'error', /not a valid `team`/],
  ['issuers/corp', of('cloudflare-access', { team: 'Acme' }), 'error', /not a valid `team`/],
  [
    'issuers/corp',
    of('cloudflare-access', { team: 'acme.cloudflareaccess.com' }),
    'error',
    /not a valid `team`/,
  ],
  [
    'issuers/corp',
    of('cloudflare-access', { issuer: 'https://acme.cloudflareaccess.com/' }),
    'warning',
    /do not end with/,
  ],
  ['issuers/corp', of('cognito', { userPool: 'eu-central-1_a1b2c3d4e' }), 'fine'],
  ['issuers/corp', of('cognito', { userPool: 'eu-central-1' }), 'error', /not a valid `userPool`/],
  ['issuers/corp', of('cognito', { userPool: 'eu-central-1_*' }), 'error', /not a valid `userPool`/],
  [
    'issuers/corp',
    of('cognito', { issuer: 'https://acme.auth.eu-central-1.amazoncognito.com' }),
    'warning',
    /sign-in pages of Cognito/,
  ],
  ['issuers/corp', of('keycloak', { issuer: 'https://kc.example.com/realms/a' }), 'fine'],
  [
    'issuers/corp',
    of('keycloak', { issuer: 'https://kc.example.com' }),
    'warning',
    /ends with `\/realms\/NAME`/,
  ],
  ['issuers/corp', of('auth0', { issuer: 'https://acme.auth0.com/api/v2/' }), 'warning', /no path but `\/`/],
  ['issuers/corp', of('google', { issuer: 'https://www.google.com' }), 'warning', /accounts\.google\.com/],
  ['issuers/corp', of('google', { tenant: GUID }), 'error', /`tenant` has no meaning here/],
  ['issuers/corp/tenant', GUID, 'error', /has no meaning here/],
  ['issuers/corp/keys/headers/host', 'a', 'error', /the gateway sets `host` itself/],
  ['issuers/corp/keys/headers/x-*', 'a', 'error', /`\*` is not a wildcard/],
  ['issuers/corp/keys/headers/authorization', 'Bearer ü', 'error', /printable ASCII/],
  ['issuers/corp/keys/headers/authorization', 'Basic a:b', 'fine'],
  ['issuers/corp/keys/headers', { 'X-Key': 'a', 'x-key': 'b' }, 'error', /are one header/],
  ['issuers/corp/keys/ca', '-----BEGIN CERTIFICATE-----', 'error', /the content of a file/],
  ['issuers/corp/insecure', true, 'warning', /plain http/],

  ['upstreams/app/url', 'http://app.example/{id}', 'error', /no parameters/],
  ['upstreams/app/url', 'http://app.example/:id', 'error', /no parameters/],
  ['upstreams/app/url', 'http://app.example/*', 'error', /no wildcard/],
  ['upstreams/app/url', 'http://*.example', 'error', /no host has such a name/],
  ['upstreams/app/url', 'http://a.example,http://b.example', 'error', /no host has such a name/],
  ['upstreams/app/url', 'http://app.example:0', 'error', /port 0/],
  ['upstreams/app/url', 'http://my_app:3000', 'fine'],
  ['upstreams/app/url', 'http://[::1]:3000', 'fine'],
  ['upstreams/app/url', 'http://app.example:443', 'warning', /usually speaks https/],
  ['upstreams/app/url', 'https://app.example:80', 'warning', /usually speaks http/],
  ['upstreams/app/url', 'http://127.0.0.1:8080', 'warning', /the gateway itself \(`listen`\)/],
  ['upstreams/app/url', 'http://localhost:9090', 'warning', /the gateway itself \(`admin`\)/],
  ['upstreams/app/url', 'http://app.example:8080/base', 'fine'],
  ['upstreams/app', { urls: ['http://a.example', 'http://b.example/<x>'] }, 'error', /no parameters/],
  ['upstreams/app', { urls: ['http://a.example', 'http://a.example'] }, 'error', /listed twice/],
  [
    'upstreams/app',
    { urls: ['http://a.example', 'http://b.example'], ejection: { base: '0s' } },
    'error',
    /more than 0/,
  ],
  [
    'upstreams/app',
    { urls: ['http://a.example', 'http://b.example'], ejection: { base: '10m', max: '5m' } },
    'warning',
    /longer than `max`/,
  ],
  ['upstreams/app/socket', '/run/app.sock', 'fine'],
  ['upstreams/app/health', { path: 'healthz' }, 'error', /expected a path/],
  ['upstreams/app/health', { path: '/h', interval: '2h' }, 'warning', /unusually long/],
  [
    'upstreams/app/health',
    { path: '/h', interval: '2s', timeout: '5s' },
    'warning',
    /longer than the `interval`/,
  ],
  // `0s` is no limit, and so is what no timer waits for.
  ['upstreams/app/timeouts/connect', '0s', 'fine'],
  ['upstreams/app/timeouts/connect', '1ms', 'warning', /unusually short/],
  ['upstreams/app/timeouts/response', '30d', 'fine'],
  ['upstreams/app/timeouts/response', '5ms', 'warning', /unusually short/],
  ['upstreams/app/timeouts/idle', '0s', 'fine'],
  ['upstreams/app/timeouts/idle', '5ms', 'warning', /unusually short/],
  ['upstreams/app/timeouts/keepAlive', '2h', 'warning', /unusually long/],
  ['upstreams/app/timeouts/keepAlive', '0s', 'fine'],
  ['upstreams/app/timeouts/age', '0s', 'fine'],
  ['upstreams/app/tls', { ca: 'ca.pem' }, 'warning', /without TLS/],
  [
    'upstreams/app',
    { url: 'https://a.example', tls: { ca: '-----BEGIN X' } },
    'error',
    /the content of a file/,
  ],
  [
    'upstreams/app',
    { url: 'https://a.example', tls: { cert: '-----BEGIN X', key: 'k' } },
    'error',
    /the content/,
  ],
  [
    'upstreams/app',
    { url: 'https://a.example', tls: { cert: 'c', key: '-----BEGIN X' } },
    'error',
    /the content/,
  ],
  [
    'upstreams/app',
    { url: 'https://10.0.0.1', tls: { serverName: '10.0.0.1' } },
    'error',
    /a host name alone/,
  ],
  [
    'upstreams/app',
    { url: 'https://10.0.0.1', tls: { serverName: '*.example' } },
    'error',
    /a host name alone/,
  ],
  ['upstreams/app', { url: 'https://10.0.0.1', tls: { serverName: 'app.example' } }, 'fine'],
  ['issuers/corp/introspection', introspection({}), 'fine'],
  ['issuers/corp/introspection', introspection({ url: undefined }), 'fine'],
  ['issuers/corp/introspection', introspection({ url: 'introspect' }), 'error', /expected a URL|URL/],
  [
    'issuers/corp/introspection',
    introspection({ url: 'https://u:p@id.example/i' }),
    'error',
    /without a user/,
  ],
  ['issuers/corp/introspection', introspection({ url: 'https://id.example/i#x' }), 'error', /or fragment/],
  [
    'issuers/corp/introspection',
    introspection({ url: 'https://id.example/{realm}/i' }),
    'error',
    /placeholder/,
  ],
  [
    'issuers/corp/introspection',
    introspection({ url: 'https://id.example/i?token=' }),
    'error',
    /not stand in its/,
  ],
  [
    'issuers/corp/introspection',
    introspection({ url: 'https://id.example/token' }),
    'warning',
    /another endpoint/,
  ],
  ['issuers/corp/introspection', introspection({ url: 'http://id.example/i' }), 'error', /plain http:/],
  ['issuers/corp/introspection', introspection({ url: 'http://127.0.0.1:4000/i?a=b' }), 'fine'],
  ['issuers/corp/introspection', introspection({ prefix: 'lgc_' }), 'fine'],
  ['issuers/corp/introspection', introspection({ prefix: 'a b' }), 'error', /beginning of a token/],
  ['issuers/corp/introspection', introspection({ prefix: '' }), 'error', /beginning of a token/],
  ['issuers/corp/introspection', introspection({ prefix: 'eyJ' }), 'warning', /JWTs begin like this/],
  ['issuers/corp/introspection', introspection({ timeout: '0s' }), 'error', /more than 0/],
  ['issuers/corp/introspection', introspection({ timeout: '2m' }), 'warning', /unusually long/],
  ['issuers/corp/introspection', introspection({ concurrency: 0 }), 'error', /1/],
  ['issuers/corp/introspection', introspection({ cache: { active: '0s', inactive: '0s' } }), 'fine'],
  [
    'issuers/corp/introspection',
    introspection({ cache: { active: '2h' } }),
    'warning',
    /revokes still passes/,
  ],
  ['issuers/corp/introspection', introspection({ cache: { maxBytes: '1KiB' } }), 'error', /nothing fits/],
  [
    'issuers/corp/introspection',
    introspection({ auth: { clientId: 'g' } }),
    'error',
    /exactly one of `clientSecret`/,
  ],
  [
    'issuers/corp/introspection',
    introspection({ auth: { clientId: 'g', clientSecret: 's', privateKey: 'key.pem' } }),
    'error',
    /exactly one of/,
  ],
  [
    'issuers/corp/introspection',
    introspection({ auth: { clientId: 'g', privateKey: '-----BEGIN PRIVATE KEY-----' } }),
    'error',
    /content of a file/,
  ],
  ['issuers/corp/introspection', introspection({ auth: { clientId: 'g', privateKey: 'key.pem' } }), 'fine'],
  [
    'issuers/corp/introspection',
    introspection({ auth: { clientId: 'g', tls: { cert: 'c', key: 'k' } } }),
    'fine',
  ],
  [
    'issuers/corp/introspection',
    introspection({ auth: { clientId: 'g', clientSecret: 's', method: 'jwt' } }),
    'error',
    /basic/,
  ],
  ['upstreams/app/exchange', exchange({}), 'fine'],
  ['upstreams/app/exchange', exchange({ resource: 'https://orders.example', scopes: ['a', 'b'] }), 'fine'],
  ['upstreams/app/exchange', exchange({ grant: 'jwt-bearer' }), 'fine'],
  ['upstreams/app/exchange', onBehalfOf(), 'fine'],
  ['upstreams/app/exchange', onBehalfOf({ audience: 'orders' }), 'error', /`on-behalf-of` has no `audience`/],
  ['upstreams/app/exchange', onBehalfOf({ resource: 'https://a.example' }), 'error', /has no `resource`/],
  ['upstreams/app/exchange', onBehalfOf({ scopes: undefined }), 'error', /needs `scopes`/],
  ['upstreams/app/exchange', exchange({ audience: undefined }), 'warning', /nothing names what .* is for/],
  ['upstreams/app/exchange', exchange({ tokenUrl: 'token' }), 'error', /expected an http: or https: URL/],
  [
    'upstreams/app/exchange',
    exchange({ tokenUrl: 'https://u:p@id.example' }),
    'error',
    /no user or password/,
  ],
  ['upstreams/app/exchange', exchange({ tokenUrl: 'https://id.example/t#x' }), 'error', /no fragment/],
  ['upstreams/app/exchange', exchange({ tokenUrl: 'https://id.example/{t}/token' }), 'error', /placeholder/],
  [
    'upstreams/app/exchange',
    exchange({ tokenUrl: 'https://id.example/authorize' }),
    'error',
    /no token endpoint/,
  ],
  ['upstreams/app/exchange', exchange({ tokenUrl: 'http://id.example/token' }), 'error', /plain http:/],
  [
    'upstreams/app/exchange',
    exchange({ tokenUrl: 'http://id.example/token', insecure: true }),
    'warning',
    /sent over plain http:/,
  ],
  ['upstreams/app/exchange', exchange({ tokenUrl: 'http://127.0.0.1:4000/token?a=b' }), 'fine'],
  ['upstreams/app/exchange', exchange({ resource: 'orders' }), 'error', /an absolute URI without a fragment/],
  ['upstreams/app/exchange', exchange({ resource: 'https://a.example/#x' }), 'error', /without a fragment/],
  ['upstreams/app/exchange', exchange({ scopes: ['a b'] }), 'error', /one scope/],
  ['upstreams/app/exchange', exchange({ scopes: [] }), 'error', /at least one scope/],
  ['upstreams/app/exchange', exchange({ timeout: '0s' }), 'error', /more than 0/],
  ['upstreams/app/exchange', exchange({ timeout: '2m' }), 'warning', /unusually long/],
  ['upstreams/app/exchange', exchange({ maxBytes: '1KiB' }), 'error', /nothing fits/],
  ['upstreams/app/exchange', exchange({ maxBytes: '16KiB' }), 'warning', /few tokens fit/],
  ['upstreams/app/exchange', exchange({ ca: 'ca.pem' }), 'fine'],
  ['upstreams/app/exchange', exchange({ auth: { clientId: 'g' } }), 'error', /exactly one of/],
  ['upstreams/app/exchange', exchange({ auth: { clientId: 'g', privateKey: 'key.pem' } }), 'fine'],
  ['upstreams/app/exchange', exchange({ auth: { clientId: 'g', tls: { cert: 'c', key: 'k' } } }), 'fine'],

  ['identity/headers/X-Forwarded-User', 'sub', 'error', /describe the path of a request/],
  ['identity/headers/Content-Language', 'locale', 'error', /belongs to the connection or the body/],
  ['identity/headers/x-user-*', 'sub', 'error', /`\*` is not a wildcard/],
  ['identity/headers/x-a', 'a.b', 'warning', /not a path|no scheme, port or path/],
  ['identity/headers/x-a', 'email,name', 'warning', /is one entry/],
  ['identity/headers/x-a', '$role', 'error', /unknown source/],

  ['identity/headers/x-a', '$TENANT', 'error', /unknown source/],
  ['identity/headers/x-a', { claim: '$scopes', format: 'json' }, 'fine'],
  ['identity/headers/x-a', { claim: '$roles' }, 'fine'],
  ['identity/headers/x-a', "'email'", 'warning', /the quotes are part/],
  ['identity/headers/x-a', '"{email}"', 'fine'],
  ['identity/headers/x-a', 'kid', 'warning', /in the header of a token/],
  ['identity/headers/x-a', 'tenant=acme', 'warning', /not a condition/],
  ['identity/headers/x-a', ' ', 'error', /starts with a space/],
  ['identity/headers/x-a', ['realm_access', '*'], 'warning', /no wildcards/],
  ['identity/headers/Origin', 'sub', 'error', /browsers write it/],
  ['identity/headers/sec-websocket-protocol', 'sub', 'error', /browsers write it/],
  ['identity/headers/accept', 'sub', 'warning', /removed from all their requests/],
  ['identity/headers/If-Match', 'sub', 'warning', /removed from all their requests/],
  ['identity/headers/x-original-url', 'sub', 'warning', /take the method or the path/],
  ['identity/headers/X_HTTP_Method_Override', 'sub', 'warning', /take the method or the path/],
  ['identity/headers/x-real-ip', 'sub', 'warning', /what a proxy reports/],
  ['identity/headers/remote-user', 'sub', 'fine'],
  ['identity/headers/x-a', { claim: 'g', filter: "'a'" }, 'warning', /the quotes are part/],
  ['identity/headers/x-a', { claim: 'g', filter: '^a\r' }, 'warning', /blank or line break/],
  ['identity/headers/x-a', { claim: 'g', maxBytes: '-1B' }, 'error', /expected a size/],
  ['identity/headers/x-a', { claim: 'g', format: 'CSV' }, 'error', /expected `csv`/],
  ['identity/reserved/0', 'accept', 'warning', /removed from all their requests/],
  ['identity/reserved/0', 'origin', 'error', /cannot be reserved/],
  ['identity/reserved/0', 'x-real-ip', 'fine'],
  ['identity/maxBytes', '1MiB', 'warning', /unusually large/],
  ['identity/assertion', { header: 'accept' }, 'warning', /removed from all their requests/],
  ['identity/assertion', { header: 'X_User_Id' }, 'error', /an identity header already/],
  ['identity/assertion', { header: 'x-*' }, 'error', /`\*` is not a wildcard/],
  ['identity/assertion', { claims: ['kid'] }, 'warning', /in the header of a token/],
  ['identity/assertion', { claims: ['tenant=acme'] }, 'warning', /not a condition/],
  ['identity/headers/x-a', '{org.id}', 'warning', /not a path|no scheme, port or path/],
  ['identity/headers/x-a', { claim: 'a.b' }, 'warning', /not a path|no scheme, port or path/],
  ['identity/headers/x-a', { template: '{a.b}' }, 'warning', /not a path|no scheme, port or path/],
  ['identity/headers/x-a', { claim: 'g', filter: '/^orders-/' }, 'warning', /the slashes are part/],
  ['identity/headers/x-a', { claim: 'g', filter: 'orders-*' }, 'warning', /repeats the character/],
  ['identity/headers/x-a', { claim: 'g', filter: 'orders$-' }, 'warning', /never matches/],
  ['identity/headers/x-a', { claim: 'g', filter: '^orders-[$a]+|x' }, 'fine'],
  ['identity/headers/x-a', { claim: 'g', filter: '^orders-.*$' }, 'fine'],
  ['identity/headers/x-a', { claim: 'g', maxBytes: '0B' }, 'error', /nothing fits/],
  ['identity/headers/x-a', { claim: 'g', maxBytes: '16KiB' }, 'warning', /more than `identity.maxBytes`/],
  ['identity/assertion', { keys: '-----BEGIN PRIVATE KEY-----' }, 'error', /the content of a file/],
  ['identity/assertion', { header: 'x-forwarded-jwt' }, 'error', /may carry identity/],
  ['identity/assertion', { lifetime: '1s' }, 'error', /from 5s to 1h/],
  ['identity/assertion', { rotate: '1m' }, 'error', /at least 1h/],
  ['identity/assertion', { claims: ['a.b'] }, 'warning', /not a path|no scheme, port or path/],
  ['identity/headers/x-a', ['a.b', 'c '], 'error', /ends with a space/],
  ['identity/headers/x-a', ['a.b', 'c'], 'fine'],
  ['identity/headers/x-a', { claim: ['a', 'b '] }, 'error', /ends with a space/],
  ['identity/reserved/0', 'x-user-*', 'error', /`\*` is not a wildcard/],
  ['identity/reserved/0', 'x-forwarded-user', 'error', /cannot be reserved/],
  ['identity/maxBytes', '16B', 'error', /nothing fits/],

  ['routes/0/name', 'a b', 'error', /expected a name/],
  ['routes/0/host', 'https://api.example.com', 'error', /not a host name/],
  ['routes/0/host', 'api.example.com:443', 'error', /not a host name/],
  ['routes/0/host', '*.example.com', 'error', /not a host name/],
  ['routes/0/path', '/users/{id}', 'error', /not a parameter here/],

  ['routes/0/path', '/.well-known/sealgate', 'warning', /the gateway's own/],
  ['routes/0/path', '/.well-known/sealgate/x', 'warning', /the gateway's own/],
  ['routes/0/path', '/.well-known/sealgate/jwks.json', 'warning', /the gateway's own/],
  ['routes/0/path', '/.well-known', 'fine'],
  ['routes/0/path', '/orders?x', 'error', /no query/],
  ['routes/0/path', '/orders|items', 'warning', /nothing separates several/],
  ['routes/0/path', '/orders,/items', 'warning', /nothing separates several/],
  ['routes/0/path', '/orders(a,b)', 'fine'],
  ['routes/0/methods/0', 'ANY', 'error', /not a method/],
  ['routes/0/methods/0', 'FROB', 'error', /no request has the method/],
  ['routes/0/methods/0', 'PURGE', 'fine'],
  ['routes/0/upstream', 'app.example:3000', 'error', /unknown upstream/],
  ['routes/0/upstream', 'http://app.example:3000/{x}', 'error', /no parameters/],
  ['routes/0/rewrite', '/v2/{id}', 'error', /a rewrite has no parameters/],
  ['routes/0/rewrite', '/v2/%d', 'error', /two hex digits/],
  ['routes/0/rewrite', '/v2/%C3%A9', 'fine'],
  ['routes/0/resource', 'order', 'error', /unknown route `order`/],
  ['routes/0/resource', 'r', 'error', /names itself/],
  ['routes/0/resource/url', 'https://*.example.com/mcp', 'error', /not a host name/],
  ['routes/0/resource/url', 'https://{host}/mcp', 'error', /not a host name/],
  ['routes/0/resource/url', 'https://api.example.com/{id}', 'error', /no client writes the path like this/],
  ['routes/0/resource/url', 'https://api.example.com/orders?', 'error', /no query or fragment/],
  ['routes/0/resource/url', 'api.example.com/orders', 'error', /expected an http/],
  [
    'routes/0/resource',
    { url: 'https://api.example.com/tools', title: ' Orders', scopes: ['a'] },
    'warning',
    /not among the audiences/,
  ],
  [
    'routes/0/resource',
    { url: 'https://api.example.com/orders', documentation: 'docs.html' },
    'error',
    /expected an http/,
  ],
  [
    'routes/0/resource',
    { url: 'https://api.example.com/orders', scopes: ['a,b'] },
    'warning',
    /is one entry/,
  ],
  ['routes/0/resource', { url: 'https://api.example.com/orders', scopes: ['a b'] }, 'error', /one scope/],
  [
    'routes/0/resource',
    { url: 'https://api.example.com/orders', authorizationServers: ['https://id.example.com/#a'] },
    'error',
    /no query, fragment or user/,
  ],
  [
    'routes/0/resource',
    { url: 'https://api.example.com/orders', authorizationServers: ['id.example.com'] },
    'error',
    /expected an http/,
  ],
  ['routes/0/access', 'public', 'fine'],
  ['routes/0/access/policy', 'stuff', 'error', /unknown policy/],
  ['routes/0/access/issuers', 'any', 'warning', /added later/],
  ['routes/0/access/issuers/0', 'nobody', 'error', /unknown issuer/],
  ['routes/0/access/audiences', 'any', 'warning', /issued for other services/],
  ['routes/0/access/audiences/0', '*', 'error', /an audience of that name/],
  ['routes/0/access/audiences/0', 'a,b', 'warning', /is one entry/],
  ['routes/0/access/scopes/0', 'a b', 'error', /one scope/],
  ['routes/0/access/scopes/0', 'a,b', 'warning', /is one entry/],
  ['routes/0/access/scopes/0', '*', 'warning', /compared as text/],
  ['routes/0/access/scopes/0', 'orders:*', 'warning', /compared as text/],
  ['routes/0/access/scopes/0', 'orders:*:read', 'warning', /not a wildcard here/],
  ['routes/0/access/scopes/0', '^orders', 'warning', /not as a regular expression/],
  ['routes/0/access/scopes/0', 'read|write', 'warning', /does not separate/],
  ['routes/0/access/scopes/0', 'api://abc/.default', 'warning', /never appears in a token/],
  ['routes/0/access/scopes/0', 'api://abc/access_as_user', 'warning', /without its API/],
  ['routes/0/access/scopes/0', 'read;write', 'warning', /does not separate/],
  ['routes/0/access/scopes/0', '{scope}', 'warning', /nothing is filled in/],
  ['routes/0/access/scopes/any/0', 'a,b', 'warning', /is one entry/],
  ['routes/0/access/scopes/all/0', 'orders.*', 'warning', /compared as text/],
  ['routes/0/access/scopes/0', 'https://api.example.com/orders.read', 'fine'],
  ['routes/0/access/roles/0', 'a,b', 'warning', /is one entry/],
  ['routes/0/access/roles/0', '*', 'warning', /compared as text/],
  ['routes/0/access/roles/0', 'ROLE_*', 'warning', /not a wildcard here/],
  ['routes/0/access/roles/0', 'admin,', 'warning', /does not separate/],
  ['routes/0/access/roles/0', 'admin;user', 'warning', /does not separate/],
  ['routes/0/access/roles/0', '<role>', 'warning', /nothing is filled in/],
  ['routes/0/access/roles/0', '\u0430dmin', 'warning', /another alphabet/],
  ['routes/0/access/roles/0', 'Research; Development', 'fine'],
  ['routes/0/access/roles/any/0', '*-admin', 'warning', /not a wildcard here/],
  ['routes/0/access/roles/0', 'admin.+', 'warning', /not as a regular expression/],
  ['routes/0/access/roles/0', '!guest', 'warning', /does not negate/],
  ['routes/0/access/roles/any', ['admin||owner'], 'warning', /does not separate/],
  ['routes/0/access/acr/0', 'urn:example:mfa', 'fine'],
  ['routes/0/access/acr/0', 'http://schemas.openid.net/pape/policies/2007/06/multi-factor', 'fine'],
  ['routes/0/access/acr/0', '2', 'fine'],
  ['routes/0/access/acr/0', 'urn:a urn:b', 'error', /one class of authentication/],
  ['routes/0/access/acr/0', 'urn:"a"', 'error', /one class of authentication/],
  ['routes/0/access/acr/0', 'urn:é', 'error', /one class of authentication/],
  ['routes/0/access/acr/0', 'urn:a,urn:b', 'warning', /is one entry/],
  ['routes/0/access/acr/0', 'urn:example:*', 'warning', /not a wildcard here/],
  ['routes/0/access/acr/0', '^urn', 'warning', /not as a regular expression/],
  ['routes/0/access/acr/0', 'mfa|hwk', 'warning', /does not separate/],
  ['policies/staff/acr/0', '!urn:weak', 'warning', /does not negate/],
  ['routes/0/access/maxAuthAge', '0s', 'error', /whole seconds, at least one/],
  ['routes/0/access/maxAuthAge', '1500ms', 'error', /whole seconds/],
  ['routes/0/access/maxAuthAge', '30s', 'warning', /`clockTolerance` of issuer `corp`/],
  ['routes/0/access/maxAuthAge', '31s', 'fine'],
  ['routes/0/access/maxAuthAge', '400d', 'warning', /unusually long/],
  ['policies/staff/maxAuthAge', '10m', 'fine'],
  ['policies/staff/roles/0', 'ROLE_*', 'warning', /not a wildcard here/],
  ['routes/0/access/roles/any/0', 'a,b', 'warning', /is one entry/],
  ['routes/0/access/roles/all/0', '[a, b]', 'warning', /is one entry/],
  ['routes/0/access/roles/0', 'Domain Admins', 'fine'],
  ['routes/0/access/roles/0', 'CN=Admins,OU=Groups', 'fine'],
  ['routes/0/access/claims', { 'a.b': 'c' }, 'warning', /not a path|no scheme, port or path/],
  ['routes/0/access/claims', { scope: 'orders:read' }, 'warning', /this scope and no other/],
  ['routes/0/access/claims', { iss: 'https://other.example.com' }, 'warning', /can never be true/],
  ['routes/0/access/claims', { tenant: 'acme' }, 'fine'],
  ['routes/0/access/claims', { tenant: '*' }, 'warning', /not a wildcard here/],
  ['routes/0/access/claims', { tenant: ['acme', 'acme-*'] }, 'warning', /not a wildcard here/],
  ['routes/0/access/claims', { tenant: '^acme' }, 'warning', /not as a regular expression/],
  ['routes/0/access/claims', { tenant: '!acme' }, 'warning', /does not negate/],
  ['routes/0/access/claims', { level: '>= 5' }, 'warning', /not as a range/],
  ['routes/0/access/claims', { tenant: '{tenant}' }, 'warning', /nothing is filled in/],
  ['routes/0/access/claims', { tenant: ':tenant' }, 'warning', /nothing is filled in/],
  ['routes/0/access/claims', { sub: 'params.id' }, 'warning', /no expression is evaluated/],
  ['routes/0/access/claims', { tenant: 'null' }, 'warning', /a value is missing/],
  ['routes/0/access/claims', { email_verified: 'true' }, 'warning', /is a boolean/],
  ['routes/0/access/claims', { events: 'a' }, 'warning', /never accepted/],

  ['routes/0/access/claims', { token_use: 'id' }, 'warning', /no token with this `token_use`/],
  ['routes/0/access/claims', { token_use: 'access' }, 'fine'],
  ['routes/0/access/claims', { at_hash: 'a' }, 'warning', /no token with this `at_hash`/],
  [
    'routes/0/access/claims',
    [{ claim: ['c_hash'], any: ['a', 'b'] }],
    'warning',
    /no token with this `c_hash`/,
  ],
  ['routes/0/access/claims', { typ: 'Refresh' }, 'warning', /no token with this `typ`/],
  ['routes/0/access/claims', { typ: ['ID', 'Logout'] }, 'warning', /no token with this `typ`/],
  ['routes/0/access/claims', { typ: ['Bearer', 'ID'] }, 'fine'],
  ['routes/0/access/claims', { 'tenant=acme': true }, 'warning', /not a condition/],
  ['policies/staff/claims', { token_use: 'id' }, 'warning', /no token with this `token_use`/],
  ['routes/0/access/claims', { '*': 'a' }, 'warning', /no wildcards/],
  ['routes/0/access/claims', { tenant: 'auth0|5' }, 'fine'],
  ['routes/0/access/claims', { tenant: '<5>' }, 'fine'],
  ['routes/0/access/claims', [{ claim: ['a', 'b'], any: ['x*'] }], 'warning', /not a wildcard here/],
  ['routes/0/access/claims', [{ claim: 'a', equals: 'x*' }], 'warning', /not a wildcard here/],
  ['routes/0/access/claims', [{ claim: 'a', all: ['x*'] }], 'warning', /not a wildcard here/],
  ['policies/staff/claims', { tenant: 'acme-*' }, 'warning', /not a wildcard here/],
  ['routes/0/access/claims', { exp: 5 }, 'warning', /is a date/],
  ['routes/0/access/claims', { iat: 'today' }, 'warning', /is a date/],
  ['routes/0/access/claims', [{ claim: 'auth_time', any: [5] }], 'warning', /is a date/],
  ['routes/0/access/claims', { sub: 5 }, 'warning', /never equals a number/],
  ['routes/0/access/claims', { client_id: ['a', true] }, 'warning', /never equals a boolean/],
  ['routes/0/access/claims', [{ claim: 'aud', all: ['a', 5] }], 'warning', /never equals a/],
  ['routes/0/access/claims', [{ claim: ['org', 'sub'], equals: 5 }], 'fine'],
  ['routes/0/access/claims', { kid: 'a' }, 'warning', /in the header of a token/],
  ['routes/0/access/claims', { plan: 5, email_verified: true }, 'fine'],
  ['policies/staff/claims', { exp: 5 }, 'warning', /is a date/],
  ['routes/0/access/claims', { tenant: 'acme ' }, 'warning', /ends with a space/],
  ['routes/0/access/claims', { tenant: ['acme\t'] }, 'error', /control character/],
  [
    'routes/0/access/claims',
    [{ claim: 'a.b', equals: 'c' }],
    'warning',
    /not a path|no scheme, port or path/,
  ],
  ['routes/0/access/claims', [{ claim: 'scope', any: ['c'] }], 'warning', /this scope and no other/],
  ['routes/0/access/claims', [{ claim: 'a', equals: 'c ' }], 'warning', /ends with a space/],
  ['routes/0/access/claims', [{ claim: 'a', any: ['c '] }], 'warning', /ends with a space/],
  ['routes/0/access/claims', [{ claim: 'a', all: ['c '] }], 'warning', /ends with a space/],
  ['routes/0/access/claims', [{ claim: ['a ', 'b'], any: ['c'] }], 'error', /ends with a space/],
  // What a condition never meets is found when it is compiled.
  ['routes/0/access/when', 'claims.a == "b"\n', 'fine'],
  ['policies/staff/claims', { 'a.b': 'c' }, 'warning', /not a path|no scheme, port or path/],
  ['routes/0/tokenFrom/0', { header: 'x-*' }, 'error', /`\*` is not a wildcard/],
  ['routes/0/tokenFrom/0', { header: 'Authorization' }, 'error', /is always read/],
  ['routes/0/tokenFrom/0', { cookie: 'a b' }, 'error', /name of a cookie/],

  ['routes/0/tokenFrom/0', { cookie: '*' }, 'error', /`\*` is not a wildcard/],
  ['routes/0/tokenFrom/0', { cookie: '__Host-*' }, 'error', /`\*` is not a wildcard/],
  ['routes/0/tokenFrom/0', { cookie: 'Authorization' }, 'fine'],
  ['routes/0/tokenFrom/0', { query: '*' }, 'error', /name of a query parameter/],
  ['routes/0/tokenFrom/0', { header: 'accept' }, 'error', /send `accept` for something else/],
  ['routes/0/tokenFrom/0', { header: 'Accept-Language' }, 'error', /for something else/],
  ['routes/0/tokenFrom/0', { header: 'user-agent' }, 'error', /for something else/],
  ['routes/0/tokenFrom/0', { header: 'referer' }, 'error', /for something else/],
  ['routes/0/tokenFrom/0', { header: 'sec-fetch-site' }, 'error', /for something else/],
  ['routes/0/tokenFrom/0', { header: 'if-none-match' }, 'error', /for something else/],
  ['routes/0/tokenFrom/0', { header: 'origin' }, 'error', /only for tokens/],
  [
    'routes/0/tokenFrom/0',
    { header: 'sec-websocket-protocol' },
    'error',
    /`webSocketProtocol` is another place/,
  ],
  ['routes/0/tokenFrom/0', { header: 'host' }, 'error', /only for tokens/],
  ['routes/0/tokenFrom/0', { header: 'content-type' }, 'error', /only for tokens/],
  ['routes/0/tokenFrom/0', { header: 'Bearer' }, 'warning', /is a scheme/],
  ['routes/0/tokenFrom/0', { header: 'x-api-key' }, 'fine'],
  ['routes/0/tokenFrom/0', { query: 'a b' }, 'error', /name of a query parameter/],
  ['routes/0/tokenFrom/0', { webSocketProtocol: 'bearer' }, 'warning', /takes no WebSockets/],
  ['routes/0/tokenFrom', [{ header: 'x-token' }, { header: 'X-Token' }], 'error', /listed twice/],
  ['routes/0/tokenFrom', [{ cookie: 'a' }, { cookie: 'A' }], 'fine'],
  ['routes/0/rateLimit', { max: 1, window: '10ms', by: 'ip' }, 'error', /at least 1s/],
  [
    'routes/0/rateLimit',
    { max: 1, window: '1m', by: { claim: 'org.id' } },
    'warning',
    /not a path|no scheme, port or path/,
  ],
  ['routes/0/rateLimit', { max: 1, window: '1m', by: { claim: ['org', 'id\n'] } }, 'error', /line break/],
  ['routes/0/rateLimit', { max: 1, window: '1m', by: { claim: 'jti' } }, 'warning', /starts a new count/],
  ['routes/0/rateLimit', [{ max: 1, window: '1m', by: { claim: 'exp' } }], 'warning', /starts a new count/],
  ['routes/0/cors/origins', ['https://app.example.com:99999'], 'error', /in another way, or it is none/],
  ['routes/0/cors/origins', ['https://127.1'], 'error', /in another way/],
  ['routes/0/cors/origins', ['https://*.example.com', 'http://[::1]:3000'], 'fine'],
  [
    'routes/0/cors',
    { origins: ['https://a.example'], headers: ['Content-Type'] },
    'warning',
    /send its token/,
  ],
  ['routes/0/cors', { origins: ['https://a.example'], headers: ['authorization'] }, 'fine'],
  [
    'routes/0/cors',
    { origins: ['https://a.example'], exposeHeaders: ['Set-Cookie'] },
    'warning',
    /no browser shows/,
  ],
  ['routes/0/cors/origins', ['https://app.example.com/'], 'error', /an origin as browsers send it/],
  ['routes/0/cors/origins', ['https://app.example.com/path'], 'error', /an origin as browsers send it/],
  ['routes/0/cors/origins', ['app.example.com'], 'error', /an origin as browsers send it/],
  ['routes/0/cors/origins', ['https://app.example.com:443'], 'error', /default port/],
  ['routes/0/cors/origins', ['*'], 'error', /an origin as browsers send it/],
  ['routes/0/cors/origins', ['https://*'], 'error', /an origin as browsers send it/],
  ['routes/0/cors/origins', '*', 'warning', /every site/],
  ['routes/0/cors', { origins: ['https://a.example'], methods: ['get'] }, 'error', /upper case/],
  [
    'routes/0/cors',
    { origins: ['https://a.example'], headers: ['*'] },
    'error',
    /never covers Authorization/,
  ],
  [
    'routes/0/cors',
    { origins: ['https://a.example'], headers: ['Authorization', 'x-*'] },
    'error',
    /`\*` is not a wildcard/,
  ],
  ['routes/0/cors', { origins: ['https://a.example'], exposeHeaders: ['x-*'] }, 'error', /not a wildcard/],
  ['routes/0/cors', { origins: ['https://a.example'], exposeHeaders: ['*'] }, 'fine'],
  [
    'routes/0/cors',
    { origins: ['https://a.example'], exposeHeaders: ['*'], credentials: true },
    'error',
    /browsers do not take/,
  ],
  ['routes/0/cors', { origins: ['https://a.example'], maxAge: '0s' }, 'fine'],
  ['routes/0/timeouts/response', '0s', 'fine'],
  ['routes/0/timeouts/response', '1ms', 'warning', /unusually short/],
  ['routes/0/timeouts/idle', '30d', 'fine'],
  ['routes/0/bodyLimit', '0B', 'fine'],

  ['tests/0', { name: 'a', token: { authAge: '5m' }, request: 'GET /', expect: 'allow' }, 'fine'],
  [
    'tests/0',
    { name: 'a', token: { authAge: '5m', claims: { auth_time: 5 } }, request: 'GET /', expect: 'allow' },
    'error',
    /`claims` has `auth_time`, which replaces it/,
  ],
  ['tests/0', { name: 'a', request: 'GET /', expect: 'rate_limited' }, 'error', /no test can end in/],
  ['tests/0', { name: 'a', request: 'GET /', expect: 'upstream_timeout' }, 'error', /no test can end in/],
  ['tests/0', { name: 'a', request: 'GET https://other.example/', expect: 'allow' }, 'fine'],
  [
    'tests/0',
    { name: 'a', request: 'POST /', mcp: 'tools/call a', expect: 'allow' },
    'error',
    /no route has `mcp`/,
  ],
  [
    'tests/0',
    { name: 'a', request: 'GET /', expect: 'allow', token: { issuer: 'nobody' } },
    'error',
    /unknown issuer/,
  ],
  ['tests/0', { name: ' a ', request: 'GET /', expect: 'allow', headers: { 'x-a': ' b ' } }, 'fine'],
  [
    'tests/0',
    {
      name: 'a',
      request: 'GET /',
      each: [
        {
          name: ' r ',
          request: 'GET /x',
          expect: 'allow',
          headers: { 'x-a': ' b ' },
          identity: { 'x-a': 'b ' },
          token: {
            scopes: ['a b'],
            roles: ['a '],
            audiences: ['*'],
            authAge: '5m',
            claims: { 'a.b': 'c ' },
          },
        },
      ],
    },
    'fine',
  ],
  [
    'tests/0',
    { name: 'a', request: 'POST /', expect: 'allow', each: [{ mcp: 'tools/call a' }] },
    'error',
    /no route has `mcp`/,
  ],
  [
    'tests/0',
    { name: 'a', request: 'GET /', expect: 'allow', each: [{ token: { issuer: 'nobody' } }] },
    'error',
    /unknown issuer/,
  ],
  ['include/0', 'nothing-here/*.yaml', 'warning', /no file matches/],
  [
    'tests/0',
    {
      name: 'a',
      request: 'GET /',
      expect: 'allow',
      identity: { 'x-a': 'b ' },
      token: { scopes: ['a b'], roles: ['a '], audiences: ['*'], claims: { 'a.b': 'c ' } },
    },
    'fine',
  ],
];

function fileWith(key: string, value: unknown): string {
  const file = parse(BASE) as Record<string, unknown>;
  const steps = key.split('/');
  let inside: Record<string, unknown> = file;
  for (const [at, step] of steps.slice(0, -1).entries()) {
    inside[step] ??= /^\d+$/.test(steps[at + 1] as string) ? [] : {};
    inside = inside[step] as Record<string, unknown>;
  }
  inside[steps.at(-1) as string] = value;
  for (const section of [file.listen, file.decisions]) {
    const tls = (section as { tls?: Record<string, unknown> } | undefined)?.tls;
    if (tls === undefined) continue;
    tls.cert ??= 'c.pem';
    tls.key ??= 'k.pem';
  }
  if (key.startsWith('decisions/trustedProxies'))
    Object.assign(file.decisions as object, { host: '0.0.0.0' });
  if (key === 'rateLimitStore' && typeof value === 'object') {
    Object.assign((file.routes as object[])[0] as object, { rateLimit: { max: 1, window: '1m', by: 'ip' } });
  }
  if (key.startsWith('routes/0/resource'))
    Object.assign((file.issuers as { corp: object }).corp, { audiences: ['https://api.example.com/orders'] });
  if (key.startsWith('issuers/corp/oauthProxy')) {
    Object.assign((file.issuers as { corp: object }).corp, { audiences: ['https://api.example.com/orders'] });
    Object.assign((file.routes as object[])[0] as object, { resource: true });
    file.listen = { publicUrl: 'https://api.example.com' };
  }
  if (/^(?:revocation|issuers\/corp\/(?:logout|events))/.test(key))
    Object.assign((file.issuers as { corp: object }).corp, { maxTokenAge: '1h' });
  if (/^(?:identity\/assertion|issuers\/corp\/dpop)/.test(key))
    file.listen = { publicUrl: 'https://api.example.com' };
  return stringify(file);
}

for (const [at, [key, value, severity, words]] of ROWS.entries()) {
  t.test(
    `${at + 1}: ${key}: ${JSON.stringify(value)} is ${severity === 'fine' ? 'fine' : `an ${severity}`}`,
    async (t) => {
      const loaded = loadText(fileWith(key, value), { env: ENV });
      const compiled = loaded.config && compileIssuers(loaded.config, loaded);
      const problems = [...loaded.problems, ...loaded.report(compiled?.problems ?? [])].filter(
        // What a row takes the use from, such as the policy of the base, is not its matter.
        (problem) =>
          problem.severity !== 'note' &&
          !/^(?:no route (?:uses|accepts|leads)|cannot read)/.test(problem.message),
      );
      const place = key.replaceAll('/', '.').replace(/\.(\d+)/g, '[$1]');
      const outside = problems.filter(
        ({ path }) => !path.replaceAll('["', '.').replaceAll('"]', '').startsWith(place),
      );
      t.same(outside, [], 'nothing else is found');
      if (severity === 'fine') {
        t.same(problems, []);
        return;
      }
      t.match(
        problems.map((problem) => `${problem.severity} ${problem.message}`),
        [new RegExp(`^${severity} .*${words?.source ?? ''}`)],
      );
    },
  );
}

t.test('the hint for the address of metadata is the issuer', async (t) => {
  for (const [address, issuer] of [
    ['https://id.example.com/.well-known/oauth-authorization-server/t/1', 'https://id.example.com/t/1'],
    ['https://id.example.com/a/.well-known/oauth-authorization-server', 'https://id.example.com/a'],
    ['https://id.example.com/a/.well-known/openid-configuration', 'https://id.example.com/a'],
    ['https://id.example.com/.well-known/jwks.json', 'https://id.example.com'],
  ] as const) {
    const { problems } = loadText(fileWith('issuers/corp/issuer', address));
    t.match(problems, [{ severity: 'error', hint: `write ${issuer}` }], address);
  }
});

t.test('a hint never leads to an algorithm that the tokens do not have', async (t) => {
  for (const [name, hint] of [
    ['HS256', /never accepted: all who check such a token can make one/],
    ['none', /never accepted: anybody can write unsigned tokens/],
    ['RSA256', /did you mean `RS256`/],
  ] as const) {
    t.match(
      loadText(fileWith('issuers/corp/algorithms/0', name)).problems,
      [{ severity: 'error', hint }],
      name,
    );
  }
});

t.test('a test for a host that no route has is a warning, unless that is what it tests', async (t) => {
  const file = (expect: string, request = 'GET https://other.example/orders') =>
    loadText(
      stringify({
        ...(parse(fileWith('routes/0/host', 'api.example.com')) as object),
        tests: [{ name: 'a', request, expect }],
      }),
    ).problems.map(({ severity, path, message }) => `${severity} ${path} ${message}`);
  t.same(file('allow'), ['warning tests[0].request no route has the host of this request']);
  t.same(file('allow', 'GET /orders'), ['warning tests[0].request no route has the host of this request']);
  t.same(file('route_unknown'), []);
  t.same(file('allow', 'GET https://API.example.com:8443/orders'), []);
});

t.test(
  'what a hint would show of a value stays unseen where the value came in by substitution',
  async (t) => {
    const text = fileWith('issuers/corp/audiences/0', '${SECRET}').replace(
      '/id.example.com',
      '/id.example.com',
    );
    for (const SECRET of ['s3cret-a,s3cret-b', 's3cret a']) {
      const { problems } = loadText(text, { env: { SECRET } });
      t.match(problems, [{ severity: 'warning', message: '`${SECRET}` is one entry' }]);
      t.notMatch(JSON.stringify(problems), /s3cret/);
    }
  },
);

/** Every leaf of the schema that is a text without a list of choices, with `*` for names and indices. */
function textKeys(schema: JsonSchema, place: string): readonly string[] {
  const inside = [
    ...Object.entries(schema.properties ?? {}).flatMap(([key, child]) => textKeys(child, `${place}/${key}`)),
    ...(schema.items === undefined ? [] : textKeys(schema.items, `${place}/*`)),
    ...(typeof schema.additionalProperties === 'object'
      ? textKeys(schema.additionalProperties, `${place}/*`)
      : []),
    ...(schema.anyOf ?? []).flatMap((branch) => textKeys(branch, place)),
  ];
  const isText = schema.type === 'string' && schema.enum === undefined && schema.const === undefined;
  return isText ? [...inside, place] : inside;
}

/** What a row looks at: its own place, and every place within its value. */
function looksAt(key: string, value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [key];
  return [key, ...Object.entries(value).flatMap(([step, inside]) => looksAt(`${key}/${step}`, inside))];
}

/** One spelling for the several places that one definition has in the file. */
function canonical(key: string): string {
  return `/${key.replace(/^\//, '')}`
    .replace(/^\/policies\/\*/, '/routes/*/access')
    .replace(/^\/routes\/\*\/mcp\/[a-z]+\/\*/, '/routes/*/access')
    .replace('/access/*/', '/access/')
    .replace('/routes/*/identity', '/identity')
    .replace('/rateLimit/*/', '/rateLimit/')
    .replace('/routes/*/timeouts', '/upstreams/*/timeouts');
}

/** Fields of presets, which check them when the issuers are compiled (test/tokens/issuers/presets). */
const OF_PRESETS = /^\/issuers\/\*\/(?:tenants?|team|project|userPool)(?:\/\*)?$/;

t.test('every key that takes a text has a row', async (t) => {
  const pattern = (key: string): string => {
    const steps = key.split('/');
    const named = new Set([
      'issuers',
      'upstreams',
      'policies',
      'headers',
      'responseHeaders',
      'claims',
      'identity',
    ]);
    return steps
      .map((step, at) => {
        const before = steps[at - 1] ?? '';
        const isName =
          named.has(before) &&
          !(before === 'identity' && steps[0] !== 'tests') &&
          !(before === 'issuers' && at > 1);
        return /^\d+$/.test(step) || isName ? '*' : step;
      })
      .join('/');
  };
  const covered = new Set(
    ROWS.flatMap(([key, value]) => looksAt(key, value)).map((key) => canonical(pattern(key))),
  );
  const wanted = [...new Set(textKeys(plainJsonSchema(), '').map(canonical))].filter(
    (key) => !OF_PRESETS.test(key),
  );
  t.ok(wanted.length > 60, String(wanted.length));
  t.same(
    wanted.filter((key) => !covered.has(key)),
    [],
  );
});

t.test('a route at the place of the gateway’s own keys is an error where there are such keys', async (t) => {
  const file = parse(fileWith('routes/0/path', '/.well-known/sealgate/jwks.json'));
  const { problems } = loadText(
    stringify({ ...file, identity: { assertion: {} }, listen: { publicUrl: 'https://api.example.com' } }),
  );
  t.match(problems, [
    { severity: 'error', path: 'routes[0].path', message: /no request reaches this route/ },
  ]);
});
