import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { folderWith, sealgate } from '../support/cli/cli.ts';
import { mint, signingKey } from '../support/tokens/mint.ts';

const KEY = signingKey('ES256', { kid: 'k1' });
const NAMES = { corp: 'https://corp.example', partner: 'https://partner.example' } as const;

interface Route {
  readonly name: string;
  readonly path: string;
  readonly access: unknown;
  readonly [key: string]: unknown;
}

function fileWith(routes: readonly Route[], more: object = {}): string {
  const issuerWith = (issuer: string) => ({
    ...{ issuer, audiences: ['api'], algorithms: ['ES256'], jwks: { file: 'keys.json' } },
  });
  return stringify({
    issuers: { corp: issuerWith(NAMES.corp), partner: issuerWith(NAMES.partner) },
    defaults: { issuers: ['corp'] },
    upstreams: { app: { url: 'http://127.0.0.1:1' }, other: { url: 'http://127.0.0.1:2' } },
    routes: routes.map((route) => ({ upstream: 'app', ...route })),
    ...more,
  });
}

const BASE: readonly Route[] = [
  { name: 'orders', path: '/orders', methods: ['GET'], access: { scopes: ['orders:read'] } },
  { name: 'write', path: '/orders', methods: ['POST'], access: { scopes: ['orders:write'] } },
  { name: 'user', path: '/users/:id', access: { when: 'claims.sub == params.id' } },
];

const but = (name: string, changes: object, routes = BASE): readonly Route[] =>
  routes.map((route) => (route.name === name ? { ...route, ...changes } : route));

const withTools = (tools: object): readonly Route[] => [
  ...BASE,
  { name: 'mcp', path: '/mcp', access: { scopes: ['mcp'] }, mcp: { tools } },
];

const FILES = { 'keys.json': JSON.stringify({ keys: [KEY.jwk] }) };

interface Witness {
  readonly request: string;
  readonly mcp?: string;
  readonly token: {
    readonly issuer: keyof typeof NAMES;
    readonly audiences: readonly string[];
    readonly scopes?: readonly string[];
    readonly roles?: readonly string[];
    readonly claims?: object;
  } | null;
  readonly conditions: readonly string[];
}

interface Json {
  readonly result: string;
  readonly callers: readonly {
    readonly kind: string;
    readonly who: string;
    readonly requests: readonly string[];
    readonly old: { readonly code: string };
    readonly new: { readonly code: string };
    readonly witness: Witness;
  }[];
  readonly routes: readonly {
    readonly key: string;
    readonly effect: string;
    readonly requests: readonly string[];
  }[];
  readonly settings: readonly { readonly path: string; readonly effect: string }[];
  readonly doubts: readonly string[];
  readonly replay: unknown;
}

async function compare(t: Test, older: string, newer: string, words: readonly string[] = []) {
  const at = await folderWith({ ...FILES, 'old.yaml': older, 'new.yaml': newer }, t);
  const run = await sealgate(['diff', at('old.yaml'), at('new.yaml'), '--format', 'json', ...words]);
  return { ...run, at, json: (run.stdout === '' ? {} : JSON.parse(run.stdout)) as Json };
}

/** What a change means, as one line each. */
const linesOf = ({ callers, routes, settings, doubts }: Json): readonly string[] => [
  ...callers.map(({ kind, who, requests }) => `${kind}: ${who}: ${requests.join('; ')}`),
  ...routes.map(({ key, effect, requests }) => `${key} ${effect}: ${requests.join('; ')}`),
  ...settings.map(({ path, effect }) => `${path} ${effect}`),
  ...doubts,
];

const ROWS: readonly (readonly [string, string, string, number, readonly string[]])[] = [
  ['the same', fileWith(BASE), fileWith(BASE), 0, []],
  ['another order', fileWith(BASE), fileWith([...BASE].reverse()), 0, []],
  [
    'comments, time-outs and logs',
    fileWith(BASE),
    `# why\n${fileWith(BASE, { log: { level: 'debug' } })}`,
    0,
    [],
  ],
  [
    'a scope less',
    fileWith(but('write', { access: { scopes: ['orders:write', 'mfa'] } })),
    fileWith(BASE),
    5,
    ['gains: tokens of corp with scope orders:write: POST /orders/…'],
  ],
  [
    'a scope more',
    fileWith(BASE),
    fileWith(but('write', { access: { scopes: ['orders:write', 'mfa'] } })),
    4,
    ['loses: tokens of corp with scope orders:write: POST /orders/…'],
  ],
  [
    'another issuer',
    fileWith(BASE),
    fileWith(but('orders', { access: { issuers: ['corp', 'partner'], scopes: ['orders:read'] } })),
    5,
    ['gains: tokens of partner with scope orders:read: GET /orders/…'],
  ],
  [
    'public',
    fileWith(BASE),
    fileWith(but('orders', { access: 'public' })),
    5,
    [
      'gains: requests without a token: GET /orders/…',
      'identity: tokens of corp with scope orders:read: GET /orders/…',
    ],
  ],
  [
    'a method more',
    fileWith(BASE),
    fileWith(but('write', { methods: ['POST', 'PUT'] })),
    5,
    ['gains: tokens of corp with scope orders:write: PUT /orders/…'],
  ],
  [
    'a route inside of another',
    fileWith(BASE),
    fileWith([...BASE, { name: 'export', path: '/orders/export', access: { scopes: ['export'] } }]),
    5,
    [
      'gains: tokens of corp with scope export: GET, POST /orders/export/…',
      'gains: tokens of corp with scope export: other methods /orders/export/…',
      'loses: tokens of corp with scope orders:read: GET /orders/export/…',
      'loses: tokens of corp with scope orders:write: POST /orders/export/…',
    ],
  ],
  [
    'exact',
    fileWith(BASE),
    fileWith(but('orders', { exact: true })),
    4,
    [
      'loses: tokens of corp with scope orders:read: GET /orders/*/…',
      // The path decides before the method.
      'loses: tokens of corp with scope orders:write: POST /orders',
    ],
  ],
  [
    'a condition that goes',
    fileWith(BASE),
    fileWith(but('user', { access: 'authenticated' })),
    5,
    ['gains: every token of corp: any method /users/*/…'],
  ],
  [
    'a condition that comes',
    fileWith(but('user', { access: 'authenticated' })),
    fileWith(BASE),
    4,
    ['loses: every token of corp: any method /users/*/…'],
  ],
  [
    'another condition: what it means is not known',
    fileWith(BASE),
    fileWith(but('user', { access: { when: 'claims.sub.startsWith(params.id)' } })),
    5,
    [
      'loses: every token of corp, where `claims.sub == segment 2 of the path` holds: any method /users/*/…',
      'gains: every token of corp, where `claims.sub.startsWith(segment 2 of the path)` holds: any method /users/*/…',
    ],
  ],
  [
    'a condition with one alternative more',
    fileWith(BASE),
    fileWith(but('user', { access: { when: '"admin" in token.roles || claims.sub == params.id' } })),
    5,
    ['gains: every token of corp, where `"admin" in token.roles` holds: any method /users/*/…'],
  ],
  [
    'a condition with one part more',
    fileWith(BASE),
    fileWith(but('user', { access: { when: "claims.sub==params.id && claims.tenant == 'a'" } })),
    4,
    ['loses: every token of corp, where `claims.sub == segment 2 of the path` holds: any method /users/*/…'],
  ],
  [
    'a condition in another form, for a parameter of another name',
    fileWith(but('user', { access: { when: 'claims.sub == params.id && (claims.a == 1 || claims.b)' } })),
    fileWith(
      but('user', {
        path: '/users/:user',
        access: [
          { when: 'claims.b && (claims.sub==params.user)' },
          { when: 'claims.sub == params.user &&\n  claims.a == 1' },
        ],
      }),
    ),
    0,
    [],
  ],
  [
    'report mode',
    fileWith(BASE),
    fileWith(but('orders', { mode: 'report' })),
    5,
    ['gains: every token of corp: GET /orders/…'],
  ],
  [
    'another backend',
    fileWith(BASE),
    fileWith(but('orders', { upstream: 'other' })),
    5,
    ['backend unclear: GET /orders/…'],
  ],
  [
    'a limit',
    fileWith(BASE),
    fileWith(but('orders', { rateLimit: { max: 5, window: '1m', by: 'ip' } })),
    4,
    ['rateLimit narrower: GET /orders/…'],
  ],
  [
    'a longer limit',
    fileWith(but('orders', { rateLimit: { max: 5, window: '1m', by: 'ip' } })),
    fileWith(but('orders', { rateLimit: { max: 6, window: '1m', by: 'ip' } })),
    5,
    ['rateLimit wider: GET /orders/…'],
  ],
  [
    'WebSockets',
    fileWith(BASE),
    fileWith(but('user', { websocket: true })),
    5,
    ['websocket wider: any method /users/*/…'],
  ],
  [
    'a proxy that is trusted',
    fileWith(BASE),
    fileWith(BASE, { listen: { trustedProxies: ['10.0.0.0/8'] } }),
    5,
    ['listen.trustedProxies unclear'],
  ],
  [
    'the scope of one tool',
    fileWith(withTools({ search: 'allow', 'orders_*': { scopes: ['orders:write'] } })),
    fileWith(withTools({ search: 'allow', 'orders_*': { scopes: ['orders:admin'] } })),
    5,
    [
      'gains: tokens of corp with scopes mcp orders:admin: POST /mcp/… tools/call orders_*',
      'loses: tokens of corp with scopes mcp orders:write: POST /mcp/… tools/call orders_*',
    ],
  ],
  [
    'a tool that is allowed no more, and another name for what stays',
    fileWith(withTools({ search: 'allow', remove: 'allow' })),
    fileWith(withTools({ search: 'allow', 'nothing-*': 'deny' })),
    4,
    ['loses: tokens of corp with scope mcp: POST /mcp/… tools/call remove'],
  ],
  [
    'rules of tools in another form',
    fileWith(withTools({ search: { scopes: ['a', 'b'] }, '*': 'deny' })),
    fileWith(withTools({ search: { policy: 'a', scopes: ['b'] } }), { policies: { a: { scopes: ['a'] } } }),
    0,
    [],
  ],
  [
    'an identity header',
    fileWith(BASE),
    fileWith(BASE, { identity: { headers: { 'x-tenant': 'tenant' } } }),
    5,
    [
      'identity: tokens of corp with scope orders:read, tenant = "some-value": GET /orders/…',
      'identity: tokens of corp with scope orders:write, tenant = "some-value": POST /orders/…',
      'identity: tokens of corp with tenant = "some-value", where `claims.sub == segment 2 of the path` holds: any method /users/*/…',
    ],
  ],
];

for (const [what, older, newer, code, lines] of ROWS) {
  t.test(what, async (t) => {
    const { json, ...run } = await compare(t, older, newer);
    t.equal(run.code, code, run.stderr);
    if (lines.length > 0 || code === 0) t.same([...linesOf(json)].sort(), [...lines].sort());
    t.equal(json.result, { 0: 'equal', 4: 'narrower', 5: 'wider' }[code]);
    // Each witness is what `explain` finds, too.
    for (const { kind, witness, old: before, new: after } of json.callers) {
      if (witness.conditions.length > 0 || kind === 'identity') continue;
      const [method = '', target = ''] = witness.request.split(' ');
      for (const [file, { code: expected }] of [
        ['old.yaml', before],
        ['new.yaml', after],
      ] as const) {
        const token = witness.token === null ? [] : ['--token', tokenOf(witness.token)];
        const explained = await sealgate([
          ...['explain', '-c', run.at(file), '--method', method, '--format', 'json'],
          ...token,
          ...(witness.mcp === undefined ? [] : ['--mcp', witness.mcp]),
          target,
        ]);
        t.equal((JSON.parse(explained.stdout) as { code: string }).code, expected, `${what}: ${file}`);
      }
    }
  });
}

function tokenOf({ issuer, audiences, scopes = [], roles, claims }: NonNullable<Witness['token']>): string {
  const now = Math.floor(Date.now() / 1000);
  return mint(KEY, {
    ...{
      iss: NAMES[issuer],
      aud: audiences[0],
      sub: 'someone',
      iat: now,
      exp: now + 60,
      scope: scopes.join(' '),
      roles,
    },
    ...claims,
  });
}

t.test('text, Markdown and a log', async (t) => {
  const { at } = await compare(
    t,
    fileWith(BASE),
    fileWith(but('orders', { access: { issuers: ['corp', 'partner'] } })),
  );
  const text = await sealgate(['diff', at('old.yaml'), at('new.yaml')]);
  t.match(
    text.stdout,
    /^wider: 2 gains\n\nGains\n {2}every token of corp\n {4}GET \/orders\/…\n {4}insufficient_scope → allow {2}\(orders\)\n/,
  );
  const markdown = await sealgate(['diff', at('old.yaml'), at('new.yaml'), '--format', 'markdown']);
  t.match(
    markdown.stdout,
    /\| every token of partner \| `GET \/orders\/…` \| `issuer_not_allowed` → `allow` \|/,
  );
  const log = [
    { msg: 'request', method: 'GET', path: '/orders/7', route: 'orders' },
    { msg: 'request', method: 'POST', path: '/orders', route: 'write' },
    { msg: 'listening' },
  ].map((line) => JSON.stringify(line));
  const replayed = await sealgate(
    ['diff', at('old.yaml'), at('new.yaml'), '--replay', '-', '--format', 'json'],
    log.join('\n'),
  );
  t.match((JSON.parse(replayed.stdout) as Json).replay, {
    requests: 2,
    skipped: 1,
    affected: [
      { count: 1, method: 'GET', path: '/orders/7', routes: ['orders', 'orders'], kinds: ['gains'] },
    ],
  });
  const missing = await sealgate(['diff', at('old.yaml'), at('new.yaml'), '--replay', at('none')]);
  t.match(missing, { code: 1, stdout: '', stderr: /cannot read .*none: there is no such file/ });
});

t.test('logged requests without a host are of that of their route', async (t) => {
  const of = (scope: string) =>
    fileWith([
      ...BASE,
      { name: 'api', host: 'api.example.com', path: '/orders', access: { scopes: [scope] } },
    ]);
  const { at } = await compare(t, of('a'), of('b'));
  const lines = [
    { msg: 'request', method: 'GET', path: '/orders/7', route: 'api' },
    { msg: 'request', method: 'GET', path: '/orders/8', host: 'API.example.com' },
    { msg: 'request', method: 'GET', path: '/orders/9', route: 'orders' },
  ].map((line) => JSON.stringify(line));
  const { stdout } = await sealgate(
    ['diff', at('old.yaml'), at('new.yaml'), '--replay', '-', '--format', 'json'],
    lines.join('\n'),
  );
  t.match((JSON.parse(stdout) as Json).replay, {
    requests: 3,
    affected: [{ count: 2, path: '/orders/7', routes: ['api', 'api'] }],
  });
});

t.test('files that are not valid', async (t) => {
  const { at } = await compare(t, fileWith(BASE), fileWith(BASE));
  t.match(await sealgate(['diff', at('old.yaml'), at('keys.json')]), {
    code: 1,
    stdout: '',
    stderr: /keys\.json.*error/,
  });
  t.match(await sealgate(['diff', at('old.yaml'), at('none.yaml')]), { code: 1, stderr: /none\.yaml/ });
  t.match(await sealgate(['diff', at('old.yaml')]), { code: 2, stderr: /NEW/ });
});

t.test('1,000 routes take less than the ten seconds that a reviewer waits', async (t) => {
  const routes = Array.from(
    { length: 1_000 },
    (_, at): Route => ({
      name: `route-${at}`,
      path: `/service-${at % 100}/:id/part-${at}`,
      access: { scopes: [`scope-${at % 50}`] },
    }),
  );
  const newer = routes.map((route, at) =>
    at % 10 === 0 ? { ...route, access: { scopes: ['another'] } } : route,
  );
  const startedAtMs = performance.now();
  const { json, code } = await compare(t, fileWith(routes), fileWith(newer));
  t.comment(`${Math.round(performance.now() - startedAtMs)} ms`);
  t.equal(code, 5);
  t.equal(json.callers.length, 1 + 5, 'those who have the other scope, and five who had their own');
});
