import t from 'tap';
import { folderWith, sealgate } from '../support/cli/cli.ts';
import { startExchangingProvider } from '../support/exchange/exchanging-provider.ts';
import { issue, type Respond, respondWith, startTokenEndpoint } from '../support/exchange/token-endpoint.ts';
import { mint, signingKey } from '../support/tokens/mint.ts';
import { inPlace } from '../support/tokens/verifier.ts';

const KEY = signingKey('ES256');
const SECRET = 's3cret-of-the-gateway';

const fileOf = (tokenUrl: string, exchange = 'audience: orders, scopes: [orders:read]', secret = SECRET) => `
issuers:
  corp: { issuer: https://corp.example, audiences: [api], jwks: { file: keys.json } }
upstreams:
  orders:
    url: "${new URL(tokenUrl).origin}"
    exchange: { grant: token-exchange, tokenUrl: "${tokenUrl}", auth: { clientId: gateway, clientSecret: "${secret}" }, ${exchange} }
routes:
  - { name: orders, path: /orders, upstream: orders, access: { scopes: [read] } }
  - { name: open, path: /open, upstream: orders, access: optional }
  - { name: health, path: /health, upstream: orders, access: public }
  - { name: tools, path: /mcp, upstream: orders, access: authenticated, mcp: { tools: { a: allow } } }
tests:
  - { name: a, token: { scopes: [read] }, request: GET /orders, expect: allow }
  - { name: b, token: {}, request: POST /mcp, mcp: tools/call a, expect: allow }
`;

interface Reported {
  readonly severity: string;
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
}

async function checkOnline(
  text: string,
): Promise<{ readonly found: Reported | undefined; readonly valid: boolean }> {
  const path = await folderWith({ 'gw.yaml': text, 'keys.json': JSON.stringify(inPlace(KEY)) }, t);
  const { stdout } = await sealgate(['check', '-c', path('gw.yaml'), '--online', '--format', 'json']);
  const { problems, valid } = JSON.parse(stdout) as { problems: readonly Reported[]; valid: boolean };
  t.notMatch(stdout, SECRET);
  return { found: problems.find(({ path }) => path.startsWith('upstreams.orders.exchange')), valid };
}

const failed = (error: string, status = 400) => respondWith(status, { error });

const ROWS: readonly (readonly [respond: Respond, severity: string, key: string, message: RegExp])[] = [
  [failed('invalid_grant'), 'note', '.tokenUrl', /accepts the gateway as a client.*400 \(invalid_grant\)/],
  [failed('invalid_request'), 'note', '.tokenUrl', /refuses a token that is none.*\(invalid_request\)/],
  [failed('invalid_client', 401), 'error', '.auth', /does not accept the gateway as a client/],
  [failed('unauthorized_client'), 'error', '.auth', /does not accept the gateway as a client/],
  [failed('unsupported_grant_type'), 'error', '.grant', /does not allow `token-exchange` to this client/],
  [failed('invalid_scope'), 'error', '.scopes', /does not issue tokens for this/],
  [failed('invalid_target'), 'error', '.scopes', /does not issue tokens for this/],
  [failed('server_error', 500), 'error', '.tokenUrl', /no token can be obtained: .*500/],
  [respondWith(200, '<html>'), 'error', '.tokenUrl', /no token can be obtained: .*not JSON/],
  [respondWith(302, '', { location: '/' }), 'error', '.tokenUrl', /redirects are refused/],
  [respondWith(200, {}), 'warning', '.tokenUrl', /with 200: the response has no `access_token`/],
  [issue(), 'warning', '.tokenUrl', /issues a token for one that is none/],
];

t.test('check --online asks the token endpoint with a token that is none', async (t) => {
  const endpoint = await startTokenEndpoint(t);
  for (const [respond, severity, key, message] of ROWS) {
    endpoint.respond = respond;
    const { found, valid } = await checkOnline(fileOf(endpoint.url));
    t.match(found, { severity, path: `upstreams.orders.exchange${key}`, message });
    if (severity === 'error') t.match(found?.hint, /.{20}/);
    t.notMatch(found?.hint ?? '', /--online/, 'it is what was just done');
    t.equal(valid, severity !== 'error');
  }
  t.equal(endpoint.requests.at(-1)?.form.audience, 'orders');
  await endpoint.down();
  const { found } = await checkOnline(fileOf(endpoint.url));
  t.match(found, { severity: 'error', message: /nothing listens at/ });
});

t.test('check --online at a real provider', async (t) => {
  const provider = await startExchangingProvider(t);
  const audience = 'audience: https://orders.example.com';
  const good = await checkOnline(fileOf(provider.tokenUrl, audience, provider.secret));
  t.match(good.found, { severity: 'note', message: /accepts the gateway as a client/ });
  const bad = await checkOnline(fileOf(provider.tokenUrl, audience));
  t.match(bad.found, {
    severity: 'error',
    path: 'upstreams.orders.exchange.auth',
    message: /invalid_client/,
  });
});

t.test('routes, explain and tests name the exchange, and ask nobody', async (t) => {
  const endpoint = await startTokenEndpoint(t);
  const path = await folderWith(
    { 'gw.yaml': fileOf(endpoint.url), 'keys.json': JSON.stringify(inPlace(KEY)) },
    t,
  );
  const { stdout: routes } = await sealgate(['routes', '-c', path('gw.yaml')]);
  t.match(routes, /\/orders.*scopes read; token exchanged/);
  t.match(routes, /\/open.*optional.*; token exchanged/);
  t.notMatch(routes, /\/health.*exchanged/);
  const { stdout: json } = await sealgate(['routes', '-c', path('gw.yaml'), '--format', 'json']);
  const rows = JSON.parse(json) as { path: string; exchanged: boolean }[];
  t.strictSame(rows.map(({ path: at, exchanged }) => [at, exchanged]).sort(), [
    ['/health', false],
    ['/mcp', true],
    ['/open', true],
    ['/orders', true],
  ]);

  const { code, stdout: checked } = await sealgate(['check', '-c', path('gw.yaml')]);
  t.equal(code, 0, checked);

  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: 'https://corp.example',
    aud: 'api',
    sub: 'a',
    scope: 'read',
    iat: now,
    exp: now + 60,
  };
  const token = mint(KEY, claims);
  for (const words of [
    ['/orders'],
    ['/mcp', '--method', 'POST', '--mcp', 'tools/call a'],
    ['/mcp', '--method', 'POST'],
  ]) {
    const ask = ['explain', '-c', path('gw.yaml'), '--token', token, ...words];
    const { code, stdout } = await sealgate([...ask, '--format', 'json']);
    t.equal(code, 0, stdout);
    const steps = JSON.parse(stdout).steps as readonly { step: string; ok: boolean; got: string }[];
    t.match(
      steps.find(({ step }) => step === 'exchange'),
      { ok: true, got: /nothing is sent here/ },
    );
    t.match((await sealgate(ask)).stdout, /exchange/);
  }
  const { stdout: open } = await sealgate(['explain', '-c', path('gw.yaml'), '/open', '--format', 'json']);
  t.notMatch(open, /"exchange"/, 'without a token there is nothing to exchange');
  t.equal(endpoint.requests.length, 0);
});

t.test('files that an exchange names are read and reported', async (t) => {
  const endpoint = await startTokenEndpoint(t);
  for (const [auth, key, message] of [
    ['privateKey: no.pem', 'auth.privateKey', /cannot read `no.pem`/],
    ['privateKey: bad.pem', 'auth.privateKey', /no private key/],
    ['tls: { cert: bad.pem, key: bad.pem }', 'auth.tls', /./],
    ['clientSecret: s', 'ca', /no PEM certificate/],
  ] as const) {
    const text = fileOf(endpoint.url, 'audience: orders, ca: bad.pem').replace(
      `clientSecret: "${SECRET}"`,
      auth,
    );
    const path = await folderWith(
      { 'gw.yaml': text, 'keys.json': JSON.stringify(inPlace(KEY)), 'bad.pem': 'nothing' },
      t,
    );
    const { stdout } = await sealgate(['check', '-c', path('gw.yaml'), '--format', 'json']);
    const { problems } = JSON.parse(stdout) as { problems: readonly Reported[] };
    t.ok(
      problems.some(
        (one) =>
          one.severity === 'error' &&
          one.path.startsWith(`upstreams.orders.exchange${key && '.'}${key}`) &&
          message.test(one.message),
      ),
      stdout,
    );
  }
});
