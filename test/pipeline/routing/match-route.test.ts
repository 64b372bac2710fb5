import t from 'tap';
import { isRefusal } from '../../../src/core/refusals.ts';
import { parseHost } from '../../../src/http/host.ts';
import { parseTarget } from '../../../src/http/target.ts';
import type { Gate } from '../../../src/pipeline/gate.ts';
import { listInMatchingOrder, matchRoute } from '../../../src/pipeline/routing/match-route.ts';
import {
  type ConfigInput,
  compileFile,
  fakeVerifier,
  fileWith,
  gateOf,
  requestOf,
  resultOf,
  tokenOf,
} from '../../support/pipeline/gate.ts';

type Routes = Parameters<typeof fileWith>[0];

const routesOf = (routes: Routes, rest: Partial<ConfigInput> = {}) =>
  gateOf(
    fileWith(
      routes.map((route) => ({ name: nameFor(route), ...route })),
      rest,
    ),
  );

const nameFor = ({ host, path = '/', exact, methods }: Routes[number]) =>
  [
    'r',
    host?.replace(/[^a-z.]/gi, ''),
    path.replace(/[^a-z0-9]+/gi, '_'),
    exact && 'exact',
    methods?.join('_'),
  ]
    .filter(Boolean)
    .join('-');

/** The name of the matched route, or the code of the refusal. */
function match(gate: Gate, line: string, hostValue = 'gw.example') {
  const [method = '', rawTarget = ''] = line.split(' ');
  const target = parseTarget(rawTarget, gate.allowableSpellings);
  if (isRefusal(target)) return target.code;
  const host = parseHost([hostValue], '1.1');
  if (isRefusal(host)) return host.code;
  const found = matchRoute(gate.table, { method, host, target });
  return isRefusal(found) ? (found.allow ? `405 ${found.allow.join(',')}` : found.code) : found.route.name;
}

t.test('a prefix ends at segment borders, and no rule is no entry', async (t) => {
  const gate = await routesOf([{ path: '/api' }]);
  const table: Record<string, string> = {
    'GET /api': 'r-_api',
    'GET /api/': 'r-_api',
    'GET /api/x/y': 'r-_api',
    'GET /api?x=/other': 'r-_api',
    'GET /apix': 'route_unknown',
    'GET /ap': 'route_unknown',
    'GET /': 'route_unknown',
    'GET /API': 'route_unknown',
    'GET /Api/x': 'route_unknown',
    'GET /%61pi/x': 'r-_api',
    'GET /x/api': 'route_unknown',
    'GET /x?/api': 'route_unknown',
  };
  for (const [line, expected] of Object.entries(table)) t.equal(match(gate, line), expected, line);
});

t.test('exact covers itself with one trailing slash, and nothing below', async (t) => {
  const gate = await routesOf([
    { path: '/status', exact: true },
    { path: '/', exact: true },
  ]);
  t.equal(match(gate, 'GET /status'), 'r-_status-exact');
  t.equal(match(gate, 'GET /status/'), 'r-_status-exact');
  t.equal(match(gate, 'GET /status/x'), 'route_unknown');
  t.equal(match(gate, 'GET /statusx'), 'route_unknown');
  t.equal(match(gate, 'GET /'), 'r-_-exact');
});

t.test('segments are compared from the left: static, parameter, longer, exact', async (t) => {
  const gate = await routesOf([
    { path: '/' },
    { path: '/a' },
    { path: '/a', exact: true },
    { path: '/a/b' },
    { path: '/a/:x' },
    { path: '/a/:x/c' },
    { path: '/:p/b/c/d' },
    { path: '/:p' },
    { path: '/users/:id/orders' },
    { path: '/users/me' },
  ]);
  const table: Record<string, string> = {
    'GET /': 'r-_',
    'GET /a': 'r-_a-exact',
    'GET /a/': 'r-_a-exact',
    'GET /a/b': 'r-_a_b',
    'GET /a/b/c': 'r-_a_b',
    'GET /a/b/c/d': 'r-_a_b',
    'GET /a/z': 'r-_a_x',
    'GET /a/z/c': 'r-_a_x_c',
    'GET /z/b/c/d/e': 'r-_p_b_c_d',
    'GET /z/b/c': 'r-_p',
    'GET /users': 'r-_p',
    'GET /users/7': 'r-_p',
    'GET /users/7/orders/1': 'r-_users_id_orders',
    'GET /users/me/orders': 'r-_users_me',
  };
  for (const [line, expected] of Object.entries(table)) t.equal(match(gate, line), expected, line);
});

t.test('the order in the file never matters', async (t) => {
  const routes = [{ path: '/' }, { path: '/a' }, { path: '/a/:x' }, { path: '/a/b' }, { path: '/:y/b' }];
  const lines = ['GET /', 'GET /a', 'GET /a/b', 'GET /a/c', 'GET /z/b', 'GET /z/c'];
  const expected = await Promise.all(lines.map(async (line) => match(await routesOf(routes), line)));
  for (let turn = 1; turn < routes.length; turn++) {
    const turned = [...routes.slice(turn), ...routes.slice(0, turn)].reverse();
    t.strictSame(await Promise.all(lines.map(async (line) => match(await routesOf(turned), line))), expected);
  }
});

t.test('a parameter takes a segment of any length, but not an empty one', async (t) => {
  const gate = await routesOf([{ path: '/files/:name/meta', access: 'authenticated' }, { path: '/' }]);
  const found = matchRoute(gate.table, {
    method: 'GET',
    host: undefined,
    target: parseTarget(`/files/${'x'.repeat(8000)}/meta`) as never,
  });
  t.match(found, { parameters: { name: 'x'.repeat(8000) } });
  t.equal(match(gate, 'GET /files/'), 'r-_');
  t.equal(match(gate, 'GET /files/a%20b/meta'), 'r-_files_name_meta');
  const decoded = matchRoute(gate.table, {
    method: 'GET',
    host: undefined,
    target: parseTarget('/files/a%20%C3%A9/meta') as never,
  });
  t.match(decoded, { parameters: { name: 'a \u00e9' } });
});

t.test('the host of the request comes before any host', async (t) => {
  const gate = await routesOf([
    { path: '/' },
    { path: '/a/b' },
    { path: '/a', host: 'API.example.com' },
    { path: '/only', host: '[0:0::1]', methods: ['GET'] },
  ]);
  t.equal(match(gate, 'GET /a/b', 'api.example.com'), 'r-API.example.com-_a');
  t.equal(match(gate, 'GET /a/b', 'API.EXAMPLE.COM.:8443'), 'r-API.example.com-_a');
  t.equal(match(gate, 'GET /a/b', 'other.example'), 'r-_a_b');
  t.equal(match(gate, 'GET /z', 'api.example.com'), 'r-_');
  t.equal(match(gate, 'GET /only', '[::1]:80').startsWith('r-'), true);
  t.equal(
    match(gate, 'POST /only', '[::1]'),
    '405 GET',
    'the path decided, though the route for any host takes POST',
  );
});

t.test('the path decides before the method', async (t) => {
  const gate = await routesOf([
    { path: '/' },
    { path: '/admin', methods: ['GET'] },
    { path: '/admin', methods: ['PUT', 'DELETE'] },
    { path: '/admin/x', methods: ['PATCH'], exact: true },
  ]);
  t.equal(match(gate, 'GET /admin'), 'r-_admin-GET');
  t.equal(match(gate, 'DELETE /admin/y'), 'r-_admin-PUT_DELETE');
  t.equal(match(gate, 'POST /admin'), '405 GET,PUT,DELETE');
  t.equal(match(gate, 'GET /admin/x'), '405 PATCH');
  t.equal(match(gate, 'HEAD /admin'), '405 GET,PUT,DELETE', 'HEAD needs a rule');
  t.equal(match(gate, 'OPTIONS /admin'), '405 GET,PUT,DELETE', 'OPTIONS needs a rule');
  t.equal(match(gate, 'get /admin'), '405 GET,PUT,DELETE', 'methods are case-sensitive');
  t.match(match(gate, 'TRACE /'), /^405 GET,HEAD/);
  t.equal(match(gate, 'TRACE /admin'), '405 GET,PUT,DELETE');
  t.equal(match(await routesOf([{ path: '/x' }]), 'TRACE /y'), '405 ');
});

t.test('case is ignored only where the file sets that', async (t) => {
  const gate = await routesOf([{ path: '/Admin/:Id' }, { path: '/' }], { matching: { case: 'insensitive' } });
  for (const path of ['/admin/x', '/ADMIN/X', '/%41dMiN/x'])
    t.equal(match(gate, `GET ${path}`), 'r-_Admin_Id', path);
  const k = await routesOf([{ path: '/kiosk' }, { path: '/' }], { matching: { case: 'insensitive' } });
  t.equal(match(k, 'GET /%E2%84%AAio%C5%BFk'), 'r-_kiosk', 'letters that fold to ASCII are folded too');
});

t.test('an allowed spelling passes only if every reading stays in that route', async (t) => {
  const gate = await routesOf([
    { path: '/' },
    { path: '/files', allow: ['encodedSlash', 'semicolon'] },
    { path: '/files/secret' },
    { path: '/merge', allow: ['doubleSlash'] },
    { path: '/merge/secret' },
    { path: '/merge/:name/meta' },
    { path: '/repos/:name/raw', allow: ['encodedSlash'] },
    { path: '/read', methods: ['GET'], allow: ['encodedSlash'] },
  ]);
  const table: Record<string, string> = {
    'GET /files/a%2Fb': 'r-_files',
    'GET /files/a;v=1': 'r-_files',
    'GET /files/a;v=1%2Fx': 'r-_files',
    'GET /files%2Fa': 'ambiguous_path',
    'GET /files/secret%2Fx': 'ambiguous_path',
    'GET /files/secret;x': 'ambiguous_path',
    'GET /files/secret;x/y': 'ambiguous_path',
    'GET /files/a%2F..%2Fsecret': 'ambiguous_path',
    'GET /files/a%5Cb': 'ambiguous_path',
    'GET /files/a//b': 'ambiguous_path',
    'GET /files;x/a': 'ambiguous_path',
    'GET /merge//a': 'r-_merge',
    'GET /merge///a//': 'r-_merge',
    'GET //merge/a': 'ambiguous_path',
    'GET /merge//meta': 'r-_merge',
    'GET /merge/a//meta': 'ambiguous_path',
    'GET /merge//secret': 'ambiguous_path',
    'GET /merge/a%2Fb': 'ambiguous_path',
    'GET /other/a%2Fb': 'ambiguous_path',
    'GET /a;b': 'ambiguous_path',
    'GET /repos/a%2Fb/raw': 'ambiguous_path',
    'GET /repos/a/raw/x%2Fy': 'r-_repos_name_raw',
    'GET /read/a%2Fb': 'r-_read-GET',
    'POST /read/a%2Fb': '405 GET',
  };
  for (const [line, expected] of Object.entries(table)) t.equal(match(gate, line), expected, line);
});

t.test('an encoded #, ? or ; passes only if the path that ends there is of the same route', async (t) => {
  const gate = await routesOf([
    { path: '/tags/:tag' },
    { path: '/admin' },
    { path: '/files/:name', exact: true },
    { path: '/users/:id/mail' },
    { path: '/' },
  ]);
  const table: Record<string, string> = {
    'GET /tags/c%23': 'r-_tags_tag',
    'GET /tags/c%23/x%3Fy%3Bz': 'r-_tags_tag',
    'GET /tags/%23': 'ambiguous_path',
    'GET /tags%23x/c': 'r-_',
    'GET /admin%3Fx': 'ambiguous_path',
    'GET /admin%23': 'ambiguous_path',
    'GET /admin%3bx/y': 'ambiguous_path',
    'GET /admin/a%3Fb%23c%3Bd': 'r-_admin',
    'GET /%61dmin%3Fx': 'ambiguous_path',
    'GET /what%3F': 'r-_',
    'GET /%3F': 'r-_',
    'GET /what%3F/%23%3B/x': 'r-_',
    'GET /a%3B/%3Fb': 'r-_',
    'GET /files/a%23b': 'r-_files_name-exact',
    'GET /files/a%3Bb': 'r-_files_name-exact',
    'GET /users/7%3F/mail': 'ambiguous_path',
    'GET /users/7%3B/mail': 'r-_users_id_mail',
    'GET /users/7/mail/x%3F': 'r-_users_id_mail',
  };
  for (const [line, expected] of Object.entries(table)) t.equal(match(gate, line), expected, line);
  const none = await routesOf([{ path: '/tags' }]);
  t.equal(match(none, 'GET /other/c%23'), 'route_unknown', 'every reading is of no route');
  t.equal(match(none, 'GET /tags%23x'), 'ambiguous_path', 'one reading is of a route');
});

t.test('a condition does not see a parameter that an encoded mark could cut', async (t) => {
  const when = 'params.tag == "c#" || params.tag == "c" || !has(params.tag)';
  const gate = await gateOf(
    fileWith([
      { path: '/tags/:tag', access: { when: 'params.tag == "c#" || params.tag == "c"' } },
      { path: '/seen/:tag', access: { when } },
    ]),
    fakeVerifier({ good: tokenOf({}) }),
  );
  const ask = (path: string) => resultOf(gate, requestOf(`GET ${path}`, 'Authorization', 'Bearer good'));
  t.equal(ask('/tags/c'), 'allow');
  t.equal(ask('/tags/c/x%23y'), 'allow', 'a mark behind it changes nothing');
  for (const path of ['/tags/c%23', '/tags/c%3F', '/tags/c%3B']) t.equal(ask(path), 'condition_failed', path);
  t.equal(ask('/seen/c%23'), 'allow');
});

t.test('a parameter that reads in two ways is not there', async (t) => {
  const gate = await routesOf([{ path: '/u/:id', allow: ['semicolon'] }]);
  const found = (path: string) =>
    matchRoute(gate.table, {
      method: 'GET',
      host: undefined,
      target: parseTarget(path, gate.allowableSpellings) as never,
    });
  t.strictSame({ ...(found('/u/alice;x') as { parameters: object }).parameters }, {});
  t.strictSame({ ...(found('/u/alice/y;x') as { parameters: object }).parameters }, { id: 'alice' });
});

t.test('paths that no request can have are errors', async (t) => {
  const faults = [
    'a',
    '/a/*',
    '/a*',
    '/a//b',
    '//',
    '/./a',
    '/a/..',
    '/%2e%2e',
    '/a%2Fb',
    '/a\\b',
    '/%zz',
    '/%ff',
    '/a?b',
    '/a#b',
    '/a;b',
    '/:',
    '/:a-b',
    '/:a/:a',
    '/%00',
  ];
  for (const path of faults) {
    const { problems } = await compileFile(fileWith([{ path }]));
    t.match(problems, [{ severity: 'error', path: ['routes', 0, 'path'] }], path);
  }
});

t.test('lists routes in the order in which they are tried', async (t) => {
  const gate = await routesOf([
    { path: '/' },
    { path: '/a' },
    { path: '/a/:x' },
    { path: '/a/b' },
    { path: '/a/c' },
    { path: '/z' },
    { path: '/', host: 'h.example' },
  ]);
  t.strictSame(
    listInMatchingOrder(gate.table).map(({ name }) => name),
    ['r-h.example-_', 'r-_a_b', 'r-_a_c', 'r-_a_x', 'r-_a', 'r-_z', 'r-_'],
  );
});

t.test('ten thousand routes compile, and each is found', async (t) => {
  const routes = Array.from({ length: 10_000 }, (_, at) => ({
    name: `n${at}`,
    path: `/t${at % 100}/:id/s${at}`,
    access: 'authenticated' as const,
  }));
  const { gate, problems } = await compileFile(fileWith(routes));
  t.equal(problems.length, 0);
  t.equal(match(gate, 'GET /t42/x/s9942/y'), 'n9942');
});
