import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { connectRaw, rawRequest } from '../../support/clients/raw.ts';
import { startGateway } from '../../support/gateway/gateway.ts';
import { type Harness, startHarness } from '../../support/gateway/gateway-harness.ts';
import { hasOpenssl, makeAuthority } from '../../support/tls/certificates.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';

/** A backend that responds to the head alone, as limits and logins do; what it is asked for under `/public/slow` waits for `go`. */
interface EarlyBackend {
  readonly url: string;
  readonly targets: string[];
  readonly waiting: ServerResponse[];
}

async function startEarlyBackend(t: Test): Promise<EarlyBackend> {
  const targets: string[] = [];
  const waiting: ServerResponse[] = [];
  const server = createServer((req: IncomingMessage, res: ServerResponse) => {
    targets.push(req.url ?? '');
    req.on('error', () => {}).resume();
    if (req.url?.startsWith('/public/slow')) waiting.push(res);
    else if (req.url?.startsWith('/public/long')) res.end(Buffer.alloc(LONG_BYTES, 'x'));
    else if (req.url?.startsWith('/public/begun')) res.write('begun');
    else res.end('early');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, targets, waiting };
}

/** More than Node takes at once. */
const LONG_BYTES = 4 * 1024 * 1024;
const GET = rawRequest('GET /public/1 HTTP/1.1');
const CODING = 'Transfer-Encoding: chunked';
const HANDSHAKE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
/** An upgrade that nobody here takes up; Node's parser stops behind it all the same. */
const IGNORED = [
  'Connection: Upgrade, HTTP2-Settings',
  'Upgrade: h2c',
  'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
];
const IDENTITY = rawRequest('POST /public/2 HTTP/1.1', ['Transfer-Encoding: identity'], 'x');

interface Case {
  readonly name: string;
  readonly sent: string;
  /** Sent once a first response has come. */
  readonly later?: string;
  /** `status code` of each response; the connection closes after the last. */
  readonly responses: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: 'a request behind one whose upgrade is ignored',
    sent: `${rawRequest('GET /public/0 HTTP/1.1', IGNORED)}${GET}`,
    responses: ['200 undefined'],
  },
  {
    name: 'a request behind the body of one whose upgrade is ignored',
    sent: `${rawRequest('POST /public/0 HTTP/1.1', [...IGNORED, 'Content-Length: 2'], 'ok')}${GET}`,
    responses: ['200 undefined'],
  },
  {
    name: 'chunks of a request whose upgrade is ignored',
    sent: rawRequest('POST /public/0 HTTP/1.1', [...IGNORED, CODING], '2\r\nok\r\n0\r\n\r\n'),
    responses: ['200 undefined'],
  },
  { name: 'another transfer coding', sent: IDENTITY, responses: ['400 bad_request'] },
  {
    name: 'another transfer coding of a GET',
    sent: rawRequest('GET /public HTTP/1.1', ['Transfer-Encoding: identity']),
    responses: ['400 bad_request'],
  },
  {
    name: 'a broken body in the same write as a head that is refused',
    sent: rawRequest('POST /protected HTTP/1.1', [CODING], 'zz\r\n'),
    responses: ['401 token_missing'],
  },
  {
    name: 'a body that breaks after the refusal of its head',
    sent: rawRequest('POST /protected HTTP/1.1', [CODING]),
    later: 'zz\r\n',
    responses: ['401 token_missing'],
  },
  {
    name: 'a broken body in the same write as its head',
    sent: rawRequest('POST /public/slow HTTP/1.1', [CODING], 'zz\r\n'),
    responses: ['400 bad_request'],
  },
  {
    name: 'a body that breaks after an early response that would have kept the connection',
    sent: rawRequest('POST /public HTTP/1.1', [CODING], '2\r\nok\r\n'),
    later: 'zz\r\n',
    responses: ['200 undefined'],
  },
  {
    name: 'a body without an end behind a request that gets its response',
    sent: `${GET}${IDENTITY}`,
    responses: ['200 undefined', '400 bad_request'],
  },
  {
    name: 'bytes that are no request behind one that gets its response',
    sent: `${GET}\0\0\0`,
    responses: ['200 undefined', '400 bad_request'],
  },
  {
    name: 'a head that is too large behind a request that gets its response',
    sent: `${GET}${rawRequest('GET /public/2 HTTP/1.1', [`X: ${'x'.repeat(40_000)}`])}`,
    responses: ['200 undefined', '431 headers_too_large'],
  },
  {
    name: 'a refused request, and one that is none behind it',
    sent: `${rawRequest('GET /protected HTTP/1.1')}BROKEN\r\n\r\n`,
    responses: ['401 token_missing', '400 bad_request'],
  },
  {
    name: 'whatever follows a request that closes the connection',
    sent: `${rawRequest('GET /public/1 HTTP/1.1', ['Connection: close'])}${GET}\0\0`,
    responses: ['200 undefined'],
  },
  {
    name: 'requests behind one whose refusal closes the connection',
    sent: `${rawRequest('GET /public HTTP/1.1', ['Host: another.example'])}${GET}${GET}`,
    responses: ['400 bad_request'],
  },
  {
    name: 'CONNECT, and whatever follows it',
    sent: `${rawRequest('CONNECT evil.example:443 HTTP/1.1')}${GET}\0\0`,
    responses: ['405 method_not_allowed'],
  },
  {
    name: 'CONNECT behind another request',
    sent: `${GET}${rawRequest('CONNECT evil.example:443 HTTP/1.1')}${GET}`,
    responses: ['200 undefined', '405 method_not_allowed'],
  },
  {
    name: 'a WebSocket handshake with a body',
    sent: rawRequest('GET /socket HTTP/1.1', [...HANDSHAKE, 'Content-Length: 3'], 'abc'),
    responses: ['400 bad_request'],
  },
  {
    name: 'a WebSocket handshake that is refused behind another request',
    sent: `${GET}${rawRequest('GET /public/socket HTTP/1.1', HANDSHAKE)}`,
    responses: ['200 undefined', '400 upgrade_refused'],
  },
  {
    name: 'a WebSocket handshake that the backend declines behind another request',
    sent: `${GET}${rawRequest('GET /socket HTTP/1.1', HANDSHAKE)}`,
    responses: ['200 undefined', '200 undefined'],
  },
  {
    name: 'a WebSocket handshake behind a request that closes the connection',
    sent: `${rawRequest('GET /public/1 HTTP/1.0')}${rawRequest('GET /socket HTTP/1.1', HANDSHAKE)}`,
    responses: ['200 undefined'],
  },
];

const ROUTES = [
  { name: 'public', path: '/public', upstream: 'backend', access: 'public' },
  { name: 'protected', path: '/protected', upstream: 'backend', access: 'authenticated' },
  { name: 'socket', path: '/socket', upstream: 'backend', access: 'public', websocket: true },
];

const authority = hasOpenssl() ? makeAuthority('test-ca') : undefined;
const certificate = authority?.issue('localhost');

const TLS = { ca: authority?.cert, servername: 'localhost', ALPNProtocols: ['http/1.1'] };

async function start(t: Test, isTls: boolean): Promise<{ harness: Harness; backend: EarlyBackend }> {
  const backend = await startEarlyBackend(t);
  const harness = await startHarness(t, {
    routes: ROUTES,
    file: { upstreams: { backend: { url: backend.url } } },
    ...(isTls && {
      files: { 'tls.crt': certificate?.cert ?? '', 'tls.key': certificate?.key ?? '' },
      listen: { tls: { cert: 'tls.crt', key: 'tls.key' } },
    }),
  });
  return { harness, backend };
}

async function linesCome({ lines }: Harness, count: number): Promise<void> {
  const deadline = performance.now() + 8_000;
  while (lines.length < count && performance.now() < deadline) await setImmediate();
}

for (const [over, isTls] of [
  ['TCP', false],
  ['TLS', true],
] as const) {
  const skip = isTls && authority === undefined ? 'openssl is not installed' : false;
  t.test(`over ${over}, every request gets one response and one access line`, { skip }, async (t) => {
    const { harness } = await start(t, isTls);
    for (const { name, sent, later, responses } of CASES) {
      harness.lines.length = 0;
      const connection = await connectRaw(harness.port, isTls ? TLS : undefined);
      connection.send(sent);
      const got: string[] = [];
      for (let at = 0; at < responses.length; at++) {
        const response = await connection.read();
        got.push(`${response?.status} ${response?.code}`);
        if (at === 0 && later !== undefined) connection.send(later);
      }
      t.strictSame(got, responses, name);
      t.equal(await connection.closed(), true, `${name}: closed`);
      t.equal(connection.rest().length, 0, `${name}: nothing follows`);
      connection.destroy();
      await linesCome(harness, responses.length);
      await setImmediate();
      t.strictSame(
        harness.lines.map(({ status, code }) => `${status} ${code}`).sort(),
        responses.map((response) => response.replace('undefined', 'allow')).sort(),
        `${name}: access lines`,
      );
    }
  });
}

for (const [over, isTls] of [
  ['TCP', false],
  ['TLS', true],
] as const) {
  const skip = isTls && authority === undefined ? 'openssl is not installed' : false;
  t.test(
    `over ${over}, a long response comes in full before what is pipelined behind it`,
    { skip },
    async (t) => {
      const { harness } = await start(t, isTls);
      for (const [behind, status] of [
        [rawRequest('CONNECT evil.example:443 HTTP/1.1'), 405],
        [rawRequest('GET /socket HTTP/1.1', HANDSHAKE), 200],
        [rawRequest('GET /public/socket HTTP/1.1', HANDSHAKE), 400],
        [IDENTITY, 400],
        ['\0', 400],
      ] as const) {
        harness.lines.length = 0;
        const clients = Array.from({ length: 10 }, async () => {
          const { socket, send } = await connectRaw(harness.port, isTls ? TLS : undefined);
          const pieces: Buffer[] = [];
          socket.removeAllListeners('data');
          socket.on('data', (piece: Buffer) => pieces.push(piece));
          send(`${rawRequest('GET /public/long HTTP/1.1')}${behind}`);
          await once(socket, 'end');
          socket.destroy();
          const got = Buffer.concat(pieces);
          const bodyAt = got.indexOf('\r\n\r\n') + 4;
          t.match(got.toString('latin1', 0, bodyAt), /^HTTP\/1\.1 200 /, behind);
          t.match(got.toString('latin1', bodyAt + LONG_BYTES), new RegExp(`^HTTP/1.1 ${status} `), behind);
        });
        await Promise.all(clients);
        await linesCome(harness, 20);
      }
    },
  );
}

t.test('bytes without a meaning behind a slow response are one error, however many come', async (t) => {
  const { harness, backend } = await start(t, false);
  const connection = await connectRaw(harness.port);
  connection.send(rawRequest('GET /public/slow HTTP/1.1'));
  while (backend.waiting.length === 0) await setImmediate();
  const warnings: string[] = [];
  const warned = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', warned);
  t.teardown(() => process.off('warning', warned));
  for (let sent = 0; sent < 500; sent++) {
    connection.send('\0');
    await setImmediate();
  }
  backend.waiting[0]?.end('slow');
  t.equal((await connection.read())?.body.toString(), 'slow');
  t.equal((await connection.read())?.code, 'bad_request');
  t.equal(await connection.closed(), true);
  t.strictSame(harness.lines.map(({ status, code }) => [status, code]).sort(), [
    [200, 'allow'],
    [400, 'bad_request'],
  ]);
  t.strictSame(warnings, [], 'and no listener for each');
});

t.test('a body that breaks amid its response cuts the connection, and the log has the reason', async (t) => {
  const { harness } = await start(t, false);
  const connection = await connectRaw(harness.port);
  connection.send(rawRequest('POST /public/begun HTTP/1.1', [CODING], '2\r\nok\r\n'));
  await once(connection.socket, 'data');
  connection.send('zz\r\n');
  t.equal(await connection.closed(), true);
  t.notMatch(connection.rest().toString(), /\r\n0\r\n\r\n$/, 'the response does not look whole');
  await linesCome(harness, 1);
  t.match(harness.lines, [{ status: 200, code: 'bad_request' }]);
});

t.test('a body that breaks while the keys are waited for gets its 400 and nothing else', async (t) => {
  const key = signingKey('ES256');
  const held: ServerResponse[] = [];
  const provider = createServer((_, res) => held.push(res)).listen(0, '127.0.0.1');
  await once(provider, 'listening');
  const issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  const backend = await startEarlyBackend(t);
  const gateway = await startGateway(
    `issuers: { corp: { issuer: "${issuer}", jwksUri: "${issuer}/keys", audiences: [api] } }
upstreams: { backend: { url: "${backend.url}" } }
routes: [{ name: a, path: /a, upstream: backend, access: authenticated }]
`,
    { untilReady: false },
  );
  t.teardown(async () => {
    await gateway.close();
    provider.closeAllConnections();
    provider.close();
  });
  if (held.length === 0) await once(provider, 'request');
  const exp = Math.floor(Date.now() / 1000) + 600;
  for (const claims of [{ aud: 'api' }, { aud: 'another' }]) {
    const token = mint(key, { iss: issuer, sub: 'alice', exp, ...claims });
    const connection = await connectRaw(Number(new URL(gateway.url).port));
    connection.send(
      rawRequest('POST /a HTTP/1.1', [`Authorization: Bearer ${token}`, CODING], '2\r\nok\r\nzz\r\n'),
    );
    const response = await connection.read();
    t.equal(response?.code, 'bad_request');
    t.equal(await connection.closed(), true);
    t.equal(connection.rest().length, 0);
    connection.destroy();
  }
  held[0]?.end(JSON.stringify({ keys: [key.jwk] }));
  await gateway.waitForLine(({ msg }) => msg === 'request');
  t.strictSame(backend.targets, [], 'nothing is forwarded any more');
  t.strictSame(
    gateway.lines.filter(({ msg }) => msg === 'request').map(({ status, code }) => [status, code]),
    [
      [400, 'bad_request'],
      [400, 'bad_request'],
    ],
  );
});
