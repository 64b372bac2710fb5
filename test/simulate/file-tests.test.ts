import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import t from 'tap';
import { folderWith, sealgate } from '../support/cli/cli.ts';

const HEAD = `
issuers:
  corp: { issuer: https://corp.example, audiences: [api, second] }
policies:
  staff: { roles: [staff] }
routes:
  - { name: open, path: /open, upstream: http://127.0.0.1:1, access: public }
  - { name: read, path: /orders, methods: [GET], upstream: http://127.0.0.1:1, access: { scopes: [orders:read] } }
  - { name: own, path: /users/:id, upstream: http://127.0.0.1:1, access: [{ when: claims.sub == params.id }, { policy: staff }] }
  - { name: shop, path: /shop, upstream: http://127.0.0.1:1, access: { audiences: [shop] }, cors: { origins: [https://a.example] } }
`;

async function check(t: Parameters<typeof folderWith>[1], text: string) {
  const path = await folderWith({ 'gw.yaml': text }, t);
  const { code, stdout } = await sealgate(['check', '-c', path('gw.yaml'), '--format', 'json']);
  return { exit: code, ...JSON.parse(stdout) };
}

t.test('the example of the file format passes its own tests', async (t) => {
  const example = resolve(import.meta.dirname, '../../config/examples/contract.yaml');
  const { code, stdout } = await sealgate(['check', '-c', example, '--format', 'json']);
  const report = JSON.parse(stdout);
  t.equal(code, 0);
  t.ok(report.tests.length >= 5);
  t.ok(
    report.tests.every(({ ok }: { ok: boolean }) => ok),
    JSON.stringify(report.tests),
  );
  t.match(await readFile(example, 'utf8'), /tests:/);
});

t.test('expectations are compared with what the pipeline decides', async (t) => {
  const table: [test: string, got: string][] = [
    ['{ name: a, request: GET /open, expect: allow }', 'allow'],
    ['{ name: a, request: GET /open/x/../y, expect: ambiguous_path }', 'ambiguous_path'],
    ['{ name: a, request: GET /none, expect: route_unknown }', 'route_unknown'],
    ['{ name: a, request: POST /orders, expect: method_not_allowed }', 'method_not_allowed'],
    ['{ name: a, request: GET /orders, expect: token_missing }', 'token_missing'],
    ['{ name: a, token: {}, request: GET /orders, expect: insufficient_scope }', 'insufficient_scope'],
    ['{ name: a, token: { scopes: [orders:read] }, request: GET /orders, expect: allow }', 'allow'],
    [
      '{ name: a, token: { claims: { exp: 1 } }, request: GET /orders, expect: token_expired }',
      'token_expired',
    ],
    [
      '{ name: a, token: { claims: { iss: x } }, request: GET /orders, expect: issuer_unknown }',
      'issuer_unknown',
    ],
    [
      '{ name: a, token: { audiences: [x] }, request: GET /orders, expect: audience_mismatch }',
      'audience_mismatch',
    ],
    ['{ name: a, token: { audiences: [] }, request: GET /orders, expect: claim_missing }', 'claim_missing'],
    ['{ name: a, token: {}, request: GET /shop, expect: allow }', 'allow'],
    [
      '{ name: a, token: { audiences: [api] }, request: GET /shop, expect: audience_mismatch }',
      'audience_mismatch',
    ],
    ['{ name: a, token: { claims: { sub: "7" } }, request: GET /users/7, expect: allow }', 'allow'],
    [
      '{ name: a, token: { claims: { sub: "8" } }, request: GET /users/7, expect: condition_failed }',
      'condition_failed',
    ],
    [
      '{ name: a, token: { roles: [staff] }, request: GET https://any.example/users/7, expect: allow }',
      'allow',
    ],
    [
      '{ name: a, headers: { authorization: Bearer x }, token: {}, request: GET /orders, expect: multiple_tokens }',
      'multiple_tokens',
    ],
    [
      '{ name: a, headers: { origin: https://a.example, access-control-request-method: GET }, request: OPTIONS /shop, expect: allow }',
      'allow',
    ],
  ];
  const passing = await check(t, `${HEAD}tests:\n${table.map(([test]) => `  - ${test}\n`).join('')}`);
  t.equal(passing.exit, 0, JSON.stringify(passing.tests));
  t.strictSame(
    passing.tests.map(({ got }: { got: string }) => got),
    table.map(([, got]) => got),
  );
  const turned = table.map(([test, got]) =>
    test.replace(/expect: \w+/, `expect: ${got === 'allow' ? 'internal' : 'allow'}`),
  );
  const failing = await check(t, `${HEAD}tests:\n${turned.map((test) => `  - ${test}\n`).join('')}`);
  t.match(failing, { exit: 1, valid: false });
  t.ok(failing.tests.every(({ ok }: { ok: boolean }) => !ok));
});

t.test('expected identity headers are compared, absent ones too', async (t) => {
  const test = (identity: string) =>
    `${HEAD}tests: [{ name: a, token: { scopes: [orders:read], claims: { sub: alice } }, request: GET /orders, expect: allow, identity: ${identity} }]`;
  t.match(await check(t, test('{ x-user-id: alice, X-User-Scopes: "orders:read", x-tenant: null }')), {
    exit: 0,
  });
  t.match((await check(t, test('{ x-user-id: bob }'))).tests, [
    { ok: false, expected: 'x-user-id: bob', got: 'x-user-id: alice' },
  ]);
  t.match((await check(t, test('{ x-user-id: null }'))).tests, [
    { ok: false, expected: 'no x-user-id', got: 'x-user-id: alice' },
  ]);
  t.match((await check(t, test('{ x-tenant: acme }'))).tests, [
    { ok: false, expected: 'x-tenant: acme', got: 'no x-tenant' },
  ]);
});

t.test('a failing test explains itself at its line', async (t) => {
  const path = await folderWith(
    { 'gw.yaml': `${HEAD}tests:\n  - { name: mine, token: {}, request: GET /orders, expect: allow }\n` },
    t,
  );
  const { code, stdout } = await sealgate(['check', '-c', path('gw.yaml')]);
  t.equal(code, 1);
  t.match(stdout, /gw\.yaml:12:1: failed: test "mine": expected allow, got insufficient_scope/);
  t.match(stdout, /FAIL {2}scopes/);
});

t.test(
  'tokens are made for any issuer: its algorithms, types, presets and places of scopes and roles',
  async (t) => {
    const guid = '11111111-2222-3333-4444-555555555555';
    const issuers: [string, string?][] = [
      ['{ issuer: https://a.example, audiences: [x], algorithms: [RS512] }'],
      ['{ issuer: https://a.example, audiences: [x], algorithms: [PS256, ES384] }'],
      ['{ issuer: https://a.example, audiences: [x], algorithms: [ES512], tokenTypes: [at+jwt] }'],
      ['{ issuer: https://a.example, audiences: any, requiredClaims: [jti, email], maxTokenAge: 1h }'],
      ['{ issuer: https://a.example, audiences: [x], scopeClaims: [[a, b]], roleClaims: [[a, c], roles] }'],
      ['{ preset: cognito, userPool: eu-central-1_a1b2c3d4e, audiences: [x] }'],
      ['{ preset: keycloak, issuer: https://k.example/realms/r, audiences: [x] }'],
      ['{ preset: google, audiences: [x], scopeClaims: [scope], roleClaims: [roles] }'],
      [`{ preset: entra, tenant: ${guid}, audiences: [x] }`, `tid: ${guid}`],
      [`{ preset: entra-multitenant, tenants: [${guid}], audiences: [x] }`, `tid: ${guid}`],
    ];
    for (const [issuer, claims = ''] of issuers) {
      const report = await check(
        t,
        `issuers: { one: ${issuer} }
routes: [{ name: r, path: /, upstream: http://127.0.0.1:1, access: { scopes: [s], roles: [r] } }]
tests:
  - { name: in, token: { scopes: [s], roles: [r], claims: { ${claims} } }, request: GET /, expect: allow }
  - { name: out, token: { scopes: [s], claims: { ${claims} } }, request: GET /, expect: role_missing }
`,
      );
      t.equal(report.exit, 0, `${issuer} ${JSON.stringify(report)}`);
    }
  },
);

t.test('a test that cannot be asked is an error of the file', async (t) => {
  const table: [string, RegExp][] = [
    ['{ name: a, request: /orders, expect: allow }', /method and a path/],
    ['{ name: a, request: GET orders, expect: allow }', /method and a path/],
    ['{ name: a, request: GET /, expect: allowed }', /allow/],
    ['{ name: a, request: GET /, expect: allow, token: { issuer: corb } }', /unknown issuer `corb`/],
    ['{ request: GET /, expect: allow }', /name/],
  ];
  for (const [test, message] of table) {
    const { exit, problems } = await check(t, `${HEAD}tests: [${test}]`);
    t.equal(exit, 1);
    t.match(problems.map((problem: { message: string }) => problem.message).join('\n'), message, test);
  }
});
