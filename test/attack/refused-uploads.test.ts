import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { connectRaw, rawRequest } from '../support/clients/raw.ts';
import { type Harness, startHarness } from '../support/gateway/gateway-harness.ts';
import { hasOpenssl, makeAuthority } from '../support/tls/certificates.ts';

const MIB = 1024 * 1024;
const UPLOAD = Buffer.alloc(12 * MIB, 'x');
const authority = hasOpenssl() ? makeAuthority('test-ca') : undefined;
const certificate = authority?.issue('localhost');

/** A backend that responds before it has read the body; `/public/long` with more than the buffers between hold. */
async function startUploads(t: Test, isTls: boolean): Promise<Harness> {
  const server = createServer((req, res) => {
    req.on('error', () => {}).resume();
    if (req.url === '/limited') req.on('end', () => res.end('all'));
    else if (req.url === '/public/long') res.end(Buffer.alloc(24 * MIB, 'y'));
    else res.writeHead(Number(req.url?.split('/').at(-1))).end('early');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return startHarness(t, {
    routes: [
      { name: 'public', path: '/public', upstream: 'backend', access: 'public' },
      { name: 'protected', path: '/protected', upstream: 'backend', access: 'authenticated' },
      { name: 'limited', path: '/limited', upstream: 'backend', access: 'public', bodyLimit: '2MiB' },
    ],
    file: {
      upstreams: { backend: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } },
    },
    ...(isTls && {
      files: { 'tls.crt': certificate?.cert ?? '', 'tls.key': certificate?.key ?? '' },
      listen: { tls: { cert: 'tls.crt', key: 'tls.key' } },
    }),
  });
}

const LENGTH = [[`Content-Length: ${UPLOAD.length}`], UPLOAD] as const;
const CHUNKED = [
  ['Transfer-Encoding: chunked'],
  Buffer.concat([Buffer.from(`${UPLOAD.length.toString(16)}\r\n`), UPLOAD, Buffer.from('\r\n0\r\n\r\n')]),
] as const;

for (const [over, isTls] of [
  ['TCP', false],
  ['TLS', true],
] as const) {
  const skip = isTls && authority === undefined ? 'openssl is not installed' : false;
  t.test(`over ${over}, who sends everything before reading gets its response`, { skip }, async (t) => {
    const harness = await startUploads(t, isTls);
    for (const [headers, body] of [LENGTH, CHUNKED]) {
      for (const [path, status, code] of [
        ['/protected', 401, 'token_missing'],
        ['/nowhere', 404, 'route_unknown'],
        // In the midst of the body, or by its stated length.
        ['/limited', 413, 'body_too_large'],
        ['/public/413', 413, undefined],
        ['/public/401', 401, undefined],
        ['/public/200', 200, undefined],
      ] as const) {
        harness.lines.length = 0;
        const connection = await connectRaw(
          harness.port,
          isTls ? { ca: authority?.cert, servername: 'localhost', ALPNProtocols: ['http/1.1'] } : undefined,
        );
        const name = `${path} ${headers}`;
        connection.socket.pause();
        connection.send(rawRequest(`POST ${path} HTTP/1.1`, headers));
        await new Promise((sent) => connection.socket.write(body, sent));
        connection.socket.resume();
        const response = await connection.read();
        t.equal(response?.status, status, name);
        t.equal(response?.code, code, name);
        connection.destroy();
        while (harness.lines.length === 0) await setImmediate();
        t.match(harness.lines, [{ status, code: code ?? 'allow' }], name);
      }
    }
  });
}

t.test('who sends everything before reading gets a response that no buffer holds', async (t) => {
  const harness = await startUploads(t, false);
  const { socket, send } = await connectRaw(harness.port);
  socket.removeAllListeners('data');
  socket.pause();
  send(rawRequest('POST /public/long HTTP/1.1', ['Connection: close', ...LENGTH[0]]));
  await new Promise((sent) => socket.write(UPLOAD, sent));
  let taken = 0;
  socket.on('data', (chunk: Buffer) => {
    taken += chunk.length;
  });
  socket.resume();
  await once(socket, 'end');
  t.ok(taken > 24 * MIB);
  socket.destroy();
});

t.test('an early refusal of the backend asks the client for another connection', async (t) => {
  const harness = await startUploads(t, false);
  const connection = await connectRaw(harness.port);
  connection.send(rawRequest('POST /public/413 HTTP/1.1', ['Content-Length: 1000000'], 'some'));
  const response = await connection.read();
  t.equal(response?.status, 413);
  t.strictSame(response?.headers.connection, ['close']);
  t.equal(await connection.closed(), true, 'our direction ends at once');
  connection.destroy();
});
