import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { folderWith, sealgate } from '../../support/cli/cli.ts';

const SPEC = `openapi: 3.0.3
paths:
  /orders:
    get: { security: [{ oauth: [orders:read] }] }
  /orders/{id}:
    get: { security: [{ oauth: [orders:read] }, { oauth: [admin] }] }
  /status:
    get: { security: [] }
  /silent:
    get: {}
components:
  securitySchemes: { oauth: { type: oauth2, flows: {} } }
`;

const FILE = (routes: string): string => `issuers:
  main: { issuer: https://login.acme.example, audiences: [api], algorithms: [ES256] }
routes:
${routes}`;

const route = (name: string, path: string, access: string, more = ''): string =>
  `  - { name: ${name}, path: ${path}, upstream: http://127.0.0.1:1, access: ${access}${more} }\n`;

const REST = route('status', '/status', 'public') + route('silent', '/silent', 'authenticated');
const READ = '{ scopes: [orders:read] }';
const EITHER = '{ scopes: { any: [orders:read, admin] } }';
const ITEM = route('item', '/orders/:id', EITHER);

interface Problem {
  readonly severity: string;
  readonly path: string;
  readonly line: number;
  readonly message: string;
  readonly related?: { readonly file: string; readonly line: number; readonly column: number };
}

async function against(t: Test, routes: string, words: readonly string[] = []) {
  const folder = await folderWith({ 'gateway.yaml': FILE(routes), 'spec.yaml': SPEC }, t);
  const given = ['check', '-c', folder('gateway.yaml'), '--against', folder('spec.yaml'), ...words];
  const { code, stdout } = await sealgate([...given, '--format', 'json']);
  const { problems } = JSON.parse(stdout) as { problems: readonly Problem[] };
  return { code, problems: problems.filter(({ related }) => related !== undefined), folder };
}

/** By the routes of the file: the operation's line in the document, and what is reported. */
const TABLE: readonly [what: string, routes: string, found: readonly [line: number, message: RegExp][]][] = [
  ['the same', route('orders', '/orders', READ) + ITEM + REST, []],
  [
    'more rules than scopes',
    route('orders', '/orders', '{ scopes: [orders:read], roles: [r], when: claims.a == 1 }') + ITEM + REST,
    [],
  ],
  ['no route', ITEM + REST, [[4, /^no route takes GET \/orders \(.*spec\.yaml:4:5\)$/]]],
  [
    'another method',
    route('orders', '/orders', READ, ', methods: [POST]') + ITEM + REST,
    [[4, /^no route takes GET \/orders /]],
  ],
  [
    'public',
    route('orders', '/orders', 'public') + ITEM + REST,
    [
      [
        4,
        /^GET \/orders is wider open here: the route lets in everyone, and the document asks for a token with scope orders:read/,
      ],
    ],
  ],
  ['optional', route('orders', '/orders', 'optional') + ITEM + REST, [[4, /lets in everyone/]]],
  [
    'any token',
    route('orders', '/orders', 'authenticated') + ITEM + REST,
    [[4, /the route lets in a token, and the document asks for a token with scope orders:read/]],
  ],
  [
    'report mode',
    route('orders', '/orders', READ, ', mode: report') + ITEM + REST,
    [[4, /the route lets in a token/]],
  ],
  [
    'another scope',
    route('orders', '/orders', '{ scopes: [orders:list] }') + ITEM + REST,
    [
      [4, /wider open here: the route lets in a token with scope orders:list/],
      [
        4,
        /asks for other scopes here: the route asks for a token with scope orders:list, and the document for a token with scope orders:read/,
      ],
    ],
  ],
  [
    'a further scope',
    route('orders', '/orders', '{ scopes: [orders:read, more] }') + ITEM + REST,
    [[4, /asks for other scopes/]],
  ],
  [
    'one alternative less',
    route('orders', '/orders', READ) + route('item', '/orders/:id', READ) + REST,
    [[6, /asks for other scopes here: .* and the document for a token with scope admin/]],
  ],
  [
    'a wider name in the place of a parameter',
    route('orders', '/orders', READ) + ITEM + route('mine', '/orders/mine', 'public') + REST,
    [[6, /^GET \/orders\/{id} \(as in \/orders\/mine\) is wider open/]],
  ],
  [
    'a token where none is needed',
    route('all', '/', 'authenticated') + route('orders', '/orders', READ) + ITEM,
    [[8, /asks for more here: the route asks for a token, and the document lets in everyone/]],
  ],
  [
    'public where the document has no security',
    route('orders', '/orders', READ) + ITEM + route('rest', '/', 'public'),
    [[10, /has no `security` for it, so that a token is needed/]],
  ],
];

t.test('operations are compared with the routes that take them', async (t) => {
  for (const [what, routes, found] of TABLE) {
    const { code, problems } = await against(t, routes);
    t.equal(code, 0, what);
    t.same(
      problems.map(({ severity, related }) => [severity, related?.line]),
      found.map(([line]) => ['warning', line]),
      what,
    );
    for (const [at, [, message]] of found.entries()) t.match(problems[at]?.message, message, what);
  }
});

t.test('--strict makes errors of it, and each has both places', async (t) => {
  const { code, problems, folder } = await against(t, route('orders', '/orders', 'public') + ITEM + REST, [
    '--strict',
  ]);
  t.equal(code, 1);
  t.match(problems, [
    {
      severity: 'error',
      path: 'routes[0].access',
      line: 4,
      related: { file: folder('spec.yaml'), line: 4, column: 5 },
    },
  ]);
});

t.test('a document that cannot be read is an error with its own place', async (t) => {
  const folder = await folderWith({ 'gateway.yaml': FILE(REST), 'spec.yaml': 'swagger: "2.0"' }, t);
  const { code, stdout } = await sealgate([
    'check',
    '-c',
    folder('gateway.yaml'),
    '--against',
    folder('spec.yaml'),
  ]);
  t.equal(code, 1);
  t.match(stdout, /spec\.yaml:1:1: error: this is Swagger 2\.0/);
});

t.test('the page shows what import prints', async (t) => {
  const page = readFileSync(new URL('../../../docs/openapi.md', import.meta.url), 'utf8');
  const folder = await folderWith({}, t);
  const spec = new URL('../../openapi/shapes/petstore.yaml', import.meta.url).pathname;
  const { stdout } = await sealgate(['import', spec, '-o', folder('gateway.yaml')]);
  t.ok(page.includes(stdout.replace(folder('gateway.yaml'), 'gateway.yaml')), stdout);
  t.equal((await sealgate(['check', '-c', folder('gateway.yaml'), '--against', spec])).code, 0);
});
