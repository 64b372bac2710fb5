import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import t, { type Test } from 'tap';
import { type CountingUpstream, startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { connectRaw, exchangeRaw, rawRequest } from '../support/clients/raw.ts';
import { type Harness, startHarness } from '../support/gateway/gateway-harness.ts';
import { hasOpenssl, makeAuthority } from '../support/tls/certificates.ts';

// They wait more than they work.
t.jobs = 5;

const FAST = { limits: { headerTimeout: '1s', bodyIdle: '500ms' } };

t.test('a head that takes too long gets 408 and is closed, even if bytes keep coming', async (t) => {
  const harness = await startHarness(t, { listen: FAST });
  const dawdlers = [
    'GET /public HTTP/1.1\r\n',
    'GET /public',
    rawRequest('GET /public HTTP/1.1').slice(0, -2),
  ].map(async (start) => {
    const connection = await connectRaw(harness.port);
    connection.send(start);
    const drip = setInterval(() => connection.socket.writable && connection.send('X'), 100);
    const response = await connection.read();
    clearInterval(drip);
    return { response, closed: await connection.closed() };
  });
  for (const { response, closed } of await Promise.all(dawdlers)) {
    t.equal(response?.code, 'request_timeout');
    t.equal(response?.status, 408);
    t.equal(closed, true);
  }
  t.equal(harness.upstream.bytes(), 0);
});

t.test('a body that stops gets 408 and its request to the backend is aborted', async (t) => {
  const harness = await startHarness(t, { listen: FAST });
  for (const bytes of [
    rawRequest('POST /public HTTP/1.1', ['Content-Length: 1000000'], 'some'),
    rawRequest('POST /public HTTP/1.1', ['Transfer-Encoding: chunked'], '4\r\nsome\r\n'),
    rawRequest('POST /public HTTP/1.1', ['Transfer-Encoding: chunked'], '4'),
  ]) {
    const { response, closed } = await exchangeRaw(harness.port, bytes);
    t.equal(response?.code, 'request_timeout');
    t.equal(closed, true);
    t.equal(harness.upstream.requests.length, 0);
  }
});

t.test('a refused body is not waited for much longer than any other', async (t) => {
  const harness = await startHarness(t, { listen: FAST });
  const connection = await connectRaw(harness.port);
  connection.send(rawRequest('POST /protected HTTP/1.1', ['Content-Length: 1000'], 'some'));
  t.equal((await connection.read())?.code, 'token_missing');
  t.equal(await connection.closed(20_000), true);
  t.equal(harness.upstream.bytes(), 0);
});

/** Longer where something must not be taken for stalled: the machine may be busy with others. */
const PATIENT = { limits: { bodyIdle: '1500ms' } };

t.test('a body that keeps coming may take as long as it likes', async (t) => {
  const harness = await startHarness(t, { listen: PATIENT });
  const connection = await connectRaw(harness.port);
  connection.send(rawRequest('POST /public HTTP/1.1', ['Content-Length: 16']));
  await connection.sendSlowly(
    Array.from({ length: 16 }, () => 'x'),
    300,
  );
  t.equal((await connection.read())?.status, 200, 'after some five seconds, three times the idle limit');
  t.equal(harness.upstream.requests[0]?.body.length, 16);
  connection.destroy();
});

const MIB = 1024 * 1024;

/** A backend whose responses are as long as their path names, and the gateway before it. */
async function startLarge(
  t: Test,
  listen: object = {},
): Promise<{ harness: Harness; upstream: CountingUpstream }> {
  const upstream = await startCountingUpstream((req, res) => {
    res.end(Buffer.alloc(Number(req.url?.split('/').at(-1)), 'x'));
  });
  return { harness: await startHarness(t, { upstream, listen: { ...FAST, ...listen } }), upstream };
}

async function lineOf(harness: Harness): Promise<Harness['lines'][number] | undefined> {
  while (harness.lines.length === 0) await new Promise(setImmediate);
  return harness.lines[0];
}

t.test('a client that never reads its response is cut off, and its backend is released', async (t) => {
  const { harness, upstream } = await startLarge(t);
  const connection = await connectRaw(harness.port);
  connection.socket.pause();
  connection.send(rawRequest(`GET /public/${50 * MIB} HTTP/1.1`));
  t.match(await lineOf(harness), {
    status: 200,
    code: 'request_timeout',
    reason: /took nothing of its response/,
  });
  connection.socket.resume();
  t.equal(await connection.closed(), true);
  t.ok(connection.rest().length < 50 * MIB, 'the response is cut');
  while (upstream.connections() > 0) await new Promise(setImmediate);
});

t.test('a client that never reads is cut off at any point of its response', async (t) => {
  const { harness, upstream } = await startLarge(t);
  // What fits into the buffers between depends on the system; beyond that, what waits is the end of a response or its middle.
  const sizes = Array.from({ length: 48 }, (_, at) => 2 * MIB + at * 128 * 1024);
  const connections = await Promise.all(sizes.map(() => connectRaw(harness.port)));
  for (const [at, connection] of connections.entries()) {
    connection.socket.pause();
    connection.send(rawRequest(`GET /public/${sizes[at]} HTTP/1.1`));
  }
  while (harness.lines.length < sizes.length) await new Promise(setImmediate);
  t.same(new Set(harness.lines.map(({ code }) => code)), new Set(['allow', 'request_timeout']));
  for (const connection of connections) connection.destroy();
  await upstream.close();
});

/** Not beside others, whose megabytes would slow down this process, which is the client too. */
const ALONE = { buffered: false };

t.test('a client that takes little by little may take as long as it likes', ALONE, async (t) => {
  const { harness } = await startLarge(t, PATIENT);
  const connection = await connectRaw(harness.port);
  const { socket } = connection;
  let taken = 0;
  socket.removeAllListeners('data');
  socket.on('data', (piece: Buffer) => {
    taken += piece.length;
    socket.pause();
    // The first four seconds in sips, then in one draught.
    setTimeout(() => socket.resume(), performance.now() < sipUntil ? 20 : 0);
  });
  const sipUntil = performance.now() + 4_000;
  connection.send(rawRequest(`GET /public/${40 * MIB} HTTP/1.1`, ['Connection: close']));
  await once(socket, 'end');
  t.ok(taken > 40 * MIB);
  t.match(harness.lines, [{ code: 'allow' }]);
});

t.test(
  'the deadline of a response that is read slowly does not bound the response behind it',
  ALONE,
  async (t) => {
    const upstream = await startCountingUpstream((req, res) => {
      if (req.url === '/public/late') setTimeout(() => res.end('late'), 4_000);
      else res.end(Buffer.alloc(16 * MIB, 'x'));
    });
    const harness = await startHarness(t, { upstream, listen: PATIENT });
    const connection = await connectRaw(harness.port);
    const { socket } = connection;
    let text = '';
    let taken = 0;
    socket.removeAllListeners('data');
    socket.on('data', (piece: Buffer) => {
      taken += piece.length;
      text = piece.toString('latin1').slice(-200);
      socket.pause();
      setTimeout(() => socket.resume(), 1);
    });
    connection.send(rawRequest('GET /public/first HTTP/1.1'));
    connection.send(rawRequest('GET /public/late HTTP/1.1', ['Connection: close']));
    await once(socket, 'end');
    t.ok(taken > 16 * MIB);
    t.match(text, /late$/);
  },
);

const skip = hasOpenssl() ? false : 'openssl is not installed';

t.test('over HTTP/2 only the stream that is not read is cut off', { skip }, async (t) => {
  const authority = makeAuthority('test-ca');
  const own = authority.issue('localhost');
  const upstream = await startCountingUpstream((_, res) => {
    res.end(Buffer.alloc(100 * 1024, 'x'));
  });
  const harness = await startHarness(t, {
    upstream,
    files: { 'tls.crt': own.cert, 'tls.key': own.key },
    listen: { ...FAST, tls: { cert: 'tls.crt', key: 'tls.key' } },
  });
  const session = connectHttp2(`https://localhost:${harness.port}`, { ca: authority.cert });
  t.teardown(() => session.destroy());
  const unread = session.request({ ':path': '/public/unread' });
  unread.on('error', () => {});
  t.match(await lineOf(harness), { status: 200, code: 'request_timeout' });
  unread.resume();
  await once(unread, 'close').catch(() => {});
  t.not(unread.rstCode, 0);
  const read = session.request({ ':path': '/public/read' }).resume();
  await once(read, 'close');
  t.equal(read.rstCode, 0);
});
