import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import t, { type Test } from 'tap';
import { startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import { freePorts } from '../../support/backends/ports.ts';
import { exchangeRaw, rawRequest } from '../../support/clients/raw.ts';
import { type Harness, type HarnessOptions, startHarness } from '../../support/gateway/gateway-harness.ts';
import { hasOpenssl, makeAuthority } from '../../support/tls/certificates.ts';

const skip = hasOpenssl() ? false : 'openssl is not installed';
const authority = skip ? undefined : makeAuthority('test-ca');
const own = authority?.issue('localhost');
const GRPC = { 'content-type': 'application/grpc', te: 'trailers' };

interface Reply {
  readonly headers: IncomingHttpHeaders;
  /** The head ended the stream: what gRPC calls Trailers-Only. */
  readonly isWhole: boolean;
  readonly bytes: number;
}

/** A harness that speaks HTTP/2, and a function that makes a unary call with a message of one byte. */
async function startGrpc(t: Test, options: HarnessOptions = {}) {
  const harness = await startHarness(t, {
    ...options,
    files: { 'tls.crt': own?.cert ?? '', 'tls.key': own?.key ?? '' },
    listen: { tls: { cert: 'tls.crt', key: 'tls.key' }, ...options.listen },
  });
  const session: ClientHttp2Session = connect(`https://127.0.0.1:${harness.port}`, { ca: authority?.cert });
  session.on('error', () => {});
  t.teardown(() => session.destroy());
  const call = async (path: string, fields: Readonly<Record<string, string>> = {}): Promise<Reply> => {
    const stream = session.request({ ':method': 'POST', ':path': path, ...GRPC, ...fields });
    stream.on('error', () => {});
    let bytes = 0;
    stream.on('data', (piece: Buffer) => {
      bytes += piece.length;
    });
    stream.end(Buffer.from([0, 0, 0, 0, 1, 7]));
    const [headers, flags] = (await once(stream, 'response')) as [IncomingHttpHeaders, number];
    if (!stream.destroyed) await once(stream, 'close');
    return { headers, isWhole: (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0, bytes };
  };
  return { harness, call };
}

/** The access line of the last request, once it is there. */
async function lineOf({ lines }: Harness, requestId: unknown) {
  for (;;) {
    const line = lines.find((one) => one.requestId === requestId);
    if (line !== undefined) return line;
    await new Promise(setImmediate);
  }
}

const [deadPort] = await freePorts(1);

const ROUTES = [
  { name: 'all', path: '/all', upstream: 'backend', access: 'authenticated' },
  { name: 'get', path: '/get', methods: ['GET'], upstream: 'backend', access: 'public' },
  { name: 'scoped', path: '/scoped', upstream: 'backend', access: { scopes: ['write', 'read'] } },
  {
    name: 'mfa',
    path: '/mfa',
    upstream: 'backend',
    access: { scopes: ['read'], acr: ['urn:mfa'], maxAuthAge: '10m' },
  },
  { name: 'roles', path: '/roles', upstream: 'backend', access: { roles: ['staff'] } },
  {
    name: 'limited',
    path: '/limited',
    upstream: 'backend',
    access: 'public',
    rateLimit: { max: 1, window: '1h', by: 'ip' },
  },
  { name: 'small', path: '/small', upstream: 'backend', access: 'public', bodyLimit: '5B' },
  { name: 'dead', path: '/dead', upstream: `http://127.0.0.1:${deadPort}`, access: 'public' },
  { name: 'slow', path: '/slow', upstream: 'backend', access: 'public', timeouts: { response: '100ms' } },
];

t.test('refusals of gRPC requests over HTTP/2 are heads with status and message', { skip }, async (t) => {
  const upstream = await startCountingUpstream((req, res) => {
    if (!req.url?.startsWith('/slow')) res.end('{}');
  });
  const { harness, call } = await startGrpc(t, { routes: ROUTES, upstream });
  const token = { authorization: `Bearer ${await harness.issuer.token({ scope: 'read' })}` };
  const table: readonly (readonly [
    path: string,
    fields: Readonly<Record<string, string>>,
    grpc: number,
    status: number,
    code: string,
    head?: Readonly<Record<string, unknown>>,
  ])[] = [
    ['/all', {}, 16, 401, 'token_missing', { 'www-authenticate': 'Bearer realm="sealgate"' }],
    [
      '/all',
      { authorization: 'Bearer x' },
      16,
      401,
      'token_malformed',
      { 'www-authenticate': /invalid_token/ },
    ],
    ['/scoped', token, 7, 403, 'insufficient_scope', { 'www-authenticate': /scope="write read"$/ }],
    [
      '/mfa',
      token,
      16,
      401,
      'step_up_required',
      {
        'www-authenticate':
          /error="insufficient_user_authentication".*, acr_values="urn:mfa", max_age="600", scope="read"$/,
      },
    ],
    ['/roles', token, 7, 403, 'role_missing', { 'www-authenticate': undefined }],
    ['/nothing', {}, 12, 404, 'route_unknown'],
    ['/get', {}, 12, 405, 'method_not_allowed', { allow: 'GET' }],
    ['/a//b', {}, 3, 400, 'ambiguous_path'],
    ['/small', {}, 3, 413, 'body_too_large'],
    ['/dead', {}, 14, 502, 'upstream_unreachable'],
    ['/slow', {}, 4, 504, 'upstream_timeout'],
  ];
  for (const [path, fields, grpc, status, code, head = {}] of table) {
    const { headers, isWhole, bytes } = await call(path, fields);
    t.match(
      headers,
      {
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-status': String(grpc),
        'grpc-message': new RegExp(`^[A-Z].* \\(${code}\\)$`),
        'cache-control': 'no-store',
        'x-request-id': /./,
        ...head,
      },
      code,
    );
    t.ok(isWhole && bytes === 0, `${code}: Trailers-Only`);
    t.match(
      await lineOf(harness, headers['x-request-id']),
      { status, code },
      'the log has the status of the table',
    );
  }
  t.equal((await call('/limited')).headers[':status'], 200);
  const { headers } = await call('/limited');
  t.match(headers, { 'grpc-status': '8', 'retry-after': /^\d+$/ });
  t.match(await lineOf(harness, headers['x-request-id']), { status: 429, code: 'rate_limited' });

  const metrics = await (await fetch(`${harness.adminUrl}/metrics`)).text();
  t.match(
    metrics,
    /sealgate_requests_total\{route="roles",method="POST",status="403",code="role_missing"\} 1/,
    'metrics too',
  );
  const status = (await (await fetch(`${harness.adminUrl}/status`)).json()) as Record<string, unknown>;
  t.match(JSON.stringify(status), /"token_missing"/);
  t.notMatch(JSON.stringify(status), /"status":200,"code":"token_missing"/);
});

t.test('what is not gRPC, and what is allowed, stays as it is', { skip }, async (t) => {
  const { harness, call } = await startGrpc(t, { routes: ROUTES });
  const plain = await call('/all', { 'content-type': 'application/json' });
  t.match(plain.headers, {
    ':status': 401,
    'content-type': 'application/problem+json',
    'www-authenticate': 'Bearer realm="sealgate"',
  });
  t.notOk('grpc-status' in plain.headers);
  t.ok(plain.bytes > 0);
  const web = await call('/all', { 'content-type': 'application/grpc-web+proto' });
  t.match(web.headers, { ':status': 200, 'content-type': 'application/grpc-web+proto', 'grpc-status': '16' });
  const token = await harness.issuer.token();
  const allowed = await call('/all', { authorization: `Bearer ${token}` });
  t.match(allowed.headers, { ':status': 200 });
  t.notOk('grpc-status' in allowed.headers);
});

t.test('the same over HTTP/1.1, and the connection stays in step', async (t) => {
  const harness = await startHarness(t);
  const { response, closed } = await exchangeRaw(
    harness.port,
    rawRequest(
      'POST /admin HTTP/1.1',
      ['Content-Type: application/grpc+proto', 'Content-Length: 6'],
      '\0\0\0\0\x01x',
    ),
  );
  t.match(response, { status: 200, body: { length: 0 } });
  t.match(response?.headers, {
    'content-type': ['application/grpc'],
    'content-length': ['0'],
    'grpc-status': ['16'],
    'grpc-message': ['A bearer token is required (token_missing)'],
    'www-authenticate': ['Bearer realm="sealgate", scope="admin"'],
    'cache-control': ['no-store'],
  });
  t.equal(closed, false);
  t.equal(harness.upstream.bytes(), 0);
  t.match(await lineOf(harness, response?.headers['x-request-id']?.[0]), { status: 401 });
});

t.test('a handshake of a WebSocket is refused as one', async (t) => {
  const harness = await startHarness(t);
  const { response } = await exchangeRaw(
    harness.port,
    rawRequest('GET /admin HTTP/1.1', [
      'Content-Type: application/grpc',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ]),
  );
  t.match(response, { status: 401, code: 'token_missing' });
  t.match(response?.headers, { 'www-authenticate': ['Bearer realm="sealgate", scope="admin"'] });
});
