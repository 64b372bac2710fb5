import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants, type OutgoingHttpHeaders } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import t, { type Test } from 'tap';
import { codeOf, encodeCheck } from '../../support/decisions/check-client.ts';
import { startChecks } from '../../support/decisions/start-checks.ts';

/* What a client of gRPC would not send: the bytes are those of a client of HTTP/2. */

const ROUTES = [{ name: 'all', path: '/', upstream: 'none', access: 'public' }];
const CALL: OutgoingHttpHeaders = {
  ':method': 'POST',
  ':path': '/envoy.service.auth.v3.Authorization/Check',
  'content-type': 'application/grpc',
  te: 'trailers',
};

const framed = (message: Buffer, flag = 0, length = message.length): Buffer => {
  const prefix = Buffer.alloc(5, flag);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
};
const CHECK = framed(encodeCheck({}));

interface Ended {
  readonly status: number | undefined;
  readonly grpcStatus: string | undefined;
  readonly bytes: number;
}

/** Sends a body and reads the response; undefined where the stream was reset. */
async function exchange(
  session: ClientHttp2Session,
  body: Buffer | undefined,
  headers: OutgoingHttpHeaders = {},
): Promise<Ended | undefined> {
  const stream = session.request({ ...CALL, ...headers }, { endStream: body === undefined });
  let [status, grpcStatus, bytes]: [number | undefined, string | undefined, number] = [
    undefined,
    undefined,
    0,
  ];
  stream.on('response', (fields) => {
    status = fields[':status'];
    grpcStatus = fields['grpc-status'] as string | undefined;
  });
  stream.on('trailers', (fields) => {
    grpcStatus = fields['grpc-status'] as string | undefined;
  });
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  stream.on('error', () => undefined);
  if (body !== undefined) stream.end(body);
  await once(stream, 'close');
  return stream.rstCode === constants.NGHTTP2_NO_ERROR ? { status, grpcStatus, bytes } : undefined;
}

async function open(t: Test, options: Parameters<typeof startChecks>[1] = {}) {
  const harness = await startChecks(t, { routes: ROUTES, ...options });
  const session = connect(harness.grpcUrl);
  session.on('error', () => undefined);
  t.teardown(() => session.destroy());
  return { ...harness, session };
}

t.test('what is no call of this service', async (t) => {
  const { session } = await open(t);
  t.match(await exchange(session, CHECK), { status: 200, grpcStatus: '0' });
  const cases: readonly (readonly [
    string,
    Buffer | undefined,
    OutgoingHttpHeaders,
    number,
    string | undefined,
  ])[] = [
    ['another method of HTTP', undefined, { ':method': 'GET' }, 405, undefined],
    ['another type', CHECK, { 'content-type': 'application/json' }, 415, undefined],
    ['no type', CHECK, { 'content-type': '' }, 415, undefined],
    ['JSON in gRPC', CHECK, { 'content-type': 'application/grpc+json' }, 415, undefined],
    ['gRPC-Web', CHECK, { 'content-type': 'application/grpc-web' }, 415, undefined],
    ['its type with a subtype', CHECK, { 'content-type': 'application/grpc+proto' }, 200, '0'],
    ['another service', CHECK, { ':path': '/envoy.service.auth.v2.Authorization/Check' }, 200, '12'],
    ['a query', CHECK, { ':path': `${CALL[':path']}?a` }, 200, '12'],
    ['no message', undefined, {}, 200, '3'],
    ['an empty body', Buffer.alloc(0), {}, 200, '3'],
    ['half of a prefix', CHECK.subarray(0, 3), {}, 200, '3'],
    ['half of a message', CHECK.subarray(0, -1), {}, 200, '3'],
    ['two messages', Buffer.concat([CHECK, CHECK]), {}, 200, '3'],
    ['bytes behind the message', Buffer.concat([CHECK, Buffer.of(0)]), {}, 200, '3'],
    ['a length beyond the message', framed(encodeCheck({}), 0, 2 ** 32 - 1), {}, 200, '3'],
    ['a compressed message', framed(encodeCheck({}), 1), { 'grpc-encoding': 'gzip' }, 200, '12'],
    ['a compression that is announced only', CHECK, { 'grpc-encoding': 'gzip' }, 200, '0'],
    ['a timeout without a unit', CHECK, { 'grpc-timeout': '100' }, 200, '3'],
    ['a negative timeout', CHECK, { 'grpc-timeout': '-1S' }, 200, '3'],
    ['a timeout of nine digits', CHECK, { 'grpc-timeout': '100000000n' }, 200, '3'],
    ['the longest timeout', CHECK, { 'grpc-timeout': '99999999H' }, 200, '0'],
    ['a long timeout that wraps in 32 bits', CHECK, { 'grpc-timeout': '99999999M' }, 200, '0'],
  ];
  for (const [name, body, headers, status, grpcStatus] of cases)
    t.match(await exchange(session, body, headers), { status, grpcStatus }, name);
});

t.test('a message that is too large', async (t) => {
  const { session, client } = await open(t, { listen: { limits: { headerBytes: '4KiB' } } });
  const padded = (bytes: number) => framed(encodeCheck({ http: { body: 'x'.repeat(bytes) } }));
  t.match(await exchange(session, padded(60 * 1024)), { grpcStatus: '0' }, 'metadata have some room');
  t.match(await exchange(session, padded(80 * 1024)), { grpcStatus: '8' });
  t.match(await exchange(session, padded(4 * 1024 ** 2)), { grpcStatus: '8' });
  t.equal(codeOf(await client.check()), 'allow', 'others are served');
});

t.test('a message that does not come', async (t) => {
  const { session, lines } = await open(t, { listen: { limits: { headerTimeout: '300ms' } } });
  const stream = session.request(CALL);
  stream.write(CHECK.subarray(0, 20));
  const [fields] = await once(stream, 'response');
  t.equal(fields['grpc-status'], '4');
  stream.close();
  t.strictSame(lines, [], 'nothing was asked');
});

t.test('streams beyond the limit are refused, and those within it are served', async (t) => {
  const { session } = await open(t);
  if (session.remoteSettings.maxConcurrentStreams === undefined) await once(session, 'remoteSettings');
  t.equal(session.remoteSettings.maxConcurrentStreams, 256);
  const held = Array.from({ length: 256 }, () => session.request(CALL));
  for (const stream of held) stream.on('error', () => undefined);
  await new Promise((resolve) => session.ping(resolve));
  for (const stream of held) stream.close(constants.NGHTTP2_CANCEL);
  await Promise.all(held.map((stream) => once(stream, 'close')));
  t.match(await exchange(session, CHECK), { grpcStatus: '0' });
});

t.test('calls that are reset at once hold nothing and end nothing', async (t) => {
  const { client, session, lines } = await open(t);
  for (const headers of [{}, { ':path': '/none' }, { 'content-type': 'text/plain' }]) {
    for (let at = 0; at < 50; at += 1) {
      const stream = session.request({ ...CALL, ...headers });
      stream.on('error', () => undefined);
      stream.write(CHECK.subarray(0, at % 8));
      stream.close(constants.NGHTTP2_CANCEL);
    }
  }
  await new Promise((resolve) => session.ping(resolve));
  t.equal(codeOf(await client.check()), 'allow');
  t.equal(lines.length, 1);
});

t.test('bytes that are no HTTP/2 close their connection alone', async (t) => {
  const { client, grpcUrl } = await open(t, { listen: { limits: { headerTimeout: '300ms' } } });
  const port = Number(new URL(grpcUrl).port);
  const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  const garbage: readonly (string | Buffer)[] = [
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    'garbage',
    `${PREFACE}garbage that is no frame`,
    // A DATA frame on stream 0, a frame of the largest length, a HEADERS frame that is not compressed as it must be.
    Buffer.concat([
      Buffer.from(PREFACE),
      Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ]),
    Buffer.concat([
      Buffer.from(PREFACE),
      Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0, 255, 255, 255, 1, 4, 0, 0, 0, 1]),
    ]),
    Buffer.concat([
      Buffer.from(PREFACE),
      Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 2, 1, 5, 0, 0, 0, 1, 255, 255]),
    ]),
  ];
  for (const bytes of garbage) {
    const socket = connectSocket(port, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    socket.write(bytes);
    await once(socket, 'close');
    t.equal(codeOf(await client.check()), 'allow');
  }
});
