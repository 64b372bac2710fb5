import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  type ClientHttp2Session,
  connect,
  constants,
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import t, { type Test } from 'tap';
import { response, startRawUpstream, valuesOf } from '../../support/backends/upstream.ts';
import { frame } from '../../support/clients/http2-client.ts';
import { RawClient } from '../../support/clients/raw-client.ts';
import {
  type Forwarder,
  type ForwarderOptions,
  respondFine,
  startForwarder,
} from '../../support/proxy/forwarder.ts';

type Respond = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

interface ForwarderHarness {
  readonly gateway: Forwarder;
  readonly sessions: ServerHttp2Session[];
  readonly seen: IncomingHttpHeaders[];
  get(request?: string): Promise<string>;
}

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const fine: Respond = (stream) => {
  stream.respond({ ':status': 200 });
  stream.end('fine');
};

function watch(t: Test, server: Http2Server, respond: Respond): Pick<ForwarderHarness, 'sessions' | 'seen'> {
  const sessions: ServerHttp2Session[] = [];
  const seen: IncomingHttpHeaders[] = [];
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream, headers) => {
    seen.push(headers);
    stream.on('error', () => {});
    respond(stream, headers);
  });
  t.teardown(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { sessions, seen };
}

async function harness(t: Test, respond: Respond, options: ForwarderOptions = {}): Promise<ForwarderHarness> {
  const server = createServer();
  const watched = watch(t, server, respond);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const gateway = await startForwarder(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    protocol: 'h2',
    ...options,
  });
  t.teardown(() => gateway.close());
  return {
    gateway,
    ...watched,
    async get(request = GET) {
      const client = new RawClient(gateway.port);
      client.write(request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
      return (await client.end()).text;
    },
  };
}

t.test('a request goes up as HTTP/2 and its response comes down as HTTP/1.1', async (t) => {
  const { gateway, seen, get } = await harness(
    t,
    (stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a.css>' });
      stream.respond({ ':status': 201, 'set-cookie': ['a=1', 'b=2'], 'x-user-id': 'leak' });
      stream.end('fine');
    },
    { identityPairs: ['x-user-id', 'alice'] },
  );
  const text = await get(
    'GET /a%2Cb?q=1 HTTP/1.1\r\nHost: x\r\nAccept: a\r\nACCEPT: b\r\nCookie: a=1\r\nCookie: b=2\r\nTE: gzip\r\n\r\n',
  );
  t.match(text, /^HTTP\/1.1 201 .*set-cookie: a=1\r\nset-cookie: b=2.*fine/s);
  t.notMatch(text, /leak|link/);
  t.match(seen[0], {
    ':method': 'GET',
    ':path': '/a%2Cb?q=1',
    ':scheme': 'http',
    ':authority': `127.0.0.1:${new URL(gateway.upstream.status()[0]?.url ?? '').port}`,
    accept: 'a, b',
    cookie: 'a=1; b=2',
    'x-user-id': 'alice',
    te: 'trailers',
  });
  t.notOk(seen[0]?.connection);
});

t.test('names that every object knows are fields like any other', async (t) => {
  const { seen, get } = await harness(t, (stream) => {
    stream.respond({ ':status': 200 });
    stream.end();
  });
  await get('GET / HTTP/1.1\r\nHost: x\r\nConstructor: a\r\ntoString: b\r\n\r\n');
  t.equal(seen[0]?.constructor, 'a');
  t.equal(seen[0]?.tostring, 'b');
});

t.test('bodies of every framing and method pass both ways, in full', async (t) => {
  const { gateway } = await harness(t, (stream) => {
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  const big = randomBytes(3_000_000);
  for (const method of ['GET', 'POST', 'DELETE', 'PUT']) {
    for (const body of [Buffer.alloc(0), Buffer.from('hello'), big]) {
      const client = new RawClient(gateway.port);
      const head = `${method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`;
      client.write(Buffer.concat([Buffer.from(head), body]));
      const { text } = await client.end();
      const chunks = text.slice(text.indexOf('\r\n\r\n') + 4);
      t.ok(Buffer.from(unchunk(chunks), 'latin1').equals(body), `${method} ${body.length}`);
    }
  }
});

/** The body in a chunked text. */
function unchunk(text: string): string {
  let at = 0;
  let body = '';
  for (;;) {
    const end = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, end), 16);
    if (!(size > 0)) return body;
    body += text.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
}

t.test('many requests share one session', async (t) => {
  const { sessions, seen, get } = await harness(t, fine);
  const responses = await Promise.all(Array.from({ length: 40 }, () => get()));
  t.ok(responses.every((text) => text.includes('fine')));
  t.equal(seen.length, 40);
  t.equal(sessions.length, 1);
});

t.test('a full session is joined by another one', async (t) => {
  const server = createServer({ settings: { maxConcurrentStreams: 2 } });
  const held: ServerHttp2Stream[] = [];
  const { sessions } = watch(t, server, (stream, headers) => {
    if (headers[':path'] === '/held') held.push(stream);
    else fine(stream, headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const gateway = await startForwarder(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    protocol: 'h2',
  });
  t.teardown(() => gateway.close());
  const clients = [0, 1, 2].map(() => new RawClient(gateway.port));
  clients[0]?.write(GET);
  await clients[0]?.until(/fine/);
  for (const client of clients.slice(0, 2)) client.write(GET.replace('/', '/held'));
  while (held.length < 2) await new Promise(setImmediate);
  clients[2]?.write(GET);
  await clients[2]?.until(/fine/);
  t.equal(sessions.length, 2);
  for (const client of clients) client.destroy();
});

t.test('a backend that announces its end finishes what runs, and gets nothing new', async (t) => {
  let release: () => void = () => {};
  const { sessions, get, gateway } = await harness(t, (stream, headers) => {
    if (headers[':path'] === '/') return fine(stream, headers);
    stream.respond({ ':status': 200 });
    stream.write('first ');
    release = () => stream.end('last');
  });
  const client = new RawClient(gateway.port);
  client.write(GET.replace('/', '/slow'));
  await client.until(/first/);
  sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.match(await get(), /fine/, 'others go on, on another session');
  t.equal(sessions.length, 2);
  release();
  t.match(await client.until(/last/), /first/);
  client.destroy();
});

interface Failure {
  readonly name: string;
  readonly respond: Respond;
  readonly status: number;
}

const FAILURES: Failure[] = [
  { name: 'a reset', respond: (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR), status: 502 },
  { name: 'a cancel', respond: (stream) => stream.close(constants.NGHTTP2_CANCEL), status: 502 },
  { name: 'a refusal', respond: (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM), status: 502 },
  {
    name: 'an end without response',
    respond: (stream) => stream.close(constants.NGHTTP2_NO_ERROR),
    status: 502,
  },
  { name: 'the end of the session', respond: (stream) => stream.session?.destroy(), status: 502 },
  { name: 'silence', respond: () => {}, status: 504 },
];

t.test('a stream that fails before its response is refused by the table', async (t) => {
  for (const { name, respond, status } of FAILURES) {
    const { get, gateway } = await harness(t, respond, { timeouts: { responseMs: 100 } });
    t.match(await get(GET.replace('GET', 'POST')), new RegExp(`^HTTP/1.1 ${status} `), name);
    t.equal(gateway.upstream.status()[0]?.running, 0);
  }
});

t.test('a response that breaks off breaks the connection of the client', async (t) => {
  const cuts: [string, Respond][] = [
    // Node's own close() ends the stream before it resets it, which makes the response whole.
    ['by reset', (stream) => stream.destroy(new Error('reset'))],
    ['by cancel', (stream) => stream.destroy()],
    ['by the end of the session', (stream) => stream.session?.destroy()],
    ['by silence', () => {}],
  ];
  for (const [name, cut] of cuts) {
    const { gateway } = await harness(
      t,
      (stream, headers) => {
        stream.respond({ ':status': 200 });
        stream.write('part');
        setTimeout(() => cut(stream, headers), 20);
      },
      { timeouts: { idleMs: 150 } },
    );
    const client = new RawClient(gateway.port);
    client.write(GET);
    const { text } = await client.end();
    t.match(text, /part/, name);
    t.notMatch(text, /\r\n0\r\n/, name);
    t.match(await gateway.nextOutcome(), { kind: 'finished', status: 200, failure: { refused: true } }, name);
  }
});

t.test('an idempotent request whose used session was lost is sent once more', async (t) => {
  let dying = false;
  const { seen, get } = await harness(t, (stream, headers) => {
    if (!dying) return fine(stream, headers);
    dying = false;
    stream.session?.destroy();
  });
  t.match(await get(), /fine/);
  dying = true;
  t.match(await get(), /fine/);
  t.equal(seen.length, 3);
  dying = true;
  t.match(await get(GET.replace('GET', 'POST')), /^HTTP\/1.1 502 /);
});

t.test('a request whose stream alone was reset is sent again only where it was refused unread', async (t) => {
  let code: number | undefined;
  const { seen, sessions, get } = await harness(t, (stream, headers) => {
    if (code === undefined) return fine(stream, headers);
    stream.close(code);
    code = undefined;
  });
  t.match(await get(), /fine/);
  const { NGHTTP2_REFUSED_STREAM, NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR } = constants;
  for (const [reset, status, sent] of [
    [NGHTTP2_NO_ERROR, 502, 1],
    [NGHTTP2_CANCEL, 502, 1],
    [NGHTTP2_INTERNAL_ERROR, 502, 1],
    [NGHTTP2_REFUSED_STREAM, 200, 2],
  ] as const) {
    const before = seen.length;
    code = reset;
    t.match(await get(), new RegExp(`^HTTP/1.1 ${status} `), `code ${reset}`);
    t.equal(seen.length - before, sent, `code ${reset}`);
  }
  t.equal(sessions.length, 1);
});

t.test('a client that leaves ends its stream, not the session', async (t) => {
  let closed: () => void = () => {};
  const gone = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const { sessions, get, gateway } = await harness(t, (stream, headers) => {
    if (headers[':path'] === '/') return fine(stream, headers);
    stream.once('close', closed);
  });
  const client = new RawClient(gateway.port);
  client.write(GET.replace('/', '/held'));
  while (gateway.upstream.status()[0]?.connections === 0) await new Promise(setImmediate);
  await new Promise((resolve) => setTimeout(resolve, 20));
  client.destroy();
  await gone;
  t.match(await get(), /fine/);
  t.equal(sessions.length, 1);
});

t.test('trap 1 over HTTP/2: the certificate is verified, and the backend must agree to h2', async (t) => {
  const pem = (name: string): string =>
    readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url), 'utf8');
  const credentials = { cert: pem('server.crt'), key: pem('server.key') };
  const h2 = createSecureServer(credentials);
  watch(t, h2 as unknown as Http2Server, fine);
  const h1 = createTlsServer({ ...credentials, ALPNProtocols: ['http/1.1'] }, (socket) =>
    socket.on('error', () => {}),
  );
  h1.on('tlsClientError', () => {});
  const other = createTcpServer((socket) => socket.destroy());
  const cases = [
    { server: h2, ca: 'authority.crt', status: 200, reason: undefined },
    { server: h2, ca: 'stranger.crt', status: 502, reason: /not trusted/ },
    { server: h1, ca: 'authority.crt', status: 502, reason: /TLS/ },
    { server: other, ca: 'authority.crt', status: 502, reason: /closed while/ },
  ];
  for (const { server, ca, status, reason } of cases) {
    if (!server.listening) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    }
    const gateway = await startForwarder(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      protocol: 'h2',
      tls: { ca: pem(ca), cert: undefined, key: undefined, serverName: 'localhost' },
    });
    const client = new RawClient(gateway.port);
    client.write(GET);
    t.match(await client.until(/\r\n\r\n/), new RegExp(`^HTTP/1.1 ${status} `));
    const outcome = gateway.outcomes[0];
    if (outcome?.kind === 'refused' && reason !== undefined) t.match(outcome.refusal.reason, reason);
    client.destroy();
    await gateway.close();
  }
  h1.close();
  other.close();
});

interface H2Response {
  readonly headers: OutgoingHttpHeaders;
  readonly body: string;
  readonly trailers: Record<string, unknown>;
  readonly code: number;
}

async function request(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string,
): Promise<H2Response> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  let responded: OutgoingHttpHeaders = {};
  let trailers: Record<string, unknown> = {};
  stream.on('response', (each) => {
    responded = { ...each };
  });
  stream.on('trailers', (each) => {
    trailers = { ...each };
  });
  stream.on('error', () => {});
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  await once(stream, 'close').catch(() => {});
  return { headers: responded, body: text, trailers, code: stream.rstCode };
}

function clientOf(t: Test, gateway: Forwarder): ClientHttp2Session {
  const session = connect(gateway.url);
  session.on('error', () => {});
  t.teardown(() => session.destroy());
  return session;
}

t.test('gRPC passes end to end: bodies both ways, trailers, also without a message', async (t) => {
  const { gateway, seen } = await harness(
    t,
    (stream, headers) => {
      if (headers[':path'] === '/fails') {
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' },
          { endStream: true },
        );
        return;
      }
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-user-id': 'leak' }));
      stream.pipe(stream);
    },
    { http2Clients: true },
  );
  const session = clientOf(t, gateway);
  const head = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };
  const echoed = await request(session, { ...head, ':path': '/echo' }, '\0\0\0\0\x05hello');
  t.match(echoed, {
    headers: { ':status': 200 },
    body: '\0\0\0\0\x05hello',
    trailers: { 'grpc-status': '0' },
    code: 0,
  });
  t.notOk(echoed.trailers['x-user-id']);
  const failed = await request(session, { ...head, ':path': '/fails' }, '');
  t.match(failed, { headers: { ':status': 200, 'grpc-status': '5' }, code: 0 });
  t.match(seen[0], { te: 'trailers' });
});

t.test('clients over HTTP/2 are served from backends over HTTP/1.1', async (t) => {
  const backend = await startRawUpstream((seen) => {
    const { target, socket } = seen;
    if (target === '/cut') socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart');
    else if (target === '/cookies')
      socket.write(
        response('200 Fine Indeed', ['Set-Cookie: a=1', 'Set-Cookie: b=2', 'Connection: keep-alive']),
      );
    else respondFine(seen);
  });
  const gateway = await startForwarder(backend.url, { http2Clients: true });
  t.teardown(() => Promise.all([gateway.close(), backend.close()]));
  const session = clientOf(t, gateway);
  t.match(await request(session, { ':path': '/' }), { headers: { ':status': 200 }, body: 'fine', code: 0 });
  t.match(await request(session, { ':path': '/', ':method': 'POST' }, 'hello'), { body: 'fine' });
  t.equal(backend.requests.at(-1)?.body.toString(), 'hello');
  t.same(valuesOf(backend.requests.at(-1), 'transfer-encoding'), ['chunked']);
  const cookies = await request(session, { ':path': '/cookies' });
  t.match(cookies.headers, { 'set-cookie': ['a=1', 'b=2'], 'x-request-id': 'test-request' });
  const cut = await request(session, { ':path': '/cut' });
  t.equal(cut.code, constants.NGHTTP2_INTERNAL_ERROR, 'never a short 200');
  t.match(await request(session, { ':path': '/', ':method': 'HEAD' }), {
    headers: { ':status': 200 },
    body: '',
  });
});

t.test('an early response over HTTP/2 reaches a client that is still sending', async (t) => {
  const backend = await startRawUpstream(({ socket }) =>
    socket.end(response('413 Payload Too Large', ['Connection: close'], 'no')),
  );
  const gateway = await startForwarder(backend.url, { http2Clients: true, plan: { bodyLimit: undefined } });
  const limited = await startForwarder(backend.url, { http2Clients: true, plan: { bodyLimit: 100_000 } });
  t.teardown(() => Promise.all([gateway.close(), limited.close(), backend.close()]));
  for (const each of [gateway, limited]) {
    const session = clientOf(t, each);
    const stream = session.request({ ':path': '/', ':method': 'POST' });
    stream.on('error', () => {});
    let text = '';
    stream.on('data', (chunk: Buffer) => {
      text += chunk;
    });
    const send = (): void => {
      if (stream.closed) return;
      stream.write(Buffer.alloc(16_384), send);
    };
    send();
    await once(stream, 'end');
    t.match(text, /no|body_too_large/);
    // The owner of the connection limits how long it may go on.
    stream.close();
    t.match(
      await request(session, { ':path': '/' }),
      { headers: { ':status': 413 } },
      'the session serves on',
    );
  }
});

t.test('an idle session is closed, an old one takes nothing new', async (t) => {
  const idle = await harness(t, fine, { timeouts: { keepAliveMs: 30 } });
  t.match(await idle.get(), /fine/);
  await once(idle.sessions[0] as ServerHttp2Session, 'close');
  // Our side may hear of it a little later.
  while (idle.gateway.upstream.status()[0]?.connections !== 0) await new Promise(setImmediate);
  t.match(await idle.get(), /fine/, 'the next request opens another');

  const old = await harness(t, fine, { timeouts: { ageMs: 0 } });
  for (let i = 0; i < 3; i++) {
    t.match(await old.get(), /fine/);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  t.equal(old.sessions.length, 3);
});

t.test('a response that is there but unread when its client leaves keeps no session', async (t) => {
  let whole: Promise<unknown> = Promise.resolve();
  const { gateway, sessions } = await harness(
    t,
    (stream) => {
      stream.respond({ ':status': 200 });
      // More than the client and the gateway take unread, less than that and a window.
      stream.end(Buffer.alloc(350_000));
      whole = once(stream, 'close');
    },
    { timeouts: { keepAliveMs: 30 }, http2Clients: true },
  );
  const client = connect(gateway.url);
  t.teardown(() => client.destroy());
  const unread = client.request({ ':path': '/' });
  await once(unread, 'response');
  await whole;
  for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate);
  unread.close(constants.NGHTTP2_CANCEL);
  await once(sessions[0] as ServerHttp2Session, 'close');
  while (gateway.upstream.status()[0]?.connections !== 0) await new Promise(setImmediate);
  t.equal(gateway.upstream.status()[0]?.running, 0);
});

t.test('a client that leaves before the session is up costs nothing', async (t) => {
  const silent = createTcpServer((socket) => socket.on('error', () => {}));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const pem = (name: string): string =>
    readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url), 'utf8');
  const gateway = await startForwarder(`https://127.0.0.1:${(silent.address() as AddressInfo).port}`, {
    protocol: 'h2',
    timeouts: { connectMs: 100 },
    tls: { ca: pem('authority.crt'), cert: undefined, key: undefined, serverName: 'localhost' },
  });
  t.teardown(async () => {
    await gateway.close();
    silent.close();
  });
  const leaver = new RawClient(gateway.port);
  leaver.write(GET);
  while (gateway.upstream.status()[0]?.running === 0) await new Promise(setImmediate);
  leaver.destroy();
  t.match(await gateway.nextOutcome(), { kind: 'abandoned' });
  t.equal(gateway.upstream.status()[0]?.running, 0);
  const stayer = new RawClient(gateway.port);
  stayer.write(GET);
  t.match(await stayer.until(/\}$/), /upstream_timeout/, 'and the others get it in time');
  stayer.destroy();
});

t.test('a response whose status is none is no response', async (t) => {
  const [data, headers, settings] = [0, 1, 4];
  for (const status of ['000', '050', '099']) {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.write(frame({ type: settings, stream: 0, body: Buffer.alloc(0) }));
      socket.once('data', () => {
        socket.write(frame({ type: settings, flags: 1, stream: 0, body: Buffer.alloc(0) }));
        // A literal field whose name is the eighth of the static table, `:status` (RFC 7541 §6.2.2).
        socket.write(
          frame({ type: headers, flags: 4, stream: 1, body: Buffer.from(`\x08\x03${status}`, 'latin1') }),
        );
        socket.write(frame({ type: data, flags: 1, stream: 1, body: Buffer.from('not a response') }));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const gateway = await startForwarder(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      protocol: 'h2',
    });
    const client = new RawClient(gateway.port);
    client.write(GET);
    t.match(await client.until(/\r\n\r\n/), /^HTTP\/1.1 502 /, status);
    t.match(await gateway.nextOutcome(), { kind: 'refused', refusal: { code: 'upstream_invalid' } });
    client.destroy();
    await gateway.close();
    server.close();
  }
});

const frames = { data: 0, headers: 1, reset: 3, settings: 4, goAway: 7 } as const;
const settled = frame({ type: frames.settings, flags: 1, stream: 0, body: Buffer.alloc(0) });
const END = 1;
const bytesOf = (...list: Buffer[]): Buffer => Buffer.concat(list);
/** `:status: 200` of the static table, and a literal `content-length: 9` (RFC 7541 §6.1 and §6.2.2). */
const head = (flags = 0): Buffer =>
  frame({
    type: frames.headers,
    flags: 4 | flags,
    stream: 1,
    body: Buffer.from('\x88\x0f\x0d\x019', 'latin1'),
  });
const data = (text: string, flags = 0): Buffer =>
  frame({ type: frames.data, flags, stream: 1, body: Buffer.from(text) });
const reset = (code: number): Buffer =>
  frame({ type: frames.reset, stream: 1, body: Buffer.from([0, 0, 0, code]) });

/** What a backend writes in one piece once it has the request, and what the client and the log get of it. */
const AT_ONCE: Readonly<
  Record<string, readonly [bytes: Buffer, status: number, body: RegExp, reason: RegExp]>
> = {
  'a whole response': [bytesOf(head(), data('123456789', END)), 200, /123456789/, /^$/],
  'a whole response and a reset without error': [
    bytesOf(head(), data('123456789', END), reset(0)),
    200,
    /123456789/,
    /^$/,
  ],
  'a body that is too short': [
    bytesOf(head(), data('evil', END)),
    502,
    /upstream_invalid/,
    /violates HTTP\/2/,
  ],
  'no body where one is stated': [head(END), 502, /upstream_invalid/, /violates HTTP\/2|Content-Length/],
  'a body that is too long': [
    bytesOf(head(), data('evil-evil-evil')),
    502,
    /upstream_invalid/,
    /violates HTTP\/2/,
  ],
  'a reset within the body': [
    bytesOf(head(), data('evil'), reset(2)),
    502,
    /upstream_invalid/,
    /within the response/,
  ],
  'a reset right behind the head': [
    bytesOf(head(), reset(0)),
    502,
    /upstream_invalid/,
    /within the response/,
  ],
  'a reset before the head': [reset(2), 502, /upstream_invalid/, /reset before the response/],
  'a second head': [bytesOf(head(), head(), data('evil')), 502, /upstream_invalid/, /violates HTTP\/2/],
  'HTTP/1.1': [
    Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
    502,
    /upstream_invalid/,
    /does not speak HTTP\/2/,
  ],
};

t.test('over HTTP/2, too, a head and a fault in one packet are a 502', async (t) => {
  for (const [name, [bytes, status, body, reason]] of Object.entries(AT_ONCE)) {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      const isHttp2 = name !== 'HTTP/1.1';
      if (isHttp2) socket.write(frame({ type: frames.settings, stream: 0, body: Buffer.alloc(0) }));
      let seen = Buffer.alloc(0);
      const whenAsked = (piece: Buffer): void => {
        seen = Buffer.concat([seen, piece]);
        // The path is in the HEADERS frame, in the clear.
        if (!isHttp2 || seen.includes('te\x86') || seen.length > 60) {
          socket.off('data', whenAsked);
          socket.write(isHttp2 ? bytesOf(settled, bytes) : bytes);
        }
      };
      socket.on('data', whenAsked);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const gateway = await startForwarder(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      protocol: 'h2',
    });
    const client = new RawClient(gateway.port);
    client.write(GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    const { text } = await client.end();
    const outcome = await gateway.nextOutcome();
    const failure =
      outcome.kind === 'refused'
        ? outcome.refusal
        : outcome.kind === 'finished'
          ? outcome.failure
          : undefined;
    t.ok(text.startsWith(`HTTP/1.1 ${status} `), `${name}: ${text}`);
    t.match(text, body, name);
    t.notMatch(text, /evil/, name);
    t.match(failure?.reason ?? '', reason, name);
    await gateway.close();
    server.close();
  }
});
