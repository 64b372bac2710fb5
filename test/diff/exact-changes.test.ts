import t from 'tap';
import { diffOf } from '../support/diff/files.ts';
import { linesOf } from '../support/diff/lines.ts';
import { fileOf, type Parts } from '../support/diff/parts.ts';

/* Pairs of files, and all that `diff` lists of them: nothing more, so that none of it is a doubt. */

const one = (path: string, access: unknown, more: object = {}): object => ({ path, access, ...more });
const a = (access: unknown, more: object = {}): Parts => ({ routes: [one('/a', access, more)] });
const limit = (max: number, window: string): Parts => a('public', { rateLimit: { max, window, by: 'ip' } });
const cors = (settings: object): Parts =>
  a('public', { cors: { origins: ['https://a.example'], ...settings } });
const mcp = (access: unknown, rules: object, more: object = {}): Parts => ({
  routes: [one('/mcp', access, { mcp: rules })],
  ...more,
});
const names = (letter: string): readonly string[] => Array.from({ length: 30 }, (_, at) => `${letter}${at}`);
/** Each segment can be this name or any other, whatever those before it are. */
const below = (name: string, depth: number): object =>
  one(`/${[...names(':p').slice(0, depth), name].join('/')}`, 'public', { name });

const ROWS: readonly (readonly [what: string, older: Parts, newer: Parts, lines: readonly string[]])[] = [
  [
    'requests without a token, on a route of which one tool needs one',
    mcp('optional', { tools: { search: 'allow', remove: { scopes: ['s'] } } }),
    mcp('optional', { tools: { search: 'allow', remove: { scopes: { all: ['s'] } } } }),
    [],
  ],
  [
    'all of a claim, and one more',
    a({ claims: [{ claim: 'groups', all: ['x', 'y'] }] }),
    a({ claims: [{ claim: 'groups', all: ['x', 'y', 'z'] }] }),
    ['loses: tokens of corp with groups = "x" and "y": any method /a/…'],
  ],
  [
    'classes of login that policy and route have in common',
    { ...a({ policy: 'p', acr: ['high', 'higher'] }), policies: { p: { acr: ['low', 'high', 'higher'] } } },
    { ...a({ policy: 'p', acr: ['high', 'higher'] }), policies: { p: { acr: ['low', 'high'] } } },
    ['loses: tokens of corp with acr higher: any method /a/…'],
  ],
  [
    'classes of login that a route and its tool have in common',
    mcp({ acr: ['high', 'higher'] }, { tools: { remove: { acr: ['higher', 'highest'] } } }),
    mcp({ acr: ['high', 'higher'] }, { tools: { remove: { acr: ['higher'] } } }),
    [],
  ],
  [
    'more kinds of callers than are compared',
    a({ scopes: { any: names('s') }, roles: { any: names('r') } }),
    a({ scopes: { any: names('s') }, roles: { any: names('r').toReversed() } }),
    ['too many kinds of callers to compare all'],
  ],
  [
    'more kinds of paths than are compared',
    { routes: names('x').slice(0, 18).map(below) },
    { routes: names('x').slice(0, 18).map(below).toReversed() },
    ['too many kinds of paths to compare all'],
  ],
  [
    'headers that are required, of claims, roles and scopes',
    a({ claims: { tenant: 'a' } }, { identity: required('a') }),
    a({ claims: { tenant: ['a'] } }, { identity: required('b') }),
    [
      'identity: tokens of corp with scope some-scope, role some-role, tenant = "a", email = "some-value": any method /a/…',
      'identity: clients may send x-a again unclear',
    ],
  ],
  [
    'an algorithm more, which both can be tried without',
    { ...a({ scopes: ['a', 'b'] }), corp: { algorithms: ['RS256'] } },
    { ...a({ scopes: ['b', 'a'] }), corp: { algorithms: ['ES256', 'RS256'] } },
    ['issuers.corp.algorithms wider'],
  ],
  [
    'a tolerance that makes logins older',
    { ...a({ maxAuthAge: '1m' }), corp: { clockTolerance: '10s' } },
    { ...a({ maxAuthAge: '1m' }), corp: { clockTolerance: '20s' } },
    [
      'gains: tokens of corp with a login up to 80s ago: any method /a/…',
      'issuers.corp.clockTolerance wider',
    ],
  ],
  [
    'a claim that is required of every token',
    a('authenticated'),
    { ...a('authenticated'), corp: { requiredClaims: ['jti'] } },
    ['issuers.corp.requiredClaims narrower'],
  ],
  [
    'a type that tokens must have',
    a('authenticated'),
    { ...a('authenticated'), corp: { tokenTypes: ['JWT', 'at+jwt'] } },
    ['issuers.corp.tokenTypes narrower'],
  ],
  [
    'more segments that are replaced',
    { routes: [one('/a', 'public', { rewrite: '/v2' }), one('/a/:b', 'public', { rewrite: '/v2' })] },
    { routes: [one('/a', 'public', { rewrite: '/v2' })] },
    ['backend unclear: any method /a/*/…'],
  ],
  [
    'an issuer more for a route with messages: once, not for each of them',
    mcp({ scopes: ['mcp'] }, { tools: { search: 'allow', 'get_*': { scopes: ['get'] } } }),
    mcp(
      { issuers: ['corp', 'partner'], scopes: ['mcp'] },
      { tools: { search: 'allow', 'get_*': { scopes: ['get'] } } },
    ),
    ['gains: tokens of partner with scope mcp: DELETE, GET, POST /mcp/…'],
  ],
  [
    'a rule of resources that is gone, which counted for other spellings too',
    mcp('authenticated', { resources: { 'file:///docs/*': 'allow', 'https://a.example/*': 'deny' } }),
    mcp('authenticated', { resources: { 'file:///docs/*': 'allow' } }),
    ['rules of resources that are gone, for URIs that servers may read in several ways'],
  ],
  [
    'a method of MCP, and a prompt by its name',
    mcp('authenticated', { prompts: { 'review_*': 'allow' }, methods: { 'logging/*': 'deny' } }),
    mcp('authenticated', {
      prompts: { 'review_*': 'allow', plan: 'allow' },
      methods: { '*/setLevel': 'deny' },
    }),
    [
      'gains: every token of corp: POST /mcp/… logging/*; POST /mcp/… prompts/get plan',
      'loses: every token of corp: POST /mcp/… */setLevel',
    ],
  ],
  [
    'conditions with both operators',
    a({ when: 'claims.a == 1 || claims.b == 1 && claims.c == 1' }),
    a([{ when: 'claims.a == 1' }, { when: 'claims.c == 1 && claims.b == 1' }]),
    [],
  ],
  [
    'a condition with a conditional operator, which stays whole',
    a({ when: 'claims.a == 1 ? claims.b == 1 && claims.c == 1 : false' }),
    a({ when: 'claims.a == 1 ? claims.c == 1 && claims.b == 1 : false' }),
    [
      'gains: every token of corp, where `claims.a == 1 ? claims.c == 1 && claims.b == 1 : false` holds: any method /a/…',
      'loses: every token of corp, where `claims.a == 1 ? claims.b == 1 && claims.c == 1 : false` holds: any method /a/…',
    ],
  ],
  [
    'a condition with operators in its texts',
    a({ when: 'claims.a == "x && y" || claims.b == \'(\'' }),
    a({ when: "(claims.b == '(') || claims.a == 'x && y'" }),
    [],
  ],
  [
    'more at once, and less over time',
    limit(5, '1m'),
    limit(10, '10m'),
    ['rateLimit unclear: any method /a/…'],
  ],
  ['fewer, by the same window', limit(5, '1m'), limit(4, '1m'), ['rateLimit narrower: any method /a/…']],
  [
    'limits that one route counts instead of two',
    {
      routes: [
        one('/a', 'public', { rateLimit: { max: 5, window: '1m', by: 'ip' } }),
        one('/a/b', 'public', { rateLimit: { max: 5, window: '1m', by: 'ip' } }),
      ],
    },
    limit(5, '1m'),
    ['rateLimit narrower: any method /a/…'],
  ],
  [
    'pages of other origins',
    cors({}),
    cors({ origins: ['https://b.example'] }),
    ['cors unclear: any method /a/…'],
  ],
  [
    'pages of more origins',
    cors({ origins: ['https://x.a.example'] }),
    cors({ origins: ['https://*.a.example'] }),
    ['cors wider: any method /a/…'],
  ],
  ['cookies of pages', cors({}), cors({ credentials: true }), ['cors wider: any method /a/…']],
  [
    'no cookies of pages, and one header less',
    cors({ credentials: true, headers: ['Authorization', 'x-a'] }),
    cors({ headers: ['authorization'] }),
    ['cors narrower: any method /a/…'],
  ],
  [
    'one header less that pages may send',
    cors({ headers: ['Authorization', 'x-a'] }),
    cors({ headers: ['authorization'] }),
    ['cors narrower: any method /a/…'],
  ],
  ['how long browsers remember', cors({}), cors({ maxAge: '1h' }), []],
  [
    'sources of headers in another form',
    a('authenticated', { identity: { headers: { 'x-t': 'tenant', 'x-e': { claim: ['email'] } } } }),
    a('authenticated', {
      identity: { headers: { 'X-T': { claim: 'tenant', required: false }, 'x-e': 'email' } },
    }),
    [],
  ],
  [
    'a header that is one of the reserved names instead',
    { ...a('authenticated'), identity: { reserved: ['remote-user', 'x-was'] } },
    { ...a('authenticated'), identity: { reserved: ['remote-user'] } },
    ['identity: clients may send x-was again unclear'],
  ],
  [
    'ports, logs and times',
    a('authenticated'),
    { ...a('authenticated'), listen: { port: 9999 }, log: { level: 'debug' }, shutdown: { grace: '1s' } },
    [],
  ],
  [
    'closing a public route',
    a('public'),
    a({ scopes: ['s'] }),
    [
      'identity: tokens of corp with scope s: any method /a/…',
      'loses: requests without a token: any method /a/…',
    ],
  ],
];

function required(tenant: string): object {
  return {
    headers: {
      'x-email': { claim: 'email', required: true },
      'x-roles': { claim: '$roles', required: true },
      'x-scopes': { claim: '$scopes', required: true },
      [`x-${tenant}`]: 'tenant',
    },
  };
}

for (const [what, older, newer, lines] of ROWS) {
  t.test(what, async (t) => {
    const diff = await diffOf(fileOf(older), fileOf(newer));
    t.same(linesOf(diff), [...lines].sort());
    if (lines.length === 0) t.equal(diff.result, 'equal');
    else if (
      lines.every((line) => /narrower|^loses|^identity/.test(line)) &&
      lines.some((line) => line.startsWith('loses'))
    )
      t.equal(diff.result, 'narrower');
  });
}
