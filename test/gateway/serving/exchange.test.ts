import { request } from 'node:http';
import t from 'tap';
import { SECRET, startExchange } from '../../support/exchange/exchange-harness.ts';
import { ACCESS_TOKEN_TYPE, issue, respondWith } from '../../support/exchange/token-endpoint.ts';

t.test('the backend gets the exchanged token and never that of the caller', async (t) => {
  const { endpoint, backend, token, get, seen, url } = await startExchange(t);
  const own = token();
  const response = await get('/orders/7?a=b', own);
  t.equal(response.status, 200);
  t.equal(backend.requests[0]?.headers['x-user-id'], 'alice', 'identity stays as it is');
  t.strictSame(seen(), ['Bearer exchanged-1-orders']);

  const [request] = endpoint.requests;
  t.strictSame(request?.form, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: own,
    subject_token_type: ACCESS_TOKEN_TYPE,
    requested_token_type: ACCESS_TOKEN_TYPE,
    audience: 'orders',
    scope: 'orders:read',
  });
  const credentials = Buffer.from(String(request?.headers.authorization).slice('Basic '.length), 'base64');
  t.equal(credentials.toString(), `gateway:${new URLSearchParams({ a: SECRET }).toString().slice(2)}`);

  t.equal((await get('/orders', own)).status, 200);
  t.equal((await get('/optional', own)).status, 200);
  t.strictSame(seen(), ['Bearer exchanged-1-orders', 'Bearer exchanged-1-orders'], 'from memory');
  t.equal(endpoint.requests.length, 1);

  for (const path of ['/open', '/optional']) {
    t.equal((await fetch(url + path)).status, 200);
    t.equal((await fetch(url + path, { headers: { authorization: 'Basic YTpi' } })).status, 200);
  }
  t.equal((await get('/open', own)).status, 200);
  t.equal((await get('/plain', own)).status, 200);
  t.strictSame(seen(), [undefined, undefined, undefined, undefined, undefined, undefined]);
  t.equal(endpoint.requests.length, 1, 'requests without a verified token ask for nothing');
});

t.test('each grant has its parameters', async (t) => {
  const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  const resource = 'https://orders.example.com/';
  for (const [exchange, expected] of [
    [
      { grant: 'on-behalf-of', audience: undefined, scopes: ['api://orders/.default', 'offline_access'] },
      {
        grant_type: JWT_BEARER,
        requested_token_use: 'on_behalf_of',
        scope: 'api://orders/.default offline_access',
      },
    ],
    [{ grant: 'jwt-bearer', audience: undefined, scopes: undefined }, { grant_type: JWT_BEARER }],
    [
      { grant: 'jwt-bearer', resource, auth: { clientId: 'gateway', clientSecret: 's', method: 'post' } },
      {
        grant_type: JWT_BEARER,
        audience: 'orders',
        resource,
        scope: 'orders:read',
        client_id: 'gateway',
        client_secret: 's',
      },
    ],
  ] as const) {
    const { endpoint, token, get } = await startExchange(t, { exchange });
    // No issued_token_type: only RFC 8693 has it.
    endpoint.respond = issue({ issued_token_type: undefined });
    const assertion = token();
    t.equal((await get('/orders', assertion)).status, 200);
    t.strictSame(endpoint.requests[0]?.form, { ...expected, assertion });
  }
});

t.test('a token from elsewhere than Authorization does not reach the backend either', async (t) => {
  const { backend, token, url, seen } = await startExchange(t, {
    routes: [
      {
        name: 'orders',
        path: '/orders',
        upstream: 'orders',
        access: 'authenticated',
        tokenFrom: [{ cookie: 'session' }, { header: 'x-token' }, { query: 'token' }],
      },
    ],
  });
  const own = token();
  for (const [path, headers] of [
    ['/orders', { authorization: `Bearer ${own}` }],
    ['/orders', { authorization: `bearer ${own}` }],
    ['/orders', { cookie: `a=b; session=${own}; c=d` }],
    ['/orders', { 'x-token': own }],
    ['/orders', { 'x-token': own, authorization: 'Basic YTpi' }],
    [`/orders?a=b&token=${own}`, {}],
  ] as const) {
    t.equal((await fetch(url + path, { headers })).status, 200);
    t.notOk(JSON.stringify(backend.requests).includes(own.slice(-40)), path);
    t.strictSame(seen(), ['Bearer exchanged-1-orders']);
  }
});

t.test('what is refused anyway asks for no token', async (t) => {
  const rateLimit = { max: 1, window: '1h', by: 'subject' };
  const { endpoint, token, get, seen, url } = await startExchange(t, {
    routes: [
      { name: 'scoped', path: '/scoped', upstream: 'orders', access: { scopes: ['x'] } },
      { name: 'limited', path: '/limited', upstream: 'orders', access: 'authenticated', rateLimit },
      { name: 'reports', path: '/reports', upstream: 'orders', access: { scopes: ['x'] }, mode: 'report' },
      {
        name: 'tools',
        path: '/mcp',
        upstream: 'orders',
        access: 'authenticated',
        mcp: { tools: { search: 'allow' } },
      },
    ],
  });
  const codeOf = async (response: Response): Promise<unknown> => {
    const body = (await response.json()) as { code?: unknown; error?: { data: { code: unknown } } };
    return body.error?.data.code ?? body.code;
  };
  t.equal(await codeOf(await get('/scoped')), 'insufficient_scope');
  t.equal(await codeOf(await get('/scoped', 'a.b.c')), 'token_malformed');
  t.equal(await codeOf(await fetch(`${url}/scoped`)), 'token_missing');
  t.equal(endpoint.requests.length, 0);

  t.equal((await get('/limited', token({ sub: 'bob' }))).status, 200);
  t.equal(endpoint.requests.length, 1);
  t.equal(await codeOf(await get('/limited', token({ sub: 'bob', n: 1 }))), 'rate_limited');
  t.equal(endpoint.requests.length, 1);

  const upgrade = await new Promise<number | undefined>((done, fail) => {
    const headers = {
      authorization: `Bearer ${token({ sub: 'carol' })}`,
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
    };
    request(`${url}/reports`, { headers }, (response) => done(response.resume().statusCode))
      .on('error', fail)
      .end();
  });
  t.equal(upgrade, 400, 'a handshake on a route without WebSockets');
  t.equal(endpoint.requests.length, 1);

  const call = (name: string, sub: string) =>
    fetch(`${url}/mcp`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token({ sub })}`, 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } }),
    });
  t.equal(await codeOf(await call('drop', 'dora')), 'mcp_denied');
  t.equal(endpoint.requests.length, 1, 'a message that is refused');
  seen();
  t.equal((await call('search', 'dora')).status, 200);
  t.strictSame(seen(), ['Bearer exchanged-2-orders']);
  t.equal((await get('/mcp', token({ sub: 'erin' }))).status, 200, 'a stream of the server');
  t.strictSame(seen(), ['Bearer exchanged-3-orders']);

  t.equal((await get('/reports', token({ sub: 'finn' }))).status, 200);
  t.strictSame(seen(), ['Bearer exchanged-4-orders'], 'what is only reported passes with its token');

  endpoint.respond = respondWith(400, { error: 'invalid_grant' });
  t.equal(await codeOf(await get('/reports', token({ sub: 'gus' }))), 'exchange_refused', 'never relaxed');
  t.equal(await codeOf(await call('search', 'gus')), 'exchange_refused', 'as a JSON-RPC error');
  t.strictSame(seen(), []);
});

t.test(
  'a backend that repeats its request in the response shows the client no token of its own',
  async (t) => {
    const { get } = await startExchange(t, {
      backend: (request, response) =>
        void response.writeHead(200, { Authorization: String(request.headers.authorization) }).end(),
    });
    t.equal((await get('/orders')).headers.get('authorization'), null);
  },
);

t.test('after a 401 of the backend nothing is exchanged or sent again', async (t) => {
  const { endpoint, backend, token, get, seen } = await startExchange(t, {
    backend: (_, response) =>
      void response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end(),
  });
  const own = token();
  const response = await get('/orders', own);
  t.equal(response.status, 401);
  t.equal(response.headers.get('www-authenticate'), 'Bearer error="invalid_token"');
  t.equal(backend.requests.length, 1);
  t.equal((await get('/orders', own)).status, 401);
  t.strictSame(seen(), ['Bearer exchanged-1-orders', 'Bearer exchanged-1-orders']);
  t.equal(endpoint.requests.length, 1);
});
