import { once } from 'node:events';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import t, { type Test } from 'tap';
import { response, startRawUpstream } from '../../support/backends/upstream.ts';
import type { Outcome } from '../../support/proxy/forwarder.ts';
import { startForwarderHarness } from '../../support/proxy/forwarder.ts';
import { startTunnelHarness } from '../../support/proxy/tunnel-harness.ts';

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
const FINE = response('200 OK', [], 'fine');

/** Good heads with a body that breaks, each with its reason in the log. Nothing in them but `evil` may be of the body. */
const BROKEN_BODIES: Readonly<Record<string, readonly [bytes: string, reason: RegExp]>> = {
  'no size': [`${CHUNKED}zz\r\n`, /no valid size/],
  'a size that runs over': [`${CHUNKED}ffffffffffffffff\r\n`, /no valid size/],
  'a size that ends with LF': [`${CHUNKED}4\nevil\r\n0\r\n\r\n`, /extension .*malformed|LF alone/],
  'a malformed extension': [`${CHUNKED}4;=\r\nevil\r\n0\r\n\r\n`, /extension .*malformed/],
  'a surplus after a chunk': [`${CHUNKED}4\r\nevil!\r\n0\r\n\r\n`, /longer than its size/],
  'a surplus after a later chunk': [`${CHUNKED}4\r\nevil\r\n4\r\nevil!\r\n0\r\n\r\n`, /longer than its size/],
  'no size after a chunk': [`${CHUNKED}4\r\nevil\r\nzz\r\n`, /no valid size/],
  'a trailer Content-Length': [
    `${CHUNKED}4\r\nevil\r\n0\r\nContent-Length: 4\r\n\r\n`,
    /trailer .*Content-Length/,
  ],
  'a trailer Transfer-Encoding': [
    `${CHUNKED}4\r\nevil\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n`,
    /trailer .*Transfer-Encoding/,
  ],
  'a trailer without colon': [`${CHUNKED}4\r\nevil\r\n0\r\nA\r\n\r\n`, /trailer .*malformed/],
  'a response in place of trailers': [`${CHUNKED}4\r\nevil\r\n0\r\n${FINE}`, /trailer .*malformed/],
};

/** The reason of a failure in the log, whether it came before the client got anything or after. */
function reasonOf(outcome: Outcome): string {
  if (outcome.kind === 'refused') return `${outcome.refusal.code}: ${outcome.refusal.reason}`;
  const failure = outcome.kind === 'finished' ? outcome.failure : undefined;
  return failure === undefined ? 'whole' : `${failure.code}: ${failure.reason}`;
}

/** Paths name the case; `?at` is where the response is cut in two, `/fine` a good one. */
async function startBroken(t: Test, http2Clients = false) {
  return await startForwarderHarness(
    t,
    ({ socket, target }) => {
      const { pathname, searchParams } = new URL(target, 'http://x');
      const [bytes] = BROKEN_BODIES[decodeURIComponent(pathname.slice(1))] ?? [FINE];
      const at = Number(searchParams.get('at'));
      if (at > 0) socket.write(bytes.slice(0, at), 'latin1');
      // Reads that are not the same, nearly always.
      if (at > 0) setImmediate(() => setImmediate(() => socket.write(bytes.slice(at), 'latin1')));
      else socket.write(bytes, 'latin1');
    },
    { http2Clients },
  );
}

const get = (name: string, query = ''): string =>
  `GET /${encodeURIComponent(name)}${query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;

t.test('a head and a broken body in one read are a 502, and the log has the reason', async (t) => {
  const { gateway, backend, client } = await startBroken(t);
  for (const [name, [, reason]] of Object.entries(BROKEN_BODIES)) {
    for (const before of [0, 1]) {
      const label = before === 0 ? name : `${name}, on a connection that was used before`;
      const opened = backend.sockets.length;
      if (before > 0) {
        const c = client();
        c.write(get('fine'));
        t.match((await c.end()).text, /fine$/);
        t.equal(reasonOf(await gateway.nextOutcome()), 'whole');
      }
      const c = client();
      c.write(get(name));
      const { text } = await c.end();
      const outcome = await gateway.nextOutcome();
      t.match(text, /^HTTP\/1\.1 502 .*upstream_invalid"\}$/s, label);
      t.notMatch(text, /evil/, label);
      t.equal(outcome.kind, 'refused', label);
      t.match(reasonOf(outcome), reason, label);
      t.equal(backend.sockets.length, opened + 1, `${label}: one connection`);
    }
  }
});

t.test('wherever a broken response is cut in two, client and log agree', async (t) => {
  const { gateway, client } = await startBroken(t);
  for (const [name, [bytes, reason]] of Object.entries(BROKEN_BODIES)) {
    for (let at = 1; at < bytes.length; at++) {
      const c = client();
      c.write(get(name, `?at=${at}`));
      const { text } = await c.end();
      const outcome = await gateway.nextOutcome();
      const label = `${name}, cut at ${at}`;
      const status = outcome.kind === 'refused' ? 502 : outcome.kind === 'finished' ? outcome.status : 0;
      if (!text.startsWith(`HTTP/1.1 ${status} `)) t.fail(`${label}: ${JSON.stringify(text)} and ${status}`);
      if (text.split('HTTP/1.1 ').length !== 2) t.fail(`${label}: one response`);
      if (status === 200 && /\r\n0\r\n\r\n$/.test(text)) t.fail(`${label}: it passes for a whole one`);
      if (!reason.test(reasonOf(outcome))) t.fail(`${label}: ${reasonOf(outcome)}`);
    }
  }
});

t.test('clients over HTTP/2 get the 502, too', async (t) => {
  const { gateway } = await startBroken(t, true);
  const session = connect(gateway.url);
  t.teardown(() => session.destroy());
  for (const [name, [, reason]] of Object.entries(BROKEN_BODIES)) {
    const stream = session.request({ ':path': `/${encodeURIComponent(name)}` });
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    t.equal(headers[':status'], 502, name);
    stream.resume();
    await once(stream, 'close');
    const outcome = await gateway.nextOutcome();
    t.equal(outcome.kind, 'refused', name);
    t.match(reasonOf(outcome), reason, name);
  }
});

t.test('a backend that declines a handshake with a broken body in one read is a 502', async (t) => {
  for (const [name, [bytes, reason]] of Object.entries(BROKEN_BODIES)) {
    const backend = await startRawUpstream(({ socket }) => socket.write(bytes, 'latin1'));
    t.teardown(() => backend.close());
    const harness = await startTunnelHarness(t, backend.url);
    const c = harness.client();
    c.write(
      'GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    const { text } = await c.end();
    const outcome = await harness.nextOutcome();
    t.match(text, /^HTTP\/1\.1 502 .*upstream_invalid"\}$/s, name);
    t.equal(outcome.kind, 'refused', name);
    t.match(reasonOf(outcome), reason, name);
  }
});
