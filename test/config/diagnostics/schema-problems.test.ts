import t from 'tap';

import { loadText, MINIMAL, problemLines } from '../../support/config/config-text.ts';

const access = (value: string): string => MINIMAL.replace('access: authenticated', `access: ${value}`);
const route = (line: string): string => `${MINIMAL}    ${line}\n`;
const issuer = (line: string): string => MINIMAL.replace('routes:', `    ${line}\nroutes:`);
const without = (line: string): string =>
  MINIMAL.split('\n')
    .filter((each) => !each.includes(line))
    .join('\n');

const DURATION = 'expected a duration with its unit, such as 500ms, 30s, 10m or 24h';
const ACCESS = 'expected `public`, `optional`, `authenticated`, a mapping or a list';

const WRONG: readonly (readonly [name: string, text: string, problems: readonly string[]])[] = [
  [
    'a misspelt key at the top',
    `${MINIMAL}isuers: {}\n`,
    ['10:1 unknown key `isuers` — did you mean `issuers`?'],
  ],
  [
    'a misspelt key in a route',
    MINIMAL.replace('path:', 'pth:'),
    ['7:5 unknown key `pth` — did you mean `path`?'],
  ],
  [
    'a key in other letters',
    route('Methods: [GET]'),
    ['10:5 unknown key `Methods` — did you mean `methods`?'],
  ],
  [
    'a key with a hyphen',
    issuer('jwks-uri: https://a/b'),
    ['5:5 unknown key `jwks-uri` — did you mean `jwksUri`?'],
  ],
  ['two letters swapped', issuer('jwksUir: 1'), ['5:5 unknown key `jwksUir` — did you mean `jwksUri`?']],
  [
    'a key of nowhere',
    `${MINIMAL}log: { color: red }\n`,
    ['10:8 unknown key `color` — known here: level, subject, sampling'],
  ],
  [
    'a misspelt key in an access block',
    access('{ scope: [a] }'),
    ['9:15 unknown key `scope` — did you mean `scopes`?'],
  ],
  [
    'a misspelt key in a list of blocks',
    access('[{ roles: [a] }, { rolse: [a] }]'),
    ['9:32 unknown key `rolse` — did you mean `roles`?'],
  ],
  [
    'a misspelt key in a claim rule',
    access('{ claims: [{ claim: a, equal: 1 }] }'),
    ['9:36 unknown key `equal` — did you mean `equals`?'],
  ],
  [
    'a missing key',
    without('audiences:'),
    [
      '3:5 `audiences` is missing in `issuers.corp` — Accepted audiences; `aud` must have one of them. `any` turns the check off (with a warning).',
    ],
  ],
  [
    'a missing access',
    without('access:'),
    [
      '6:5 `access` is missing in `routes[0]` — Who may use the route: `public`, `optional`, `authenticated`, one block of rules, or a list of blocks of which one must hold.',
    ],
  ],
  [
    'missing routes',
    'issuers: {}\n',
    ['1:1 `routes` is missing — Which requests are forwarded, and where to. Order never matters.'],
  ],
  ['no routes', 'routes: []\n', ['1:9 expected at least one route']],
  [
    'an empty section',
    `${MINIMAL}listen:\n`,
    ['10:8 expected a mapping, got nothing — remove the key, or give it a value'],
  ],
  [
    'a null section',
    `${MINIMAL}listen: ~\n`,
    ['10:9 expected a mapping, got nothing — remove the key, or give it a value'],
  ],
  ['a text as section', `${MINIMAL}listen: 8080\n`, ['10:9 expected a mapping, got the number 8080']],
  [
    'a quoted number',
    `${MINIMAL}listen: { port: "80" }\n`,
    ['10:17 expected a number, got the text `80` — remove the quotes'],
  ],
  [
    'a broken number',
    `${MINIMAL}listen: { port: 80.5 }\n`,
    ['10:17 expected a whole number, got the number 80.5'],
  ],
  [
    'a number too large',
    `${MINIMAL}listen: { port: 65536 }\n`,
    ['10:17 expected at most 65535, got the number 65536'],
  ],
  [
    'a number too small',
    `${MINIMAL}listen: { port: -1 }\n`,
    ['10:17 expected at least 0, got the number -1'],
  ],
  [
    'a bare duration',
    `${MINIMAL}shutdown: { grace: 20 }\n`,
    [`10:20 ${DURATION}, got the number 20 — add the unit`],
  ],
  [
    'a bare duration in quotes',
    `${MINIMAL}shutdown: { grace: "20" }\n`,
    [`10:20 ${DURATION}, got the text \`20\``],
  ],
  [
    'an unknown unit',
    `${MINIMAL}shutdown: { grace: 20sec }\n`,
    [`10:20 ${DURATION}, got the text \`20sec\``],
  ],
  [
    'a bare size',
    `${MINIMAL}listen: { limits: { tokenBytes: 8192 } }\n`,
    ['10:33 expected a size with its unit, such as 512B, 16KiB or 10MiB, got the number 8192 — add the unit'],
  ],
  [
    'a decimal unit of size',
    `${MINIMAL}listen: { limits: { tokenBytes: 8KB } }\n`,
    ['10:33 expected a size with its unit, such as 512B, 16KiB or 10MiB, got the text `8KB`'],
  ],
  [
    'yes where true is meant',
    `${MINIMAL}identity: { forwardToken: yes }\n`,
    ['10:27 expected `true` or `false`, got the text `yes` — write `true`'],
  ],
  [
    'a number as text',
    MINIMAL.replace('[https://api.example.com]', '[12345]'),
    ['4:17 expected a text, got the number 12345 — quote it: "12345"'],
  ],
  [
    'a text as list',
    MINIMAL.replace('[https://api.example.com]', 'https://api.example.com'),
    [
      '4:16 expected `any` or a list, got the text `https://api.example.com` — write a list with one entry: [ … ]',
    ],
  ],
  ['an empty list', MINIMAL.replace('[https://api.example.com]', '[]'), ['4:16 expected at least one entry']],
  [
    'an unknown choice',
    `${MINIMAL}log: { level: warning }\n`,
    [
      '10:15 expected `trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`, got the text `warning` — did you mean `warn`?',
    ],
  ],
  [
    'a symmetric algorithm',
    issuer('algorithms: [HS256]'),
    [
      '5:18 expected `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `ES512`, `EdDSA` or `Ed25519`, got the text `HS256` — never accepted: all who check such a token can make one; let the provider sign with RS256 or ES256',
    ],
  ],
  [
    'no algorithm',
    issuer('algorithms: [none]'),
    [
      '5:18 expected `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `ES512`, `EdDSA` or `Ed25519`, got the text `none` — never accepted: anybody can write unsigned tokens; let the provider sign with RS256 or ES256',
    ],
  ],
  [
    'a name with a space',
    MINIMAL.replace('  corp:', '  "my corp":'),
    ['2:3 `my corp` may not be a name here: expected a name of letters, digits, ".", "_" and "-"'],
  ],
  [
    'a URL without a scheme',
    issuer('jwksUri: example.com/keys'),
    ['5:14 expected an http: or https: URL, got the text `example.com/keys`'],
  ],
  [
    'a misspelt word of access',
    access('pubic'),
    [`9:13 ${ACCESS}, got the text \`pubic\` — did you mean \`public\`?`],
  ],
  ['a number as access', access('5'), [`9:13 ${ACCESS}, got the number 5`]],
  ['true as access', access('true'), [`9:13 ${ACCESS}, got \`true\``]],
  ['a null access', access(''), [`9:13 ${ACCESS}, got nothing — remove the key, or give it a value`]],
  [
    'an empty block',
    access('{}'),
    ['9:13 expected at least one rule; use `authenticated` to accept every valid token'],
  ],
  ['an empty list of blocks', access('[]'), ['9:13 expected at least one entry']],
  [
    'an empty block in a list',
    access('[{ scopes: [a] }, {}]'),
    ['9:31 expected at least one rule; use `authenticated` to accept every valid token'],
  ],
  ['a word in a list of blocks', access('[public]'), ['9:14 expected a mapping, got the text `public`']],
  ['empty scopes', access('{ scopes: [] }'), ['9:23 expected at least one entry']],
  [
    'null scopes',
    access('{ scopes: ~ }'),
    ['9:23 expected a list or a mapping, got nothing — remove the key, or give it a value'],
  ],
  [
    'scopes without a list',
    access('{ scopes: orders:read }'),
    ['9:23 expected a list or a mapping, got the text `orders:read` — write a list with one entry: [ … ]'],
  ],
  [
    'two scopes in one',
    access('{ scopes: ["a b"] }'),
    ['9:24 expected one scope: no spaces, quotes or characters beyond ASCII, got the text `a b`'],
  ],
  [
    'an empty scope',
    access('{ scopes: [""] }'),
    ['9:24 expected one scope: no spaces, quotes or characters beyond ASCII, got an empty text'],
  ],
  ['a mapping of scopes without any or all', access('{ scopes: {} }'), ['9:23 expected `any` or `all`']],
  ['an empty any', access('{ scopes: { any: [] } }'), ['9:30 expected at least one entry']],
  ['a misspelt any', access('{ scopes: { ayn: [a] } }'), ['9:25 unknown key `ayn` — did you mean `any`?']],
  ['empty roles', access('{ roles: { all: [] } }'), ['9:29 expected at least one entry']],
  ['empty issuers', access('{ issuers: [] }'), ['9:24 expected at least one issuer']],
  ['empty audiences', access('{ audiences: [] }'), ['9:26 expected at least one entry']],
  [
    'an empty audience',
    access('{ audiences: [""] }'),
    ['9:27 expected a non-empty string, got an empty text'],
  ],
  ['empty claims', access('{ claims: {} }'), ['9:23 expected at least one claim']],
  ['an empty list of claims', access('{ claims: [] }'), ['9:23 expected at least one entry']],
  [
    'a null claim',
    access('{ claims: { tenant: ~ } }'),
    [
      '9:33 expected a text, a number, `true` or `false` or a list, got nothing — remove the key, or give it a value',
    ],
  ],
  ['an empty list of values', access('{ claims: { tenant: [] } }'), ['9:33 expected at least one entry']],
  [
    'an object as value',
    access('{ claims: { tenant: { a: 1 } } }'),
    ['9:33 expected a text, a number, `true` or `false` or a list, got a mapping'],
  ],
  [
    'a claim rule without a test',
    access('{ claims: [{ claim: a }] }'),
    ['9:24 expected exactly one of `equals`, `any`, `all`'],
  ],
  [
    'a claim rule with two',
    access('{ claims: [{ claim: a, equals: b, any: [c] }] }'),
    ['9:24 expected exactly one of `equals`, `any`, `all`'],
  ],
  [
    'an empty claim path',
    access('{ claims: [{ claim: [], equals: b }] }'),
    ['9:33 expected at least one entry'],
  ],
  [
    'an unsafe number as value',
    access('{ claims: { id: 9007199254740993 } }'),
    [
      '9:29 the number `9007199254740993` is too large to be exact — quote it if it is a text: "9007199254740993"',
    ],
  ],
];

for (const [name, text, expected] of WRONG) {
  t.test(`${name} is named at its place with what would be right`, async (t) => {
    t.same(problemLines(text), expected);
    t.equal(loadText(text).config, undefined);
  });
}

t.test('everything wrong in a file is shown in one run, in the order of the file', async (t) => {
  const text = `listen: { prot: 1 }
issuers:
  corp: { issuer: https://id.example, audiences: any, clockTolerance: 30 }
  twin: { issuer: https://id.example, audiences: [a] }
upstreams:
  orders: { url: http://orders }
routes:
  - { name: a, path: /a, upstream: order, access: { issuers: [crop] } }
  - { name: a, path: b, upstream: orders, access: pubic }
  - { name: c, path: /c, upstream: orders, access: { issuers: [corp], scopes: [] } }
  - { name: d, path: /c, upstream: orders, access: { issuers: [corp] } }
`;
  t.same(
    problemLines(text).map((line) => line.split(' —')[0]),
    [
      '1:11 unknown key `prot`',
      `3:71 ${DURATION}, got the number 30`,
      '4:19 `corp` (line 3) has the same `issuer`',
      '8:36 unknown upstream `order`',
      '8:63 unknown issuer `crop`',
      '9:13 another route is named `a` (line 8)',
      '9:22 expected a path that starts with `/`',
      '9:51 expected `public`, `optional`, `authenticated`, a mapping or a list, got the text `pubic`',
      '10:79 expected at least one entry',
      '11:22 route `d` takes the same requests as `c` (line 10): all methods',
    ],
  );
});

t.test('what follows from a mistake is not a second mistake', async (t) => {
  const text = `issuers:
  corp: { issuer: https://id.example, audiences: 5 }
upstreams:
  orders: { url: 5 }
routes:
  - { name: a, path: /a, method: [GET], upstream: orders, access: { issuers: [corp] } }
  - { name: b, path: /a, methods: [POST], upstream: orders, access: { issuers: [corp] } }
`;
  t.same(
    problemLines(text).map((line) => line.split(' —')[0]),
    [
      '2:50 expected `any` or a list, got the number 5',
      '4:18 expected an http: or https: URL, got the number 5',
      '6:26 unknown key `method`',
    ],
  );
});
