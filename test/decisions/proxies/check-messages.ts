import type { Test } from 'tap';
import { connectRaw } from '../../support/clients/raw.ts';
import { type AskingHarness, bearer, valuesOf } from './asking-harness.ts';

const CHUNKED = '7\r\nin two \r\n6\r\npieces\r\n0\r\n\r\n';

/** Bodies belong to the proxy and the backend; the question has none. */
export async function checkBodies(t: Test, { sendAllowed, sendRefused }: AskingHarness): Promise<void> {
  const writer = bearer({ scope: 'orders:write' });
  const body = 'x'.repeat(300_000);
  const json = 'Content-Type: application/json';
  const whole = await sendAllowed(
    'POST /orders HTTP/1.1',
    [writer, json, `Content-Length: ${body.length}`],
    body,
  );
  t.equal(whole.body, body);
  t.strictSame(valuesOf(whole, 'content-type'), ['application/json']);
  const chunked = await sendAllowed(
    'POST /orders HTTP/1.1',
    [writer, json, 'Transfer-Encoding: chunked'],
    CHUNKED,
  );
  t.equal(chunked.body, 'in two pieces');
  // The response to a request whose body was not asked for does not depend on it.
  const refused = await sendRefused(
    'POST /orders HTTP/1.1',
    [bearer(), `Content-Length: ${body.length}`],
    body,
  );
  t.equal(refused.status, 403);
  t.equal((await sendRefused('POST /orders HTTP/1.1', ['Transfer-Encoding: chunked'], CHUNKED)).status, 401);
}

const HANDSHAKE = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
];

/** WebSockets open where the route has them; no other protocol does. */
export async function checkUpgrades(t: Test, harness: AskingHarness): Promise<void> {
  const { port, arrived, send, sendRefused } = harness;
  const connection = await connectRaw(port);
  const lines = ['GET /chat HTTP/1.1', 'Host: api.example.com', bearer(), ...HANDSHAKE, 'X-User-Id: evil'];
  connection.send(`${lines.join('\r\n')}\r\n\r\n`);
  t.equal((await connection.read())?.status, 101);
  connection.send('hello');
  while (!connection.rest().includes('hello'))
    await new Promise((resolve) => connection.socket.once('data', resolve));
  connection.destroy();
  const handshake = arrived.at(-1);
  if (handshake === undefined) throw new Error('the handshake did not arrive');
  t.strictSame(valuesOf(handshake, 'x-user-id'), ['ada']);
  t.strictSame(valuesOf(handshake, 'authorization'), []);
  t.strictSame(
    valuesOf(handshake, 'connection').map((value) => value.toLowerCase()),
    ['upgrade'],
  );

  t.comment('refused');
  t.equal((await sendRefused('GET /chat HTTP/1.1', HANDSHAKE)).status, 401);
  t.equal((await sendRefused('GET /orders HTTP/1.1', [bearer(), ...HANDSHAKE])).status, 400);

  t.comment('Connection with more than Upgrade');
  const before = arrived.length;
  const named = HANDSHAKE.map((line) =>
    line.replace('Connection: Upgrade', 'Connection: Upgrade, X-User-Id'),
  );
  const opened = await connectRaw(port);
  opened.send(`${['GET /chat HTTP/1.1', 'Host: api.example.com', bearer(), ...named].join('\r\n')}\r\n\r\n`);
  await opened.read();
  opened.destroy();
  for (const got of arrived.slice(before)) {
    t.strictSame(valuesOf(got, 'x-user-id'), ['ada']);
    t.notMatch(valuesOf(got, 'connection').join(), /user/i);
  }

  t.comment('other protocols');
  for (const upgrade of [
    ['Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'],
    ['Upgrade: anything', 'Connection: Upgrade'],
    ['Upgrade: h2c, websocket', 'Connection: Upgrade'],
    ['Upgrade: websocket', 'Upgrade: h2c', ...HANDSHAKE.slice(1)],
    // Without the key the gateway takes it for a plain request.
    ['Upgrade: websocket', 'Connection: Upgrade'],
    ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Key:'],
  ]) {
    for (const path of ['/orders', '/chat', '/public']) {
      const before = arrived.length;
      const { status } = await send(`GET ${path} HTTP/1.1`, [bearer(), ...upgrade]);
      const switched = arrived.slice(before).flatMap((got) => valuesOf(got, 'upgrade'));
      // Nothing but a clean WebSocket handshake may arrive, and that on its route only.
      if (status === 101) t.strictSame([path, ...switched], ['/chat', 'websocket'], `${upgrade}`);
      else
        t.strictSame(
          [status === 200 || status === 400, ...switched],
          [true],
          `${path} ${upgrade}: ${status}`,
        );
    }
  }
}

/** Scripts of other origins: the fields of the gateway reach the client, on refusals too. */
export async function checkCors(t: Test, harness: AskingHarness): Promise<void> {
  const { send, sendRefused, sendAllowed, arrived } = harness;
  const origin = 'Origin: https://app.example.com';
  const allowed = await send('GET /scripts HTTP/1.1', [bearer(), origin]);
  t.equal(allowed.status, 200);
  t.strictSame(allowed.headers['access-control-allow-origin'], ['https://app.example.com']);

  const before = arrived.length;
  const preflight = await send('OPTIONS /scripts HTTP/1.1', [origin, 'Access-Control-Request-Method: PUT']);
  t.equal(preflight.status, 200, "the backend's response to OPTIONS");
  t.strictSame(preflight.headers['access-control-allow-origin'], ['https://app.example.com']);
  t.match(preflight.headers['access-control-allow-methods'], [/PUT/]);
  t.equal(arrived.length, before + 1);
  t.strictSame(valuesOf(arrived.at(-1) ?? (await sendAllowed('GET /public HTTP/1.1')), 'x-user-id'), []);
  await sendRefused('OPTIONS /scripts HTTP/1.1', [
    'Origin: https://evil.example.com',
    'Access-Control-Request-Method: PUT',
  ]).then(({ headers }) => t.equal(headers['access-control-allow-origin'], undefined));
}
