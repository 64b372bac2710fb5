import t from 'tap';
import { ORIGIN, REDIRECT_URI, startFront } from '../support/oauth/front-harness.ts';
import { respondWith, TOKENS } from '../support/oauth/scripted-provider.ts';

t.test('the metadata names the front, and of the provider only keys and scopes', async (t) => {
  const front = await startFront(t);
  const response = await front.metadata();
  t.equal(response.status, 200);
  t.equal(response.headers.get('content-type'), 'application/json');
  t.equal(response.headers.get('access-control-allow-origin'), '*');
  t.equal(response.headers.get('cache-control'), 'max-age=300');
  t.strictSame(await response.json(), {
    issuer: `${ORIGIN}/oauth`,
    authorization_endpoint: `${ORIGIN}/oauth/authorize`,
    token_endpoint: `${ORIGIN}/oauth/token`,
    registration_endpoint: `${ORIGIN}/oauth/register`,
    jwks_uri: `${front.provider.url}/keys`,
    scopes_supported: ['openid', 'mcp:use'],
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    authorization_response_iss_parameter_supported: false,
  });
  const head = await fetch(`${front.url}/.well-known/oauth-authorization-server/oauth`, { method: 'HEAD' });
  t.equal(head.status, 200);
  t.equal(head.headers.get('content-length'), response.headers.get('content-length'));

  t.comment('only there: as an OpenID configuration it would promise ID tokens of the front');
  for (const path of ['/.well-known/openid-configuration/oauth', '/oauth/.well-known/openid-configuration']) {
    t.equal((await fetch(front.url + path)).status, 404, path);
  }
});

t.test('the default path has the name of the issuer', async (t) => {
  const front = await startFront(t, { front: { path: undefined } });
  const path = '/.well-known/sealgate/oauth/corp';
  const response = await fetch(`${front.url}/.well-known/oauth-authorization-server${path}`);
  const { issuer, token_endpoint } = (await response.json()) as Record<string, string>;
  t.equal(issuer, ORIGIN + path);
  t.equal(token_endpoint, `${ORIGIN}${path}/token`);
  t.equal((await fetch(`${front.url}${path}/token`, { method: 'POST' })).status, 400);
});

t.test('what the provider does not publish is left out', async (t) => {
  const front = await startFront(t, { issuer: {} });
  t.comment('set before the front asks again');
  front.provider.metadata = { jwks_uri: 'http://elsewhere.example/keys', scopes_supported: 'openid' };
  const fresh = await startFront(t, {
    provider: front.provider,
    issuer: { jwksUri: `${front.provider.url}/keys` },
  });
  const document = (await (await fresh.metadata()).json()) as Record<string, unknown>;
  t.notOk('jwks_uri' in document);
  t.notOk('scopes_supported' in document);
});

t.test('a login goes to the provider, and its code comes back through the front', async (t) => {
  const front = await startFront(t);
  const response = await front.authorize({ scope: 'mcp:use' });
  t.equal(response.status, 302);
  t.equal(response.headers.get('cache-control'), 'no-store');
  t.equal(response.headers.get('referrer-policy'), 'no-referrer');
  t.equal(response.headers.get('access-control-allow-origin'), null);
  const location = new URL(response.headers.get('location') ?? '');
  t.equal(location.origin + location.pathname, `${front.provider.url}/authorize`);

  const tokens = await front.token();
  t.equal(tokens.status, 200);
  t.strictSame(await tokens.json(), TOKENS);
  t.equal(tokens.headers.get('cache-control'), 'no-store');
  t.equal(tokens.headers.get('access-control-allow-origin'), '*');
  const refreshed = await front.refresh();
  t.equal(refreshed.status, 200);
  t.equal(front.provider.tokenCalls().length, 2);
});

t.test('a query of the authorization endpoint stays', async (t) => {
  const front = await startFront(t);
  front.provider.metadata = { authorization_endpoint: `${front.provider.url}/authorize?p=b2c_1&state=x` };
  const fresh = await startFront(t, { provider: front.provider });
  const location = new URL((await fresh.authorize()).headers.get('location') ?? '');
  t.equal(location.searchParams.get('p'), 'b2c_1');
  t.strictSame(location.searchParams.getAll('state'), ['af0ifjsldkj']);
});

t.test('headers are dropped both ways', async (t) => {
  const front = await startFront(t);
  front.provider.onToken = respondWith(200, TOKENS, {
    'set-cookie': 'session=1',
    'x-provider': 'yes',
    'www-authenticate': 'Basic',
    'access-control-allow-origin': 'https://evil.example',
  });
  const response = await front.token(
    {},
    { cookie: 'a=b', origin: 'https://app.example', 'x-client': 'yes', dpop: 'x' },
  );
  const [call] = front.provider.tokenCalls();
  t.strictSame(Object.keys(call?.headers ?? {}).sort(), [
    'accept',
    'accept-encoding',
    'connection',
    'content-length',
    'content-type',
    'host',
    'user-agent',
  ]);
  const kept = [...response.headers.keys()].filter((name) => !name.startsWith('ratelimit'));
  t.strictSame(kept.sort(), [
    'access-control-allow-origin',
    'cache-control',
    'connection',
    'content-length',
    'content-type',
    'date',
    'keep-alive',
    'pragma',
    'x-request-id',
  ]);
  t.equal(response.headers.get('access-control-allow-origin'), '*');
});

t.test('errors of the provider come as they are, other members of its responses do not', async (t) => {
  const front = await startFront(t);
  const error = { error: 'invalid_grant', error_description: 'the code has expired' };
  for (const status of [400, 401, 429, 503]) {
    front.provider.onToken = respondWith(status, { ...error, trace_id: 'x', claims: {} });
    const response = await front.token();
    t.equal(response.status, status);
    t.strictSame(await response.json(), error);
  }
  front.provider.onToken = respondWith(200, {
    ...TOKENS,
    id_token: 'a.b.c',
    device_secret: 's',
    nested: { a: 1 },
  });
  t.strictSame(await (await front.token()).json(), { ...TOKENS, id_token: 'a.b.c' });
});

t.test('registration gives the configured client for listed redirect URIs', async (t) => {
  const front = await startFront(t);
  const uris = [REDIRECT_URI, 'http://localhost:53682/callback'];
  const response = await front.register({
    redirect_uris: uris,
    client_name: 'x',
    token_endpoint_auth_method: 'none',
  });
  t.equal(response.status, 201);
  t.equal(response.headers.get('cache-control'), 'no-store');
  t.strictSame(await response.json(), {
    client_id: 'the-client',
    redirect_uris: uris,
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  });
  const refused: readonly (readonly [unknown, string])[] = [
    [{ redirect_uris: ['https://evil.example/callback'] }, 'invalid_redirect_uri'],
    [{ redirect_uris: [REDIRECT_URI, 'https://evil.example/'] }, 'invalid_redirect_uri'],
    [{ redirect_uris: [] }, 'invalid_redirect_uri'],
    [{ redirect_uris: REDIRECT_URI }, 'invalid_redirect_uri'],
    [{ redirect_uris: [1] }, 'invalid_redirect_uri'],
    [{ redirect_uris: Array(33).fill(REDIRECT_URI) }, 'invalid_redirect_uri'],
    [{}, 'invalid_redirect_uri'],
    [{ redirect_uris: uris, grant_types: ['client_credentials'] }, 'invalid_client_metadata'],
    [{ redirect_uris: uris, grant_types: 'authorization_code' }, 'invalid_client_metadata'],
    [{ redirect_uris: uris, response_types: ['token'] }, 'invalid_client_metadata'],
    ['[]', 'invalid_client_metadata'],
    ['null', 'invalid_client_metadata'],
    ['{"redirect_uris":', 'invalid_client_metadata'],
  ];
  for (const [metadata, error] of refused) {
    const response = await front.register(metadata);
    t.equal(response.status, 400);
    t.equal(((await response.json()) as { error: string }).error, error, JSON.stringify(metadata));
  }
  t.equal((await front.register({ redirect_uris: uris }, { authorization: 'Bearer x' })).status, 400);
  t.strictSame(
    front.provider.calls.filter(({ path }) => path === '/register'),
    [],
  );
});

t.test(
  'each endpoint has its methods, and scripts of any origin may use all but the authorization',
  async (t) => {
    const front = await startFront(t);
    const endpoints = [
      ['/.well-known/oauth-authorization-server/oauth', 'GET, HEAD'],
      ['/oauth/authorize', 'GET, HEAD'],
      ['/oauth/token', 'POST'],
      ['/oauth/register', 'POST'],
    ] as const;
    for (const [path, allow] of endpoints) {
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
        if (allow.includes(method)) continue;
        const response = await fetch(front.url + path, { method });
        t.equal(response.status, 405, `${method} ${path}`);
        t.equal(response.headers.get('allow'), allow);
      }
      const preflight = await fetch(front.url + path, {
        method: 'OPTIONS',
        headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' },
      });
      const isShared = path !== '/oauth/authorize';
      t.equal(preflight.status, isShared ? 204 : 405, path);
      t.equal(preflight.headers.get('access-control-allow-origin'), isShared ? '*' : null);
      if (!isShared) continue;
      t.equal(preflight.headers.get('access-control-allow-methods'), allow);
      t.match(preflight.headers.get('access-control-allow-headers'), /^\*, .*MCP-Protocol-Version/);
      const refused = await fetch(front.url + path, { method: 'PUT' });
      t.equal(refused.headers.get('access-control-allow-origin'), '*', 'scripts can read refusals');
    }
  },
);

t.test('an address gets its rate, and other addresses theirs', async (t) => {
  const front = await startFront(t, {
    front: { rateLimit: 3 },
    listen: { trustedProxies: ['127.0.0.1'] },
  });
  const ask = (address: string) =>
    fetch(`${front.url}/oauth/authorize`, { headers: { 'x-forwarded-for': address }, redirect: 'manual' });
  const statuses = [];
  for (let at = 0; at < 4; at++) statuses.push((await ask('192.0.2.1')).status);
  t.strictSame(statuses, [400, 400, 400, 429]);
  t.match((await ask('192.0.2.1')).headers.get('retry-after'), /^\d+$/);
  t.equal((await ask('192.0.2.2')).status, 400);
});

t.test('the access line names issuer and error, and nothing of the parameters', async (t) => {
  const front = await startFront(t);
  await front.authorize({ client_id: 'S3CR3T-other' });
  await front.token({ code: 'S3CR3T-code', code_verifier: 'S3CR3T-verifier' });
  await front.token({ redirect_uri: 'https://S3CR3T.example' });
  const line = (path: string, status: number) =>
    front.gateway.waitForLine(
      (found) => found.msg === 'request' && found.path === path && found.status === status,
    );
  t.match(await line('/oauth/authorize', 400), {
    code: 'bad_request',
    issuer: 'corp',
    reason: 'client_id is not that of this front',
  });
  t.match(await line('/oauth/token', 200), { code: 'allow', issuer: 'corp' });
  t.match(await line('/oauth/token', 400), {
    code: 'bad_request',
    issuer: 'corp',
    reason: 'invalid_request: redirect_uri is not registered',
  });
  t.notMatch(JSON.stringify(front.gateway.lines), /S3CR3T/);
});

t.test('hosts with routes of their own keep the paths of the front', async (t) => {
  const front = await startFront(t, {
    routes: [
      { name: 'tools', path: '/mcp', upstream: 'backend', resource: true, access: { scopes: ['mcp:use'] } },
      { name: 'other', host: 'other.example', path: '/oauth', upstream: 'backend', access: 'authenticated' },
    ],
  });
  const { request } = await import('undici');
  const ask = async (host: string) => {
    const { statusCode, body } = await request(`${front.url}/oauth/authorize`, { headers: { host } });
    await body.dump();
    return statusCode;
  };
  t.equal(await ask('other.example'), 401);
  t.equal(await ask('gw.example'), 400);
  t.equal(await ask('10.0.0.7:8080'), 400);
});
