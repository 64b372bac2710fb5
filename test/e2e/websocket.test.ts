import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { RawClient } from '../support/clients/raw-client.ts';
import { type Harness, startHarness } from '../support/gateway/gateway-harness.ts';

interface ForwarderHarness {
  readonly harness: Harness;
  readonly url: string;
  /** The handshakes that reached the backend. */
  readonly seen: IncomingMessage[];
  connect(path: string, headers?: Record<string, string>): WebSocket;
}

async function startForwarderHarness(t: Test): Promise<ForwarderHarness> {
  const seen: IncomingMessage[] = [];
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket, request) => {
    seen.push(request);
    socket.on('error', () => {});
    socket.on('message', (data) => socket.send(data));
  });
  await once(server, 'listening');
  const backend = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const harness = await startHarness(t, {
    routes: [
      { name: 'open', path: '/open', upstream: backend, access: 'public', websocket: true },
      { name: 'guarded', path: '/guarded', upstream: backend, access: { scopes: ['chat'] }, websocket: true },
      {
        name: 'announced',
        path: '/announced',
        upstream: backend,
        access: 'authenticated',
        websocket: true,
        tokenFrom: [{ webSocketProtocol: 'bearer' }],
      },
      { name: 'plain', path: '/plain', upstream: 'backend', access: 'public' },
      {
        name: 'browsers',
        path: '/browsers',
        upstream: backend,
        access: 'public',
        websocket: true,
        cors: { origins: ['https://app.example.com'] },
      },
    ],
  });
  const sockets: WebSocket[] = [];
  t.teardown(() => {
    for (const socket of [...sockets, ...server.clients]) socket.terminate();
    server.close();
  });
  const url = `ws://127.0.0.1:${harness.port}`;
  return {
    harness,
    url,
    seen,
    connect(path, headers = {}) {
      const socket = new WebSocket(`${url}${path}`, { headers });
      socket.on('error', () => {});
      sockets.push(socket);
      return socket;
    },
  };
}

/** The response to a refused handshake. */
async function refusal(socket: WebSocket): Promise<{ status: number; code: string; type: string }> {
  const [, res] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  const body = JSON.parse(Buffer.concat(await res.toArray()).toString()) as { code: string };
  return { status: res.statusCode ?? 0, code: body.code, type: res.headers['content-type'] ?? '' };
}

async function echo(socket: WebSocket, text: string): Promise<string> {
  socket.send(text);
  const [data] = (await once(socket, 'message')) as [Buffer];
  return data.toString();
}

t.test('a handshake is decided in full before anything reaches the backend', async (t) => {
  const { harness, seen, connect } = await startForwarderHarness(t);
  const cases: [string, Record<string, string>, number, string][] = [
    ['/guarded', {}, 401, 'token_missing'],
    ['/guarded', { authorization: 'Bearer nonsense' }, 401, 'token_malformed'],
    ['/guarded', { authorization: `Bearer ${await harness.issuer.token()}` }, 403, 'insufficient_scope'],
    ['/guarded', { authorization: `Bearer ${await harness.issuer.token({ exp: 1 })}` }, 401, 'token_expired'],
    ['/nowhere', {}, 404, 'route_unknown'],
    ['/open;x/guarded', {}, 400, 'ambiguous_path'],
    ['/plain', {}, 400, 'upgrade_refused'],
    ['/browsers', { origin: 'https://evil.example' }, 403, 'origin_not_allowed'],
  ];
  for (const [path, headers, status, code] of cases) {
    const response = await refusal(connect(path, headers));
    t.match(response, { status, code, type: /^application\/problem\+json/ }, `${path} ${code}`);
  }
  t.equal(seen.length, 0);
  t.equal(harness.upstream.connections(), 0);
  t.same(
    harness.lines.map(({ code }) => code),
    cases.map(([, , , code]) => code),
  );
});

t.test('an allowed handshake is tunneled with identity headers and without forbidden ones', async (t) => {
  const { harness, seen, connect } = await startForwarderHarness(t);
  const token = await harness.issuer.token({ sub: 'alice', scope: 'chat' });
  const socket = connect('/guarded/room?q=1', { authorization: `Bearer ${token}`, 'x-user-id': 'root' });
  await once(socket, 'open');
  t.equal(await echo(socket, 'hello'), 'hello');
  const [request] = seen;
  t.equal(request?.url, '/guarded/room?q=1');
  t.equal(request?.headers['x-user-id'], 'alice');
  t.equal(request?.headers.authorization, undefined);
  t.match(request?.headers, { 'x-forwarded-for': '127.0.0.1', 'x-request-id': /./ });
  t.equal(harness.lines.length, 0, 'no line while it runs');
  socket.close();
  await once(socket, 'close');
  while (harness.lines.length === 0) await new Promise(setImmediate);
  t.match(harness.lines[0], { status: 101, route: 'guarded', code: 'allow', issuer: 'test' });
});

t.test('an allowed origin and clients without an origin pass the allowlist', async (t) => {
  const { connect } = await startForwarderHarness(t);
  for (const headers of [{ origin: 'https://app.example.com' }, {}]) {
    const socket = connect('/browsers', headers as Record<string, string>);
    await once(socket, 'open');
    t.equal(await echo(socket, 'hello'), 'hello');
  }
});

t.test('the tunnel ends when its token expires', async (t) => {
  const { harness, connect } = await startForwarderHarness(t);
  const exp = Math.floor(Date.now() / 1000) - 29;
  const token = await harness.issuer.token({ scope: 'chat', exp });
  const socket = connect('/guarded', { authorization: `Bearer ${token}` });
  await once(socket, 'open');
  t.equal(((await once(socket, 'close')) as [number])[0], 4001);
  t.ok(Date.now() >= (exp + 30) * 1000, 'not before exp and tolerance');
});

t.test('a drain ends tunnels with 1001', async (t) => {
  const { harness, connect } = await startForwarderHarness(t);
  const socket = connect('/open');
  await once(socket, 'open');
  const closed = once(socket, 'close') as Promise<[number]>;
  t.equal(await harness.drain(), 'clean');
  t.equal((await closed)[0], 1001);
});

t.test('resets and pipelining around handshakes do not end the process', async (t) => {
  const { harness, connect } = await startForwarderHarness(t);
  const handshake = (path: string): string =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
  for (const path of ['/open', '/guarded', '/plain', '/nowhere']) {
    const reset = new RawClient(harness.port);
    reset.write(handshake(path));
    reset.socket.once('connect', () => setImmediate(() => reset.socket.resetAndDestroy()));
    await reset.end();
    const pipelined = new RawClient(harness.port);
    pipelined.write(`GET /plain HTTP/1.1\r\nHost: x\r\n\r\n${handshake(path)}`);
    await pipelined.until(/HTTP\/1\.1 200.*HTTP\/1\.1 (101|4\d\d)/s);
    pipelined.destroy();
  }
  const socket = connect('/open');
  await once(socket, 'open');
  t.equal(await echo(socket, 'still here'), 'still here');
});

t.test('an upgrade to anything but websocket is ignored and the request is served', async (t) => {
  const { harness } = await startForwarderHarness(t);
  const c = new RawClient(harness.port);
  c.write(
    'POST /plain HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 5\r\n\r\nhello',
  );
  t.match(await c.until(/\r\n\r\n/), /^HTTP\/1.1 200 /);
  c.destroy();
});

t.test('a browser can send its token as a protocol, which the backend never gets', async (t) => {
  const { harness, url, seen } = await startForwarderHarness(t);
  const token = await harness.issuer.token();
  for (const [offered, agreed, forwarded] of [
    [['bearer', token], 'bearer', undefined],
    [['chat', 'bearer', token], 'chat', 'chat'],
  ] as const) {
    const socket = new WebSocket(`${url}/announced`, [...offered]);
    t.teardown(() => socket.terminate());
    await once(socket, 'open');
    t.equal(await echo(socket, 'hello'), 'hello');
    t.equal(socket.protocol, agreed);
    t.equal(seen.at(-1)?.headers['sec-websocket-protocol'], forwarded);
  }
  const refused = new WebSocket(`${url}/announced`, ['bearer', 'forged']);
  refused.on('error', () => {});
  t.match(await refusal(refused), { status: 401, code: 'token_malformed' });
  t.equal(seen.length, 2);
});
