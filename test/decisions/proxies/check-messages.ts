import type { Test } from 'tap';
import { connectRaw } from '../../support/clients/raw.ts';
import { type AskingHarness, bearer, valuesOf } from './asking-harness.ts';

const CHUNKED = '7\r\nin two \r\n6\r\npieces\r\n0\r\n\r\n';

/** Bodies belong to the proxy and the backend; the question has none. */
export async function checkBodies(t: Test, harness: AskingHarness): Promise<void> {
  const { send, sendAllowed, sendRefused, arrived } = harness;
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

  t.comment('chunks in a version that has none');
  // To a backend that does not know them, the body would be a request of its own.
  for (const version of ['HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0']) {
    const before = arrived.length;
    // Caddy responds in HTTP/1.0, which the client of the tests does not read.
    await send(`POST /public ${version}`, ['Transfer-Encoding: chunked'], CHUNKED).catch(() => undefined);
    for (const got of arrived.slice(before))
      t.notOk(got.version === '1.0' && valuesOf(got, 'transfer-encoding').length > 0, version);
  }
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
    ['Upgrade: h2c', 'Upgrade: websocket', ...HANDSHAKE.slice(1)],
    // Without the key the gateway takes it for a plain request.
    ['Upgrade: websocket', 'Connection: Upgrade'],
    ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Key:'],
    ['Upgrade: websocket x', 'Connection: Upgrade'],
    ['Upgrade: x websocket', 'Connection: Upgrade', 'Sec-WebSocket-Key:'],
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

const ORIGIN = 'https://app.example.com';

/** Scripts of other origins: the fields of the gateway reach the client once, in place of the backend's, on refusals too. */
export async function checkCors(t: Test, harness: AskingHarness): Promise<void> {
  const { send, sendRefused, arrived } = harness;
  const origin = `Origin: ${ORIGIN}`;
  const varies = (response: { headers: Readonly<Record<string, readonly string[]>> }) =>
    response.headers.vary?.join().toLowerCase().includes('origin');
  const allowed = await send('GET /scripts HTTP/1.1', [bearer(), origin]);
  t.equal(allowed.status, 200);
  for (const response of [allowed, await sendRefused('GET /scripts HTTP/1.1', [origin])]) {
    t.strictSame(response.headers['access-control-allow-origin'], [ORIGIN]);
    t.strictSame(response.headers['access-control-allow-credentials'], ['true']);
    t.match(response.headers['access-control-expose-headers']?.join(), /x-shown/i);
    t.equal(response.headers['access-control-expose-headers']?.length, 1);
    t.ok(varies(response));
  }

  const before = arrived.length;
  const preflight = await send('OPTIONS /scripts HTTP/1.1', [origin, 'Access-Control-Request-Method: PUT']);
  t.equal(preflight.status, 200, "the backend's response to OPTIONS");
  t.strictSame(preflight.headers['access-control-allow-origin'], [ORIGIN]);
  t.match(preflight.headers['access-control-allow-methods'], [/PUT/]);
  t.match(preflight.headers['access-control-allow-headers'], [/x-wanted/i]);
  t.strictSame(preflight.headers['access-control-max-age'], ['3600']);
  t.equal(arrived.length, before + 1);
  for (const got of arrived.slice(before)) t.strictSame(valuesOf(got, 'x-user-id'), []);

  const foreign = ['Origin: https://evil.example.com', 'Access-Control-Request-Method: PUT'];
  const refused = await sendRefused('OPTIONS /scripts HTTP/1.1', foreign);
  t.equal(refused.headers['access-control-allow-origin'], undefined);
}

/** What is left of a limit reaches the client with the response of the backend, and with the refusal. */
export async function checkLimits(t: Test, { send, sendRefused }: AskingHarness): Promise<void> {
  const own = bearer({ sub: 'limited' });
  const responses = [
    await send('GET /limited HTTP/1.1', [own]),
    await sendRefused('GET /limited HTTP/1.1', [own]),
  ];
  t.strictSame(
    responses.map(({ status }) => status),
    [200, 429],
  );
  for (const { headers } of responses) {
    t.equal(headers.ratelimit?.length, 1);
    t.equal(headers['ratelimit-policy']?.length, 1);
  }
  t.match(responses[1]?.headers['retry-after']?.[0], /^\d+$/, 'how long to wait');
}
