import { createHash, randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import type { IncomingRequest, OutgoingResponse } from '../../src/http/client-messages.ts';
import { forward } from '../../src/proxy/forward.ts';
import type { UpstreamRequestPlan } from '../../src/proxy/forward-job.ts';
import { ResponseHeaderFilter } from '../../src/proxy/response/response-header-filter.ts';
import { response, startRawUpstream, valuesOf } from '../support/backends/upstream.ts';
import { RawClient } from '../support/clients/raw-client.ts';
import { respondFine, startForwarder, startForwarderHarness } from '../support/proxy/forwarder.ts';

const PLAN: UpstreamRequestPlan = {
  method: 'GET',
  target: '/',
  headers: [],
  timeouts: { responseMs: 10_000, idleMs: 10_000 },
  bodyLimit: undefined,
  bodyIdleMs: 10_000,
  responseHeaderFilter: new ResponseHeaderFilter([]),
  responseHeaders: [],
  rewritten: undefined,
  host: undefined,
};

t.test('a request goes up with target and headers as they came and the response comes down', async (t) => {
  const { backend, gateway, client } = await startForwarderHarness(t, respondFine, {
    identityPairs: ['x-user-id', 'alice'],
  });
  const c = client();
  c.write('GET /a%2Cb/?q=1&%zz HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nX-Odd_Name: 1\r\n\r\n');
  const text = await c.until(/fine$/);
  t.match(text, /^HTTP\/1\.1 200 OK\r\n/);
  t.match(text, /x-request-id: test-request/);
  const [seen] = backend.requests;
  t.equal(seen?.target, '/a%2Cb/?q=1&%zz');
  t.same(valuesOf(seen, 'host'), [`127.0.0.1:${backend.port}`]);
  t.same(valuesOf(seen, 'x-user-id'), ['alice']);
  t.same(valuesOf(seen, 'connection'), [], 'HTTP/1.1 keeps connections without a word');
  t.equal(seen?.headers.filter(([name]) => name === 'X-Odd_Name').length, 1);
  c.destroy();
  const outcome = await gateway.nextOutcome();
  t.match(outcome, { kind: 'finished', status: 200, failure: undefined });
});

t.test('the Host of the client reaches the backend where the upstream asks for it', async (t) => {
  const { backend, client } = await startForwarderHarness(t, respondFine, { clientHost: true });
  const c = client();
  c.write('GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n');
  await c.until(/fine$/);
  t.same(valuesOf(backend.requests[0], 'host'), ['api.example.com']);
});

t.test('the path of the upstream URL comes first', async (t) => {
  const backend = await startRawUpstream(respondFine);
  const gateway = await startForwarder(`${backend.url}/base/`);
  t.teardown(() => Promise.all([gateway.close(), backend.close()]));
  const c = new RawClient(gateway.port);
  c.write('GET /orders HTTP/1.1\r\nHost: x\r\n\r\n');
  await c.until(/fine$/);
  c.destroy();
  t.equal(backend.requests[0]?.target, '/base/orders');
});

t.test('a body arrives with exact framing or not at all, on every method', async (t) => {
  const { backend, client } = await startForwarderHarness(t, respondFine);
  const methods = ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'QUERY'];
  const framings = [
    { name: 'none', head: '', body: '', arrives: '' },
    { name: 'length 0', head: 'Content-Length: 0\r\n', body: '', arrives: '' },
    { name: 'length 5', head: 'Content-Length: 5\r\n', body: 'hello', arrives: 'hello' },
    {
      name: 'chunked',
      head: 'Transfer-Encoding: chunked\r\n',
      body: '5\r\nhello\r\n0\r\n\r\n',
      arrives: 'hello',
    },
    { name: 'chunked empty', head: 'Transfer-Encoding: chunked\r\n', body: '0\r\n\r\n', arrives: '' },
    {
      name: 'chunked with trailers',
      head: 'Transfer-Encoding: chunked\r\nTrailer: x-user-id\r\n',
      body: '5\r\nhello\r\n0\r\nx-user-id: root\r\n\r\n',
      arrives: 'hello',
    },
    {
      name: 'nominated length',
      head: 'Connection: content-length\r\nContent-Length: 5\r\n',
      body: 'hello',
      arrives: 'hello',
    },
  ];
  for (const method of methods) {
    for (const { name, head, body, arrives } of framings) {
      const c = client();
      const index = backend.requests.length;
      c.write(`${method} /${index} HTTP/1.1\r\nHost: x\r\n${head}\r\n${body}`);
      await c.until(/\r\n\r\n/);
      const seen = backend.requests[index];
      await seen?.whole;
      t.equal(seen?.body.toString(), arrives, `${method} ${name}`);
      t.equal(seen?.method, method);
      t.notOk(/root/.test(String(backend.bytes[seen?.connection ?? 0])), 'no trailer passes');
      c.destroy();
    }
  }
});

t.test('a body that is cut off ends the backend connection', async (t) => {
  const { backend, gateway, client } = await startForwarderHarness(t, respondFine);
  for (const head of ['Content-Length: 100', 'Transfer-Encoding: chunked']) {
    const index = backend.requests.length;
    const c = client();
    c.write(`POST / HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n5\r\nhello`);
    while (backend.requests.length <= index) await new Promise(setImmediate);
    c.destroy();
    const seen = backend.requests[index];
    await t.rejects(seen?.whole ?? Promise.resolve(), 'the backend never sees the end');
    t.match(await gateway.nextOutcome(), { kind: 'abandoned' });
    const next = client();
    next.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await next.until(/fine$/);
    t.match(await gateway.nextOutcome(), { kind: 'finished' });
    t.not(
      backend.requests.at(-1)?.connection,
      seen?.connection,
      'a fresh connection serves the next request',
    );
  }
});

t.test('a transfer coding other than chunked is refused and nothing goes up', async (t) => {
  const { backend, client } = await startForwarderHarness(t, respondFine);
  const c = client();
  c.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n');
  await c.until(/HTTP\/1\.1 400 .*bad_request/s);
  t.equal(backend.sockets.length, 0);
});

t.test('trap 4: a response with a Trailer field is harmless in all five shapes', async (t) => {
  const shapes: { name: string; request: string; response: string }[] = [
    {
      name: 'length instead of chunks',
      request: 'GET / HTTP/1.1',
      response: 'HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nContent-Length: 4\r\n\r\nfine',
    },
    { name: 'HEAD', request: 'HEAD / HTTP/1.1', response: 'HTTP/1.1 200 OK\r\nTrailer: x-sum\r\n\r\n' },
    { name: '204', request: 'GET / HTTP/1.1', response: 'HTTP/1.1 204 No Content\r\nTrailer: x-sum\r\n\r\n' },
    {
      name: '304',
      request: 'GET / HTTP/1.1',
      response: 'HTTP/1.1 304 Not Modified\r\nTrailer: x-sum\r\n\r\n',
    },
    {
      name: 'HTTP/1.0 client',
      request: 'GET / HTTP/1.0',
      response:
        'HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\nx-sum: 1\r\n\r\n',
    },
  ];
  let next = '';
  const { client } = await startForwarderHarness(t, ({ socket }) => socket.write(next));
  for (const shape of shapes) {
    next = shape.response;
    const c = client();
    c.write(`${shape.request}\r\nHost: x\r\n\r\n`);
    const text = await c.until(/\r\n\r\n/);
    t.match(text, /^HTTP\/1\.1 (200|204|304)/, shape.name);
    t.notMatch(text, /trailer|x-sum/i, shape.name);
    c.destroy();
  }
});

t.test('trap 18a: a client that asks for close gets close', async (t) => {
  const { client } = await startForwarderHarness(t, ({ socket }) =>
    socket.write(response('200 OK', ['Connection: keep-alive', 'Keep-Alive: timeout=50'], 'fine')),
  );
  const c = client();
  c.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const { text, ended } = await c.end();
  t.match(text, /connection: close/i);
  t.notMatch(text, /timeout=50/);
  t.equal(ended, 'closed');
});

t.test('trap 3: one request in is one request out, whatever the response', async (t) => {
  let status = '';
  const { backend, client } = await startForwarderHarness(t, ({ socket }) =>
    socket.write(response(status, ['Retry-After: 0', 'Location: /elsewhere'])),
  );
  const statuses = ['503 Service Unavailable', '302 Found', '429 Too Many Requests', '408 Request Timeout'];
  for (const [index, each] of statuses.entries()) {
    status = each;
    const c = client();
    c.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    t.match(await c.until(/\r\n\r\n/), new RegExp(`^HTTP/1.1 ${each}`));
    t.equal(backend.requests.length, index + 1);
    c.destroy();
  }
});

t.test('a reason phrase of its own is relayed', async (t) => {
  const { client } = await startForwarderHarness(t, ({ socket }) =>
    socket.write(response('299 Rather Fine')),
  );
  const c = client();
  c.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  t.match(await c.until(/\r\n\r\n/), /^HTTP\/1.1 299 Rather Fine\r\n/);
});

t.test('interim responses are not relayed and do not disturb the final one', async (t) => {
  const { client } = await startForwarderHarness(t, ({ socket }) =>
    socket.write(
      `HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${response('200 OK', [], 'fine')}`,
    ),
  );
  const c = client();
  c.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const text = await c.until(/fine$/);
  t.match(text, /^HTTP\/1.1 200/);
  t.notMatch(text, /Link/);
});

t.test('an event stream arrives piece by piece, its head at once', async (t) => {
  let upstream: IncomingMessage['socket'] | undefined;
  const { client } = await startForwarderHarness(t, ({ socket }) => {
    upstream = socket;
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
  });
  const c = client();
  c.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await c.until(/text\/event-stream.*\r\n\r\n$/s);
  upstream?.write('9\r\ndata: 1\n\n\r\n');
  await c.until(/data: 1/);
  upstream?.write('9\r\ndata: 2\n\n\r\n');
  await c.until(/data: 2/);
});

t.test('a request body arrives piece by piece', async (t) => {
  const { backend, client } = await startForwarderHarness(t, respondFine);
  const c = client();
  c.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello');
  while (backend.requests[0]?.body.toString() !== 'hello') await new Promise(setImmediate);
  c.write('world');
  await c.until(/fine$/);
  t.equal(backend.requests[0]?.body.toString(), 'helloworld');
});

t.test('a client that leaves ends the request at the backend', async (t) => {
  const { backend, gateway, client } = await startForwarderHarness(t, ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart');
  });
  const c = client();
  c.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await c.until(/part$/);
  c.destroy();
  await once(backend.sockets[0] as IncomingMessage['socket'], 'close');
  t.match(await gateway.nextOutcome(), { kind: 'finished', status: 200, failure: undefined });
});

t.test('a client that leaves before the response ends the request at the backend', async (t) => {
  const { backend, gateway, client } = await startForwarderHarness(t, () => {});
  const c = client();
  c.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  while (backend.requests.length === 0) await new Promise(setImmediate);
  c.destroy();
  await once(backend.sockets[0] as IncomingMessage['socket'], 'close');
  t.match(await gateway.nextOutcome(), { kind: 'abandoned' });
});

t.test('a request that is broken off leaves no connection behind', async (t) => {
  const { backend, client } = await startForwarderHarness(t, (request) => {
    if (request.target === '/fine') respondFine(request);
  });
  const requests = [
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe',
  ];
  for (const request of requests) {
    const c = client();
    c.write(request);
    const before = backend.requests.length;
    while (backend.requests.length === before) await new Promise(setImmediate);
    const used = backend.sockets.length;
    c.destroy();
    await once(backend.sockets.at(-1) as IncomingMessage['socket'], 'close');
    const next = client();
    next.write('GET /fine HTTP/1.1\r\nHost: x\r\n\r\n');
    await next.until(/fine$/);
    t.equal(backend.sockets.length, used + 1, 'the only new connection is that of the next request');
    next.destroy();
    backend.sockets.at(-1)?.destroy();
    await once(backend.sockets.at(-1) as IncomingMessage['socket'], 'close');
  }
});

t.test('a response that ends with its connection is reset when it breaks, never closed', async (t) => {
  const { client } = await startForwarderHarness(t, ({ socket }) => {
    socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
  });
  const old = client();
  old.write('GET / HTTP/1.0\r\nHost: x\r\n\r\n');
  t.equal((await old.end()).ended, 'reset');
});

/** A response to a client that never takes the last bytes. */
class StuckResponse extends EventEmitter {
  readonly socket = {};
  readonly destroyed = false;
  readonly writableFinished = false;
  readonly writableLength = 0;
  writableEnded = false;
  writeHead(): void {}
  flushHeaders(): void {}
  sendTrailers(): void {}
  write(): boolean {
    return true;
  }
  end(): void {
    this.writableEnded = true;
    this.emit('ended');
  }
}

t.test('a client that leaves after the backend was done disturbs nobody on the connection', async (t) => {
  const { backend, gateway, client } = await startForwarderHarness(t, ({ target, socket }) => {
    socket.write(
      target === '/stuck'
        ? response('200 OK', [], 'fine')
        : 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf',
    );
  });
  const res = new StuckResponse();
  forward({
    req: Object.assign(new EventEmitter(), { method: 'GET', rawHeaders: [] }) as unknown as IncomingRequest,
    res: res as unknown as OutgoingResponse,
    upstream: gateway.upstream,
    plan: { ...PLAN, method: 'GET', target: '/stuck' },
    observer: {
      refused: () => t.fail(),
      asked() {},
      abandoned: () => t.fail(),
      finished: ({ failure }) => t.equal(failure, undefined),
    },
  });
  await once(res, 'ended');
  const other = client();
  other.write('GET /half HTTP/1.1\r\nHost: x\r\n\r\n');
  await other.until(/half/);
  t.equal(backend.sockets.length, 1, 'the connection serves the next one');
  res.emit('close');
  await new Promise(setImmediate);
  backend.requests.at(-1)?.socket.write('half');
  t.match(await other.until(/halfhalf$/), /^HTTP\/1.1 200 /);
});

t.test('pipelined requests go up one at a time and come down in order', async (t) => {
  const { backend, client } = await startForwarderHarness(t, ({ target, socket }) => {
    socket.write(response('200 OK', [], `<${target}>`));
  });
  const c = client();
  const wave = Array.from({ length: 50 }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: x\r\n\r\n`);
  c.write(wave.join(''));
  const text = await c.until(/<\/49>/);
  t.same(
    [...text.matchAll(/<\/(\d+)>/g)].map(([, n]) => Number(n)),
    wave.map((_, i) => i),
  );
  t.ok(backend.sockets.length <= 2, `${backend.sockets.length} connections carried them all`);
});

t.test('a pipelining client that leaves has its queued requests dropped', async (t) => {
  const { backend, gateway, client } = await startForwarderHarness(t, () => {});
  const c = client();
  c.write('GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n');
  while (backend.requests.length === 0) await new Promise(setImmediate);
  c.destroy();
  t.match(await gateway.nextOutcome(), { kind: 'abandoned' });
  t.match(await gateway.nextOutcome(), { kind: 'abandoned' });
  t.equal(backend.requests.length, 1);
});

t.test(
  'a connection on which too many requests wait has the further ones refused, in their turn',
  async (t) => {
    const { backend, gateway, client } = await startForwarderHarness(t, ({ target, socket }) => {
      if (target !== '/slow') socket.write(response('200 OK', [], 'fine'));
    });
    const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const c = client();
    c.write(get('/slow'));
    while (backend.requests.length === 0) await new Promise(setImmediate);
    c.write(get('/next').repeat(1_024 + 3));
    for (const _ of [1, 2, 3]) {
      t.match(await gateway.nextOutcome(), {
        kind: 'refused',
        refusal: { code: 'overloaded', cause: 'pipelined_too_many' },
      });
    }
    t.equal(backend.requests.length, 1);
    backend.requests[0]?.socket.write(response('200 OK', [], 'slow'));
    const text = await c.until(/(?:HTTP\/1.1 503 .*){3}overloaded[^}]*\}\s*$/s);
    const statuses = [...text.matchAll(/HTTP\/1.1 (\d+) /g)].map(([, status]) => status);
    t.strictSame(statuses, [...Array.from({ length: 1_025 }, () => '200'), '503', '503', '503']);
    c.write(get('/last'));
    await c.until(/overloaded[^}]*\}\s*HTTP\/1.1 200 .*fine$/s);
  },
);

t.test('an early response reaches a client that is still sending', async (t) => {
  const { gateway, client } = await startForwarderHarness(t, ({ socket }) => {
    socket.end(response('413 Payload Too Large', ['Connection: close'], 'no'));
  });
  const c = client();
  c.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(1000)}`);
  // What is left of the body would cost more than a new connection.
  await c.until(/^HTTP\/1.1 413.*connection: close.*no$/is);
  t.match(await gateway.nextOutcome(), { kind: 'finished', status: 413 });
});

t.test('every content type passes with its bytes, also odd and empty ones', async (t) => {
  const backend = createServer((req, res) => {
    res.writeHead(200, { 'x-type': req.headers['content-type'] ?? '(none)' });
    req.pipe(res);
  });
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const gateway = await startForwarder(`http://127.0.0.1:${(backend.address() as AddressInfo).port}`);
  t.teardown(async () => {
    await gateway.close();
    backend.close();
  });
  const types = [
    'text/plain',
    'application/json',
    'application/x-www-form-urlencoded',
    'a',
    '',
    'multipart/form-data; boundary=x',
    'TEXT/odd;;;',
  ];
  const body = randomBytes(70_000);
  for (const type of types) {
    const req = httpRequest(gateway.url, { method: 'POST', headers: { 'content-type': type } });
    req.end(body);
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    const hash = createHash('sha256');
    for await (const chunk of res) hash.update(chunk as Buffer);
    t.equal(res.headers['x-type'], type, `type "${type}"`);
    t.equal(hash.digest('hex'), createHash('sha256').update(body).digest('hex'));
  }
});
