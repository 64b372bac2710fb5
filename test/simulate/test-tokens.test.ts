import t from 'tap';
import { folderWith, sealgate } from '../support/cli/cli.ts';

const FILE = `
listen: { publicUrl: https://api.example.com:8443, trustedProxies: [10.0.0.0/8], clientCertHeader: { name: client-cert, format: rfc9440 } }
issuers:
  corp: { issuer: https://corp.example, audiences: [api] }
  keyed: { issuer: https://keyed.example, audiences: [api], dpop: { algorithms: [EdDSA, ES256] }, introspection: { url: https://keyed.example/i, prefix: k_, auth: { clientId: g, clientSecret: s } } }
  legacy:
    issuer: https://legacy.example
    audiences: [api]
    jwks: none
    requiredClaims: [sub]
    introspection: { url: https://legacy.example/i, auth: { clientId: g, clientSecret: s } }
  both:
    issuer: https://both.example
    audiences: [api]
    introspection: { url: https://both.example/i, for: all, prefix: b_, auth: { clientId: g, clientSecret: s } }
defaults: { issuers: [corp, keyed, legacy, both] }
routes:
  - { name: any, path: /any, upstream: http://127.0.0.1:1, access: { maxAuthAge: 1h }, mode: report }
  - { name: read, path: /read, upstream: http://127.0.0.1:1, access: { scopes: [read] } }
  - { name: fresh, path: /fresh, upstream: http://127.0.0.1:1, access: { maxAuthAge: 10m } }
  - { name: key, path: /key, upstream: http://127.0.0.1:1, access: { binding: dpop } }
  - { name: hosted, path: /key, host: other.example, upstream: http://127.0.0.1:1, access: { binding: dpop } }
  - { name: cert, path: /cert, upstream: http://127.0.0.1:1, access: { binding: mtls } }
  - { name: either, path: /either, upstream: http://127.0.0.1:1, access: { binding: any, scopes: [read], maxAuthAge: 10m } }
  - name: tools
    path: /mcp
    upstream: http://127.0.0.1:1
    access: { binding: any }
    mcp: { tools: { pay: { binding: dpop }, search: allow } }
`;

async function check(t: Parameters<typeof folderWith>[1], text: string) {
  const path = await folderWith({ 'gw.yaml': text }, t);
  const { code, stdout } = await sealgate(['check', '-c', path('gw.yaml'), '--format', 'json']);
  return { exit: code, ...JSON.parse(stdout) };
}

/** Token, request, and the result. */
const ROWS: readonly (readonly [token: string, request: string, result: string])[] = [
  // How long ago the user authenticated
  ['{ issuer: corp, authAge: 9m }', 'GET /fresh', 'allow'],
  ['{ issuer: corp, authAge: 11m }', 'GET /fresh', 'step_up_required'],
  ['{ issuer: corp }', 'GET /fresh', 'step_up_required'],
  // Opaque tokens
  ['{ issuer: legacy, introspected: true, scopes: [read] }', 'GET /read', 'allow'],
  ['{ issuer: legacy, introspected: true }', 'GET /read', 'insufficient_scope'],
  ['{ issuer: legacy, introspected: true, authAge: 11m }', 'GET /fresh', 'step_up_required'],
  ['{ issuer: legacy, introspected: true, claims: { active: false } }', 'GET /any', 'token_inactive'],
  ['{ issuer: legacy, introspected: true, claims: { exp: 1 } }', 'GET /any', 'token_expired'],
  ['{ issuer: legacy, introspected: true, audiences: [x] }', 'GET /any', 'audience_mismatch'],
  ['{ issuer: legacy, introspected: true, claims: { sub: null } }', 'GET /any', 'claim_missing'],
  ['{ issuer: legacy }', 'GET /any', 'key_unknown'],
  ['{ issuer: keyed, introspected: true }', 'GET /any', 'allow'],
  ['{ issuer: both, introspected: true }', 'GET /any', 'allow'],
  ['{ issuer: both }', 'GET /any', 'allow'],
  // Certificates
  ['{ issuer: corp, bound: mtls }', 'GET /cert', 'allow'],
  ['{ issuer: corp, bound: mtls }', 'GET /any', 'allow'],
  ['{ issuer: corp }', 'GET /cert', 'binding_required'],
  ['{ issuer: corp, bound: mtls }', 'GET /key', 'binding_required'],
  ['{ issuer: legacy, introspected: true, bound: mtls }', 'GET /cert', 'allow'],
  ['{ issuer: legacy, introspected: true }', 'GET /cert', 'binding_required'],
  ['{ issuer: corp, claims: { cnf: { "x5t#S256": abc } } }', 'GET /any', 'token_bound'],
  // Proofs
  ['{ issuer: keyed, bound: dpop }', 'GET /key?a=b', 'allow'],
  ['{ issuer: keyed, bound: dpop }', 'POST https://api.example.com:8443/key/7', 'allow'],
  ['{ issuer: keyed, bound: dpop }', 'GET https://other.example:8443/key', 'allow'],
  ['{ issuer: keyed, bound: dpop }', 'GET https://other.example/key', 'dpop_proof_invalid'],
  ['{ issuer: keyed, bound: dpop }', 'GET /any', 'allow'],
  ['{ issuer: keyed, bound: dpop }', 'GET /cert', 'binding_required'],
  ['{ issuer: keyed }', 'GET /key', 'binding_required'],
  ['{ issuer: keyed, bound: dpop, introspected: true }', 'GET /key', 'allow'],
  ['{ issuer: keyed, bound: dpop, claims: { exp: 1 } }', 'GET /key', 'token_expired'],
  // All of it
  ['{ issuer: keyed, bound: dpop, introspected: true, scopes: [read], authAge: 1m }', 'GET /either', 'allow'],
  ['{ issuer: keyed, bound: dpop, introspected: true, scopes: [read] }', 'GET /either', 'step_up_required'],
  ['{ issuer: keyed, bound: dpop, introspected: true, authAge: 1m }', 'GET /either', 'insufficient_scope'],
  [
    '{ issuer: legacy, bound: mtls, introspected: true, scopes: [read], authAge: 1m }',
    'GET /either',
    'allow',
  ],
];

t.test('tokens of tests are opaque, bound and of any age as the file has it', async (t) => {
  const tests = ROWS.map(
    ([token, request, result], at) =>
      `  - { name: t${at}, token: ${token}, request: ${request}, expect: ${result} }`,
  );
  const messages = [
    '  - { name: m0, token: { issuer: corp, bound: mtls }, request: POST /mcp, mcp: tools/call search, expect: allow }',
    '  - { name: m1, token: { issuer: corp, bound: mtls }, request: POST /mcp, mcp: tools/call pay, expect: binding_required }',
    '  - { name: m2, token: { issuer: keyed, bound: dpop }, request: POST /mcp, mcp: tools/call pay, expect: allow }',
    '  - { name: m3, headers: { authorization: Bearer made-up }, request: GET /any, expect: token_inactive }',
  ];
  const report = await check(t, `${FILE}tests:\n${[...tests, ...messages].join('\n')}\n`);
  t.strictSame(
    report.problems.filter(({ severity }: { severity: string }) => severity === 'error'),
    [],
  );
  for (const { name, ok, expected, got } of report.tests)
    t.ok(ok, `${ROWS[Number(name.slice(1))]?.join(', ')}: ${expected}, got ${got}`);
  t.equal(report.tests.length, ROWS.length + messages.length);
  t.equal(report.exit, 0);
});

t.test('a test that fails shows what the proof or the provider came to', async (t) => {
  const path = await folderWith(
    {
      'gw.yaml': `${FILE}tests:
  - { name: inactive, token: { issuer: legacy, introspected: true, claims: { active: false } }, request: GET /any, expect: allow }
`,
    },
    t,
  );
  const { code, stdout, stderr } = await sealgate(['check', '-c', path('gw.yaml')]);
  t.equal(code, 1);
  t.match(stdout + stderr, /inactive.*got token_inactive|token_inactive/s);
});

t.test('what no token can be is an error at its key', async (t) => {
  const rows: readonly (readonly [token: string, key: string, message: RegExp])[] = [
    ['{ issuer: corp, bound: dpop }', 'bound', /issuer `corp` has no `dpop`/],
    ['{ issuer: corp, introspected: true }', 'introspected', /issuer `corp` has no `introspection`/],
    ['{ issuer: corp, introspected: false }', 'introspected', /expected `true`/],
    ['{ issuer: corp, bound: key }', 'bound', /expected dpop or mtls|dpop/],
    ['{ issuer: corp, bound: mtls, claims: { cnf: {} } }', 'bound', /`claims` has `cnf`/],
    ['{ issuer: corp, authAge: 5m, claims: { auth_time: 1 } }', 'authAge', /`claims` has `auth_time`/],
    ['{ issuer: corp, authAge: 5 }', 'authAge', /expected a duration/],
  ];
  for (const [token, key, message] of rows) {
    const report = await check(
      t,
      `${FILE}tests: [{ name: a, token: ${token}, request: GET /any, expect: allow }]\n`,
    );
    const errors = report.problems.filter(({ severity }: { severity: string }) => severity === 'error');
    t.match(errors, [{ path: `tests[0].token.${key}`, message }], token);
    t.equal(errors.length, 1, token);
  }
  const plain = FILE.replace(/, clientCertHeader: \{[^}]*\}/, '').replace(/ {2}- \{ name: cert,.*\n/, '');
  const report = await check(
    t,
    `${plain}tests: [{ name: a, token: { issuer: corp, bound: mtls }, request: GET /any, expect: allow }]\n`,
  );
  t.match(
    report.problems.filter(({ severity }: { severity: string }) => severity === 'error'),
    [{ path: 'tests[0].token.bound', message: /no request has a client certificate here/ }],
  );
});
