import t, { type Test } from 'tap';
import { type AskedAbout, type CallResult, codeOf, fieldsOf } from '../../support/decisions/check-client.ts';
import { type CheckHarness, startChecks } from '../../support/decisions/start-checks.ts';

/* Checks of a client of gRPC that is not ours, clause by clause. */

const ORIGIN = 'https://app.example';
const ROUTES = [
  { name: 'public', path: '/public', upstream: 'none', access: 'public' },
  { name: 'asked', path: '/asked', upstream: 'none', access: 'authenticated' },
  { name: 'admin', path: '/admin', upstream: 'none', access: { scopes: ['admin'] } },
  {
    name: 'forwarding',
    path: '/forwarding',
    upstream: 'none',
    access: 'authenticated',
    identity: { forwardToken: true },
    tokenFrom: [{ query: 'token' }],
  },
  {
    name: 'places',
    path: '/places',
    upstream: 'none',
    access: 'authenticated',
    websocket: true,
    cors: { origins: [ORIGIN] },
    tokenFrom: [
      { cookie: 'session' },
      { query: 'token' },
      { webSocketProtocol: 'bearer' },
      { header: 'x-token' },
    ],
  },
  { name: 'socket', path: '/socket', upstream: 'none', access: 'authenticated', websocket: true },
  { name: 'tools', path: '/tools', upstream: 'backend', access: 'authenticated', mcp: {} },
  {
    name: 'shop',
    path: '/shop',
    methods: ['GET'],
    upstream: 'none',
    access: 'authenticated',
    cors: { origins: [ORIGIN] },
  },
  {
    name: 'rare',
    path: '/rare',
    upstream: 'none',
    access: 'public',
    rateLimit: { max: 1, window: '1h', by: 'ip' },
  },
];

const start = (t: Test, options: Parameters<typeof startChecks>[1] = {}): Promise<CheckHarness> =>
  startChecks(t, { routes: ROUTES, ...options });

const removedBy = ({ response }: CallResult): readonly string[] =>
  response.ok_response?.headers_to_remove ?? [];
const setBy = ({ response }: CallResult) => fieldsOf(response.ok_response?.headers);
const addedBy = ({ response }: CallResult) => fieldsOf(response.ok_response?.response_headers_to_add);

t.test('a request that is allowed', async (t) => {
  const { client, issuer, lines, adminUrl } = await start(t);
  const authorization = `Bearer ${await issuer.token({ sub: 'ann', scope: 'read' })}`;
  const allowed = await client.check({
    path: '/asked/7?a=1',
    headers: { authorization, 'x-user-id': 'mallory', 'x-request-id': 'one-id' },
  });
  t.equal(codeOf(allowed), 'allow');
  t.same(setBy(allowed), {
    'x-user-id': 'ann',
    'x-user-issuer': issuer.url,
    'x-user-scopes': 'read',
    'x-request-id': 'one-id',
  });
  for (const option of allowed.response.ok_response?.headers ?? []) {
    t.strictSame(option.append, {}, 'overwrites, for old Envoys');
    t.equal(option.append_action, 2, 'overwrites, for new ones');
  }
  t.same(addedBy(allowed), { 'x-request-id': 'one-id' });
  t.match(lines.at(-1), {
    method: 'GET',
    path: '/asked/7',
    status: 200,
    route: 'asked',
    code: 'allow',
    issuer: 'test',
    client: '192.0.2.7',
    via: 'ext-authz-grpc',
    requestId: 'one-id',
  });
  const metrics = await (await fetch(`${adminUrl}/metrics`)).text();
  t.match(metrics, /^sealgate_requests_total\{.*code="allow".*via="ext-authz-grpc".*\} 1$/m);
});

t.test('names to drop', async (t) => {
  const { client, issuer } = await start(t, {
    file: { identity: { reserved: ['x-tenant-id'] }, decisions: { port: 0, grpc: 0 } },
  });
  const authorization = `Bearer ${await issuer.token({ sub: 'ann' })}`;
  const plain = await client.check({ path: '/asked', headers: { authorization } });
  const removed = removedBy(plain);
  const set = Object.keys(setBy(plain));
  t.same(
    set.filter((name) => removed.includes(name)),
    [],
    'Envoy removes after it sets',
  );
  for (const name of ['x-http-method-override', 'x-original-url', 'x-tenant-id', 'authorization']) {
    t.ok(removed.includes(name), `${name}, seen or not`);
    t.ok(removed.includes(name.replaceAll('-', '_')), `its other spelling`);
  }
  t.ok(removed.includes('x-user-scopes'), 'an identity header whose claim is missing');
  for (const name of ['x_user_id', 'x_user_issuer', 'x_user_scopes']) t.ok(removed.includes(name), name);
  t.equal(new Set(removed).size, removed.length, 'each once');

  const seen = ['x_user.id', 'x.user.id', 'x-sealgate-anything', 'x_sealgate_would.refuse', 'content_length'];
  const spoofed = await client.check({
    path: '/asked',
    headers: { authorization, ...Object.fromEntries(seen.map((name) => [name, 'mallory'])), 'x-other': '1' },
  });
  for (const name of seen) t.ok(removedBy(spoofed).includes(name), `${name}, as seen`);
  t.notOk(removedBy(spoofed).includes('x-other'));
});

t.test('the token', async (t) => {
  const { client, issuer } = await start(t);
  const token = await issuer.token();
  const bearer = { authorization: `Bearer ${token}` };
  const forwarded = await client.check({ path: '/forwarding', headers: bearer });
  t.equal(setBy(forwarded).authorization, `Bearer ${token}`);
  t.notOk(removedBy(forwarded).includes('authorization'));
  t.equal(codeOf(await client.check({ path: `/forwarding?token=${token}` })), 'allow', 'it may stay there');

  const query = await client.check({ path: `/places?token=${token}` });
  t.equal(codeOf(query), 'bad_request', 'no message of Envoy drops it from a query');

  const header = await client.check({ path: '/places', headers: { 'x-token': token } });
  t.equal(codeOf(header), 'allow');
  t.ok(removedBy(header).includes('x-token'));

  const alone = await client.check({ path: '/places', headers: { cookie: `session=${token}` } });
  t.ok(removedBy(alone).includes('cookie'));
  t.equal(setBy(alone).cookie, undefined);

  const among = await client.check({ path: '/places', headers: { cookie: `a=1; session=${token}; b=é` } });
  t.equal(setBy(among).cookie, 'a=1; b=é');
  t.notOk(removedBy(among).includes('cookie'));
  const notText = await client.check({
    path: '/places',
    rawHeaders: [['cookie', Buffer.concat([Buffer.from(`session=${token}; b=`), Buffer.of(0xe9)])]],
  });
  t.equal(codeOf(notText), 'bad_request', 'what is left cannot be set');

  const socket = { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', upgrade: 'websocket' };
  const announced = await client.check({
    path: '/places',
    headers: { ...socket, 'sec-websocket-protocol': `bearer, ${token}, chat` },
  });
  t.equal(codeOf(announced), 'allow');
  t.notMatch(setBy(announced)['sec-websocket-protocol'], token);
  t.match(setBy(announced)['sec-websocket-protocol'], /chat/);

  const open = await client.check({ path: '/public', headers: bearer });
  t.ok(removedBy(open).includes('authorization'), 'as the proxy mode drops it');
});

t.test('what the proxy mode adds to responses', async (t) => {
  const { client, issuer } = await start(t, { listen: { responseHeaders: { 'x-frame-options': 'DENY' } } });
  const authorization = `Bearer ${await issuer.token()}`;
  const shop = await client.check({ path: '/shop', headers: { authorization, origin: ORIGIN } });
  t.equal(codeOf(shop), 'allow');
  t.match(addedBy(shop), { 'access-control-allow-origin': ORIGIN, 'x-frame-options': 'DENY' });
  const vary = shop.response.ok_response?.response_headers_to_add?.find(
    ({ header }) => header.key === 'vary',
  );
  t.strictSame(vary?.append, { value: true }, 'the response of the backend varies too');

  const preflight = await client.check({
    method: 'OPTIONS',
    path: '/shop',
    headers: { origin: ORIGIN, 'access-control-request-method': 'GET' },
  });
  t.equal(codeOf(preflight), 'allow');
  t.same(Object.keys(setBy(preflight)), ['x-request-id'], 'without identity');
  t.ok(removedBy(preflight).includes('x-user-id'));
  t.match(addedBy(preflight), {
    'access-control-allow-origin': ORIGIN,
    'access-control-allow-methods': 'GET',
  });

  const first = await client.check({ path: '/rare' });
  t.match(Object.keys(addedBy(first)).join(), /ratelimit/);
  const second = await client.check({ path: '/rare' });
  t.equal(codeOf(second), 'rate_limited');
  t.equal(second.response.status?.code, 8);
  t.match(Object.keys(fieldsOf(second.response.denied_response?.headers)).join(), /retry-after/);
});

t.test('a request that is denied', async (t) => {
  const { client, issuer, lines } = await start(t);
  const authorization = `Bearer ${await issuer.token({ scope: 'read' })}`;
  const grpc = { 'content-type': 'application/grpc', te: 'trailers' };
  const cases: readonly (readonly [AskedAbout, string, number, number])[] = [
    [{ path: '/asked' }, 'token_missing', 401, 16],
    [{ path: '/asked', headers: { authorization: 'Bearer x' } }, 'token_malformed', 401, 16],
    [{ path: '/admin', headers: { authorization } }, 'insufficient_scope', 403, 7],
    [{ path: '/asked', headers: grpc }, 'token_missing', 401, 16],
    [{ path: '/none' }, 'route_unknown', 404, 12],
    [{ path: '/shop', method: 'POST', headers: { authorization } }, 'method_not_allowed', 405, 12],
    [{ path: '/asked/%2e%2e/admin', headers: { authorization } }, 'ambiguous_path', 400, 3],
    [{ path: '/tools', method: 'POST', headers: { authorization } }, 'mcp_invalid', 400, 3],
    [{ path: '/asked', method: 'CONNECT', headers: { authorization } }, 'method_not_allowed', 405, 12],
    [
      { path: '/asked', headers: { authorization: `${authorization},${authorization}` } },
      'multiple_tokens',
      400,
      3,
    ],
    [{ path: '/public', headers: { authorization: 'Bearer a,Bearer b' } }, 'multiple_tokens', 400, 3],
    [
      {
        path: '/public',
        rawHeaders: [
          ['authorization', authorization],
          ['authorization', authorization],
        ],
      },
      'multiple_tokens',
      400,
      3,
    ],
    [{ path: '/asked', headers: { authorization, upgrade: 'WebSocket' } }, 'upgrade_refused', 400, 3],
    [{ path: '/asked', headers: { authorization, 'sec-websocket-key': 'x' } }, 'upgrade_refused', 400, 3],
    [
      { path: '/socket', method: 'POST', headers: { authorization, upgrade: 'websocket' } },
      'bad_request',
      400,
      3,
    ],
    [{ path: '/asked', headers: { authorization, expect: 'a miracle' } }, 'expectation_failed', 417, 3],
    [{ path: '/asked', headers: { authorization, expect: '100-Continue' } }, 'allow', 200, 0],
    [{ path: '/socket', headers: { authorization, upgrade: 'websocket' } }, 'allow', 200, 0],
    [{ path: '/asked', headers: { authorization, upgrade: 'h2c' } }, 'allow', 200, 0],
    [
      {
        path: '/public',
        headers: Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`x-${at}`, ''])),
      },
      'headers_too_large',
      431,
      3,
    ],
    [{ path: '/public', headers: { 'x-long': 'x'.repeat(33 * 1024) } }, 'headers_too_large', 431, 3],
  ];
  for (const [about, code, status, grpcStatus] of cases) {
    const result = await client.check(about);
    const { response } = result;
    t.equal(codeOf(result), code, JSON.stringify(about).slice(0, 90));
    t.equal(response.status?.code ?? 0, grpcStatus);
    t.match(lines.at(-1), { code, status, via: 'ext-authz-grpc' });
    if (code === 'allow') continue;
    t.equal(response.denied_response?.status?.code, status);
    t.match(fieldsOf(response.denied_response?.headers), {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
    });
    t.equal(response.ok_response, undefined);
  }
  const { response } = await client.check({ path: '/admin', headers: { authorization } });
  t.match(
    fieldsOf(response.denied_response?.headers)['www-authenticate'],
    /insufficient_scope.*scope="admin"/,
  );
  const other = await client.check({
    path: '/shop',
    method: 'POST',
    headers: { authorization, origin: ORIGIN },
  });
  t.match(fieldsOf(other.response.denied_response?.headers), {
    allow: /GET/,
    'access-control-allow-origin': ORIGIN,
  });
});
