import t from 'tap';
import { stringify } from 'yaml';
import { loadText } from '../../support/config/config-text.ts';

const load = (mcp: unknown, route: Record<string, unknown> = {}, file: Record<string, unknown> = {}) =>
  loadText(
    stringify({
      issuers: {
        corp: { issuer: 'https://id.example.com', audiences: ['api'] },
        other: { issuer: 'https://other.example.com', audiences: ['api'] },
      },
      defaults: { issuers: ['corp', 'other'] },
      upstreams: { app: { url: 'http://app.example:3000' } },
      routes: [{ name: 'r', path: '/mcp', upstream: 'app', access: 'authenticated', mcp, ...route }],
      ...file,
    }),
  );

/** What `check` finds in the rules on messages. */
const ROWS: readonly (readonly [
  what: string,
  mcp: unknown,
  severity: 'error' | 'warning' | 'note' | 'fine',
  words?: RegExp,
  route?: Record<string, unknown>,
])[] = [
  ['nothing', {}, 'fine'],
  [
    'every kind of rule',
    { tools: { a: 'allow', 'b*': { scopes: ['s'] }, bc: 'deny' }, methods: { 'logging/*': 'deny' } },
    'fine',
  ],
  [
    'patterns of one length that cannot meet',
    { tools: { 'orders_*': 'allow', 'invoic_*': 'allow' } },
    'fine',
  ],
  ['a pattern within another', { tools: { 'orders_*': 'allow', 'orders_secret*': 'deny' } }, 'fine'],
  ['a tie of prefix and suffix', { tools: { 'a*': 'allow', '*b': 'allow' } }, 'error', /equally long/],
  ['a tie of prefixes', { tools: { 'ab*c*': 'allow', 'a*bc*': 'allow' } }, 'error', /line \d+/],
  [
    'one pattern, spelled twice',
    { resources: { 'file:///**': 'allow', 'file:///*': 'deny' } },
    'error',
    /equally long/,
  ],
  ['a tie in another map', { tools: { 'a*': 'allow' }, prompts: { '*b': 'allow' } }, 'fine'],
  [
    'a block on a public route',
    { tools: { a: { scopes: ['s'] } } },
    'error',
    /public route knows no caller/,
    { access: 'public' },
  ],
  ['allow on a public route', { tools: { a: 'allow' } }, 'fine', undefined, { access: 'public' }],
  [
    'a block on an optional route',
    { tools: { a: { scopes: ['s'] } } },
    'fine',
    undefined,
    { access: 'optional' },
  ],
  ['a WebSocket', {}, 'error', /WebSocket are not read/, { websocket: true }],
  ['a route without POST', {}, 'warning', /come with POST/, { methods: ['GET'] }],
  ['messages that find no room', {}, 'warning', /64 MiB of memory/, { bodyLimit: '65MiB' }],
  ['the largest that may', {}, 'fine', undefined, { bodyLimit: '64MiB' }],
  ['passAuthorization', {}, 'warning', /did not look at/, { access: 'public', passAuthorization: true }],
  ['an empty map', { tools: {} }, 'warning', /refuses all tools/],
  ['an empty map of methods', { methods: {} }, 'warning', /limits no method/],
  ['lists unfiltered without a map', { filterLists: false }, 'warning', /nothing would be filtered/],
  ['lists unfiltered', { tools: { a: 'allow' }, filterLists: false }, 'fine'],
  [
    'a pattern that never counts',
    { tools: { 'a*': 'allow', '*a*': 'deny' } },
    'warning',
    /`a\*` never counts/,
  ],
  ['a regular expression', { tools: { '^a.*$': 'allow' } }, 'warning', /regular expression/],
  ['an alternative', { tools: { '(a|b)': 'allow' } }, 'warning', /regular expression/],
  ['two stars', { resources: { 'file:///docs/**': 'allow' } }, 'warning', /same as `\*`/],
  ['a question mark', { tools: { 'a?': 'allow' } }, 'warning', /no wildcard/],
  ['a question mark in a URI', { resources: { 'https://a.example/?q=*': 'allow' } }, 'fine'],
  ['a method that is nearly one', { methods: { 'tool/call': 'deny' } }, 'warning', /no method `tool\/call`/],
  ['a method of an extension', { methods: { 'acme/launch-rockets': 'deny' } }, 'fine'],
  ['a denial of what is refused anyway', { tools: { a: 'allow', b: 'deny' } }, 'note', /`b` changes nothing/],
  [
    'an allowance of what is allowed anyway',
    { methods: { ping: 'allow' } },
    'note',
    /`ping` changes nothing/,
  ],
  [
    'issuers that the route does not accept',
    { tools: { a: { issuers: ['other'] } } },
    'warning',
    /accepts none of these/,
    { access: { issuers: ['corp'] } },
  ],
  ['an unknown issuer', { tools: { a: { issuers: ['nobody'] } } }, 'error', /unknown issuer `nobody`/],
  ['an unknown policy', { tools: { a: { policy: 'nothing' } } }, 'error', /unknown policy `nothing`/],
  ['another word', { tools: { a: 'permit' } }, 'error', /./],
  ['an empty block', { tools: { a: {} } }, 'error', /at least one rule; use `allow`/],
  ['null', { tools: { a: null } }, 'error', /./],
  ['an unknown kind', { tool: { a: 'allow' } }, 'error', /tools/],
  ['an empty name', { tools: { '': 'allow' } }, 'error', /./],
  ['a name with a line break', { tools: { 'a\nb': 'allow' } }, 'error', /./],
];

for (const [what, mcp, severity, words, route] of ROWS) {
  t.test(`check: ${what}`, async (t) => {
    const found = load(mcp, route).problems.filter(({ path }) =>
      /^routes\[0\]\.(?:mcp|websocket|methods|bodyLimit)/.test(path),
    );
    if (severity === 'fine') return t.same(found, []);
    t.ok(
      found.some((problem) => problem.severity === severity),
      JSON.stringify(found),
    );
    t.match(found.map(({ message, hint = '' }) => `${message} ${hint}`).join('\n'), words);
    return t.ok(
      found.every(({ line }) => line > 1),
      'each has its line',
    );
  });
}

t.test('messages of tests are such, and come with POST', async (t) => {
  const test = (mcp: string, request = 'POST /mcp', on: unknown = {}) =>
    load(on, on === null ? { mcp: undefined } : {}, {
      tests: [{ name: 't', request, mcp, expect: 'token_missing' }],
    }).problems.filter(({ path }) => path.startsWith('tests'));
  t.same(test('tools/call search'), []);
  t.same(test('tools/list'), []);
  t.match(test('tools/list search'), [{ severity: 'error', message: /names nothing/ }]);
  t.match(test('tools/call  '), [{ severity: 'error' }]);
  t.match(test(''), [{ severity: 'error' }]);
  t.match(test('tools/call search', 'GET /mcp'), [{ severity: 'error', message: /POST/ }]);
  t.match(test('tools/call search', 'POST /mcp', null), [
    { severity: 'error', message: /no route has `mcp`/ },
  ]);
});
