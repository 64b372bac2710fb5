import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { RawClient } from '../../support/clients/raw-client.ts';
import { startGateway } from '../../support/gateway/gateway.ts';

/** Longer than any timer takes that was started with no time at all. */
const PAUSE_MS = 150;

const KEY = 'AAAAAAAAAAAAAAAAAAAAAA==';
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
/** An empty text message behind the head (RFC 6455 §5.2). */
const MESSAGE = new RegExp(`\r\n\r\n\u0081${'\0'}`);

async function listen(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Responds after a pause, with another pause within the body. */
async function respondSlowly(_: unknown, res: Pick<ServerResponse, 'write' | 'end'>): Promise<void> {
  await delay(PAUSE_MS);
  res.write('first ');
  await delay(PAUSE_MS);
  res.end('last');
}

async function start(t: Test, timeouts: string): Promise<{ url: string; connections: () => number }> {
  let connections = 0;
  const h1 = createServer((req, res) => void respondSlowly(req, res));
  h1.on('connection', () => {
    connections += 1;
  });
  h1.on('upgrade', async (_: IncomingMessage, socket) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
    );
    await delay(PAUSE_MS);
    socket.write(Buffer.from([0x81, 0]));
  });
  const h2 = createHttp2Server((req, res) => void respondSlowly(req, res as never));
  const ports = { h1: await listen(t, h1), h2: await listen(t, h2) };
  const gateway = await startGateway(`
upstreams:
  h1: { url: 'http://127.0.0.1:${ports.h1}', timeouts: ${timeouts} }
  h2: { url: 'http://127.0.0.1:${ports.h2}', protocol: h2, timeouts: ${timeouts} }
  bounded: { url: 'http://127.0.0.1:${ports.h2}', protocol: h2, timeouts: { response: 1ms, idle: 1ms } }
routes:
  - { name: h1, path: /h1, upstream: h1, access: public, websocket: true }
  - { name: h2, path: /h2, upstream: h2, access: public }
  - { name: own, path: /own, upstream: bounded, access: public, timeouts: { response: 0s, idle: 0s } }
`);
  t.teardown(() => gateway.close());
  return { url: gateway.url, connections: () => connections };
}

for (const limit of ['0s', '365d']) {
  t.test(`times of ${limit} towards a backend end nothing`, async (t) => {
    const { url } = await start(t, `{ connect: ${limit}, response: ${limit}, idle: ${limit} }`);
    for (const path of ['/h1', '/h2', '/own']) {
      const response = await fetch(url + path);
      t.equal(response.status, 200, path);
      t.equal(await response.text(), 'first last', path);
    }
    const client = new RawClient(Number(new URL(url).port));
    t.teardown(() => client.destroy());
    client.write(
      `GET /h1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`,
    );
    t.match(await client.until(MESSAGE), /^HTTP\/1.1 101 /, 'a WebSocket that is silent for a while');
  });
}

t.test('keepAlive and age of 0s give each request a connection of its own', async (t) => {
  for (const [timeouts, expected] of [
    ['{ keepAlive: 0s }', 3],
    ['{ age: 0s }', 3],
    ['{ keepAlive: 365d, age: 365d }', 1],
  ] as const) {
    const { url, connections } = await start(t, timeouts);
    for (let n = 0; n < 3; n += 1) t.equal(await (await fetch(`${url}/h1`)).text(), 'first last');
    t.equal(connections(), expected, timeouts);
  }
});
