import { once } from 'node:events';
import { connect, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import type { ListVisibility } from '../../../src/pipeline/mcp/lists/list-visibility.ts';
import { askForPlainBody, filterLists } from '../../../src/proxy/response/list-filter.ts';
import { response } from '../../support/backends/upstream.ts';
import type { RawClient } from '../../support/clients/raw-client.ts';
import { startForwarder, startForwarderHarness } from '../../support/proxy/forwarder.ts';

const visibility: ListVisibility = { mayUse: (_kind, name) => !name.startsWith('hidden') };
const plan = { responseTransform: filterLists(visibility) };
const LIST = '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"hidden"},{"name":"a"}],"ttlMs":60000}}';
const SEEN =
  '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"}],"ttlMs":60000,"cacheScope":"private"}}';
const CALL = '{"jsonrpc":"2.0","id":2,"result":{"content":[]}}';
const JSON_TYPE = 'content-type: application/json';
const EVENTS = 'content-type: text/event-stream';
const POST = 'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}';
const GET = 'GET /mcp HTTP/1.1\r\nHost: x\r\n\r\n';
const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n';
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

/** A client of a gateway before a backend that sends these bytes. */
function harness(t: Test, ...sent: readonly string[]) {
  return startForwarderHarness(
    t,
    ({ socket, whole }) => {
      whole.then(
        () => {
          for (const bytes of sent) socket.write(bytes);
        },
        () => {},
      );
    },
    { plan },
  );
}

async function ask(client: RawClient, request = POST): Promise<string> {
  client.write(request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  return (await client.end()).text;
}

const body = (text: string) => text.slice(text.indexOf('\r\n\r\n') + 4);

t.test(
  'a list in JSON goes down filtered, with its new length and nothing that describes the old one',
  async (t) => {
    const fields = [
      'content-type: application/json; charset=utf-8',
      'ETag: "1"',
      'Content-MD5: x',
      'Digest: sha-256=x',
      'Content-Digest: sha-256=:x:',
      'Repr-Digest: sha-256=:x:',
      'Last-Modified: Mon, 30 Nov 2026 10:00:00 GMT',
      'Accept-Ranges: bytes',
      'Cache-Control: public, s-maxage=600',
      'CDN-Cache-Control: max-age=600',
      'Surrogate-Control: max-age=600',
      'Expires: Tue, 01 Dec 2026 10:00:00 GMT',
      'Mcp-Session-Id: s1',
      'content-encoding: identity',
    ];
    const { gateway, client } = await harness(t, response('200 OK', fields, LIST));
    const text = await ask(client());
    t.equal(body(text), SEEN);
    t.match(text, `content-length: ${SEEN.length}\r\n`);
    t.match(text, 'cache-control: private, no-store, no-transform\r\n');
    t.match(text, 'Mcp-Session-Id: s1\r\n');
    t.match(text, 'content-type: application/json; charset=utf-8\r\n');
    t.notMatch(text, /etag|md5|digest|modified|ranges|public|cdn-|surrogate|expires|transfer-encoding/i);
    t.match(await gateway.nextOutcome(), { kind: 'finished', status: 200, failure: undefined });
  },
);

t.test('a list in JSON is filtered whatever its framing and status', async (t) => {
  const framings = [
    [`${CHUNKED}${JSON_TYPE}\r\n\r\n`, ...[...LIST].map(chunk), '0\r\nETag: "1"\r\n\r\n'],
    [`${CHUNKED}content-type: Application/Problem+JSON\r\n\r\n${chunk(LIST)}0\r\n\r\n`],
    [response('404 Not Found', [JSON_TYPE], LIST)],
    [response('500 Internal Server Error', [JSON_TYPE], LIST)],
    [response('302 Found', [JSON_TYPE], LIST)],
  ];
  for (const sent of framings) {
    const { client } = await harness(t, ...sent);
    t.equal(body(await ask(client())), SEEN, String(sent[0]));
  }
});

t.test('the connection to the backend is used again, also after a list that is refused', async (t) => {
  let count = 0;
  const { backend, gateway, client } = await startForwarderHarness(
    t,
    ({ socket, whole }) => {
      whole.then(
        () => socket.write(response('200 OK', [JSON_TYPE], count++ === 1 ? '{"Result":{}}' : LIST)),
        () => {},
      );
    },
    { plan },
  );
  const c = client();
  c.write(POST);
  await c.until(/private"}}$/);
  t.match(await gateway.nextOutcome(), { kind: 'finished', status: 200 });
  c.write(POST);
  await c.until(/upstream_invalid"}$/);
  t.match(await gateway.nextOutcome(), { kind: 'refused', refusal: { code: 'upstream_invalid' } });
  c.write(POST);
  await c.until(/private"}}HTTP.*upstream_invalid.*private"}}$/s);
  t.equal(backend.sockets.length, 1);
});

const BIG = 5 * 1024 * 1024;
const REFUSED: Readonly<Record<string, readonly [reason: RegExp, ...sent: string[]]>> = {
  'broken JSON': [/not JSON/, response('200 OK', [JSON_TYPE], LIST.slice(1))],
  'another reading': [
    /one meaning/,
    response('200 OK', [JSON_TYPE], LIST.replace('"ttlMs":60000', '"Tools":[]')),
  ],
  'more than 4 MiB': [/4 MiB/, response('200 OK', [JSON_TYPE], `{"a":"${'x'.repeat(BIG)}"}`)],
  'more than 4 MiB in chunks': [
    /4 MiB/,
    `${CHUNKED}${JSON_TYPE}\r\n\r\n`,
    ...Array(90).fill(chunk(' '.repeat(65_536))),
  ],
  'a coding': [/Content-Encoding/, response('200 OK', [JSON_TYPE, 'Content-Encoding: gzip'], 'x')],
  'a coding of events': [/Content-Encoding/, response('200 OK', [EVENTS, 'Content-Encoding: br'], 'x')],
  'two codings': [
    /Content-Encoding/,
    response('200 OK', [EVENTS, 'Content-Encoding: identity', 'Content-Encoding: zstd'], 'x'),
  ],
  'a coding of an error': [
    /Content-Encoding/,
    response('500 Internal Server Error', [JSON_TYPE, 'Content-Encoding: gzip'], 'x'),
  ],
  'a part': [
    /partial/,
    response('206 Partial Content', [JSON_TYPE, 'content-range: bytes 0-9/100'], LIST.slice(0, 10)),
  ],
  'a difference': [/partial/, response('226 IM Used', [EVENTS, 'im: diff'], 'data: 1\n\n')],
  'no type': [/neither/, response('200 OK', [], LIST)],
  'another type': [/neither/, response('200 OK', ['content-type: text/plain'], LIST)],
  'a type that only some take for JSON': [
    /neither/,
    response('200 OK', ['content-type: text/plain; a=application/json'], LIST),
  ],
  'two types': [/neither/, response('200 OK', ['content-type: text/html', JSON_TYPE], LIST)],
  'two types, JSON first': [/neither/, response('200 OK', [JSON_TYPE, 'content-type: text/html'], LIST)],
  'two types in one field': [
    /neither/,
    response('200 OK', ['content-type: application/json, text/event-stream'], LIST),
  ],
  'UTF-16 of another type': [
    /neither/,
    response('200 OK', ['content-type: text/plain'], [...LIST].join('\0')),
  ],
};
for (const [name, [reason, ...sent]] of Object.entries(REFUSED))
  t.test(`refused: ${name}`, async (t) => {
    const { gateway, client } = await harness(t, ...sent);
    const text = await ask(client());
    t.match(text, /^HTTP\/1\.1 502 .*"upstream_invalid"}$/s);
    t.notMatch(text, /hidden/);
    const outcome = await gateway.nextOutcome();
    t.match(outcome, {
      kind: 'refused',
      refusal: { code: 'upstream_invalid', cause: 'upstream_lists_unfilterable', reason },
    });
  });

const PASSED: Readonly<Record<string, readonly [sent: string, body?: string]>> = {
  'a message that was accepted, without a body': [
    'HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    '',
  ],
  'a message that was accepted, with a word': [
    response('202 Accepted', ['content-type: text/plain'], 'Accepted'),
    'Accepted',
  ],
  'no content': ['HTTP/1.1 204 No Content\r\n\r\n', ''],
  'nothing, with a coding': [response('200 OK', ['content-encoding: gzip']), ''],
  'an error page': [response('502 Bad Gateway', ['content-type: text/html', 'etag: "1"'], '<p>{}'), '<p>{}'],
  'an error in JSON': [response('400 Bad Request', [JSON_TYPE], '{"error":{}}'), '{"error":{}}'],
  'a result without a list': [response('200 OK', [JSON_TYPE], CALL), CALL],
};
for (const [name, [sent, expected]] of Object.entries(PASSED))
  t.test(`passed: ${name}`, async (t) => {
    const { gateway, client } = await harness(t, sent);
    t.equal(body(await ask(client())), expected);
    t.match(await gateway.nextOutcome(), { kind: 'finished', failure: undefined });
  });

t.test('a transform that fails shows nothing', async (t) => {
  const failing = filterLists({
    mayUse() {
      throw new TypeError('a bug');
    },
  });
  const { gateway, client } = await startForwarderHarness(
    t,
    ({ socket }) => socket.write(response('200 OK', [JSON_TYPE], LIST)),
    { plan: { responseTransform: failing } },
  );
  t.match(await ask(client(), GET), /^HTTP\/1\.1 502/);
  t.match(await gateway.nextOutcome(), { kind: 'refused', refusal: { code: 'upstream_unreachable' } });
});

t.test(
  'a body that is cut off becomes a response of the gateway, and the request is not sent again',
  async (t) => {
    const { backend, gateway, client } = await startForwarderHarness(
      t,
      ({ socket }) => {
        const count = backend.requests.length;
        if (count === 1) {
          socket.write(response('200 OK', [JSON_TYPE], LIST));
          return;
        }
        const head = 'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n';
        if (count === 2) socket.write(head, () => setImmediate(() => socket.resetAndDestroy()));
        else socket.write(`${head}${JSON_TYPE}\r\n\r\n${LIST}`, () => setImmediate(() => socket.destroy()));
      },
      { plan, retries: 2 },
    );
    t.match(await ask(client(), GET), /^HTTP\/1\.1 200/);
    t.match(await gateway.nextOutcome(), { kind: 'finished' });
    // On a connection that carried a request before, one that is lost would be sent again.
    t.match(await ask(client(), GET), /^HTTP\/1\.1 502/);
    t.match(await gateway.nextOutcome(), { kind: 'refused' });
    t.equal(backend.sockets.length, 1);
    t.match(await ask(client()), /^HTTP\/1\.1 502/);
    t.match(await gateway.nextOutcome(), { kind: 'refused', refusal: { code: 'upstream_invalid' } });
    t.equal(backend.requests.length, 3);
  },
);

t.test('a body that stalls ends by the time limit', async (t) => {
  const { gateway, client } = await startForwarderHarness(
    t,
    ({ socket }) => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 500\r\n${JSON_TYPE}\r\n\r\n${LIST}`),
    { plan: { ...plan, timeouts: { responseMs: 5_000, idleMs: 50 } } },
  );
  t.match(await ask(client(), GET), /^HTTP\/1\.1 504/);
  t.match(await gateway.nextOutcome(), { kind: 'refused', refusal: { code: 'upstream_timeout' } });
});

t.test('a client that leaves ends the request to the backend', async (t) => {
  const { backend, gateway, client } = await harness(
    t,
    `HTTP/1.1 200 OK\r\ncontent-length: 500\r\n${JSON_TYPE}\r\n\r\n${LIST}`,
  );
  const c = client();
  c.write(POST);
  while (backend.requests.length === 0) await new Promise(setImmediate);
  const closed = once(backend.sockets[0] as NonNullable<(typeof backend.sockets)[0]>, 'close');
  c.destroy();
  await closed;
  t.match(await gateway.nextOutcome(), { kind: 'abandoned' });
});

t.test('each event of a stream goes down when it has come; lists are filtered', async (t) => {
  const { backend, gateway, client } = await harness(
    t,
    `${CHUNKED}${EVENTS}\r\nCache-Control: no-cache\r\nETag: "1"\r\n\r\n`,
  );
  const c = client();
  c.write(GET);
  t.match(
    await c.until(/\r\n\r\n$/),
    /^HTTP\/1\.1 200 .*text\/event-stream.*no-store/s,
    'the head comes first',
  );
  const socket = backend.sockets[0];
  const steps = [
    [': keep-alive\n', ': keep-alive\n'],
    ['\nid: 1\nda', '\n'],
    [`ta: ${CALL}\n\n`, `id: 1\ndata: ${CALL}\n\n`],
    [`id: 2\ndata: ${LIST}\n\n`, `id: 2\ndata: ${SEEN}\n\n`],
    [`id: 3\ndata: ${LIST}\r\n\r`, `id: 3\ndata: ${SEEN}\r\n\r`],
  ] as const;
  let expected = '';
  for (const [sent, passed] of steps) {
    socket?.write(chunk(sent));
    expected += passed;
    while (unchunk(body(c.text)) !== expected) await once(c.socket, 'data');
  }
  t.notMatch(c.text, /hidden|etag/i);
  socket?.write(`${chunk('\ndata: never ended')}0\r\n\r\n`);
  await c.until(/0\r\n\r\n$/);
  t.equal(unchunk(body(c.text)), `${expected}\n`);
  t.match(await gateway.nextOutcome(), { kind: 'finished', status: 200, failure: undefined });
});

const BROKEN_OFF: Readonly<Record<string, readonly [sent: string, reason: RegExp]>> = {
  'that cannot be read': ['data: {"result":{"Tools":[]}}\n\n', /one meaning/],
  'of more than 4 MiB': [`data: ${'x'.repeat(BIG)}`, /4 MiB/],
};
for (const [name, [sent, reason]] of Object.entries(BROKEN_OFF))
  t.test(`a stream with an event ${name} is broken off, and so is the backend`, async (t) => {
    const { backend, gateway, client } = await harness(
      t,
      `${CHUNKED}${EVENTS}\r\n\r\n${chunk(': hello\n\n')}`,
    );
    const c = client();
    c.write(GET);
    await c.until(/hello/);
    const socket = backend.sockets[0];
    const closed = new Promise((resolve) => socket?.once('close', resolve));
    socket?.write(chunk(sent));
    const { text } = await c.end();
    t.notMatch(text, /Tools|xxx|\r\n0\r\n/);
    await closed;
    t.match(await gateway.nextOutcome(), { kind: 'finished', failure: { code: 'upstream_invalid', reason } });
  });

t.test('a stream with a length comes down without it', async (t) => {
  const { client } = await harness(t, response('200 OK', [EVENTS], `data: ${LIST}\n\n`));
  const text = await ask(client());
  t.notMatch(text, /content-length/i);
  t.equal(unchunk(body(text)), `data: ${SEEN}\n\n`);
});

t.test('a slow reader holds the backend back', async (t) => {
  const { backend, gateway, client } = await harness(t, `${CHUNKED}${EVENTS}\r\n\r\n`);
  const c = client();
  c.write(GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  await c.until(/\r\n\r\n/);
  c.socket.pause();
  const socket = backend.sockets[0] as NonNullable<(typeof backend.sockets)[0]>;
  const event = chunk(`data: ${JSON.stringify({ a: 'x'.repeat(30_000) })}\n\n`);
  let sent = 0;
  const before = process.memoryUsage().arrayBuffers;
  while (socket.writableLength < 1_000_000 && sent < 3_000) {
    socket.write(event);
    sent += 1;
    await new Promise(setImmediate);
  }
  t.ok(socket.writableLength >= 1_000_000, 'the backend waits');
  t.ok(process.memoryUsage().arrayBuffers - before < 50_000_000);
  socket.write('0\r\n\r\n');
  c.socket.resume();
  const { text } = await c.end();
  t.equal(unchunk(body(text)).split('\n\n').length - 1, sent);
  t.match(await gateway.nextOutcome(), { kind: 'finished', failure: undefined });
});

t.test('a hundred streams are open at once, each with its own events', async (t) => {
  const { backend, gateway, client } = await harness(t, `${CHUNKED}${EVENTS}\r\n\r\n`);
  const clients = Array.from({ length: 100 }, client);
  for (const c of clients) c.write(GET);
  await Promise.all(clients.map((c) => c.until(/\r\n\r\n/)));
  t.equal(backend.sockets.length, 100);
  const halves = backend.sockets.map((_, at) => {
    const event = `id: ${at}\ndata: ${LIST}\n\n`;
    return [event.slice(0, at + 20), event.slice(at + 20)] as const;
  });
  for (const half of [0, 1] as const) {
    for (const [at, socket] of backend.sockets.entries()) socket.write(chunk(halves[at]?.[half] ?? ''));
    await new Promise(setImmediate);
  }
  await Promise.all(clients.map((c) => c.until(/private"}}\n\n/)));
  const ids = clients.map((c) => Number(/id: (\d+)/.exec(c.text)?.[1]));
  t.same(
    ids.sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, at) => at),
  );
  for (const c of clients) {
    t.notMatch(c.text, /hidden/);
    c.destroy();
  }
  for (let n = 0; n < 100; n++) t.match(await gateway.nextOutcome(), { kind: 'finished', status: 200 });
});

t.test('over HTTP/2 on both sides', async (t) => {
  const streams: ServerHttp2Stream[] = [];
  const backend = createServer();
  backend.on('session', (session) => t.teardown(() => session.destroy()));
  backend.on('stream', (stream, headers) => {
    streams.push(stream);
    stream.on('error', () => {});
    const path = headers[':path'];
    if (path === '/json') {
      stream.respond(
        { ':status': 200, 'content-type': 'application/json', etag: '"1"', 'content-length': LIST.length },
        { waitForTrailers: true },
      );
      stream.on('wantTrailers', () =>
        stream.sendTrailers({ 'content-digest': 'sha-256=:x:', 'x-time': '5' }),
      );
      stream.end(LIST);
    } else if (path === '/bad') {
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      stream.end('{"Result":{}}');
    } else if (path === '/coded') {
      stream.respond({ ':status': 200, 'content-type': 'application/json', 'content-encoding': 'gzip' });
      stream.end('x');
    } else {
      stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
    }
  });
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const gateway = await startForwarder(`http://127.0.0.1:${(backend.address() as AddressInfo).port}`, {
    protocol: 'h2',
    http2Clients: true,
    plan,
  });
  const session = connect(gateway.url);
  t.teardown(async () => {
    session.destroy();
    await gateway.close();
    backend.close();
  });
  const get = async (path: string) => {
    const request = session.request({ ':path': path });
    const [head] = await once(request, 'response');
    let trailers: Record<string, unknown> = {};
    request.on('trailers', (fields) => {
      trailers = fields;
    });
    let text = '';
    for await (const piece of request.setEncoding('utf8')) text += piece;
    return { head, text, trailers };
  };
  const { head, text, trailers } = await get('/json');
  t.match(head, { ':status': 200, 'content-length': String(SEEN.length), etag: undefined });
  t.equal(text, SEEN);
  t.match(trailers, { 'x-time': '5', 'content-digest': undefined });
  for (const path of ['/bad', '/coded'])
    t.match(await get(path), { head: { ':status': 502 }, text: /upstream_invalid/ });

  const request = session.request({ ':path': '/events' });
  const [opened] = await once(request, 'response');
  t.equal(opened[':status'], 200);
  request.setEncoding('utf8');
  const stream = streams.at(-1);
  stream?.write(`id: 1\ndata: ${LIST}`);
  stream?.write('\n\n');
  t.equal((await once(request, 'data'))[0], `id: 1\ndata: ${SEEN}\n\n`);
  const cut = once(request, 'error');
  stream?.write('data: {"Result":{}}\n\n');
  t.match((await cut)[0], { code: 'ERR_HTTP2_STREAM_ERROR' });
});

t.test('a body is asked for as it is, and whole', async (t) => {
  t.same(
    askForPlainBody([
      'Accept',
      'a',
      'Accept-Encoding',
      'gzip',
      'accept-encoding',
      'br',
      'Range',
      'bytes=0-1',
      'If-Range',
      '"1"',
      'A-IM',
      'diffe',
      'Last-Event-ID',
      '7',
    ]),
    ['accept-encoding', 'identity', 'Accept', 'a', 'Last-Event-ID', '7'],
  );
});

t.test('without a transform the response is the one of the backend', async (t) => {
  const { client } = await startForwarderHarness(t, ({ socket }) =>
    socket.write(response('200 OK', [JSON_TYPE, 'ETag: "1"'], LIST)),
  );
  const text = await ask(client(), GET);
  t.equal(body(text), LIST);
  t.match(text, 'ETag: "1"');
});

function unchunk(text: string): string {
  let at = 0;
  let whole = '';
  for (;;) {
    const end = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, end), 16);
    if (end === -1 || !(size > 0)) return whole;
    whole += text.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
}
