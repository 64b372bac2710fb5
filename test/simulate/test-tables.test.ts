import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import t from 'tap';
import { folderWith, sealgate } from '../support/cli/cli.ts';

const HEAD = `issuers:
  corp: { issuer: https://corp.example, audiences: [api] }
routes:
  - { name: open, path: /open, upstream: http://127.0.0.1:1, access: public }
  - { name: read, path: /orders, methods: [GET], upstream: http://127.0.0.1:1, access: { scopes: [orders:read] } }
  - { name: team, path: /team, upstream: http://127.0.0.1:1, access: { claims: { tenant: acme, team: red }, when: "request.headers['x-mode'] == 'a'" } }
tests:
`;

async function check(t: Parameters<typeof folderWith>[1], tests: string, head = HEAD) {
  const path = await folderWith({ 'gw.yaml': `${head}${tests}` }, t);
  const { code, stdout } = await sealgate(['check', '-c', path('gw.yaml'), '--format', 'json']);
  const report = JSON.parse(stdout);
  const problems = report.problems.filter(({ severity }: { severity: string }) => severity !== 'note');
  return { exit: code, ...report, problems };
}

t.test('each row is a test, named by its own name or its number', async (t) => {
  const { exit, tests } = await check(
    t,
    `  - name: orders
    request: GET /orders
    token: { scopes: [orders:read] }
    expect: allow
    each:
      - { name: a reader }
      - { token: { scopes: [] }, expect: insufficient_scope }
      - { token: null, expect: token_missing }
      - { request: POST /orders, expect: method_not_allowed }
      - { name: wrong, expect: token_missing }
  - { name: alone, request: GET /open, expect: allow }
`,
  );
  t.equal(exit, 1);
  t.same(tests, [
    { name: 'orders: a reader', ok: true, expected: 'allow', got: 'allow' },
    { name: 'orders: row 2', ok: true, expected: 'insufficient_scope', got: 'insufficient_scope' },
    { name: 'orders: row 3', ok: true, expected: 'token_missing', got: 'token_missing' },
    { name: 'orders: row 4', ok: true, expected: 'method_not_allowed', got: 'method_not_allowed' },
    { name: 'orders: wrong', ok: false, expected: 'token_missing', got: 'allow' },
    { name: 'alone', ok: true, expected: 'allow', got: 'allow' },
  ]);
});

t.test('token, its claims, headers and identity merge key by key; the rest is replaced', async (t) => {
  const { exit, tests } = await check(
    t,
    `  - name: team
    request: GET /team
    token: { claims: { tenant: acme, team: red, sub: ann } }
    headers: { X-Mode: a }
    identity: { x-user-id: ann, x-nobody: null }
    expect: allow
    each:
      - { name: as it is }
      - { name: one claim, token: { claims: { sub: bob } }, identity: { X-User-Id: bob } }
      - { name: another claim, token: { claims: { team: blue } }, identity: { x-user-id: null }, expect: claim_mismatch }
      - { name: a further key, token: { audiences: [other] }, identity: { x-user-id: null }, expect: audience_mismatch }
      - { name: a field in another case, headers: { x-mode: b }, identity: { x-user-id: null }, expect: condition_failed }
      - { name: a further field, headers: { x-other: b } }
      - { name: the rest stays expected, token: { claims: { sub: eve } } }
`,
  );
  t.equal(exit, 1);
  t.same(
    tests.map(({ ok, got }: { ok: boolean; got: string }) => [ok, got]),
    [
      [true, 'allow'],
      [true, 'allow'],
      [true, 'claim_mismatch'],
      [true, 'audience_mismatch'],
      [true, 'condition_failed'],
      [true, 'allow'],
      [false, 'x-user-id: eve'],
    ],
  );
});

t.test('what is wrong in a row is reported at the row', async (t) => {
  const table: [tests: string, path: string, line: number, message: RegExp, hint: RegExp][] = [
    ['each: []', 'tests[0].each', 12, /at least one row/, /^/],
    ['each: [{ scope: [a] }]', 'tests[0].each[0].scope', 12, /unknown/, /./],
    ['each: [{ expct: allow }]', 'tests[0].each[0].expct', 12, /unknown/, /did you mean `expect`/],
    ['each: [{ each: [{ expect: allow }] }]', 'tests[0].each[0].each', 12, /unknown/, /./],
    ['each: [{ token: { scops: [a] } }]', 'tests[0].each[0].token.scops', 12, /unknown/, /`scopes`/],
    ['each: [{ token: { issuer: crop } }]', 'tests[0].each[0].token.issuer', 12, /unknown issuer/, /`corp`/],
    ['each: [{ expect: overloaded }]', 'tests[0].each[0].expect', 12, /no test can end/, /^/],
    ['each: [{}, { token: { bound: mtls } }]', 'tests[0].each[1].token.bound', 12, /certificate/, /./],
    ['each: [{ mcp: tools/list }]', 'tests[0].each[0].mcp', 12, /no route has `mcp`/, /./],
  ];
  for (const [row, path, line, message, hint] of table) {
    const tests = `  - name: orders\n    request: GET /open\n    expect: allow\n    token: {}\n    ${row}\n`;
    const { exit, problems } = await check(t, tests);
    t.equal(exit, 1, row);
    t.match(problems, [{ severity: 'error', path, line, message }], row);
    t.match(problems[0].hint ?? '', hint, row);
    t.equal(problems.length, 1, row);
  }
});

t.test('what all rows have in common is reported once, where it stands', async (t) => {
  const tests = `  - name: orders\n    request: GET /open\n    token: { issuer: crop }\n    expect: overloaded\n    each: [{}, {}, {}]\n`;
  const { problems } = await check(t, tests);
  t.same(
    problems.map(({ path, line }: { path: string; line: number }) => [path, line]),
    [
      ['tests[0].token.issuer', 10],
      ['tests[0].expect', 11],
    ],
  );
});

t.test(
  'a request and an expectation may come from the test, or from each row, and from nowhere else',
  async (t) => {
    const complete = await check(t, '  - { name: a, each: [{ request: GET /open, expect: allow }] }\n');
    t.equal(complete.exit, 0);
    const table: [test: string, paths: string[]][] = [
      ['{ name: a }', ['tests[0].request', 'tests[0].expect']],
      ['{ name: a, request: GET /open }', ['tests[0].expect']],
      ['{ name: a, requst: GET /open, expect: allow }', ['tests[0].requst']],
      ['{ name: a, request: GET /open, each: [{ expect: allow }, {}] }', ['tests[0].each[1].expect']],
      ['{ name: a, expect: allow, each: [{}] }', ['tests[0].each[0].request']],
    ];
    for (const [test, paths] of table) {
      const { exit, problems } = await check(t, `  - ${test}\n`);
      t.equal(exit, 1, test);
      t.same(
        problems.map(({ path }: { path: string }) => path),
        paths,
        test,
      );
    }
  },
);

t.test('the most rows of a table are 5000', async (t) => {
  const rows = (count: number) =>
    `  - { name: a, request: GET /open, expect: allow, each: [${Array(count).fill('{}').join(', ')}] }\n`;
  const most = await check(t, rows(5000));
  t.equal(most.exit, 0);
  t.equal(most.tests.length, 5000);
  const more = await check(t, rows(5001));
  t.match(more.problems, [{ path: 'tests[0].each', message: /at most 5000 rows/ }]);
});

t.test('errors elsewhere in a table leave the other rows to run', async (t) => {
  const { exit, tests, problems } = await check(
    t,
    `  - name: orders
    request: GET /orders
    each:
      - { expect: token_missing }
      - { expect: nonsense }
      - { token: { scopes: [orders:read] }, expect: allow }
`,
  );
  t.equal(exit, 1);
  t.match(problems, [{ path: 'tests[0].each[1].expect', line: 12 }]);
  t.equal(problems.length, 1);
  t.match(tests, [{ ok: true }, { ok: true }]);
});

t.test('the table of docs/access.md holds for the routes it is about', async (t) => {
  const page = await readFile(resolve(import.meta.dirname, '../../docs/access.md'), 'utf8');
  const section = page.slice(page.indexOf('### Tables'));
  const [, table = ''] = /```yaml\ntests:\n([^`]+)```/.exec(section) ?? [];
  const head = HEAD.replace('/orders, methods', '/orders/:id, methods').replace(
    '{ scopes: [orders:read] }',
    '{ scopes: [orders:read], claims: { tenant: acme } }',
  );
  const { exit, tests } = await check(t, table, head);
  t.equal(exit, 0, JSON.stringify(tests));
  t.match(tests.at(-1), { name: 'orders: row 5' });
  t.match(tests.at(-2), { name: 'orders: nobody' });
});

t.test('a failing row is shown at its own line, by `check` and by `start`', async (t) => {
  const text = `${HEAD}  - name: orders
    request: GET /orders
    each:
      - { expect: token_missing }
      - { name: nobody, expect: allow }
`;
  const path = await folderWith({ 'gw.yaml': text }, t);
  const checked = await sealgate(['check', '-c', path('gw.yaml')]);
  t.match(checked.stdout, /gw\.yaml:12:1: failed: test "orders: nobody": expected allow, got token_missing/);
  t.match(checked.stdout, '1 of 2 tests failed');
  const started = await sealgate(['start', '-c', path('gw.yaml')]);
  t.equal(started.code, 1);
  t.match(
    started.stderr,
    /gw\.yaml:12:9: error: tests\[0\]\.each\[1\]: the file's own test "orders: nobody" fails/,
  );
});
