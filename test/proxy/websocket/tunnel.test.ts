import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import {
  type RawUpstream,
  type Reply,
  response,
  startRawUpstream,
  valuesOf,
} from '../../support/backends/upstream.ts';
import {
  startTunnelHarness,
  type TunnelHarness,
  type TunnelHarnessOptions,
} from '../../support/proxy/tunnel-harness.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
const HANDSHAKE = [
  'GET /chat?room=1 HTTP/1.1',
  'Host: gw.example',
  'Connection: keep-alive, Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${KEY}`,
  'Origin: https://app.example',
];
const request = (lines: string[] = HANDSHAKE): string => `${lines.join('\r\n')}\r\n\r\n`;
const AGREED = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\nX-User-Id: leak\r\n\r\n`;

interface Echo {
  readonly harness: TunnelHarness;
  readonly server: WebSocketServer;
}

/** A real WebSocket backend that sends everything back. */
async function echo(t: Test, options?: TunnelHarnessOptions): Promise<Echo> {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    perMessageDeflate: true,
    maxPayload: 1 << 28,
    handleProtocols: (protocols) => (protocols.has('chat.v2') ? 'chat.v2' : false),
  });
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  await once(server, 'listening');
  const harness = await startTunnelHarness(
    t,
    `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    options,
  );
  t.teardown(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return { harness, server };
}

async function open(
  t: Test,
  url: string,
  ...rest: [string[]?, WebSocket.ClientOptions?]
): Promise<WebSocket> {
  const socket = new WebSocket(url, ...rest);
  t.teardown(() => socket.terminate());
  await once(socket, 'open');
  return socket;
}

async function raw(
  t: Test,
  respond: Reply,
  options?: TunnelHarnessOptions,
): Promise<{ backend: RawUpstream; harness: TunnelHarness }> {
  const backend = await startRawUpstream(respond);
  const harness = await startTunnelHarness(t, backend.url, options);
  t.teardown(() => backend.close());
  return { backend, harness };
}

t.test('messages of every kind pass both ways, compressed too', async (t) => {
  const { harness } = await echo(t);
  for (const perMessageDeflate of [false, true]) {
    const socket = await open(t, harness.url, ['chat.v1', 'chat.v2'], { perMessageDeflate });
    t.equal(socket.protocol, 'chat.v2', 'the subprotocol of the backend');
    t.equal(socket.extensions.includes('permessage-deflate'), perMessageDeflate);
    const messages = [
      '',
      'text',
      'é'.repeat(1000),
      Buffer.alloc(0),
      randomBytes(70_000),
      randomBytes(5 << 20),
    ];
    for (const message of messages) {
      socket.send(message);
      const [data, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
      t.equal(isBinary, Buffer.isBuffer(message));
      t.ok(Buffer.from(message).equals(data), `${message.length} come back`);
    }
    socket.ping('are you there');
    const [pong] = (await once(socket, 'pong')) as [Buffer];
    t.equal(pong.toString(), 'are you there');
    socket.close(4999, 'enough');
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    t.same([code, reason.toString()], [4999, 'enough'], 'the close of both sides passes');
    t.match(await harness.nextOutcome(), { kind: 'finished', status: 101, failure: undefined });
  }
  t.equal(harness.tunnels.size, 0);
});

t.test(
  'the handshake goes up with the headers that passed and the identity, and comes down without',
  async (t) => {
    const { backend, harness } = await raw(t, ({ socket }) => socket.write(AGREED));
    const c = harness.client();
    c.write(
      request([...HANDSHAKE, 'X-User-Id: root', 'Authorization: Bearer x', 'Sec-WebSocket-Protocol: a, b']),
    );
    const head = await c.until(/\r\n\r\n/);
    t.match(head, /^HTTP\/1.1 101 Switching Protocols\r\n/);
    t.match(head, /x-request-id: test-request/);
    t.notMatch(head, /leak/);
    const [seen] = backend.requests;
    t.equal(seen?.target, '/chat?room=1');
    t.same(valuesOf(seen, 'connection'), ['upgrade']);
    t.same(valuesOf(seen, 'upgrade'), ['websocket']);
    t.same(valuesOf(seen, 'sec-websocket-key'), [KEY]);
    t.same(valuesOf(seen, 'sec-websocket-protocol'), ['a, b']);
    t.same(valuesOf(seen, 'origin'), ['https://app.example']);
    t.same(valuesOf(seen, 'x-user-id'), ['alice']);
    t.same(valuesOf(seen, 'authorization'), []);
  },
);

t.test('bytes that come with the handshake or right after the response are not lost', async (t) => {
  const { backend, harness } = await raw(t, ({ socket }) => socket.write(`${AGREED}\x81\x05early`, 'latin1'));
  const c = harness.client();
  c.write(`${request()}\x81\x84\x00\x00\x00\x00head`);
  await c.until(/early/);
  while (!backend.bytes[0]?.toString('latin1').endsWith('head')) await new Promise(setImmediate);
});

t.test('what is not a handshake is refused and nothing goes up', async (t) => {
  const { backend, harness } = await raw(t, () => {});
  const faults: string[][] = [
    HANDSHAKE.map((line) => line.replace('GET', 'POST')),
    HANDSHAKE.map((line) => line.replace('HTTP/1.1', 'HTTP/1.0')),
    HANDSHAKE.filter((line) => !line.startsWith('Sec-WebSocket-Key')),
    HANDSHAKE.map((line) => line.replace(KEY, 'short')),
    HANDSHAKE.map((line) => line.replace(KEY, `${KEY}, ${KEY}`)),
    [...HANDSHAKE, 'Content-Length: 5'],
    [...HANDSHAKE, 'Transfer-Encoding: chunked'],
  ];
  for (const lines of faults) {
    const c = harness.client();
    c.write(request(lines));
    t.match(await c.until(/\}$/), /^HTTP\/1.1 400 .*bad_request/s, lines.join(' | '));
  }
  t.equal(backend.sockets.length, 0);
});

t.test('only a 101 to this handshake opens a tunnel', async (t) => {
  let bytes = '';
  const { backend, harness } = await raw(t, ({ socket }) => socket.write(bytes));
  const responses = [
    AGREED.replace(ACCEPT, 'c29tZSBvdGhlciBwcm9vZiBub2JvZHk='),
    AGREED.replace(/Sec-WebSocket-Accept[^\r]*\r\n/, ''),
    AGREED.replace('\r\n\r\n', `\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`),
    AGREED.replace('Upgrade: websocket', 'Upgrade: h2c'),
    AGREED.replace(/Upgrade: websocket\r\n/, ''),
    'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    'garbage\r\n\r\n',
  ];
  for (const each of responses) {
    bytes = each;
    const c = harness.client();
    c.write(request());
    t.match(await c.until(/\}$/), /^HTTP\/1.1 502 .*upstream_invalid/s, JSON.stringify(each));
    const used = backend.sockets.at(-1);
    if (!used?.closed) await once(used as never, 'close');
  }
  t.equal(harness.tunnels.size, 0);
});

t.test('a backend that declines is heard, and the connection ends: nothing is tunnelled', async (t) => {
  const declines = [
    response('426 Upgrade Required', ['Sec-WebSocket-Version: 13'], 'no'),
    'HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\n\r\nno',
  ];
  for (const decline of declines) {
    const { backend, harness } = await raw(t, ({ socket }) => {
      socket.write(decline);
      if (decline.includes('200')) socket.end();
    });
    const c = harness.client();
    c.write(`${request()}GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`);
    const { text, ended } = await c.end();
    t.match(text, new RegExp(`^${decline.slice(0, 12)} .*connection: close.*no$`, 's'));
    t.notMatch(text, /transfer-encoding/i);
    t.equal(ended, 'closed');
    t.equal(backend.requests.length, 1);
    t.match(await harness.nextOutcome(), { kind: 'finished', status: Number(decline.slice(9, 12)) });
  }
});

t.test('a response that breaks off breaks the connection', async (t) => {
  const { harness } = await raw(t, ({ socket }) => {
    socket.write('HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n');
    setImmediate(() => socket.end());
  });
  const c = harness.client();
  c.write(request());
  t.equal((await c.end()).ended, 'reset');
  t.match(await harness.nextOutcome(), { kind: 'finished', status: 403 });
});

t.test('a backend that is down, silent or gone is refused by the table', async (t) => {
  const { backend, harness } = await raw(t, () => {}, { responseMs: 50 });
  const silent = harness.client();
  silent.write(request());
  t.match(await silent.until(/\}$/), /^HTTP\/1.1 504 .*upstream_timeout/s);
  await backend.close().catch(() => {});
  const down = harness.client();
  down.write(request());
  t.match(await down.until(/\}$/), /^HTTP\/1.1 502 .*upstream_unreachable/s);
});

t.test('a tunnel is closed with 4001 when its token expires, a second later for good', async (t) => {
  const { harness, server } = await echo(t, { expiresAtMs: () => Date.now() + 300 });
  const socket = await open(t, harness.url);
  const started = Date.now();
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  t.same([code, reason.toString()], [4001, 'token expired']);
  t.ok(Date.now() - started >= 250);
  await harness.nextOutcome();
  t.equal(server.clients.size, 0, 'the backend is closed too');
});

t.test('a token that expired while the handshake was under way closes the tunnel as it opens', async (t) => {
  const { harness } = await echo(t, { expiresAtMs: () => Date.now() - 1 });
  const socket = await open(t, harness.url);
  const [code] = (await once(socket, 'close')) as [number];
  t.equal(code, 4001);
});

t.test('the goodbye waits for the border of a frame, and nothing of the backend follows it', async (t) => {
  const { backend, harness } = await raw(
    t,
    ({ socket }) => socket.write(`${AGREED}\x81\x0ahalf `, 'latin1'),
    {
      expiresAtMs: () => Date.now() + 100,
    },
  );
  const c = harness.client();
  c.write(request());
  await c.until(/half $/);
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.match(c.text, /half $/, 'no frame within a frame');
  backend.sockets[0]?.write('frame\x81\x04more', 'latin1');
  const { text } = await c.end();
  t.ok(text.endsWith('half frame\x88\x0f\x0f\xa1token expired'));
});

t.test('a backend that never ends its frame is cut off a second after the expiry', async (t) => {
  const { harness } = await raw(t, ({ socket }) => socket.write(`${AGREED}\x81\x0ahalf `, 'latin1'), {
    expiresAtMs: () => Date.now() + 50,
  });
  const c = harness.client();
  c.write(request());
  await c.until(/half $/);
  const { text } = await c.end();
  t.match(text, /half $/);
});

t.test('after a Close frame of the backend no other one follows', async (t) => {
  const { harness } = await raw(t, ({ socket }) => socket.write(`${AGREED}\x88\x02\x03\xe8`, 'latin1'), {
    expiresAtMs: () => Date.now() + 100,
  });
  const c = harness.client();
  c.write(request());
  const { text } = await c.end();
  t.ok(text.endsWith('\r\n\r\n\x88\x02\x03\xe8'));
});

t.test('the reply of the client to the goodbye still reaches the backend', async (t) => {
  const { harness, server } = await echo(t, { expiresAtMs: () => Date.now() + 100 });
  const closed = new Promise<number>((resolve) => {
    server.on('connection', (socket) => socket.on('close', resolve));
  });
  const socket = await open(t, harness.url);
  await once(socket, 'close');
  t.equal(await closed, 4001);
});

t.test('on drain every tunnel is closed with 1001, those that open later too', async (t) => {
  const { harness } = await echo(t);
  const sockets = [await open(t, harness.url), await open(t, harness.url)];
  t.equal(harness.tunnels.size, 2);
  const codes = sockets.map((socket) => once(socket, 'close') as Promise<[number]>);
  harness.tunnels.drain();
  t.same(
    (await Promise.all(codes)).map(([code]) => code),
    [1001, 1001],
  );
  const late = await open(t, harness.url);
  t.equal(((await once(late, 'close')) as [number])[0], 1001);
  await harness.nextOutcome();
  await harness.nextOutcome();
  await harness.nextOutcome();
  t.equal(harness.tunnels.size, 0);
});

t.test('a tunnel in which nothing moves is closed after the idle time', async (t) => {
  const { harness } = await echo(t, { idleMs: 100 });
  const socket = await open(t, harness.url);
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  t.same([code, reason.toString()], [1001, 'idle']);
});

t.test('resets at every stage cost their own connection and nothing else', async (t) => {
  const { backend, harness } = await raw(t, () => {});
  const early = harness.client();
  early.write(request());
  early.socket.resetAndDestroy();
  const waiting = harness.client();
  waiting.write(request());
  while (backend.requests.length === 0) await new Promise(setImmediate);
  waiting.socket.resetAndDestroy();
  t.match(await harness.nextOutcome(), { kind: 'abandoned' });
  backend.requests.at(-1)?.socket.write(AGREED);
  const { harness: other, server } = await echo(t);
  const reset = await open(t, other.url);
  (reset as unknown as { _socket: { resetAndDestroy(): void } })._socket.resetAndDestroy();
  t.match(await other.nextOutcome(), { kind: 'finished', status: 101 });
  const orphan = await open(t, other.url);
  for (const socket of server.clients) socket.terminate();
  t.equal(((await once(orphan, 'close')) as [number])[0], 1006);
  t.equal(other.tunnels.size, 0);
});

t.test('a reader that does not read holds the writer back, both ways', async (t) => {
  const { backend, harness } = await raw(t, ({ socket }) => socket.write(AGREED));
  const c = harness.client();
  c.write(request());
  await c.until(/\r\n\r\n/);
  c.socket.pause();
  const server = backend.sockets[0];
  if (server === undefined) return;
  const block = Buffer.concat([Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 0]), Buffer.alloc(1 << 20)]);
  for (let i = 0; i < 32; i++) server.write(block);
  let last = -1;
  while (last !== server.writableLength) {
    last = server.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  t.ok(last > 8 << 20, `${last >> 20} MiB wait at the backend`);
  c.socket.resume();
  while (server.writableLength > 0) await new Promise((resolve) => setTimeout(resolve, 10));
});
