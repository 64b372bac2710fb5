import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { connect, constants } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import t, { type Test } from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { until } from '../../support/core/frozen-time.ts';
import { type Harness, startHarness } from '../../support/gateway/gateway-harness.ts';
import { makeAuthority } from '../../support/tls/certificates.ts';

const ADMIN_TOKEN = 'the-token-of-the-admin-listener';

interface Started extends Harness {
  /** Requests that the backend holds, by path; it responds when a test does. */
  readonly held: Map<string, { readonly req: IncomingMessage; readonly res: ServerResponse }>;
  revoke(entry: object): Promise<void>;
}

/** A gateway before a backend that leaves every response to the test, and takes WebSockets. */
async function start(
  t: Test,
  file: object = {},
  files: Readonly<Record<string, string>> = {},
): Promise<Started> {
  const held: Started['held'] = new Map();
  const backend = createServer((req, res) => {
    req.resume();
    held.set(req.url ?? '', { req, res });
  });
  const sockets = new WebSocketServer({ server: backend, path: '/ws' });
  sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(String(text))));
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  t.teardown(() => {
    backend.closeAllConnections();
    backend.close();
    for (const client of sockets.clients) client.terminate();
  });
  const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
  const harness = await startHarness(t, {
    routes: [{ name: 'all', path: '/', upstream: url, access: 'authenticated', websocket: true }],
    file: {
      admin: { port: 0, token: ADMIN_TOKEN },
      revocation: {},
      upstreams: { held: { url } },
      ...file,
    },
    files,
  });
  return {
    ...harness,
    held,
    async revoke(entry) {
      const response = await fetch(`${harness.adminUrl}/revocations`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ issuer: 'test', ...entry }),
      });
      t.equal(response.status, 204, await response.text());
    },
  };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

t.test('a token that is remembered', async (t) => {
  const { port, issuer, revoke, held, lines } = await start(t);
  const token = await issuer.token({ jti: 'one' });
  const ask = async () => {
    const response = fetch(`http://127.0.0.1:${port}/a`, { headers: bearer(token) });
    await Promise.race([until(() => held.has('/a')), response]);
    held.get('/a')?.res.end();
    held.clear();
    return response;
  };
  for (let time = 0; time < 3; time += 1) t.equal((await ask()).status, 200);
  await revoke({ jti: 'one' });
  const refused = await ask();
  t.equal(refused.status, 401);
  t.match(refused.headers.get('www-authenticate'), /^Bearer .*error="invalid_token"/);
  t.match(await refused.json(), { code: 'token_revoked', title: 'The token was revoked' });
  await until(() => lines.length === 4);
  t.match(lines[3], { code: 'token_revoked', issuer: 'test', reason: /the token itself.*admin listener/ });
});

t.test('WebSockets end with 4001, and only theirs', async (t) => {
  const { port, issuer, revoke, lines } = await start(t);
  const open = async (claims: object) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, {
      headers: bearer(await issuer.token({ ...claims })),
    });
    await once(socket, 'open');
    t.teardown(() => socket.terminate());
    return socket;
  };
  const [alice, session, bob] = await Promise.all([
    open({ sub: 'alice' }),
    open({ sub: 'carol', sid: 's1' }),
    open({ sub: 'bob', sid: 's2' }),
  ]);
  const closed = Promise.all([once(alice, 'close'), once(session, 'close')]);
  const startedAt = performance.now();
  await revoke({ subject: 'alice' });
  await revoke({ sid: 's1' });
  const codes = (await closed).map(([code, reason]) => `${code} ${reason}`);
  t.same(codes, ['4001 token revoked', '4001 token revoked']);
  t.comment(`${Math.round(performance.now() - startedAt)} ms`);
  bob.send('still here');
  t.equal(String((await once(bob, 'message'))[0]), 'still here');
  await until(() => lines.length === 2);
  t.same(
    lines.map(({ code }) => code),
    ['token_revoked', 'token_revoked'],
  );
});

t.test('a WebSocket that the backend is slow to accept', async (t) => {
  const backend = createTcpServer().listen(0, '127.0.0.1');
  await once(backend, 'listening');
  t.teardown(() => backend.close());
  const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
  const { port, issuer, revoke, held } = await start(t, {
    routes: [
      { name: 'all', path: '/', upstream: url, access: 'authenticated', websocket: true },
      { name: 'held', path: '/held', upstream: 'held', access: 'authenticated' },
    ],
  });
  // Ends when the gateway has looked through all that runs.
  const beside = fetch(`http://127.0.0.1:${port}/held`, { headers: bearer(await issuer.token()) });
  await until(() => held.has('/held'));
  const arrived = once(backend, 'connection');
  const socket = new WebSocket(`ws://127.0.0.1:${port}/slow`, { headers: bearer(await issuer.token()) });
  const [accepted] = await arrived;
  const [head] = await once(accepted, 'data');
  await revoke({ subject: 'alice' });
  t.equal((await beside).status, 401);
  const key = /sec-websocket-key: (\S+)/i.exec(String(head))?.[1];
  const proof = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  accepted.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${proof}\r\n\r\n`,
  );
  const [code] = await once(socket, 'close');
  t.equal(code, 4001);
  accepted.destroy();
});

t.test('responses that have begun are broken off', async (t) => {
  const { port, issuer, revoke, held } = await start(t);
  const token = await issuer.token();
  const other = await issuer.token({ sub: 'bob' });
  const open = async (path: string, headers: object, authorization = token) => {
    const sent = get({ port, path, headers: bearer(authorization) });
    sent.on('error', () => {});
    await until(() => held.has(path));
    held
      .get(path)
      ?.res.writeHead(200, { ...headers })
      .write('first\n');
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    await once(response, 'data');
    return response;
  };
  const ended = async (response: IncomingMessage) => {
    const [error] = await Promise.race([once(response, 'error'), once(response, 'end')]);
    return error === undefined ? 'whole' : (error as Error).message;
  };
  const events = await open('/events', { 'content-type': 'text/event-stream' });
  const download = await open('/download', { 'content-length': 1_000_000 });
  const kept = await open('/kept', { 'content-type': 'text/event-stream' }, other);
  const ends = Promise.all([ended(events), ended(download)]);
  await revoke({ subject: 'alice' });
  t.same(await ends, ['aborted', 'aborted']);
  await until(() => held.get('/events')?.req.socket.destroyed === true);
  held.get('/kept')?.res.end('last\n');
  t.equal(await ended(kept), 'whole');
});

t.test('requests without a response get 401', async (t) => {
  const { port, issuer, revoke, held } = await start(t);
  const headers = bearer(await issuer.token());
  const waiting = fetch(`http://127.0.0.1:${port}/wait`, { headers });
  const upload = request({ port, path: '/upload', method: 'POST', headers });
  upload.on('error', () => {});
  upload.write('some');
  await until(() => held.has('/wait') && held.has('/upload'));
  const refused = once(upload, 'response') as Promise<[IncomingMessage]>;
  await revoke({ subject: 'alice' });
  t.match(await (await waiting).json(), { code: 'token_revoked' });
  const [response] = await refused;
  t.equal(response.statusCode, 401);
  upload.destroy();
  await until(() => held.get('/upload')?.req.socket.destroyed === true);
  t.equal(held.get('/upload')?.req.complete, false, 'the backend sees that it is cut');
});

t.test('over HTTP/2 the other streams of the connection go on', async (t) => {
  const authority = makeAuthority('ours');
  const { cert, key } = authority.issue('localhost');
  const { port, issuer, revoke, held } = await start(
    t,
    { listen: { port: 0, tls: { cert: 'tls.crt', key: 'tls.key' } } },
    { 'tls.crt': cert, 'tls.key': key },
  );
  const session = connect(`https://127.0.0.1:${port}`, { ca: authority.cert });
  t.teardown(() => session.destroy());
  const open = async (path: string, sub: string) => {
    const stream = session.request({ ':path': path, ...bearer(await issuer.token({ sub })) });
    await until(() => held.has(path));
    held.get(path)?.res.writeHead(200, { 'content-type': 'text/event-stream' }).write('first\n');
    await once(stream, 'data');
    return stream;
  };
  const alice = await open('/alice', 'alice');
  const bob = await open('/bob', 'bob');
  const failed = once(alice, 'error');
  await revoke({ subject: 'alice' });
  t.match((await failed)[0], { code: 'ERR_HTTP2_STREAM_ERROR' });
  t.equal(alice.rstCode, constants.NGHTTP2_INTERNAL_ERROR);
  held.get('/bob')?.res.end('last\n');
  await once(bob, 'end');
  t.equal(bob.rstCode, 0);
});

t.test('what is revoked while a decision waits is refused', async (t) => {
  const provider: ServerResponse[] = [];
  const server = createServer((req, res) => void req.resume().on('end', () => provider.push(res)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { port, issuer, revoke, held } = await start(t, {
    upstreams: {
      ours: {
        url: 'http://127.0.0.1:9',
        exchange: {
          grant: 'token-exchange',
          tokenUrl: `${url}/token`,
          auth: { clientId: 'g', clientSecret: 's' },
          audience: 'b',
        },
      },
    },
    routes: [{ name: 'all', path: '/', upstream: 'ours', access: 'authenticated' }],
  });
  const asked = fetch(`http://127.0.0.1:${port}/x`, { headers: bearer(await issuer.token()) });
  await until(() => provider.length === 1);
  await revoke({ subject: 'alice' });
  provider[0]?.writeHead(200, { 'content-type': 'application/json' }).end(
    JSON.stringify({
      access_token: 'another',
      token_type: 'Bearer',
      expires_in: 60,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    }),
  );
  t.match(await (await asked).json(), { code: 'token_revoked' });
  t.equal(held.size, 0);
});
