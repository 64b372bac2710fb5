import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { connectRaw, exchangeRaw, rawRequest } from '../support/clients/raw.ts';
import { startHarness } from '../support/gateway/gateway-harness.ts';

const get = (path: string, token?: string) =>
  rawRequest(`GET ${path} HTTP/1.1`, token === undefined ? [] : [`Authorization: Bearer ${token}`]);

t.test('1,000 pipelined requests are each decided alone, with responses in order', async (t) => {
  const harness = await startHarness(t);
  const tokens = {
    alice: await harness.issuer.token(),
    admin: await harness.issuer.token({ scope: 'admin' }),
    late: await harness.issuer.token({ exp: 1 }),
    bad: 'not.a.token',
  };
  const kinds: readonly (readonly [string, string | undefined, number])[] = [
    [tokens.alice, undefined, 403],
    [tokens.admin, undefined, 200],
    ['', 'token_missing', 401],
    [tokens.late, 'token_expired', 401],
    [tokens.bad, 'token_malformed', 401],
    [tokens.admin, undefined, 200],
  ];
  const connection = await connectRaw(harness.port);
  const asked = Array.from(
    { length: 1000 },
    (_, i) => kinds[(i * 7) % kinds.length] as (typeof kinds)[number],
  );
  connection.send(asked.map(([token], i) => get(`/admin/${i}`, token === '' ? undefined : token)).join(''));
  for (const [i, [, code, status]] of asked.entries()) {
    const response = await connection.read();
    if (response?.status !== status) t.equal(response?.status, status, `request ${i}`);
    if (status === 200) {
      const { target } = JSON.parse(response?.body.toString() ?? '{}');
      if (target !== `/admin/${i}`) t.equal(target, `/admin/${i}`);
    } else if (code !== undefined && response?.code !== code) t.equal(response?.code, code, `request ${i}`);
  }
  t.equal(harness.upstream.requests.length, asked.filter(([, , status]) => status === 200).length);
  t.equal(connection.rest().length, 0);
  connection.destroy();
});

t.test('requests with token A, token B and none on one socket are each decided alone', async (t) => {
  const upstream = await startCountingUpstream((req, res) => {
    const user = String(req.headers['x-user-id']);
    res.writeHead(200, { 'content-length': user.length });
    res.end(user);
  });
  const harness = await startHarness(t, { upstream });
  const [alice, bob] = [await harness.issuer.token(), await harness.issuer.token({ sub: 'bob' })];
  const connection = await connectRaw(harness.port);
  for (const [path, token, expected] of [
    ['/protected', alice, 'alice'],
    ['/protected', bob, 'bob'],
    ['/protected', undefined, 'token_missing'],
    ['/protected', alice, 'alice'],
    ['/public', undefined, 'undefined'],
    ['/admin', alice, 'insufficient_scope'],
    ['/protected', bob, 'bob'],
  ] as const) {
    connection.send(get(path, token));
    const response = await connection.read();
    t.equal(response?.code ?? response?.body.toString(), expected);
  }
  connection.destroy();
});

t.test('a parser error after good requests is refused last, and nothing after it is read', async (t) => {
  const harness = await startHarness(t);
  const connection = await connectRaw(harness.port);
  connection.send(
    `${get('/public/1')}${get('/public/2')}GET /public HTTP/1.1\nbroken\n\n${get('/public/3')}`,
  );
  t.match(JSON.parse(String((await connection.read())?.body)), { target: '/public/1' });
  t.match(JSON.parse(String((await connection.read())?.body)), { target: '/public/2' });
  t.equal((await connection.read())?.code, 'bad_request');
  t.equal(await connection.closed(), true);
  t.equal(connection.rest().length, 0);
  t.equal(harness.upstream.requests.length, 2);
});

t.test('CONNECT after a pipelined request is refused after its response', async (t) => {
  const harness = await startHarness(t);
  const connection = await connectRaw(harness.port);
  connection.send(`${get('/public/1')}${rawRequest('CONNECT evil.example:443 HTTP/1.1')}${get('/public/2')}`);
  t.equal((await connection.read())?.status, 200);
  t.equal((await connection.read())?.code, 'method_not_allowed');
  t.equal(await connection.closed(), true);
  t.equal(harness.upstream.requests.length, 1);
});

t.test('a request with Expect is decided before 100 Continue is sent', async (t) => {
  const harness = await startHarness(t);
  const ask = async (path: string, headers: readonly string[]) => {
    const connection = await connectRaw(harness.port);
    connection.send(rawRequest(`POST ${path} HTTP/1.1`, headers));
    await new Promise((resolve) => connection.socket.once('data', resolve));
    return connection;
  };
  const refused = await ask('/protected', ['Expect: 100-continue', 'Content-Length: 5']);
  t.notMatch(refused.rest().toString(), '100 Continue');
  t.equal((await refused.read())?.code, 'token_missing');
  t.equal(await refused.closed(), true, 'nobody knows whether the body comes');

  const met = await ask('/public', ['Expect: 100-Continue', 'Content-Length: 5']);
  t.match(met.rest().toString(), /^HTTP\/1\.1 100 Continue\r\n\r\n/);
  t.equal(harness.upstream.requests.length, 0);
  met.send('hello');
  t.equal((await met.read())?.status, 200);
  t.equal(harness.upstream.requests[0]?.body.toString(), 'hello');
  t.equal(harness.upstream.requests[0]?.headers.expect, undefined);
  met.destroy();

  const old = await connectRaw(harness.port);
  old.send(rawRequest('POST /public HTTP/1.0', ['Expect: 100-continue', 'Content-Length: 5'], 'hello'));
  await new Promise((resolve) => old.socket.once('data', resolve));
  t.match(old.rest().toString(), /^HTTP\/1\.1 200 /, 'HTTP/1.0 has no interim responses');
  old.destroy();

  harness.upstream.reset();
  for (const value of ['200-ok', '100-continue, 200-ok', 'x', '']) {
    const { response, closed } = await exchangeRaw(
      harness.port,
      rawRequest('POST /public HTTP/1.1', [`Expect: ${value}`, 'Content-Length: 5'], 'hello'),
    );
    t.equal(response?.code, 'expectation_failed', JSON.stringify(value));
    t.equal(closed, true);
  }
  t.equal(harness.upstream.bytes(), 0);
});

t.test('a body on GET, HEAD, DELETE or OPTIONS goes up with exactly its length', async (t) => {
  const harness = await startHarness(t);
  for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS']) {
    for (const [headers, body] of [
      [['Content-Length: 5'], 'hello'],
      [['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'],
      [['Content-Length: 0'], ''],
      [[], ''],
    ] as const) {
      harness.upstream.reset();
      const connection = await connectRaw(harness.port);
      connection.send(rawRequest(`${method} /public/1 HTTP/1.1`, headers, body) + get('/public/2'));
      t.equal((await connection.read(method))?.status, 200, `${method} ${headers}`);
      t.equal((await connection.read())?.status, 200);
      t.strictSame(
        harness.upstream.requests.map((seen) => [seen.target, seen.body.toString()]),
        [
          ['/public/1', body === '' ? '' : 'hello'],
          ['/public/2', ''],
        ],
      );
      connection.destroy();
    }
  }
});

t.test('a body that is cut off never reaches the backend as a whole request', async (t) => {
  const harness = await startHarness(t);
  for (const bytes of [
    rawRequest('POST /public HTTP/1.1', ['Content-Length: 10'], 'half'),
    rawRequest('POST /public HTTP/1.1', ['Transfer-Encoding: chunked'], 'a\r\nhalf'),
    rawRequest('POST /public HTTP/1.1', ['Transfer-Encoding: chunked'], '4\r\nhalf\r\n'),
    rawRequest('POST /public HTTP/1.1', ['Transfer-Encoding: chunked'], '4\r\nhalf\r\n0\r\n'),
    rawRequest('POST /public HTTP/1.1', ['Transfer-Encoding: chunked'], '4\r\nhalf\r\nXX\r\n'),
  ]) {
    harness.upstream.reset();
    const connection = await connectRaw(harness.port);
    const end = bytes.indexOf('half') + 4;
    connection.send(bytes.slice(0, end));
    await until(() => harness.upstream.bytes() > 0);
    connection.send(bytes.slice(end));
    connection.halfClose();
    await connection.closed();
    connection.destroy();
    // The next request gets a connection on which the one before left nothing.
    t.equal((await exchangeRaw(harness.port, get('/public/next'))).response?.status, 200);
    t.strictSame(
      harness.upstream.requests.map(({ target }) => target),
      ['/public/next'],
      JSON.stringify(bytes.slice(-30)),
    );
  }
});

/** Malformed responses, or ones that two programs could read differently. Each is a 502 or a broken connection. */
const BAD_RESPONSES: readonly (readonly [string, string])[] = [
  ['no HTTP', 'hello\r\n\r\n'],
  ['a bad status', 'HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
  [
    'a length and chunks',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  ],
  ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok'],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok'],
  ['bare LF', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'],
  ['obs-fold', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok'],
  ['NUL', 'HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\nok'],
  ['a huge head', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(100_000)}\r\nContent-Length: 2\r\n\r\nok`],
  [
    'a protocol nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nok',
  ],
  [
    'a thousand interim responses',
    `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000)}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`,
  ],
  ['nothing', ''],
];

t.test('a malformed response is a 502, and its connection is not used again', async (t) => {
  for (const [name, reply] of BAD_RESPONSES) {
    await t.test(name, async (t) => {
      const backend = await startScriptedBackend(t, reply);
      const harness = await startHarness(t, { file: { upstreams: { backend: { url: backend.url } } } });
      const { response } = await exchangeRaw(harness.port, get('/public/1'));
      t.equal(response?.status, 502);
      t.ok(
        ['upstream_invalid', 'upstream_unreachable'].includes(response?.code ?? ''),
        String(response?.code),
      );
      t.notMatch(JSON.stringify(response), backend.url.slice('http://'.length));
      await exchangeRaw(harness.port, get('/public/2'));
      t.ok(
        backend.requestsPerConnection.every((count) => count <= 1),
        String(backend.requestsPerConnection),
      );
    });
  }
});

t.test('a second response without a request reaches no client', async (t) => {
  const backend = await startScriptedBackend(
    t,
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirstHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond',
  );
  const harness = await startHarness(t, { file: { upstreams: { backend: { url: backend.url } } } });
  for (let i = 0; i < 5; i++) {
    const { response } = await exchangeRaw(harness.port, get(`/public/${i}`));
    t.notMatch(response?.body.toString(), 'second');
  }
  t.ok(
    backend.requestsPerConnection.every((count) => count <= 1),
    String(backend.requestsPerConnection),
  );
});

t.test('a response shorter than its Content-Length is broken off, never a short 200', async (t) => {
  for (const reply of [
    'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nXX\r\n',
  ]) {
    const backend = await startScriptedBackend(t, reply);
    const harness = await startHarness(t, { file: { upstreams: { backend: { url: backend.url } } } });
    const connection = await connectRaw(harness.port);
    connection.send(get('/public'));
    const response = await connection.read();
    t.ok(response === undefined || response.status === 502, JSON.stringify(reply));
    t.equal((await connection.closed()) || response?.status === 502, true);
    connection.destroy();
  }
});

/** A backend that sends the same bytes to every request and then closes. */
async function startScriptedBackend(t: Test, reply: string) {
  const requestsPerConnection: number[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const at = requestsPerConnection.push(0) - 1;
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (piece: Buffer) => {
      const heads = piece.toString('latin1').split('\r\n\r\n').length - 1;
      requestsPerConnection[at] = (requestsPerConnection[at] ?? 0) + heads;
      socket.write(Buffer.from(reply, 'latin1'));
      if (!reply.includes('first')) socket.end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}`, requestsPerConnection };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('it never came to be');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
