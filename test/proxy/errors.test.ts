import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import t, { type Test } from 'tap';
import type { RefusalCode } from '../../src/core/refusals.ts';
import type { ConnectTls } from '../../src/proxy/connector.ts';
import { failureOf } from '../../src/proxy/errors.ts';
import { type Reply, response } from '../support/backends/upstream.ts';
import { RawClient } from '../support/clients/raw-client.ts';
import {
  type ForwarderOptions,
  respondFine,
  startForwarder,
  startForwarderHarness,
} from '../support/proxy/forwarder.ts';

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

async function listen(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function outcomeOf(
  url: string,
  options?: ForwarderOptions,
): Promise<{ code: string; reason: string; text: string }> {
  const gateway = await startForwarder(url, options);
  const client = new RawClient(gateway.port);
  client.write(GET);
  const text = await client.until(/\}$/);
  const outcome = await gateway.nextOutcome();
  client.destroy();
  await gateway.close();
  if (outcome.kind !== 'refused') throw new Error(`not refused: ${outcome.kind}`);
  return { code: outcome.refusal.code, reason: outcome.refusal.reason, text };
}

t.test('trap 2: a backend that cannot be reached is a 502 that names no address', async (t) => {
  const server = createServer();
  const port = await listen(t, server);
  server.close();
  await once(server, 'close');
  for (const url of [`http://127.0.0.1:${port}`, `http://localhost:${port}`, 'http://nowhere.invalid:1']) {
    const { code, reason, text } = await outcomeOf(url);
    t.equal(code, 'upstream_unreachable', url);
    t.match(text, /^HTTP\/1.1 502 /);
    t.notMatch(`${reason}${text.slice(text.indexOf('{'))}`, /127\.0\.0\.1|::1|localhost|nowhere|:\d{4,}/);
  }
});

t.test('a connection that is not up in time is a timeout', async (t) => {
  const port = await listen(
    t,
    createServer((socket) => socket.on('error', () => {})),
  );
  const { code, text } = await outcomeOf(`https://127.0.0.1:${port}`, {
    timeouts: { connectMs: 50 },
    tls: trust('authority.crt', 'localhost'),
  });
  t.equal(code, 'upstream_timeout');
  t.match(text, /^HTTP\/1.1 504 /);
});

t.test('no response in time is a timeout and ends the connection', async (t) => {
  const { backend, client } = await startForwarderHarness(t, () => {}, { timeouts: { responseMs: 50 } });
  const c = client();
  c.write(GET);
  t.match(await c.until(/\}$/), /^HTTP\/1.1 504 .*upstream_timeout/s);
  t.ok(backend.sockets[0]?.destroyed || (await once(backend.sockets[0] as never, 'close')));
});

interface BadResponse {
  readonly name: string;
  readonly bytes: string;
  readonly afterwards?: 'end' | 'reset' | 'nonsense';
}

const BEFORE_THE_HEAD: BadResponse[] = [
  { name: 'closes without a word', bytes: '', afterwards: 'end' },
  { name: 'resets without a word', bytes: '', afterwards: 'reset' },
  { name: 'closes within the head', bytes: 'HTTP/1.1 200 OK\r\nContent-Le', afterwards: 'end' },
  { name: 'resets within the head', bytes: 'HTTP/1.1 200 OK\r\nContent-Le', afterwards: 'reset' },
  { name: 'speaks another protocol', bytes: '220 mail.example ESMTP\r\n' },
  { name: 'speaks HTTP/0.9', bytes: '<html>hello</html>', afterwards: 'end' },
  {
    name: 'length and chunks',
    bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n',
  },
  {
    name: 'chunks and length',
    bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n4\r\nevil\r\n0\r\n\r\n',
  },
  { name: 'two lengths', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nevil!' },
  { name: 'a length that is a list', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\n\r\nevil' },
  { name: 'a negative length', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nevil' },
  {
    name: 'a length beyond numbers',
    bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nevil',
  },
  { name: 'a folded field', bytes: 'HTTP/1.1 200 OK\r\nX-A: 1\r\n evil\r\nContent-Length: 0\r\n\r\n' },
  { name: 'a space before the colon', bytes: 'HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 0\r\n\r\n' },
  {
    name: 'a control character in a value',
    bytes: 'HTTP/1.1 200 OK\r\nX-A: a\x01b\r\nContent-Length: 0\r\n\r\n',
  },
  { name: 'a NUL in a value', bytes: 'HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 0\r\n\r\n' },
  { name: 'an empty name', bytes: 'HTTP/1.1 200 OK\r\n: evil\r\nContent-Length: 0\r\n\r\n' },
  {
    name: 'header fields without end',
    bytes: `HTTP/1.1 200 OK\r\n${`X-A: ${'a'.repeat(1000)}\r\n`.repeat(70)}\r\n`,
  },
  {
    name: 'a 101 nobody asked for',
    bytes: 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
  },
  { name: 'a 101 without upgrade', bytes: 'HTTP/1.1 101 Switching Protocols\r\n\r\n' },
  { name: 'interim responses without end', bytes: 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(50) },
  { name: 'a status of two digits', bytes: 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n' },
  { name: 'HTTP/3.0', bytes: 'HTTP/3.0 200 OK\r\nContent-Length: 0\r\n\r\n' },
];

function misbehave(bad: BadResponse): Reply {
  return ({ socket }) => {
    socket.write(bad.bytes, 'latin1', () => {
      if (bad.afterwards === 'end') socket.end();
      if (bad.afterwards === 'reset') socket.resetAndDestroy();
    });
  };
}

t.test('a response that is not one is a 502, and its connection is not used again', async (t) => {
  let bad: BadResponse | undefined;
  const { backend, client } = await startForwarderHarness(t, (request) =>
    bad === undefined ? respondFine(request) : misbehave(bad)(request),
  );
  for (const each of BEFORE_THE_HEAD) {
    bad = each;
    const c = client();
    const before = backend.requests.length;
    c.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
    const text = await c.until(/\}$/);
    t.match(text, /^HTTP\/1.1 502 .*upstream_invalid/s, each.name);
    t.notMatch(text, /evil/, each.name);
    t.equal(backend.requests.length, before + 1, 'one request');
    const used = backend.requests.at(-1)?.connection;
    bad = undefined;
    c.text = '';
    c.write(GET);
    t.match(await c.until(/fine$/), /^HTTP\/1.1 200 /, 'the client connection serves on');
    t.not(backend.requests.at(-1)?.connection, used, each.name);
  }
});

const AFTER_THE_HEAD: (BadResponse & { client: '1.0' | '1.1'; ended: 'closed' | 'reset' })[] = [
  {
    name: 'a short body',
    bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart',
    afterwards: 'end',
    client: '1.1',
    ended: 'closed',
  },
  {
    name: 'a short body by reset',
    bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart',
    afterwards: 'reset',
    client: '1.1',
    ended: 'closed',
  },
  {
    name: 'no last chunk',
    bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n',
    afterwards: 'end',
    client: '1.1',
    ended: 'closed',
  },
  {
    name: 'no last chunk, close announced',
    bytes: 'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n',
    afterwards: 'end',
    client: '1.1',
    ended: 'closed',
  },
  {
    name: 'a bad chunk',
    bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n',
    afterwards: 'nonsense',
    client: '1.1',
    ended: 'closed',
  },
  {
    name: 'a stalled body',
    bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart',
    client: '1.1',
    ended: 'closed',
  },
  {
    name: 'a reset instead of the end',
    bytes: 'HTTP/1.1 200 OK\r\n\r\npart',
    afterwards: 'reset',
    client: '1.1',
    ended: 'closed',
  },
  {
    name: 'no last chunk, to HTTP/1.0',
    bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n',
    afterwards: 'end',
    client: '1.0',
    ended: 'reset',
  },
  {
    name: 'a reset instead of the end, to HTTP/1.0',
    bytes: 'HTTP/1.1 200 OK\r\n\r\npart',
    afterwards: 'reset',
    client: '1.0',
    ended: 'reset',
  },
];

t.test('a response that breaks off breaks the connection of the client: never a short 200', async (t) => {
  for (const bad of AFTER_THE_HEAD) {
    // The client must have the first bytes before the reset, which discards what is on its way.
    let release: () => void = () => {};
    const { gateway, client } = await startForwarderHarness(
      t,
      ({ socket }) => {
        socket.write(bad.bytes, 'latin1');
        release = () => {
          if (bad.afterwards === 'end') socket.end();
          if (bad.afterwards === 'reset') socket.resetAndDestroy();
          if (bad.afterwards === 'nonsense') socket.write('zz\r\n');
        };
      },
      { timeouts: { idleMs: 500 } },
    );
    const c = client();
    c.write(`GET / HTTP/${bad.client}\r\nHost: x\r\n\r\n`);
    await c.until(/part/);
    release();
    const { text, ended } = await c.end();
    t.match(text, /^HTTP\/1.1 200 /, bad.name);
    t.notMatch(text, /\r\n0\r\n/, `${bad.name}: no last chunk`);
    t.equal(ended, bad.ended, bad.name);
    const outcome = await gateway.nextOutcome();
    t.match(outcome, { kind: 'finished', status: 200 }, bad.name);
    t.ok(outcome.kind === 'finished' && outcome.failure !== undefined, bad.name);
  }
});

t.test('a response that ends with its connection is whole', async (t) => {
  const { gateway, client } = await startForwarderHarness(t, ({ socket }) =>
    socket.end('HTTP/1.1 200 OK\r\n\r\nfine'),
  );
  const c = client();
  c.write(GET);
  t.match(await c.until(/0\r\n\r\n$/), /4\r\nfine\r\n0/);
  t.match(await gateway.nextOutcome(), { kind: 'finished', failure: undefined });
});

t.test('what a backend sends beyond its response never reaches anybody', async (t) => {
  const extra = response('200 OK', [], 'evil');
  const backends: [string, Reply][] = [
    ['in the same packet', ({ socket }) => socket.write(`${response('200 OK', [], 'fine')}${extra}`)],
    [
      'a moment later',
      ({ socket }) => {
        socket.write(response('200 OK', [], 'fine'));
        setImmediate(() => socket.write(extra));
      },
    ],
    ['after a HEAD', ({ socket }) => socket.write(response('200 OK', [], 'fine'))],
    ['after a 204', ({ socket }) => socket.write(`HTTP/1.1 204 No Content\r\n\r\n${extra}`)],
  ];
  for (const [name, respond] of backends) {
    let first = true;
    const { backend, client } = await startForwarderHarness(t, (request) => {
      if (first) respond(request);
      else respondFine(request);
      first = false;
    });
    const c = client();
    c.write(`${name === 'after a HEAD' ? 'HEAD' : 'GET'} / HTTP/1.1\r\nHost: x\r\n\r\n`);
    await c.until(/\r\n\r\n/);
    await once(backend.sockets[0] as never, 'close');
    const second = client();
    second.write(GET);
    t.notMatch(await second.until(/fine$/), /evil/, name);
    t.notMatch(c.text, /evil/, name);
    t.equal(backend.requests.at(-1)?.connection, 1, name);
  }
});

interface Repeat {
  readonly name: string;
  readonly request: string;
  readonly reused: boolean;
  readonly bytes?: string;
  readonly requests: number;
  readonly status: number;
}

const REPEATS: Repeat[] = [
  { name: 'GET', request: GET, reused: true, requests: 2, status: 200 },
  { name: 'HEAD', request: GET.replace('GET', 'HEAD'), reused: true, requests: 2, status: 200 },
  { name: 'DELETE', request: GET.replace('GET', 'DELETE'), reused: true, requests: 2, status: 200 },
  { name: 'OPTIONS', request: GET.replace('GET', 'OPTIONS'), reused: true, requests: 2, status: 200 },
  {
    name: 'PUT without body',
    request: 'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
    reused: true,
    requests: 2,
    status: 200,
  },
  { name: 'GET on a fresh connection', request: GET, reused: false, requests: 1, status: 502 },
  {
    name: 'POST',
    request: 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
    reused: true,
    requests: 1,
    status: 502,
  },
  {
    name: 'PATCH',
    request: 'PATCH / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
    reused: true,
    requests: 1,
    status: 502,
  },
  {
    name: 'PUT with a body',
    request: 'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx',
    reused: true,
    requests: 1,
    status: 502,
  },
  {
    name: 'an unknown method',
    request: GET.replace('GET', 'SEARCH'),
    reused: true,
    requests: 1,
    status: 502,
  },
  { name: 'GET after a first byte', request: GET, reused: true, bytes: 'H', requests: 1, status: 502 },
  {
    name: 'GET after an interim response',
    request: GET,
    reused: true,
    bytes: 'HTTP/1.1 102 Processing\r\n\r\n',
    requests: 1,
    status: 502,
  },
];

t.test('only an idempotent bodiless request on a reused silent connection is repeated, once', async (t) => {
  for (const { name, request, reused, bytes, requests, status } of REPEATS) {
    for (const how of ['end', 'reset'] as const) {
      let dying = false;
      const { backend, client } = await startForwarderHarness(t, (seen) => {
        if (!dying) return respondFine(seen);
        dying = false;
        misbehave({ name, bytes: bytes ?? '', afterwards: how })(seen);
      });
      if (reused) {
        const warm = client();
        warm.write(GET);
        await warm.until(/fine$/);
      }
      const before = backend.requests.length;
      dying = true;
      const c = client();
      c.write(request);
      t.match(await c.until(/\r\n\r\n/), new RegExp(`^HTTP/1.1 ${status} `), `${name}, ${how}`);
      t.equal(backend.requests.length - before, requests, `${name}, ${how}`);
    }
  }
});

t.test('a repeat that fails too is not repeated', async (t) => {
  let dying = false;
  const { backend, client } = await startForwarderHarness(t, (seen) =>
    dying ? seen.socket.end() : respondFine(seen),
  );
  const warm = client();
  warm.write(GET);
  await warm.until(/fine$/);
  dying = true;
  const c = client();
  c.write(GET);
  t.match(await c.until(/\}$/), /^HTTP\/1.1 502 /);
  t.equal(backend.requests.length, 3);
});

t.test('a body over the limit is refused before or while it goes up', async (t) => {
  const { backend, client } = await startForwarderHarness(t, respondFine, { plan: { bodyLimit: 10 } });
  const stated = client();
  stated.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n');
  t.match(await stated.until(/\}$/), /^HTTP\/1.1 413 .*body_too_large/s);
  t.equal(backend.sockets.length, 0, 'nothing went up');
  const chunked = client();
  chunked.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
  while (backend.requests.length === 0) await new Promise(setImmediate);
  chunked.write('6\r\nworld!\r\n0\r\n\r\n');
  t.match(await chunked.until(/\}$/), /^HTTP\/1.1 413 .*body_too_large/s);
  await t.rejects(backend.requests[0]?.whole ?? Promise.resolve(), 'the backend never sees the end');
  const exact = client();
  exact.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n');
  t.match(await exact.until(/fine$/), /^HTTP\/1.1 200 /);
});

t.test('a body that stalls is refused and aborted at the backend', async (t) => {
  const { backend, client } = await startForwarderHarness(t, respondFine, { plan: { bodyIdleMs: 50 } });
  const c = client();
  c.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello');
  t.match(await c.until(/\}$/), /^HTTP\/1.1 408 .*request_timeout/s);
  await t.rejects(backend.requests[0]?.whole ?? Promise.resolve(), 'the backend never sees the end');
});

function pem(name: string): string {
  return readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), 'utf8');
}

function trust(ca: string | undefined, serverName: string, client?: string): ConnectTls {
  return {
    ca: ca === undefined ? undefined : pem(ca),
    cert: client === undefined ? undefined : pem(`${client}.crt`),
    key: client === undefined ? undefined : pem(`${client}.key`),
    serverName,
  };
}

interface TlsCase {
  readonly name: string;
  readonly server: string;
  readonly ca: string | undefined;
  readonly serverName: string;
  readonly code: RefusalCode | 'fine';
  readonly reason?: RegExp;
}

const TLS: TlsCase[] = [
  {
    name: 'a good certificate',
    server: 'server',
    ca: 'authority.crt',
    serverName: 'localhost',
    code: 'fine',
  },
  {
    name: 'a good certificate for the address',
    server: 'server',
    ca: 'authority.crt',
    serverName: '127.0.0.1',
    code: 'fine',
  },
  {
    name: 'a configured name',
    server: 'other-name',
    ca: 'authority.crt',
    serverName: 'other.test',
    code: 'fine',
  },
  {
    name: 'another name',
    server: 'other-name',
    ca: 'authority.crt',
    serverName: 'localhost',
    code: 'upstream_unreachable',
    reason: /another name/,
  },
  {
    name: 'another name for the address',
    server: 'other-name',
    ca: 'authority.crt',
    serverName: '127.0.0.1',
    code: 'upstream_unreachable',
    reason: /another name/,
  },
  {
    name: 'an expired certificate',
    server: 'expired',
    ca: 'authority.crt',
    serverName: 'localhost',
    code: 'upstream_unreachable',
    reason: /expired/,
  },
  {
    name: 'a self-signed certificate',
    server: 'self-signed',
    ca: 'authority.crt',
    serverName: 'localhost',
    code: 'upstream_unreachable',
    reason: /self-signed/,
  },
  {
    name: 'an unknown authority',
    server: 'untrusted',
    ca: 'authority.crt',
    serverName: 'localhost',
    code: 'upstream_unreachable',
    reason: /not trusted/,
  },
  {
    name: 'an authority the system does not know',
    server: 'server',
    ca: undefined,
    serverName: 'localhost',
    code: 'upstream_unreachable',
    reason: /not trusted/,
  },
];

t.test('trap 1: the certificate of a backend is verified and nothing is sent before', async (t) => {
  // Turning verification off for the process does not turn it off here.
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  t.teardown(() => Reflect.deleteProperty(process.env, 'NODE_TLS_REJECT_UNAUTHORIZED'));
  for (const { name, server: certificate, ca, serverName, code, reason } of TLS) {
    let received = 0;
    const server = createTlsServer(
      { cert: pem(`${certificate}.crt`), key: pem(`${certificate}.key`) },
      (socket) => {
        socket.on('error', () => {});
        socket.on('data', (chunk) => {
          received += chunk.length;
          socket.write(response('200 OK', [], '{"code":"fine"}'));
        });
      },
    );
    server.on('tlsClientError', () => {});
    const port = await listen(t, server);
    const gateway = await startForwarder(`https://127.0.0.1:${port}`, { tls: trust(ca, serverName) });
    const client = new RawClient(gateway.port);
    client.write(GET);
    t.match(await client.until(/\}$/), `"code":"${code}"`, name);
    if (code !== 'fine') t.equal(received, 0, `${name}: not a byte`);
    const outcome = gateway.outcomes[0];
    if (outcome?.kind === 'refused') t.match(outcome.refusal.reason, reason, name);
    client.destroy();
    await gateway.close();
  }
});

t.test('the Host of the client decides neither the name of the certificate nor the connection', async (t) => {
  const names: unknown[] = [];
  const server = createTlsServer({ cert: pem('server.crt'), key: pem('server.key') }, (socket) => {
    names.push(socket.servername);
    socket.on('error', () => {});
    socket.on('data', () => socket.write(response('200 OK', [], 'fine')));
  });
  const port = await listen(t, server);
  const gateway = await startForwarder(`https://127.0.0.1:${port}`, {
    clientHost: true,
    tls: trust('authority.crt', 'backend.test'),
  });
  t.teardown(() => gateway.close());
  for (const host of ['other.test', 'third.test']) {
    const client = new RawClient(gateway.port);
    client.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    t.match(await client.until(/fine$/), /^HTTP\/1.1 200 /);
    client.destroy();
  }
  t.same(names, ['backend.test'], 'one connection, by its configured name');
});

t.test('a client certificate is shown to backends that ask for one', async (t) => {
  const server = createTlsServer(
    {
      cert: pem('server.crt'),
      key: pem('server.key'),
      ca: pem('authority.crt'),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (socket) => {
      socket.on('error', () => {});
      socket.on('data', () =>
        socket.write(response('200 OK', [], `{${socket.getPeerCertificate().subject.CN}}`)),
      );
    },
  );
  server.on('tlsClientError', () => {});
  const port = await listen(t, server);
  const gateway = await startForwarder(`https://127.0.0.1:${port}`, {
    tls: trust('authority.crt', 'localhost', 'client'),
  });
  const client = new RawClient(gateway.port);
  client.write(GET);
  t.match(await client.until(/\}$/), /\{client\}/);
  client.destroy();
  await gateway.close();
  const without = await outcomeOf(`https://127.0.0.1:${port}`, {
    tls: trust('authority.crt', 'localhost'),
  });
  t.match(without.text, /^HTTP\/1.1 502 /);
});

t.test('an error nobody knows is a refusal too', async (t) => {
  for (const error of [new Error('x'), null, undefined, 'text', { code: 7 }]) {
    t.equal(failureOf(error).code, 'upstream_unreachable');
  }
  t.equal(failureOf(new AggregateError([{ code: 'ECONNREFUSED' }])).code, 'upstream_unreachable');
  t.match(failureOf({ code: 'ERR_SSL_WRONG_VERSION_NUMBER' }), {
    code: 'upstream_unreachable',
    reason: /TLS/,
  });
});
