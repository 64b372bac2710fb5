import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import t, { type Test } from 'tap';
import { HOP_BY_HOP } from '../../../../src/core/header-names.ts';
import { startCountingUpstream } from '../../../support/backends/counting-upstream.ts';
import { frame, literal } from '../../../support/clients/http2-client.ts';
import { connectRaw, rawRequest } from '../../../support/clients/raw.ts';
import { type HarnessOptions, startHarness } from '../../../support/gateway/gateway-harness.ts';
import { hasOpenssl, makeAuthority } from '../../../support/tls/certificates.ts';

const skip = hasOpenssl() ? false : 'openssl is not installed';
const authority = skip ? undefined : makeAuthority('test-ca');
const own = authority?.issue('localhost');

async function startHttp2(t: Test, options: HarnessOptions = {}) {
  const harness = await startHarness(t, {
    ...options,
    files: { 'tls.crt': own?.cert ?? '', 'tls.key': own?.key ?? '' },
    listen: { tls: { cert: 'tls.crt', key: 'tls.key' }, ...options.listen },
  });
  const open = (): ClientHttp2Session => {
    const session = connect(`https://localhost:${harness.port}`, { ca: authority?.cert, lookup: loopback });
    session.on('error', () => {});
    t.teardown(() => session.destroy());
    return session;
  };
  return { harness, open };
}

const loopback = (_: string, options: { all?: boolean }, done: (...args: never[]) => void): void => {
  const notify = done as (...args: unknown[]) => void;
  if (options.all) notify(null, [{ address: '127.0.0.1', family: 4 }]);
  else notify(null, '127.0.0.1', 4);
};

interface Reply {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The error code the stream was reset with; 0 for a regular end. */
  readonly reset: number;
}

async function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: Buffer | string,
): Promise<Reply> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return readResponse(stream);
}

async function readResponse(stream: ClientHttp2Stream): Promise<Reply> {
  let headers: IncomingHttpHeaders = {};
  const pieces: Buffer[] = [];
  stream.on('response', (received) => {
    headers = received;
  });
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  stream.on('error', () => {});
  if (!stream.destroyed) await once(stream, 'close').catch(() => {});
  return { headers, body: Buffer.concat(pieces), reset: stream.rstCode };
}

const codeOf = ({ body, reset }: Reply): unknown =>
  body.length === 0 && reset !== 0 ? 0 : JSON.parse(body.toString()).code;

t.test('requests over HTTP/2 are checked like any other and go up as HTTP/1.1', { skip }, async (t) => {
  const { harness, open } = await startHttp2(t);
  const session = open();
  const token = await harness.issuer.token();
  const response = await ask(session, {
    ':path': '/protected/x?y',
    authorization: `Bearer ${token}`,
    cookie: ['a=1', 'b=2'] as never,
    te: 'trailers',
    'x-kept': 'yes',
    'x-user-id': 'mallory',
    x_user_id: 'mallory',
  });
  t.equal(response.headers[':status'], 200);
  t.equal(response.reset, 0);
  t.match(response.headers, {
    'content-type': 'application/json',
    'x-request-id': /./,
    'content-length': /^\d+$/,
  });
  t.equal(session.alpnProtocol, 'h2');
  const [seen] = harness.upstream.requests;
  t.equal(seen?.target, '/protected/x?y');
  t.match(seen?.headers, {
    'x-user-id': 'alice',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': `localhost:${harness.port}`,
    'x-forwarded-port': String(harness.port),
    cookie: 'a=1; b=2',
    'x-kept': 'yes',
  });
  t.equal(seen?.headers.te, undefined);
  t.notMatch(JSON.stringify(seen?.rawHeaders), /mallory|":/);
  for (const name of ['connection', 'keep-alive', 'transfer-encoding'])
    t.equal(response.headers[name], undefined);
});

t.test('a hundred concurrent requests on one connection are each decided alone', { skip }, async (t) => {
  const { harness, open } = await startHttp2(t);
  const session = open();
  const [alice, late] = [await harness.issuer.token(), await harness.issuer.token({ exp: 1 })];
  const responses = await Promise.all(
    Array.from({ length: 99 }, (_, i) => {
      const token = [alice, late, undefined][i % 3];
      return ask(session, {
        ':path': `/protected/${i}`,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      });
    }),
  );
  for (const [i, response] of responses.entries()) {
    const expected = [200, 401, 401][i % 3];
    if (response.headers[':status'] !== expected)
      t.equal(response.headers[':status'], expected, `request ${i}`);
    if (i % 3 === 0) t.equal(JSON.parse(response.body.toString()).target, `/protected/${i}`);
  }
  t.equal(harness.upstream.requests.length, 33);
});

function post(length?: string): Buffer {
  const fields = [':method', 'POST', ':scheme', 'https', ':authority', 'localhost', ':path', '/public'];
  return literal(length === undefined ? fields : [...fields, 'content-length', length]);
}

/** A whole request with these fields after the usual ones. */
function headersFrame(pairs: readonly string[]): Buffer {
  const body = Buffer.concat([
    literal([':method', 'GET', ':scheme', 'https', ':authority', 'localhost', ':path', '/public']),
    literal(pairs),
  ]);
  return frame({ type: 1, flags: 5, stream: 1, body });
}

/** Does not end the connection when the other side does; Node's types do not know of it for TLS. */
const HALF_OPEN: object = { allowHalfOpen: true };

async function connectFrames(port: number, options: ConnectionOptions = {}) {
  const connection = await connectRaw(port, {
    ...options,
    ca: authority?.cert,
    servername: 'localhost',
    ALPNProtocols: ['h2'],
  });
  connection.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  connection.send(frame({ type: 4, stream: 0, body: Buffer.alloc(0) }));
  return connection;
}

/** Requests that HTTP/2 can express and that are refused. 0 stands for a stream that nghttp2 reset: some of its versions refuse these themselves. */
const HOSTILE: readonly (readonly [string, OutgoingHttpHeaders, ...(string | 0)[]])[] = [
  ['a dot segment', { ':path': '/public/../admin' }, 'ambiguous_path'],
  ['a path that is none', { ':path': 'admin' }, 0],
  ['an asterisk', { ':path': '*', ':method': 'OPTIONS' }, 'ambiguous_path'],
  ['an absolute target', { ':path': 'http://localhost/public' }, 0],
  ['a fragment', { ':path': '/public#x' }, 'ambiguous_path'],
  ['a second path by header', { ':path': '/nowhere', 'x-original-url': '/public' }, 'route_unknown'],
  ['no authority and no host', { ':authority': '' }, 0],
  ['user info in the authority', { ':authority': 'admin@localhost' }, 'bad_request', 0],
  ['a path in the authority', { ':authority': 'localhost/admin' }, 0],
  ['a Host that differs', { ':authority': 'localhost', host: 'evil.example' }, 'bad_request'],
  ['TRACE', { ':method': 'TRACE' }, 'method_not_allowed'],
  ['a method nobody knows', { ':method': 'FETCH' }, 'bad_request'],
  ['an expectation', { expect: '200-ok' }, 'expectation_failed'],
  [
    '101 fields',
    Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`x-${i}`, 'y'])),
    'headers_too_large',
  ],
  ['40 KiB of fields', { x: 'y'.repeat(40_000) }, 'headers_too_large'],
];

t.test(
  'what is hostile in HTTP/1.1 is refused in HTTP/2 too, and costs the backend nothing',
  { skip },
  async (t) => {
    const { harness, open } = await startHttp2(t);
    const session = open();
    for (const [name, headers, ...codes] of HOSTILE) {
      const code = codeOf(await ask(session, { ':path': '/public', ...headers }));
      t.ok(codes.includes(code as string | 0), `${name}: ${code}`);
    }
    t.equal(harness.upstream.bytes(), 0);
    t.equal((await ask(session, { ':path': '/public' })).headers[':status'], 200, 'the connection is sane');
    t.strictSame(harness.warnings, []);
  },
);

t.test('CONNECT is refused, extended or not', { skip }, async (t) => {
  const { harness, open } = await startHttp2(t);
  const session = open();
  const response = await ask(session, { ':method': 'CONNECT', ':authority': 'evil.example:443' });
  t.equal(response.headers[':status'], 405);
  t.not(session.remoteSettings?.enableConnectProtocol, true);
  t.equal(harness.upstream.bytes(), 0);
});

const POST = post();
/** Type, flags and stream of the frame that gives a connection up (RFC 9113 §6.8). */
const GOAWAY = Buffer.from([7, 0, 0, 0, 0, 0]);

t.test('a body that is cut off never reaches the backend as a whole request', { skip }, async (t) => {
  const { harness, open } = await startHttp2(t);
  const other = open();
  for (const [name, headers, last] of [
    ['a reset', POST, frame({ type: 3, stream: 1, body: Buffer.from([0, 0, 0, 8]) })],
    ['a reset without an error', POST, frame({ type: 3, stream: 1, body: Buffer.from([0, 0, 0, 0]) })],
    ['a goodbye', POST, undefined],
    ['less than its length', post('100'), frame({ type: 0, flags: 1, stream: 1, body: Buffer.from('half') })],
    [
      'more than its length',
      post('8'),
      frame({ type: 0, flags: 1, stream: 1, body: Buffer.from('far more') }),
    ],
  ] as const) {
    harness.upstream.reset();
    const responded = harness.lines.length;
    const connection = await connectFrames(harness.port);
    connection.send(frame({ type: 1, flags: 4, stream: 1, body: headers }));
    connection.send(frame({ type: 0, stream: 1, body: Buffer.from('half') }));
    await until(() => harness.upstream.bytes() > 0);
    if (last === undefined) connection.destroy();
    else connection.send(last);
    await until(() => harness.lines.length > responded);
    t.equal((await ask(other, { ':path': '/public/next' })).headers[':status'], 200, name);
    t.strictSame(
      harness.upstream.requests.map(({ target }) => target),
      ['/public/next'],
      name,
    );
    connection.destroy();
  }
});

/** Frames that no honest client sends. Each costs at most its own connection. */
const BAD_FRAMES: readonly (readonly [string, Buffer])[] = [
  ['a name in capitals', headersFrame(['X-Upper', 'y'])],
  ['connection', headersFrame(['connection', 'keep-alive'])],
  ['transfer-encoding', headersFrame(['transfer-encoding', 'chunked'])],
  ['upgrade', headersFrame(['upgrade', 'websocket'])],
  ['te beyond trailers', headersFrame(['te', 'gzip'])],
  ['a second path', headersFrame([':path', '/admin'])],
  ['a pseudo field after a plain one', headersFrame(['x', 'y', ':method', 'GET'])],
  ['an unknown pseudo field', headersFrame([':admin', 'true'])],
  ['a protocol for CONNECT', headersFrame([':protocol', 'websocket'])],
  ['two lengths', headersFrame(['content-length', '1', 'content-length', '2'])],
  ['a length that is none', headersFrame(['content-length', 'five'])],
  [
    'a compressed field out of the table',
    frame({ type: 1, flags: 5, stream: 1, body: Buffer.from([0xff, 0xff, 0xff, 0x7f]) }),
  ],
  ['a frame of 16 MiB', Buffer.from([0xff, 0xff, 0xff, 1, 5, 0, 0, 0, 1])],
  ['an even stream', frame({ type: 1, flags: 5, stream: 2, body: POST })],
  ['data for nobody', frame({ type: 0, flags: 1, stream: 7, body: Buffer.from('x') })],
  ['a push', frame({ type: 5, flags: 4, stream: 1, body: Buffer.from([0, 0, 0, 2, 0x82]) })],
  ['a window of zero', frame({ type: 8, stream: 0, body: Buffer.alloc(4) })],
  ['a window too large', frame({ type: 8, stream: 0, body: Buffer.from([0x7f, 0xff, 0xff, 0xff]) })],
  [
    'fields without end',
    Buffer.concat([
      frame({ type: 1, stream: 1, body: POST }),
      ...Array.from({ length: 2000 }, (_, i) =>
        frame({ type: 9, stream: 1, body: literal([`x-${i}`, 'y'.repeat(100)]) }),
      ),
    ]),
  ],
  [
    'settings without end',
    Buffer.concat(Array.from({ length: 20_000 }, () => frame({ type: 4, stream: 0, body: Buffer.alloc(0) }))),
  ],
  [
    'pings without end',
    Buffer.concat(Array.from({ length: 20_000 }, () => frame({ type: 6, stream: 0, body: Buffer.alloc(8) }))),
  ],
];

t.test('malformed frames cost neither the backend nor other clients anything', { skip }, async (t) => {
  const { harness, open } = await startHttp2(t);
  const other = open();
  for (const [name, bytes] of BAD_FRAMES) {
    harness.upstream.reset();
    const connection = await connectFrames(harness.port);
    connection.send(bytes);
    // Frames are processed in order: they are done once this ping is back, or a GOAWAY, or the connection is gone.
    connection.send(frame({ type: 6, stream: 0, body: Buffer.from('after it') }));
    await until(
      () =>
        connection.socket.destroyed ||
        connection.socket.readableEnded ||
        connection.rest().includes('after it') ||
        connection.rest().includes(GOAWAY),
    );
    t.equal(harness.upstream.bytes(), 0, name);
    t.equal((await ask(other, { ':path': '/public' })).headers[':status'], 200, name);
    connection.destroy();
  }
  t.strictSame(harness.warnings, []);
});

t.test('a field with an invalid name or value is left out, with what it smuggles', { skip }, async (t) => {
  const { harness } = await startHttp2(t);
  for (const pair of [
    ['x', 'a\r\nx-user-id: evil'],
    ['x', 'evil\0b'],
    ['x\r\nevil', 'z'],
  ]) {
    harness.upstream.reset();
    const connection = await connectFrames(harness.port);
    connection.send(headersFrame(pair));
    await until(() => harness.upstream.requests.length === 1 || connection.socket.readableEnded);
    t.notMatch(JSON.stringify(harness.upstream.requests[0]?.rawHeaders), /evil|"x"/);
    connection.destroy();
  }
});

t.test('bodies go up and down whole, with back-pressure', { skip }, async (t) => {
  const big = Buffer.alloc(8 * 1024 * 1024, 'abcdefghij');
  const upstream = await startCountingUpstream((req, res, body) => {
    res.end(req.method === 'POST' ? String(body.equals(big)) : big);
  });
  const { open } = await startHttp2(t, { upstream });
  const session = open();
  t.equal(String((await ask(session, { ':method': 'POST', ':path': '/public' }, big)).body), 'true');
  t.ok((await ask(session, { ':path': '/public' })).body.equals(big));
  const head = await ask(session, { ':method': 'HEAD', ':path': '/public' });
  t.equal(head.headers[':status'], 200);
  t.equal(head.body.length, 0);
});

t.test('a refused upload ends its own stream and leaves the others alone', { skip }, async (t) => {
  const { harness, open } = await startHttp2(t);
  const session = open();
  const upload = session.request({ ':method': 'POST', ':path': '/protected' });
  upload.on('error', () => {});
  upload.end(Buffer.alloc(512 * 1024));
  t.equal(codeOf(await readResponse(upload)), 'token_missing');
  t.equal((await ask(session, { ':path': '/public' })).headers[':status'], 200);
  t.equal(harness.upstream.requests.length, 1);
});

for (const protocol of ['h1', 'h2'] as const) {
  const name = `a client that never ends its body must stop once it has its response, over ${protocol}`;
  t.test(name, { skip }, async (t) => {
    const response = (req: NodeJS.EventEmitter, res: { end(text: string): unknown }): void => {
      req.on('error', () => {});
      res.end('early');
    };
    const backend = (protocol === 'h1' ? createServer(response) : createHttp2Server(response)) as Server;
    backend.listen(0, '127.0.0.1');
    await once(backend, 'listening');
    t.teardown(() => backend.close());
    const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
    const { harness, open } = await startHttp2(t, { file: { upstreams: { backend: { url, protocol } } } });
    const session = open();
    for (const [path, status] of [
      ['/protected', 401],
      ['/public', 200],
    ] as const) {
      const upload = session.request({ ':method': 'POST', ':path': path });
      const more = (): void => {
        if (!upload.destroyed) upload.write(Buffer.alloc(64 * 1024), () => setImmediate(more));
      };
      more();
      const response = await readResponse(upload);
      t.equal(response.headers[':status'], status);
      t.equal(response.reset, constants.NGHTTP2_NO_ERROR);
    }
    while (harness.lines.length < 2) await new Promise(setImmediate);
    t.equal(session.closed, false);
  });
}

t.test('a body that is reset unread leaves nothing behind', { skip }, async (t) => {
  const sockets: Socket[] = [];
  const backend = createTcpServer((socket) => void sockets.push(socket.on('error', () => {}).pause()));
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    backend.close();
  });
  const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
  const { harness, open } = await startHttp2(t, {
    file: { upstreams: { backend: { url } }, shutdown: { grace: '3s' } },
  });
  const session = open();
  const upload = session.request({ ':method': 'POST', ':path': '/public' });
  upload.on('error', () => {});
  // More than all the buffers on the way take, so that some of it lies unread.
  upload.write(Buffer.alloc(32 * 1024 * 1024));
  let before = -1;
  while (before !== session.socket.bytesWritten) {
    before = session.socket.bytesWritten;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  upload.close(constants.NGHTTP2_NO_ERROR);
  await until(() => harness.lines.length === 1);
  t.match(harness.lines, [{ status: 499 }]);
  t.equal(await harness.drain(), 'clean');
});

t.test('a response that the client resets without an error ends at the backend too', { skip }, async (t) => {
  const upstream = await startCountingUpstream((_, res) => {
    res.on('error', () => {});
    res.write(Buffer.alloc(8 * 1024 * 1024));
  });
  const { harness, open } = await startHttp2(t, { upstream });
  const session = open();
  for (const method of ['GET', 'POST', 'OPTIONS']) {
    const stream = session.request(
      { ':method': method, ':path': '/public' },
      { endStream: method === 'GET' },
    );
    stream.on('error', () => {});
    if (method !== 'GET') stream.end('body');
    await once(stream, 'response');
    stream.close(constants.NGHTTP2_NO_ERROR);
  }
  await until(() => harness.lines.length === 3);
  await until(() => upstream.connections() === 0);
  t.equal(session.closed, false);
});

t.test('a client that does not close an ended connection holds it for two seconds', { skip }, async (t) => {
  const { harness } = await startHttp2(t, { file: { shutdown: { grace: '5s' } } });
  const connection = await connectFrames(harness.port, HALF_OPEN);
  connection.send(headersFrame([]));
  await until(() => harness.lines.length === 1);
  t.equal(await harness.drain(), 'clean');
  connection.destroy();
});

/** All that Node's HTTP/2 throws for when it comes twice. */
const ONCE = Object.values(constants).filter((name): name is string => {
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]*$/.test(name) || name === 'content-length') return false;
  return !HOP_BY_HOP.has(name) && name !== 'transfer-encoding';
});

t.test('a field that HTTP/2 sends once is sent once, whatever the backend does', { skip }, async (t) => {
  const upstream = await startCountingUpstream((_, res) => {
    res.writeHead(
      200,
      [...ONCE, ...ONCE].flatMap((name, i) => [name, `value-${i}`]),
    );
    res.end('ok');
  });
  const { open } = await startHttp2(t, { upstream });
  const { headers, body } = await ask(open(), { ':path': '/public' });
  t.equal(body.toString(), 'ok');
  for (const name of ['content-type', 'x-content-type-options', 'etag', 'referer', 'user-agent']) {
    t.equal(headers[name], `value-${ONCE.indexOf(name)}`, name);
  }
});

t.test('trailers that are repeated or not allowed do no harm', { skip }, async (t) => {
  const upstream = await startCountingUpstream((_, res) => {
    res.writeHead(200, { 'transfer-encoding': 'chunked', trailer: 'x' });
    res.addTrailers([...ONCE, ...ONCE].flatMap((name, i) => [[name, `value-${i}`] as [string, string]]));
    res.end('ok');
  });
  const { open } = await startHttp2(t, { upstream });
  const session = open();
  const stream = session.request({ ':path': '/public' });
  const trailers = once(stream, 'trailers');
  t.equal((await readResponse(stream)).body.toString(), 'ok');
  t.match((await trailers)[0], { referer: /^value-/, 'user-agent': /^value-/ });
  t.equal((await ask(session, { ':path': '/public' })).headers[':status'], 200, 'the process goes on');
});

t.test('a status that HTTP/2 does not have is a malformed response', { skip }, async (t) => {
  const upstream = await startCountingUpstream(
    (_, res) => void res.writeHead(999, { etag: '"a"' }).end('ok'),
  );
  const { harness, open } = await startHttp2(t, { upstream });
  const response = await ask(open(), { ':path': '/public' });
  t.equal(response.headers[':status'], 502);
  t.equal(response.headers.etag, undefined);
  t.equal(codeOf(response), 'upstream_invalid');
  t.match(harness.lines, [{ status: 502, code: 'upstream_invalid' }]);
});

t.test(
  'a response that the backend breaks off is an error of its stream, never a short response',
  { skip },
  async (t) => {
    const upstream = await startCountingUpstream((req, res) => {
      res.writeHead(200, req.url === '/public/length' ? { 'content-length': 1000 } : {});
      res.write('half');
      setImmediate(() => res.destroy());
    });
    const { open } = await startHttp2(t, { upstream });
    const session = open();
    for (const path of ['/public/length', '/public/chunks']) {
      const response = await ask(session, { ':path': path });
      t.not(response.reset, constants.NGHTTP2_NO_ERROR, path);
      t.equal(session.closed, false);
    }
  },
);

t.test('a flood of resets ends only the connection that sends it', { skip }, async (t) => {
  const { harness, open } = await startHttp2(t);
  const flood = await connectFrames(harness.port);
  const request = headersFrame([]);
  const cancel = frame({ type: 3, stream: 1, body: Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]) });
  for (let stream = 1; stream < 10_000; stream += 2) {
    request.writeUInt32BE(stream, 5);
    cancel.writeUInt32BE(stream, 5);
    flood.send(Buffer.concat([request, cancel]));
    if (stream % 100 === 1) await new Promise(setImmediate);
  }
  // Some versions of Node close the connection at once, others once it is idle.
  await until(() => flood.rest().includes(GOAWAY));
  const other = open();
  t.equal((await ask(other, { ':path': '/public' })).headers[':status'], 200);
  t.ok(harness.upstream.requests.length < 3000, `${harness.upstream.requests.length} of 5,000 went up`);
});

t.test('draining finishes the streams that are open and takes no new ones', { skip }, async (t) => {
  let release = (): void => {};
  const upstream = await startCountingUpstream((_, res) => {
    release = () => res.end('late');
  });
  const { harness, open } = await startHttp2(t, { upstream, file: { shutdown: { grace: '5s' } } });
  const session = open();
  const running = ask(session, { ':path': '/public' });
  await until(() => upstream.requests.length === 1);
  const drained = harness.drain();
  await once(session, 'goaway');
  release();
  t.equal(String((await running).body), 'late');
  t.equal(await drained, 'clean');
});

t.test(
  'clients without HTTP/2 get HTTP/1.1 over the same port, with every rule of it',
  { skip },
  async (t) => {
    const { harness } = await startHttp2(t);
    for (const ALPNProtocols of [['http/1.1'], undefined]) {
      const connection = await connectRaw(harness.port, {
        ca: authority?.cert,
        servername: 'localhost',
        ...(ALPNProtocols && { ALPNProtocols }),
      });
      connection.send(rawRequest('GET /public HTTP/1.1') + rawRequest('GET /protected HTTP/1.1'));
      t.equal((await connection.read())?.status, 200);
      t.equal((await connection.read())?.code, 'token_missing');
      connection.send('GET /public HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n');
      t.equal((await connection.read())?.code, 'bad_request');
      t.equal(await connection.closed(), true);
    }
  },
);

t.test('plain text gets no response, and no HTTP/2 by prior knowledge', { skip }, async (t) => {
  const { harness } = await startHttp2(t);
  for (const bytes of [
    rawRequest('GET /public HTTP/1.1'),
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\x16\x03\x01garbage',
  ]) {
    const connection = await connectRaw(harness.port);
    connection.send(bytes);
    t.equal(await connection.closed(), true);
    t.notMatch(connection.rest().toString('latin1'), 'HTTP/1.1');
  }
  t.equal(harness.upstream.bytes(), 0);
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('it never came to be');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
