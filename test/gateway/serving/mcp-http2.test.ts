import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { until } from '../../support/core/frozen-time.ts';
import { type HarnessOptions, startHarness } from '../../support/gateway/gateway-harness.ts';
import { hasOpenssl, makeAuthority } from '../../support/tls/certificates.ts';

const skip = hasOpenssl() ? false : 'openssl is not installed';
const authority = skip ? undefined : makeAuthority('test-ca');
const own = authority?.issue('localhost');

const ROUTES = [
  { name: 'tools', path: '/mcp', upstream: 'backend', access: 'public', mcp: { tools: { search: 'allow' } } },
];

async function startGateway(t: Test, options: HarnessOptions = {}) {
  const harness = await startHarness(t, {
    routes: ROUTES,
    files: { 'tls.crt': own?.cert ?? '', 'tls.key': own?.key ?? '' },
    listen: { tls: { cert: 'tls.crt', key: 'tls.key' } },
    ...options,
  });
  const session = connect(`https://127.0.0.1:${harness.port}`, {
    ca: authority?.cert,
    servername: 'localhost',
  });
  session.on('error', () => {});
  t.teardown(() => session.destroy());
  return { harness, session };
}

function post(
  session: ClientHttp2Session,
  pieces: readonly (string | Buffer)[],
  headers: Record<string, string> = {},
) {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/mcp',
    'content-type': 'application/json',
    ...headers,
  });
  const received: { headers: IncomingHttpHeaders; body: string } = { headers: {}, body: '' };
  stream.on('error', () => {});
  stream.on('response', (fields) => {
    received.headers = fields;
  });
  stream.setEncoding('utf8').on('data', (piece: string) => {
    received.body += piece;
  });
  for (const piece of pieces) stream.write(piece);
  const whole = async () => {
    stream.end();
    if (!stream.closed) await once(stream, 'close').catch(() => {});
    return received;
  };
  return { stream, whole, received };
}

const call = (name: string) =>
  JSON.stringify({ jsonrpc: '2.0', id: 'é', method: 'tools/call', params: { name } });

t.test('messages over HTTP/2 are read and decided on as over HTTP/1.1', { skip }, async (t) => {
  const { harness, session } = await startGateway(t);
  const body = call('search');
  const allowed = await post(session, [...body].map(String)).whole();
  t.equal(allowed.headers[':status'], 200);
  t.equal(harness.upstream.requests[0]?.body.toString(), body);
  t.equal(harness.upstream.requests[0]?.headers['content-length'], String(Buffer.byteLength(body)));
  harness.upstream.reset();
  const denied = await post(session, [call('delete')]).whole();
  t.equal(denied.headers[':status'], 403);
  t.match(JSON.parse(denied.body), { id: 'é', error: { code: 403, data: { code: 'mcp_denied' } } });
  const twice = await post(session, [body], { 'mcp-method': 'tools/call', 'Mcp-Name': 'other' }).whole();
  t.match(JSON.parse(twice.body), { error: { code: -32020 } });
  const large = await post(session, [Buffer.alloc(1024 ** 2 + 1, ' ')]).whole();
  t.equal(large.headers[':status'], 413);
  const empty = session.request(
    { ':method': 'POST', ':path': '/mcp', 'content-type': 'application/json' },
    { endStream: true },
  );
  const [fields] = (await once(empty, 'response')) as [IncomingHttpHeaders];
  t.equal(fields[':status'], 400);
  t.equal(harness.upstream.bytes(), 0);
});

t.test(
  'a hundred messages that are not whole block nobody, and leave nothing behind',
  { skip },
  async (t) => {
    const { harness, session } = await startGateway(t);
    // Whole as JSON, but not as a body.
    const half = `${call('search')} `;
    const open = Array.from({ length: 99 }, () => post(session, [half]));
    t.equal((await post(session, [call('search')]).whole()).headers[':status'], 200);
    harness.upstream.reset();
    for (const { stream } of open) stream.close(8);
    await until(() => harness.lines.length === 100);
    t.equal(harness.lines.filter(({ status }) => status === 499).length, 99);
    t.equal(harness.upstream.bytes(), 0);
  },
);

t.test('a backend that speaks HTTP/2 gets the bytes with their length', { skip }, async (t) => {
  const seen: { headers: IncomingHttpHeaders; body: string }[] = [];
  const backend = createServer();
  backend.on('stream', (stream, headers) => {
    let body = '';
    stream.setEncoding('utf8').on('data', (piece: string) => {
      body += piece;
    });
    stream.on('end', () => {
      seen.push({ headers, body });
      stream.respond({ ':status': 200 });
      stream.end();
    });
  });
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  t.teardown(() => backend.close());
  const { port } = backend.address() as AddressInfo;
  const { session } = await startGateway(t, {
    file: { upstreams: { backend: { url: `http://127.0.0.1:${port}`, protocol: 'h2' } } },
  });
  const body = call('search');
  t.equal((await post(session, [body.slice(0, 5), body.slice(5)]).whole()).headers[':status'], 200);
  t.equal(seen[0]?.body, body);
  t.equal(seen[0]?.headers['content-length'], String(Buffer.byteLength(body)));
});

t.test('a message goes to another endpoint where the first is down', { skip }, async (t) => {
  const { harness, session } = await startGateway(t, {});
  t.teardown(() => session.destroy());
  const other = await startGateway(t, {
    upstream: harness.upstream,
    file: { upstreams: { backend: { urls: ['http://127.0.0.1:1', harness.upstream.url], retries: 1 } } },
  });
  for (let at = 0; at < 4; at += 1) {
    const { headers } = await post(other.session, [call('search')]).whole();
    t.equal(headers[':status'], 200);
    t.equal(harness.upstream.requests.at(-1)?.body.toString(), call('search'));
  }
});
