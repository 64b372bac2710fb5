import t from 'tap';
import { diffOf } from '../support/diff/files.ts';
import { linesOf } from '../support/diff/lines.ts';
import { fileOf, type Parts } from '../support/diff/parts.ts';

/*
 * Pairs of files of which the newer one lets something pass that the older one does not, in ways that are easily missed: `diff` must call
 * each of them wider.
 */

const one = (path: string, access: unknown, more: object = {}): object => ({ path, access, ...more });
const a = (access: unknown, more: object = {}): Parts => ({ routes: [one('/a', access, more)] });

const LISTEN = { publicUrl: 'https://api.example' };
const LIMIT = { max: 5, window: '1m', by: 'ip' };
const tools = (map: object, more: object = {}): Parts => ({
  routes: [one('/mcp', { scopes: ['mcp'] }, { mcp: { tools: map }, ...more })],
});

const PAIRS: readonly (readonly [what: string, older: Parts, newer: Parts])[] = [
  [
    'a route for any host, behind one of the host that stands for others',
    { routes: [one('/', 'public', { host: 'other.example' }), one('/', { scopes: ['s'] })] },
    { routes: [one('/', 'public', { host: 'other.example' }), one('/', 'public')] },
  ],
  [
    'the value that stands for all others is asked for: a claim',
    a(
      { claims: { tenant: 'some-value' } },
      { identity: { headers: { 'x-t': { claim: 'tenant', required: true } } } },
    ),
    a('authenticated', { identity: { headers: { 'x-t': { claim: 'tenant', required: true } } } }),
  ],
  [
    'segments that change places, read by their names in brackets',
    { routes: [one('/:x/:y', { when: 'claims.sub == params["x"]' })] },
    { routes: [one('/:y/:x', { when: 'claims.sub == params["x"]' })] },
  ],
  ['the subject of every test', a({ claims: { sub: 'test-subject' } }), a('authenticated')],
  [
    'a claim that the issuer requires',
    { ...a({ claims: { tenant: 'test-tenant' } }), corp: { requiredClaims: ['tenant'] } },
    { ...a('authenticated'), corp: { requiredClaims: ['tenant'] } },
  ],
  [
    'the audience that stands for any',
    a({ audiences: ['another-audience', 'https://another-audience.example'] }),
    a({ audiences: 'any' }),
  ],
  [
    'segments that change places behind one condition',
    { routes: [one('/:x/:y', { when: 'claims.sub == params.x' })] },
    { routes: [one('/:y/:x', { when: 'claims.sub == params.x' })] },
  ],
  [
    'a parameter of the same name in another place, behind one condition',
    {
      routes: [
        one('/a/:x', { when: 'claims.sub == params.x' }),
        one('/:x/b', { when: 'claims.sub == params.x' }),
      ],
    },
    { routes: [one('/:x/b', { when: 'claims.sub == params.x' })] },
  ],
  [
    'issuers that change names behind one condition',
    a({ issuers: ['corp', 'partner'], when: "token.issuer == 'corp'" }),
    {
      ...a({ issuers: ['corp', 'partner'], when: "token.issuer == 'corp'" }),
      issuers: {
        corp: {
          issuer: 'https://partner.example',
          audiences: ['api'],
          jwksUri: 'https://partner.example/keys',
        },
        partner: { issuer: 'https://corp.example', audiences: ['api'], jwksUri: 'https://corp.example/keys' },
      },
    },
  ],
  [
    'issuers that change names which backends learn',
    a({ issuers: ['corp', 'partner'] }, { identity: { headers: { 'x-issuer': '$issuerName' } } }),
    {
      ...a({ issuers: ['corp', 'partner'] }, { identity: { headers: { 'x-issuer': '$issuerName' } } }),
      issuers: {
        corp: {
          issuer: 'https://partner.example',
          audiences: ['api'],
          jwksUri: 'https://partner.example/keys',
        },
        partner: { issuer: 'https://corp.example', audiences: ['api'], jwksUri: 'https://corp.example/keys' },
      },
    },
  ],
  ['the claim of scopes as a whole', a({ claims: { scope: 's' } }), a({ scopes: ['s'] })],
  ['a claim of scopes that another one hides', a({ scopes: ['s'] }), a({ claims: { scp: 's' } })],
  [
    'a claim of roles that another one hides',
    { ...a({ roles: ['admin'] }), corp: { roleClaims: [['realm_access', 'roles'], 'roles'] } },
    { ...a({ claims: { roles: 'admin' } }), corp: { roleClaims: [['realm_access', 'roles'], 'roles'] } },
  ],
  [
    'optional and public',
    a('optional', { identity: NO_IDENTITY() }),
    a('public', { identity: NO_IDENTITY() }),
  ],
  [
    'a header that clients may send again, as its route is gone',
    {
      routes: [
        one('/a', 'authenticated'),
        one('/b', 'authenticated', { identity: { headers: { 'x-admin': 'admin' } } }),
      ],
    },
    { routes: [one('/a', 'authenticated')] },
  ],
  [
    'values of a header that were filtered',
    a('authenticated', { identity: { headers: { 'x-r': { claim: 'roles', filter: '^orders-' } } } }),
    a('authenticated', { identity: { headers: { 'x-r': { claim: 'roles', filter: '^o' } } } }),
  ],
  [
    'a limit that is counted twice',
    a('public', { rateLimit: LIMIT }),
    {
      routes: [one('/a', 'public', { rateLimit: LIMIT }), one('/a/b', 'public', { rateLimit: LIMIT })],
    },
  ],
  [
    'a limit that more processes count',
    { ...a('public', { rateLimit: LIMIT }), workers: 1 },
    { ...a('public', { rateLimit: LIMIT }), workers: 4 },
  ],
  ['an address that others can reach', a('public'), { ...a('public'), listen: { host: '0.0.0.0' } }],
  [
    'an admin listener that others can reach',
    { ...a('public'), admin: { token: 'secret' } },
    { ...a('public'), admin: { token: 'secret', host: '0.0.0.0' } },
  ],
  [
    'larger tokens',
    a('authenticated'),
    { ...a('authenticated'), listen: { limits: { tokenBytes: '32KiB' } } },
  ],
  [
    'larger identity headers',
    { ...a('authenticated'), identity: { maxBytes: '1KiB' } },
    { ...a('authenticated'), identity: { maxBytes: '2KiB' } },
  ],
  ['a second of age', a({ maxAuthAge: '10s' }), a({ maxAuthAge: '11s' })],
  [
    'the path of the own metadata, and what is below',
    {
      listen: LISTEN,
      routes: [
        one('/mcp', { scopes: ['s'] }, { resource: true }),
        one('/.well-known/oauth-protected-resource', { scopes: ['s'] }),
      ],
    },
    {
      listen: LISTEN,
      routes: [
        one('/mcp', { scopes: ['s'] }, { resource: true }),
        one('/.well-known/oauth-protected-resource', 'public'),
      ],
    },
  ],
  [
    'metadata that anybody may read',
    { listen: LISTEN, ...a({ scopes: ['s'] }) },
    { listen: LISTEN, ...a({ scopes: ['s'] }, { resource: true }) },
  ],
  [
    'an alternative that another one covers only in part',
    a([{ scopes: ['s'], roles: ['r'] }]),
    a([
      { scopes: ['s'], roles: ['r'] },
      { scopes: ['s'], claims: { tenant: 'a' } },
    ]),
  ],
  [
    'a policy that two routes share',
    {
      policies: { staff: { roles: ['staff'] } },
      routes: [one('/a', { policy: 'staff' }), one('/b', { policy: 'staff', scopes: ['b'] })],
    },
    {
      policies: { staff: { roles: { any: ['staff', 'guest'] } } },
      routes: [one('/a', { policy: 'staff' }), one('/b', { policy: 'staff', scopes: ['b'] })],
    },
  ],
  ['a list of claims', a({ claims: { plan: 'pro' } }), a({ claims: { plan: ['pro', 'team'] } })],
  [
    'all of a claim and any of it',
    a({ claims: [{ claim: 'groups', all: ['x', 'y'] }] }),
    a({ claims: [{ claim: 'groups', any: ['x', 'y'] }] }),
  ],
  ['a number and a text', a({ claims: { level: 1 } }), a({ claims: { level: [1, '1'] } })],
  [
    'lower case',
    { routes: [one('/a', 'public'), one('/:x', { scopes: ['s'] })] },
    {
      matching: { case: 'insensitive' },
      routes: [one('/a', 'public'), one('/:x', { scopes: ['s'] })],
    },
  ],
  [
    'case',
    { routes: [one('/A', 'public'), one('/:x', { scopes: ['s'] })] },
    {
      matching: { case: 'insensitive' },
      routes: [one('/A', 'public'), one('/:x', { scopes: ['s'] })],
    },
  ],
  ['a path that is exact no more', a('public', { exact: true }), a('public')],
  ['methods that are gone', a('public', { methods: ['GET'] }), a('public')],
  ['HEAD', a('public', { methods: ['GET'] }), a('public', { methods: ['GET', 'HEAD'] })],
  ['OPTIONS', a('public', { methods: ['GET'] }), a('public', { methods: ['GET', 'OPTIONS'] })],
  [
    'pages of another origin',
    a('public', { cors: { origins: ['https://a.example'] } }),
    a('public', { cors: { origins: ['https://a.example', 'https://b.example'] } }),
  ],
  [
    'a method that a stricter route had',
    {
      routes: [
        one('/', 'public', { methods: ['GET'] }),
        one('/a', { scopes: ['s'] }, { methods: ['GET', 'POST'] }),
      ],
    },
    { routes: [one('/', 'public', { methods: ['GET'] })] },
  ],
  ['spellings', a('public'), a('public', { allow: ['encodedSlash'] })],
  ['tokens in cookies', a('authenticated'), a('authenticated', { tokenFrom: [{ cookie: 'session' }] })],
  [
    'a proof',
    { ...a({ binding: 'dpop' }), corp: { dpop: {} }, listen: LISTEN },
    {
      ...a({ binding: 'any' }),
      corp: { dpop: {} },
      listen: {
        ...LISTEN,
        trustedProxies: ['10.0.0.0/8'],
        clientCertHeader: { name: 'client-cert', format: 'rfc9440' },
      },
    },
  ],
  [
    'a proof with a nonce, of who needs one scope less',
    { ...a({ binding: 'dpop', scopes: ['s'] }), corp: { dpop: { nonce: 'required' } }, listen: LISTEN },
    { ...a({ binding: 'dpop' }), corp: { dpop: { nonce: 'required' } }, listen: LISTEN },
  ],
  [
    'no proof',
    { ...a({ binding: 'dpop' }), corp: { dpop: {} }, listen: LISTEN },
    {
      ...a('authenticated'),
      corp: { dpop: {} },
      listen: LISTEN,
    },
  ],
  ['another class of login', a({ acr: ['high'] }), a({ acr: ['high', 'low'] })],
  ['tokens of the wrong age', { ...a('authenticated'), corp: { maxTokenAge: '1h' } }, a('authenticated')],
  ['ID tokens', a('authenticated'), { ...a('authenticated'), corp: { idTokens: true } }],
  ['types', { ...a('authenticated'), corp: { tokenTypes: ['at+jwt'] } }, a('authenticated')],
  [
    'algorithms',
    { ...a('authenticated'), corp: { algorithms: ['ES256'] } },
    {
      ...a('authenticated'),
      corp: { algorithms: ['ES256', 'RS256'] },
    },
  ],
  ['tolerance', a('authenticated'), { ...a('authenticated'), corp: { clockTolerance: '60s' } }],
  [
    'keys of another address',
    a('authenticated'),
    { ...a('authenticated'), corp: { jwksUri: 'https://other.test/k' } },
  ],
  [
    'revocation',
    { ...a('authenticated'), revocation: { onFailure: 'closed' } },
    {
      ...a('authenticated'),
      revocation: { onFailure: 'open' },
    },
  ],
  [
    'who asks',
    { ...a('public'), decisions: {} },
    { ...a('public'), decisions: { trustedProxies: ['10.0.0.0/8'] } },
  ],
  ['a tool', tools({ search: 'allow' }), tools({ search: 'allow', delete: 'allow' })],
  ['a scope of a tool', tools({ search: { scopes: ['x'] } }), tools({ search: 'allow' })],
  ['a pattern of tools', tools({ 'get_*': 'allow' }), tools({ '*_every': 'allow', 'get_*': 'allow' })],
  [
    'tools where two patterns meet',
    tools({ 'get_*': 'allow', 'get_*_secret': 'deny' }),
    tools({ 'get_*': 'allow', 'get_x*_secret': 'deny' }),
  ],
  [
    'tools that begin like the word that stands for all others',
    tools({ 'a*': 'allow' }),
    tools({ 'a*': 'allow', '*': 'allow' }),
  ],
  ['a tool that a longer pattern denied', tools({ '*': 'allow', 'rm_*': 'deny' }), tools({ '*': 'allow' })],
  [
    'tools that are only reported',
    { ...tools({ search: 'allow' }), mode: 'enforce' },
    { ...tools({ search: 'allow' }), mode: 'report' },
  ],
  [
    'lists',
    tools({ search: 'allow' }),
    {
      routes: [one('/mcp', { scopes: ['mcp'] }, { mcp: { tools: { search: 'allow' }, filterLists: false } })],
    },
  ],
  [
    'a method of MCP',
    { routes: [one('/mcp', 'authenticated', { mcp: { methods: { 'logging/*': 'deny' } } })] },
    { routes: [one('/mcp', 'authenticated', { mcp: { methods: { 'logging/set*': 'deny' } } })] },
  ],
  [
    'who may call all tools with a scope, in a method',
    {
      routes: [
        one('/mcp', 'authenticated', {
          mcp: { tools: { '*': 'allow' }, methods: { 'tools/*': { scopes: ['x'] } } },
        }),
      ],
    },
    { routes: [one('/mcp', 'authenticated', { mcp: { tools: { '*': 'allow' } } })] },
  ],
  ['messages that nobody reads', tools({ '*': 'allow' }), a({ scopes: ['mcp'] }, { path: '/mcp' })],
];

function NO_IDENTITY(): object {
  return { headers: { 'x-user-id': null, 'x-user-issuer': null, 'x-user-scopes': null } };
}

for (const [what, older, newer] of PAIRS) {
  t.test(what, async (t) => {
    const diff = await diffOf(fileOf(older), fileOf(newer));
    t.equal(diff.result, 'wider', linesOf(diff).join('; '));
  });
}
