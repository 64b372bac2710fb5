import t from 'tap';
import { inexactNumber } from '../../../../src/tokens/jwt/json/inexact-number.ts';
import type { Claims, VerifiedToken } from '../../../../src/tokens/verified-token.ts';
import {
  compileFile,
  decideNow,
  fakeVerifier,
  fileWith,
  gateOf,
  requestOf,
  resultOf,
  tokenOf,
} from '../../../support/pipeline/gate.ts';

const ROUTE = { path: '/users/:id/orders', allow: ['semicolon' as const] };

interface Asked {
  readonly claims?: Claims;
  readonly token?: Partial<VerifiedToken>;
  readonly line?: string;
  readonly headers?: string[];
}

async function ask(when: string, { claims = {}, token = {}, line, headers = [] }: Asked = {}) {
  const verifier = fakeVerifier({ good: tokenOf(claims, token) });
  const gate = await gateOf(fileWith([{ ...ROUTE, access: { when } }]), verifier);
  const request = requestOf(line ?? 'GET /users/7/orders', 'Authorization', 'Bearer good', ...headers);
  return resultOf(gate, request);
}

t.test('only true allows; false, errors and absent claims refuse', async (t) => {
  const claims = {
    sub: '7',
    n: 5,
    f: 1.5,
    b: true,
    roles: ['x', 'y'],
    o: { k: 'v' },
    'a.b': 'dotted',
    nul: null,
  };
  const table: [string, boolean][] = [
    ['claims.sub == params.id', true],
    ['claims.sub == "8"', false],
    ['claims.n >= 3 && claims.n < 6', true],
    ['claims.n == 5.0', true],
    ['claims.n + 1 == 6', true],
    ['claims.n == "5"', false],
    ['claims.f < 2.0', true],
    ['claims.f + 1 == 2.5', false],
    ['claims.b', true],
    ['!claims.b', false],
    ['claims.sub', false],
    ['claims.n', false],
    ['claims.roles', false],
    ['claims.o', false],
    ['claims.nul', false],
    ['claims.nul == null', true],
    ['claims.missing', false],
    ['!claims.missing', false],
    ['claims.missing == "x"', false],
    ['claims.missing != "x"', false],
    ['!(claims.missing == "x")', false],
    ['!has(claims.missing)', true],
    ['has(claims.sub)', true],
    ['claims.missing == "x" || claims.sub == "7"', true],
    ['claims.missing == "x" && claims.sub == "7"', false],
    ['"x" in claims.roles', true],
    ['"z" in claims.roles', false],
    ['"x" in claims.missing', false],
    ['claims.roles.exists(role, role.startsWith("y"))', true],
    ['claims.roles.all(role, role == "x")', false],
    ['claims.missing.all(role, role == "x")', false],
    ['claims.o.k == "v"', true],
    ['claims["a.b"] == "dotted"', true],
    ['claims.roles[5] == "x"', false],
    ['claims.sub.matches("^[0-9]+$")', true],
    ['claims.sub.matches(claims.o.k)', false],
    ['claims.n.startsWith("5")', false],
    ['int(claims.o.k) == 1', false],
    ['size(claims.roles) == 2', true],
    ['claims.sub.lowerAscii() == "7"', true],
    ['timestamp(claims.n) < timestamp("2024-01-01T00:00:00Z")', true],
    ['1 / (claims.n - 5) == 0', false],
    ['claims.sub == "7" ? true : claims.missing', true],
    ['claims.toString == "x" || claims.constructor == "x"', false],
    ['has(claims.constructor) || has(claims.__proto__)', false],
  ];
  for (const [when, allows] of table) {
    t.equal(await ask(when, { claims }), allows ? 'allow' : 'condition_failed', when);
  }
});

t.test(
  'a number that stands for several values neither equals anything nor differs from it, wherever it is',
  async (t) => {
    const never = [
      'claims.n > 0',
      'claims.n < 100',
      'claims.n == 5',
      'claims.n != 7',
      '!(claims.n == 7)',
      'claims.n == claims.n',
      '!(claims.n in [7])',
      '!has(claims.n)',
      '!("n" in claims)',
      'claims.n in claims.l',
      'claims.l.exists(n, n != 7)',
      'claims.l.exists(n, n == 7 || n != 7 && n > 0)',
      'claims.l.exists(n, !(n == 7))',
      '!claims.l.exists(n, n == 7)',
      'claims.l.all(n, n != 7)',
      'claims.l.filter(n, n != 7).size() > 0',
      'claims.l.map(n, n)[0] != 7',
      '!(7 in claims.l)',
      '!([7] in [claims.l])',
      'claims.l != [7]',
      '!(claims.l == [7])',
      'claims.l == claims.l',
      'claims.l == [claims.n]',
      'claims.m != {"n": 7}',
      '!(claims.m == {"n": 7})',
      'claims.m.n != 7',
      '!(claims.m in [{"n": 7}])',
      'claims.deep != [[{"n": 7}]]',
      'claims.deep[0][0].n != 7',
      'string(claims.n) != "7"',
      'double(claims.n) != 7.0',
      'claims.n + 1 != 8',
      '-claims.n != 7',
      'claims.n != b""',
      'claims.l.map(n, n == 7 ? 1 : 2)[0] == 2',
      'claims.n ? false : true',
      '{"a": claims.n} != {"a": 7}',
      'type(claims.n) != int',
    ];
    for (const big of [
      2 ** 53,
      -0,
      inexactNumber('9007199254740993'),
      inexactNumber('5.0'),
      inexactNumber('1e3'),
    ]) {
      const claims = { n: big, l: [big], m: { n: big }, deep: [[{ n: big }]] };
      for (const when of never) t.equal(await ask(when, { claims }), 'condition_failed', when);
      const besides = { ...claims, l: [big, 'x', 7] };
      for (const when of [
        'claims.l.exists(n, n == "x")',
        '"x" in claims.l && 7 in claims.l',
        'claims.l.size() == 3',
        'has(claims.n) && has(claims.m.n)',
        'claims.l[1] == "x"',
      ]) {
        t.equal(await ask(when, { claims: besides }), 'allow', when);
      }
    }
  },
);

t.test('token, request and parameters', async (t) => {
  const token = { scopes: ['a'], roles: ['r'], header: { alg: 'ES256', kid: 'k' } };
  const line = 'POST /users/7/orders/%C3%A9?tag=a&tag=b&%74ag=c&one=1';
  const headers = ['X-Plan', 'pro', 'x-plan', 'team', 'X-User-Id', 'spoofed'];
  const table: [string, boolean][] = [
    ['token.issuer == "corp"', true],
    ['token.alg == "ES256" && token.kid == "k" && !has(token.typ)', true],
    ['"a" in token.scopes && "r" in token.roles && "api" in token.audiences', true],
    ['token.client == "app"', true],
    ['request.method == "POST"', true],
    ['request.path == "/users/7/orders/\u00e9"', true],
    ['request.host == "gw.example"', true],
    ['request.client.startsWith("192.0.2.")', true],
    ['request.query.tag == ["a", "b", "c"]', true],
    ['request.query["one"] == ["1"]', true],
    ['"1" in request.query.one', true],
    ['"1" in request.query.none', false],
    ['has(request.query.none)', false],
    ['request.headers["x-plan"] == "pro, team"', true],
    ['has(request.headers.authorization)', false],
    ['has(request.headers["x-user-id"])', false],
    ['params.id == "7"', true],
  ];
  for (const [when, allows] of table) {
    const asked = { claims: { azp: 'app' }, token, line, headers };
    // `has` takes fields, not indices; a file with another does not load.
    if (/has\([^)]*\[/.test(when)) continue;
    t.equal(await ask(when, asked), allows ? 'allow' : 'condition_failed', when);
  }
});

t.test('a path or parameter with two readings is not there for a condition', async (t) => {
  t.equal(await ask('params.id == "7"', { line: 'GET /users/7;x/orders' }), 'condition_failed');
  t.equal(await ask('params.id != "7"', { line: 'GET /users/7;x/orders' }), 'condition_failed');
  t.equal(await ask('params.id == "7"', { line: 'GET /users/7/orders/x;y' }), 'allow');
  t.equal(await ask('request.path.startsWith("/")', { line: 'GET /users/7/orders/x;y' }), 'condition_failed');
});

t.test('what cannot work is an error of the file, with its place in the condition', async (t) => {
  const table: [string, RegExp, RegExp?][] = [
    ['claims.sub ==', /character 12.*not a CEL expression/],
    ['(', /end of the condition: not a CEL expression/],
    ['claim.sub == "x"', /character 1 \(`claim.*unknown name `claim`/, /claims/],
    ['claims.sub == param.id', /unknown name `param`/, /params/],
    ['claims.sub == params.idd', /`params` has no `idd`/, /id/],
    ['request.body == ""', /`request` has no `body`/],
    ['token.subject == ""', /`token` has no `subject`/],
    ['token["subject"] == ""', /`token` has no `subject`/],
    ['request.path', /a condition is true or false; this is a string/],
    ['"x"', /this is a string/],
    ['1', /this is a int/],
    ['[claims.a]', /this is a list/],
    ['{"a": 1}', /this is a map/],
    ['claims', /this is a map/],
    ['claims.sub.nope()', /unknown function `nope`/],
    ['claims.sub.startWith("a")', /unknown function `startWith`/, /startsWith/],
    ['request.path.startsWith(1)', /`startsWith` does not take \(string, int\)/],
    ['request.path + 1 == "x"', /`\+` does not take \(string, int\)/],
    ['request.path == 1', /a string and a int are never equal/],
    ['request.query.a == "x"', /list of string and a string are never equal/, /in the list/],
    ['1 in token.scopes', /never in/],
    ['request.path && true', /takes true or false, not a string/],
    ['!request.path', /does not take \(string\)/],
    ['claims.sub.matches("(")', /RE2/],
    ['claims.sub.matches("(a)\\\\1")', /RE2/],
    ['claims.a.all(a, claims.b.all(b, claims.c.all(c, a == b)))', /more than 2 macros/],
    ['request.path.all(a, true)', /a string has no entries/],
    ['google.protobuf.Any{} == null', /.+/],
    [`${'('.repeat(20_000)}true`, /.+/],
  ];
  for (const [when, message, hint] of table) {
    const { problems } = await compileFile(fileWith([{ ...ROUTE, access: { when } }]));
    const found = problems[0];
    t.match(found, { severity: 'error', path: ['routes', 0, 'access', 'when'], message }, when.slice(0, 80));
    if (hint !== undefined) t.match(found?.hint, hint, when);
  }
});

t.test('a text that a variable never holds is an error of the file, in every comparison', async (t) => {
  const table: [when: string, message: RegExp, hint: RegExp][] = [
    ['request.method == "get"', /character 19 \(`"get"`\): methods are upper case/, /write "GET"/],
    ['"get" != request.method', /methods are upper case/, /write "GET"/],
    ['request.method in ["GET", "post"]', /methods are upper case/, /write "POST"/],
    ['claims.a == 1 || request.method == "FROB"', /no request has the method "FROB"/, /^$/],
    ['request.path == "orders"', /a path begins with a slash/, /write "\/orders"/],
    ['request.path.startsWith("orders")', /a path begins with a slash/, /write "\/orders"/],
    ['request.host == "API.example.com"', /in lower case/, /write "api\.example\.com"/],
    ['request.host in ["https://api.example.com:8443/x"]', /without scheme/, /write "api\.example\.com"/],
    ['request.host == "a b"', /no request has the host/, /^$/],
    ['request.client == "10.0.0.0/8"', /one address/, /startsWith/],
    ['token.issuer == "https://id.example.com"', /name of the issuer/, /claims\.iss == /],
    ['request.headers["X-Tenant"] == "a"', /lower case/, /write "x-tenant"/],
    ['"X-Tenant" in request.headers', /lower case/, /write "x-tenant"/],
    ['has(request.headers.Accept)', /lower case/, /write "accept"/],
  ];
  for (const [when, message, hint] of table) {
    const { problems } = await compileFile(fileWith([{ access: { when } }]));
    t.match(problems, [{ severity: 'error', path: ['routes', 0, 'access', 'when'], message }], when);
    t.match(problems[0]?.hint ?? '', hint, when);
  }
});

t.test('a text that most likely means something else is warned of, each of them', async (t) => {
  const table: [when: string, ...found: RegExp[]][] = [
    ['claims["realm_access.roles"] == "x"', /name of one claim.*write claims\.realm_access\.roles$/],
    ['"org.id" in claims', /name of one claim.*write claims\.org\.id$/],
    ['claims["$.my-org.id"] == 5', /write claims\["my-org"\]\.id$/],
    ['claims.scope == "read"', /this scope and no other.*"read" in token\.scopes$/],
    ['claims.scope.contains("read")', /one text.*"read" in token\.scopes$/],
    ['"read" in claims.scope', /one text.*"read" in token\.scopes$/],
    ['"ROLE_*" in token.roles', /no wildcard.*token\.roles\.exists\(one, one\.startsWith\("ROLE_"\)\)$/],
    ['request.path == "/orders/*"', /no wildcard.*startsWith\("\/orders\/"\)$/],
    ['request.host == "*.example.com"', /no wildcard.*endsWith\("\.example\.com"\)$/],
    ['token.alg != "none"', /no token with the algorithm "none"/],
    ['claims["a.b"] == 1 && token.alg != "HS256"', /claims\.a\.b$/, /"HS256"/],
    // What could be meant so.
    ['request.method in ["GET", "HEAD"] && request.path.startsWith("/a")'],
    ['request.host == "api.example.com" && request.client == "::1"'],
    ['request.host == "[2001:db8::1]" && token.issuer == "corp"'],
    ['claims["kubernetes.io"].namespace == "a" && claims["https://a.example/roles"] == "x"'],
    ['"*" in token.scopes && "auth0|x" == claims.sub && token.alg in ["RS256", "Ed25519"]'],
    ['request.headers["x-a"] == "A" && request.path.lowerAscii() == "x" && claims.x == "get"'],
  ];
  for (const [when, ...found] of table) {
    const { problems } = await compileFile(fileWith([{ access: { when } }]));
    const reported = problems.map(({ severity, message, hint }) => `${severity} ${message}: ${hint}`);
    t.equal(reported.length, found.length, `${when}: ${reported.join('; ')}`);
    for (const [at, words] of found.entries())
      t.match(reported[at], new RegExp(`^warning .*${words.source}`), when);
  }
});

t.test('a condition without effect gets a warning', async (t) => {
  const warned = async (when: string) =>
    (await compileFile(fileWith([{ access: { when } }]))).problems.map(
      ({ severity, message }) => `${severity}: ${message}`,
    );
  t.match(await warned('false'), [/warning: this condition is never true/]);
  t.match(await warned('1 == 2'), [/warning: this condition is never true/]);
  t.match(await warned('1 / 0 == 1'), [/warning: this condition is never true/]);
  t.match(await warned('true'), [/warning: this condition is always true/]);
  t.strictSame(await warned('claims.a == 1'), []);
});

t.test('the reason quotes the condition and nothing of the token', async (t) => {
  const secret = 'S3CR3T';
  const reason = async (when: string, claims: Claims) => {
    const gate = await gateOf(fileWith([{ access: { when } }]), fakeVerifier({ good: tokenOf(claims) }));
    return decideNow(gate, requestOf('GET /', 'Authorization', 'Bearer good')).outcome as { reason: string };
  };
  for (const when of [
    'claims[claims.s] == 1',
    'int(claims.s) == 1',
    'timestamp(claims.s) < timestamp(1)',
    'claims.s',
    'claims.s == "x"',
    'claims.s.matches("(" + claims.s)',
    'claims.l[claims.s] == 1',
  ]) {
    const { reason: text } = await reason(when, { s: secret, l: ['a'] });
    t.match(text, /condition/, when);
    t.notMatch(text, secret, when);
  }
});

t.test('a remembered token is asked again where the condition looks at the request', async (t) => {
  const verifier = fakeVerifier({ good: tokenOf({ sub: '7' }) });
  const gate = await gateOf(fileWith([{ ...ROUTE, access: { when: 'claims.sub == params.id' } }]), verifier);
  for (const [id, expected] of [
    ['7', 'allow'],
    ['8', 'condition_failed'],
    ['7', 'allow'],
    ['8', 'condition_failed'],
  ]) {
    t.equal(resultOf(gate, requestOf(`GET /users/${id}/orders`, 'Authorization', 'Bearer good')), expected);
  }
});

t.test('a hostile claim does not hold up the process', async (t) => {
  const started = process.cpuUsage();
  const claims = { s: `${'a'.repeat(5000)}!`, l: Array.from({ length: 2000 }, (_, at) => `${at}`) };
  t.equal(await ask('claims.s.matches("^(a+)+$")', { claims }), 'condition_failed');
  t.equal(await ask('claims.l.exists(a, a == "none")', { claims }), 'condition_failed');
  t.ok(process.cpuUsage(started).user < 2_000_000);
});

t.test('policies are blocks by name, alone, together with more rules, and among alternatives', async (t) => {
  const policies = {
    staff: { roles: ['staff'], scopes: ['read'] },
    own: { when: 'claims.sub == params.id' },
  };
  const check = async (
    access: Parameters<typeof fileWith>[0][number]['access'],
    token: Partial<VerifiedToken>,
  ) => {
    const gate = await gateOf(
      fileWith([{ ...ROUTE, ...(access === undefined ? {} : { access }) }], { policies }),
      fakeVerifier({ good: tokenOf({ sub: '7' }, token) }),
    );
    return resultOf(gate, requestOf('GET /users/7/orders', 'Authorization', 'Bearer good'));
  };
  const staff = { roles: ['staff'], scopes: ['read'] };
  t.equal(await check({ policy: 'staff' }, staff), 'allow');
  t.equal(await check({ policy: 'staff' }, { roles: ['staff'] }), 'insufficient_scope');
  t.equal(await check({ policy: 'staff', scopes: ['write'] }, staff), 'insufficient_scope');
  t.equal(
    await check({ policy: 'staff', scopes: ['write'] }, { ...staff, scopes: ['read', 'write'] }),
    'allow',
  );
  t.equal(
    await check({ policy: 'staff', scopes: { any: ['a', 'b'] } }, { ...staff, scopes: ['read', 'b'] }),
    'allow',
  );
  t.equal(await check({ policy: 'own' }, {}), 'allow');
  t.equal(await check([{ policy: 'staff' }, { policy: 'own' }], {}), 'allow');
  t.equal(
    await check([{ policy: 'staff' }, { policy: 'own', roles: ['x'] }], { roles: ['y'] }),
    'role_missing',
  );
});

t.test(
  'a bad condition of a policy is reported once, and by the routes whose parameters it lacks',
  async (t) => {
    const policies = { own: { when: 'claims.sub == params.id' } };
    const routes = [
      { path: '/a/:id', access: { policy: 'own' } },
      { path: '/b', access: { policy: 'own' } },
      { path: '/c', access: { policy: 'own' } },
    ];
    const { problems } = await compileFile(fileWith(routes, { policies }));
    t.match(problems, [{ path: ['policies', 'own', 'when'], message: /`params` has no `id`/ }]);
    t.equal(problems.length, 1);
  },
);
