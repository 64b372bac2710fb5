import t from 'tap';
import { loadText } from '../../../support/config/config-text.ts';

interface Sketch {
  readonly path: string;
  readonly host?: string;
  readonly exact?: boolean;
  readonly methods?: readonly string[];
  readonly upstream?: string;
  readonly access?: string;
  readonly mcp?: string;
}

/** A file with routes `r0`, `r1` … in lines 4, 5 …. */
function fileOf(routes: readonly Sketch[], more = ''): string {
  const lines = routes.map(
    ({ path, host, exact, methods, upstream = 'http://u', access = 'authenticated', mcp }, index) =>
      [
        `  - { name: r${index}, path: "${path}", upstream: "${upstream}", access: ${access}`,
        ...(host === undefined ? [] : [`host: "${host}"`]),
        ...(exact ? ['exact: true'] : []),
        ...(mcp === undefined ? [] : [`mcp: ${mcp}`]),
        ...(methods === undefined ? [] : [`methods: [${methods.join(', ')}]`]),
      ].join(', '),
  );
  return `issuers:\n  corp: { issuer: https://id.example, audiences: [x] }\nroutes:\n${lines.join(' }\n')} }\n${more}`;
}

/** Errors, or what is less than that: warnings and notes. */
function found(text: string, severity: 'error' | 'warning'): readonly string[] {
  return loadText(text)
    .problems.filter((problem) => (problem.severity === 'error') === (severity === 'error'))
    .map(({ line, message }) => `${line} ${message}`);
}

const CONFLICTS: readonly (readonly [name: string, routes: readonly Sketch[], methods: string])[] = [
  ['the same path', [{ path: '/a' }, { path: '/a' }], 'all methods'],
  ['parameters by other names', [{ path: '/a/:id' }, { path: '/a/:name' }], 'all methods'],
  [
    'one shared method',
    [
      { path: '/a', methods: ['GET', 'HEAD'] },
      { path: '/a', methods: ['HEAD', 'PUT'] },
    ],
    'HEAD',
  ],
  ['all methods beside one', [{ path: '/a' }, { path: '/a', methods: ['GET'] }], 'GET'],
  [
    'one address in two spellings',
    [
      { path: '/a', host: '[::1]' },
      { path: '/a', host: '[0:0:0:0:0:0:0:1]' },
    ],
    'all methods',
  ],
  [
    'one host in two cases',
    [
      { path: '/a', host: 'A.example' },
      { path: '/a', host: 'a.EXAMPLE.' },
    ],
    'all methods',
  ],
  [
    'both exact',
    [
      { path: '/a', exact: true },
      { path: '/a', exact: true },
    ],
    'all methods',
  ],
  ['the root', [{ path: '/' }, { path: '/' }], 'all methods'],
];

for (const [name, routes, methods] of CONFLICTS) {
  t.test(`two routes with ${name} are an error that names both`, async (t) => {
    t.same(found(fileOf(routes), 'error'), [
      `5 route \`r1\` takes the same requests as \`r0\` (line 4): ${methods}`,
    ]);
  });
}

const APART: readonly (readonly [name: string, routes: readonly Sketch[]])[] = [
  [
    'methods',
    [
      { path: '/a', methods: ['GET'] },
      { path: '/a', methods: ['POST'] },
    ],
  ],
  [
    'hosts',
    [
      { path: '/a', host: 'a.example' },
      { path: '/a', host: 'b.example' },
    ],
  ],
  ['a host and none', [{ path: '/a', host: 'a.example' }, { path: '/a' }]],
  ['exactness', [{ path: '/a', exact: true }, { path: '/a' }]],
  ['case', [{ path: '/a' }, { path: '/A' }]],
  ['a parameter and a text', [{ path: '/:a' }, { path: '/a' }]],
  ['parameters in other places', [{ path: '/:a/b' }, { path: '/b/:a' }]],
  ['length', [{ path: '/a' }, { path: '/a/b' }]],
];

for (const [name, routes] of APART) {
  t.test(`two routes that differ by ${name} are fine`, async (t) =>
    t.same(found(fileOf(routes), 'error'), []),
  );
}

for (const [one, other] of [
  ['/a', '/A'],
  ['/straße', '/STRASSE'],
  ['/s', '/ſ'],
  ['/k', '/\u212a'],
] as const) {
  t.test(`${one} and ${other} conflict where case is ignored`, async (t) => {
    const text = fileOf([{ path: one }, { path: other }], 'matching: { case: insensitive }\n');
    t.match(found(text, 'error'), [/^5 route `r1` takes the same requests as `r0` \(line 4\)/]);
  });
}

t.test('five thousand routes are checked', async (t) => {
  const routes = Array.from({ length: 5000 }, (_, index) => ({ path: `/p${index}/:id`, methods: ['GET'] }));
  t.same(found(fileOf([...routes, { path: '/p7/:x', methods: ['GET'] }]), 'error'), [
    '5004 route `r5000` takes the same requests as `r7` (line 11): GET',
  ]);
});

const HIDDEN = 'is hidden by';
const VARIANTS = 'other spellings of this path in upper or lower case go to';
const admin = { path: '/admin', access: '{ roles: [admin] }' } as const;

const WARNINGS: readonly (readonly [name: string, routes: readonly Sketch[], warnings: readonly string[]])[] =
  [
    [
      'a public route',
      [{ path: '/a', access: 'public' }, { path: '/b' }],
      ['4 route `r0` is public: it needs no token'],
    ],
    [
      'a host-less route under one with a host',
      [{ path: '/a/b' }, { path: '/a', host: 'h.example', upstream: 'http://v' }],
      [`4 route \`r0\` ${HIDDEN} \`r1\` (h.example, line 5)`],
    ],
    [
      'a host-less twin',
      [{ path: '/a' }, { path: '/a', host: 'h.example', upstream: 'http://v' }],
      [`4 route \`r0\` ${HIDDEN} \`r1\` (h.example, line 5)`],
    ],
    [
      'a stricter path in a weaker one',
      [{ path: '/' }, admin],
      [`5 ${VARIANTS} \`r0\` (line 4), which requires less`],
    ],
    [
      'a stricter path in a public one',
      [{ path: '/', access: 'public' }, { path: '/api' }],
      ['4 route `r0` is public: it needs no token', `5 ${VARIANTS} \`r0\` (line 4), which requires less`],
    ],
    [
      'a stricter path beside a parameter',
      [{ path: '/users/:id' }, { ...admin, path: '/users/admin' }],
      [`5 ${VARIANTS} \`r0\` (line 4), which requires less`],
    ],
    [
      'other scopes',
      [
        { path: '/', access: '{ scopes: [read] }' },
        { path: '/w', access: '{ scopes: [write] }' },
      ],
      [`5 ${VARIANTS} \`r0\` (line 4), which requires less`],
    ],
    [
      'one alternative that is weaker',
      [{ path: '/', access: '[{ roles: [admin] }, { scopes: [x] }]' }, admin],
      [`5 ${VARIANTS} \`r0\` (line 4), which requires less`],
    ],
    [
      'messages with rules in a path without',
      [{ path: '/' }, { path: '/mcp', mcp: '{ tools: { a: allow } }' }],
      [`5 ${VARIANTS} \`r0\` (line 4), which requires less`],
    ],
    [
      'a misspelt scope',
      [
        { path: '/a', access: '{ scopes: [orders:read] }' },
        { path: '/b', access: '{ scopes: [order:read] }' },
        { path: '/c', access: '{ scopes: { any: [orders:read] } }' },
      ],
      ['5 scope `order:read` looks like `orders:read` (line 4)'],
    ],
    [
      'a scope in another case',
      [
        { path: '/a', access: '{ scopes: [Orders.Read] }' },
        { path: '/b', access: '{ scopes: [orders.read] }' },
      ],
      ['5 scope `orders.read` looks like `Orders.Read` (line 4)'],
    ],
  ];

for (const [name, routes, warnings] of WARNINGS) {
  t.test(`${name} is warned of`, async (t) => {
    t.same(found(fileOf(routes), 'warning'), warnings);
    t.ok(loadText(fileOf(routes)).config, 'and nothing more');
  });
}

const QUIET: readonly (readonly [name: string, routes: readonly Sketch[], more?: string])[] = [
  ['a weaker route on another upstream', [{ path: '/', upstream: 'http://v' }, admin]],
  [
    'a weaker route on another host',
    [
      { path: '/', host: 'a.example' },
      { ...admin, host: 'b.example' },
    ],
  ],
  ['a weaker exact route', [{ path: '/', exact: true }, admin]],
  ['a stricter route around a weaker one', [{ ...admin, path: '/' }, { path: '/a' }]],
  [
    'equal routes',
    [
      { path: '/', access: '{ roles: [a, b] }' },
      { path: '/a', access: '{ roles: [b] }' },
    ],
  ],
  ['a path without letters', [{ path: '/' }, { ...admin, path: '/123' }]],
  ['ignored case', [{ path: '/' }, admin], 'matching: { case: insensitive }\n'],
  ['a route with a host beside another path', [{ path: '/a' }, { path: '/b', host: 'h.example' }]],
  ['a route with a host below', [{ path: '/a' }, { path: '/a/b', host: 'h.example' }]],
  [
    'versions of a scope',
    [
      { path: '/a', access: '{ scopes: [orders:v1] }' },
      { path: '/b', access: '{ scopes: [orders:v2] }' },
    ],
  ],
  [
    'short scopes',
    [
      { path: '/a', access: '{ scopes: [read] }' },
      { path: '/b', access: '{ scopes: [real] }' },
    ],
  ],
];

for (const [name, routes, more] of QUIET) {
  t.test(`${name} is not warned of`, async (t) => {
    t.same(found(fileOf(routes, more), 'warning'), []);
  });
}

const SETTINGS: readonly (readonly [name: string, text: string, warnings: readonly string[]])[] = [
  [
    'audiences: any',
    fileOf([{ path: '/' }]).replace('[x]', 'any'),
    ['2 `audiences: any` accepts tokens issued for other services'],
  ],
  [
    'audiences: any in a route',
    fileOf([{ path: '/', access: '{ audiences: any }' }]),
    ['4 `audiences: any` accepts tokens issued for other services'],
  ],
  [
    'issuers: any',
    fileOf([{ path: '/', access: '{ issuers: any }' }]),
    ['4 `issuers: any` accepts every issuer of the file, also those added later'],
  ],
  [
    'issuers: any by default',
    fileOf([{ path: '/' }], 'defaults: { issuers: any }\n'),
    ['5 `issuers: any` accepts every issuer of the file, also those added later'],
  ],
  [
    'insecure',
    fileOf([{ path: '/' }]).replace('[x]', '[x], insecure: true'),
    ['2 the keys of issuer `corp` may be fetched over plain http:'],
  ],
  [
    'trust in every address',
    fileOf([{ path: '/' }], 'listen: { trustedProxies: [10.0.0.0/8, "::/0"] }\n'),
    ['5 every client may claim any address as its own'],
  ],
  [
    'TLS towards a backend that has none',
    fileOf(
      [{ path: '/', upstream: 'u' }],
      'upstreams: { u: { url: "http://u", tls: { serverName: u.example } } }\n',
    ),
    ['5 `u` is connected to without TLS'],
  ],
  [
    'a limit by subject where there is none',
    fileOf([{ path: '/', access: 'public, rateLimit: { max: 1, window: 1m, by: subject }' }]).replace(
      /issuers:.*?routes/s,
      'routes',
    ),
    [
      '2 route `r0` is public: it needs no token',
      '2 route `r0` is public and knows no caller: this limit counts addresses',
    ],
  ],
  [
    'an upstream nobody uses',
    fileOf([{ path: '/' }], 'upstreams: { u: { url: http://u } }\n'),
    ['5 no route leads to upstream `u`'],
  ],
  [
    'an issuer nobody uses',
    fileOf([{ path: '/', access: 'public' }]),
    ['2 no route accepts tokens of issuer `corp`', '4 route `r0` is public: it needs no token'],
  ],
  [
    'a subject without its issuer',
    fileOf(
      [{ path: '/', access: '{ issuers: [corp, b] }' }],
      'identity: { headers: { x-user-issuer: ~ } }\n',
    ).replace('routes:', '  b: { issuer: https://b.example, audiences: [x] }\nroutes:'),
    ['5 route `r0` accepts several issuers and sends `sub` without the issuer'],
  ],
];

for (const [name, text, warnings] of SETTINGS) {
  t.test(`${name} is warned of`, async (t) => {
    t.same(found(text, 'error'), []);
    t.same(found(text, 'warning'), warnings);
  });
}

t.test(
  'risky settings are reported beside errors, unless they can only be known from the whole file',
  async (t) => {
    const text = fileOf(
      [{ path: '/', access: 'public' }],
      'upstreams: { u: { url: http://u } }\nlisen: {}\n',
    );
    t.same(found(text, 'error'), ['6 unknown key `lisen`']);
    t.same(found(text, 'warning'), ['4 route `r0` is public: it needs no token']);
    const broken = fileOf([{ path: '/', access: 'publik' }]);
    t.same(found(broken, 'warning'), [], 'the file does not make the route public');
  },
);

const CORP = 'issuers:\n  corp: { issuer: https://id.example, audiences: [x] }\n';
const ROUTE = 'routes:\n  - { name: r0, path: /, upstream: http://u, access:';

const FURTHER: typeof SETTINGS = [
  [
    'a header that is only removed',
    fileOf([{ path: '/' }], 'identity: { headers: { x-old: ~ } }\n'),
    ['5 no route sends `x-old`; it is only removed from requests'],
  ],
  [
    'a header of a public route',
    `${CORP}${ROUTE} authenticated }\n  - { name: r1, path: /p, upstream: http://v, access: public, identity: { headers: { x-a: sub } } }\n`,
    ['5 no route sends `x-a`; it is only removed from requests', '5 route `r1` is public: it needs no token'],
  ],
  [
    'an iss that cannot be',
    `${CORP}${ROUTE} { claims: { iss: https://other.example } } }\n`,
    ['4 this rule can never be true: no issuer accepted here has this `iss`'],
  ],
  [
    'an iss that cannot be, in a list',
    `${CORP}${ROUTE} { claims: [{ claim: [iss], any: [a, b] }] } }\n`,
    ['4 this rule can never be true: no issuer accepted here has this `iss`'],
  ],
  [
    'audiences: any in a policy',
    `${CORP}${ROUTE} { policy: p } }\npolicies: { p: { audiences: any } }\n`,
    ['5 `audiences: any` accepts tokens issued for other services'],
  ],
  [
    'a scope misspelt in a policy',
    `${CORP}${ROUTE} { policy: p, scopes: [orders:read] } }\npolicies: { p: { scopes: [order:read] } }\n`,
    ['4 scope `orders:read` looks like `order:read` (line 5)'],
  ],
  [
    'a policy nobody uses',
    `${CORP}${ROUTE} authenticated }\npolicies: { p: { scopes: [a] } }\n`,
    ['5 no route uses policy `p`'],
  ],
];

for (const [name, text, warnings] of FURTHER) {
  t.test(`${name} is warned of`, async (t) => {
    t.same(found(text, 'error'), []);
    t.same(found(text, 'warning').toSorted(), warnings);
  });
}

t.test('a policy counts as the rules it stands for', async (t) => {
  const routes = (access: string) =>
    `${CORP}${ROUTE} ${access} }\n  - { name: r1, path: /a, upstream: http://u, access: { scopes: [s] } }\npolicies: { p: { scopes: [s] } }\n`;
  t.same(found(routes('{ policy: p }'), 'warning'), []);
  t.match(found(routes('authenticated').replace('policies', '#'), 'warning'), [/requires less/]);
});

t.test('a policy that is wrong in itself is not unknown to those who name it', async (t) => {
  const text = `${CORP}${ROUTE} { policy: p } }\npolicies: { p: { scopes: [] } }\n`.replace(
    'routes:',
    '  b: { issuer: https://b.example, audiences: [x] }\nroutes:',
  );
  t.same(found(text, 'error'), ['6 expected at least one entry']);
  t.match(found(text.replace('policy: p', 'policy: q'), 'error'), [/^5 unknown policy `q`/, /^6 expected/]);
});

t.test('an issuer may be left out where a preset derives it, and there alone', async (t) => {
  const issuers = (a: string, b: string) =>
    `issuers:\n  a: { ${a}, audiences: [x] }\n  b: { ${b}, audiences: [x] }\ndefaults: { issuers: [a, b] }\n${ROUTE} authenticated }\n`;
  t.same(found(issuers('preset: firebase, project: p', 'preset: firebase, project: q'), 'error'), []);
  t.same(found(issuers('preset: firebase, project: p', 'algorithms: [RS256]'), 'error'), [
    '3 `issuer` is missing in `issuers.b`',
  ]);
});

t.test('Authorization handed on unverified is warned of', async (t) => {
  const text = fileOf([{ path: '/', access: 'optional, passAuthorization: true' }]);
  t.same(found(text, 'warning'), ['4 route `r0` passes Authorization on unverified']);
});
