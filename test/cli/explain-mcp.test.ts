import t from 'tap';
import { folderWith, sealgate } from '../support/cli/cli.ts';
import { mint, signingKey } from '../support/tokens/mint.ts';
import { inPlace } from '../support/tokens/verifier.ts';

const KEY = signingKey('ES256');
const NOW = Math.floor(Date.now() / 1000);

const FILE = `
listen: { publicUrl: https://api.example.com }
issuers:
  corp: { issuer: https://corp.example, audiences: [api], algorithms: [ES256], jwks: { file: keys.json } }
upstreams: { app: { url: "http://127.0.0.1:1" } }
routes:
  - name: tools
    path: /mcp
    upstream: app
    access: { scopes: [mcp:use] }
    mcp:
      tools: { search: allow, 'orders_*': { scopes: [orders:write] }, 'orders_secret*': deny }
      resources: { 'file:///docs/*': allow }
      methods: { 'logging/*': deny }
  - { name: plain, path: /plain, upstream: app, access: public }
tests:
  - { name: a search, token: { scopes: [mcp:use] }, request: POST /mcp, mcp: tools/call search, expect: allow }
  - { name: an order, token: { scopes: [mcp:use] }, request: POST /mcp, mcp: tools/call orders_x, expect: insufficient_scope }
  - { name: both scopes, token: { scopes: ['mcp:use', 'orders:write'] }, request: POST /mcp, mcp: tools/call orders_x, expect: allow }
  - { name: a secret, token: { scopes: ['mcp:use', 'orders:write'] }, request: POST /mcp, mcp: tools/call orders_secret_a, expect: mcp_denied }
  - { name: unknown, token: { scopes: [mcp:use] }, request: POST /mcp, mcp: tools/call other, expect: mcp_denied }
  - { name: a URI, token: { scopes: [mcp:use] }, request: POST /mcp, mcp: 'resources/read file:///docs/../x', expect: mcp_invalid }
  - { name: a header, token: { scopes: [mcp:use] }, request: POST /mcp, mcp: tools/list, headers: { mcp-method: ping }, expect: mcp_mismatch }
  - { name: a page, request: POST /mcp, mcp: tools/list, headers: { origin: 'https://evil.example' }, expect: origin_not_allowed }
  - { name: nobody, request: POST /mcp, mcp: tools/call search, expect: token_missing }
  - { name: no message, token: { scopes: [mcp:use] }, request: POST /mcp, expect: allow }
  - { name: another method, token: { scopes: [mcp:use] }, request: PUT /mcp, expect: method_not_allowed }
`;

const path = await folderWith({ 'gw.yaml': FILE, 'keys.json': JSON.stringify(inPlace(KEY)) }, t);
const token = (scope: string) =>
  mint(KEY, { iss: 'https://corp.example', aud: 'api', sub: 'alice', iat: NOW, exp: NOW + 300, scope });

t.test('the tests of a file can bring messages', async (t) => {
  const { code, stdout } = await sealgate(['check', '-c', path('gw.yaml'), '--format', 'json']);
  const { tests } = JSON.parse(stdout);
  t.equal(tests.length, 11);
  for (const { name, ok, expected, got } of tests) t.ok(ok, `${name}: expected ${expected}, got ${got}`);
  t.equal(code, 0);
});

const explain = async (words: readonly string[], scope = 'mcp:use') => {
  const ask = ['explain', '-c', path('gw.yaml'), '--token', token(scope), ...words];
  const { code, stdout } = await sealgate([...ask, '--format', 'json']);
  return { code, response: JSON.parse(stdout), text: (await sealgate(ask)).stdout };
};

t.test('explain shows the rule that decided', async (t) => {
  const allowed = await explain(['--mcp', 'tools/call search', '/mcp']);
  t.equal(allowed.code, 0);
  t.match(allowed.text, /mcp\.tools\s+rule "search" allows it/);
  t.match(allowed.text, /mcp\.methods\s+no rule matches: allowed/);

  const denied = await explain(['--mcp', 'tools/call orders_secret', '/mcp']);
  t.equal(denied.code, 3);
  t.match(denied.response, { code: 'mcp_denied', status: 403, route: 'tools', issuer: 'corp' });
  t.match(denied.response.steps.at(-1), {
    step: 'mcp.tools',
    ok: false,
    got: /rule "orders_secret\*".*denies it/,
  });

  const lacking = await explain(['--mcp', 'tools/call orders_x', '/mcp']);
  t.equal(lacking.response.code, 'insufficient_scope');
  t.match(lacking.text, /scope="mcp:use orders:write"/, 'the challenge has the scopes of both');
  t.equal((await explain(['--mcp', 'tools/call orders_x', '/mcp'], 'mcp:use orders:write')).code, 0);

  const method = await explain(['--mcp', 'logging/setLevel', '/mcp']);
  t.match(method.response.steps.at(-1), { step: 'mcp.methods', ok: false });
  const invalid = await explain(['--mcp', 'resources/read file:///docs/%2e%2e/x', '/mcp']);
  t.match(invalid.response.steps.at(-1), { step: 'message', ok: false, got: /encoded/ });
});

t.test('explain does without a message as far as it can', async (t) => {
  const unknown = await explain(['--method', 'POST', '/mcp']);
  t.equal(unknown.code, 0);
  t.match(
    unknown.response.steps.find(({ step }: { step: string }) => step === 'message'),
    { got: /not known/ },
  );
  const elsewhere = await explain(['--mcp', 'tools/call search', '/plain']);
  t.match(elsewhere.response.steps.at(-1), { step: 'message', got: /the route has no `mcp`/ });
  const get = await explain(['--method', 'GET', '--mcp', 'tools/call search', '/mcp']);
  t.equal(get.response.code, 'mcp_invalid');
  const misfit = await sealgate(['explain', '-c', path('gw.yaml'), '--mcp', 'tools/list x', '/mcp']);
  t.equal(misfit.code, 2);
  t.match(misfit.stderr, /names nothing/);
});

t.test('routes shows which messages have rules', async (t) => {
  const { stdout } = await sealgate(['routes', '-c', path('gw.yaml')]);
  t.match(stdout, /scopes mcp:use; MCP rules on tools, resources, methods/);
  const rows = JSON.parse((await sealgate(['routes', '-c', path('gw.yaml'), '--format', 'json'])).stdout);
  t.match(rows.find(({ name }: { name: string }) => name === 'tools').mcp, { tools: { search: 'allow' } });
  t.equal(rows.find(({ name }: { name: string }) => name === 'plain').mcp, null);
});
