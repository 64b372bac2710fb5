import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createUpstream, type UpstreamChange } from '../../../src/proxy/upstream/upstream.ts';
import { type RawUpstream, type Reply, response, startRawUpstream } from '../../support/backends/upstream.ts';
import { RawClient } from '../../support/clients/raw-client.ts';
import {
  type Forwarder,
  type ForwarderOptions,
  respondFine,
  startForwarder,
} from '../../support/proxy/forwarder.ts';
import { upstreamSettings } from '../../support/proxy/upstream-settings.ts';

interface ServingProcesses {
  readonly backends: RawUpstream[];
  readonly gateway: Forwarder;
  /** The status of one request. */
  get(request?: string): Promise<number>;
}

async function startBackends(
  t: Test,
  responses: Reply[],
  options?: ForwarderOptions,
): Promise<ServingProcesses> {
  const backends = await Promise.all(responses.map(startRawUpstream));
  const gateway = await startForwarder(
    backends.map(({ url }) => url),
    options,
  );
  t.teardown(async () => {
    await gateway.close();
    await Promise.all(backends.map((backend) => backend.close().catch(() => {})));
  });
  return {
    backends,
    gateway,
    async get(request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n') {
      const client = new RawClient(gateway.port);
      client.write(request);
      const text = await client.until(/\r\n\r\n/);
      client.destroy();
      return Number(text.slice(9, 12));
    },
  };
}

const counts = ({ backends }: ServingProcesses): number[] => backends.map(({ requests }) => requests.length);

t.test('several addresses share the requests', async (t) => {
  const processes = await startBackends(t, [respondFine, respondFine, respondFine]);
  for (let i = 0; i < 9; i++) t.equal(await processes.get(), 200);
  t.same(counts(processes), [3, 3, 3]);
});

t.test('without retries a dead address costs its requests until it is left out', async (t) => {
  const processes = await startBackends(t, [respondFine, respondFine], {
    ejection: { failures: 2, baseMs: 60_000, maxMs: 60_000 },
  });
  await processes.backends[0]?.close();
  const statuses: number[] = [];
  for (let i = 0; i < 10; i++) statuses.push(await processes.get());
  t.equal(statuses.filter((status) => status === 502).length, 2);
  t.same(statuses.slice(4), [200, 200, 200, 200, 200, 200]);
});

interface RetryCase {
  readonly name: string;
  readonly request: string;
  readonly first: 'dead' | 'closes' | 'part' | 'invalid' | '503';
  readonly status: number;
  /** Requests that reached the second address. */
  readonly second: number;
}

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello';
const RETRIES: RetryCase[] = [
  { name: 'GET, not sent', request: GET, first: 'dead', status: 200, second: 1 },
  { name: 'POST with body, not sent', request: POST, first: 'dead', status: 200, second: 1 },
  { name: 'GET, no response', request: GET, first: 'closes', status: 200, second: 1 },
  { name: 'POST with body, sent', request: POST, first: 'closes', status: 502, second: 0 },
  {
    name: 'POST without body, sent',
    request: POST.replace('5', '0').replace('hello', ''),
    first: 'closes',
    status: 502,
    second: 0,
  },
  {
    name: 'PUT with body, sent',
    request: POST.replace('POST', 'PUT'),
    first: 'closes',
    status: 502,
    second: 0,
  },
  { name: 'GET, part of a response', request: GET, first: 'part', status: 502, second: 0 },
  { name: 'GET, an invalid response', request: GET, first: 'invalid', status: 502, second: 0 },
  { name: 'GET, 503', request: GET, first: '503', status: 503, second: 0 },
];

t.test(
  'retries are for what was not sent, and for idempotent requests that no response came to',
  async (t) => {
    for (const { name, request, first, status, second } of RETRIES) {
      const processes = await startBackends(
        t,
        [
          ({ socket }) => {
            if (first === 'closes') socket.end();
            if (first === 'part') socket.end('HTTP/1.1 200');
            if (first === 'invalid') socket.write('nonsense\r\n\r\n');
            if (first === '503') socket.write(response('503 Service Unavailable'));
          },
          respondFine,
        ],
        { retries: 1 },
      );
      if (first === 'dead') await processes.backends[0]?.close();
      t.equal(await processes.get(request), status, name);
      t.equal(processes.backends[1]?.requests.length, second, name);
      if (status === 200 && request === POST) {
        t.equal(processes.backends[1]?.requests[0]?.body.toString(), 'hello', 'the body is whole');
      }
    }
  },
);

t.test('no more retries than asked for', async (t) => {
  const dying: Reply = ({ socket }) => socket.end();
  const processes = await startBackends(t, [dying, dying, dying], { retries: 1 });
  t.equal(await processes.get(), 502);
  t.same(counts(processes).sort(), [0, 1, 1], 'two addresses, once each');
});

t.test('an address at its limit gets no more, and others are refused as overloaded', async (t) => {
  const processes = await startBackends(t, [() => {}], { maxRunning: 1 });
  const holder = new RawClient(processes.gateway.port);
  holder.write(GET);
  while (processes.backends[0]?.requests.length === 0) await new Promise(setImmediate);
  t.equal(await processes.get(), 503);
  t.match(await processes.gateway.nextOutcome(), {
    refusal: { code: 'overloaded', cause: 'upstream_full', retryAfterSeconds: 1 },
  });
  holder.destroy();
  await processes.gateway.nextOutcome();
  t.equal(processes.gateway.upstream.status()[0]?.running, 0, 'who leaves frees the place');
});

t.test('whatever happens to requests, none stays counted as running', async (t) => {
  const processes = await startBackends(t, [
    ({ socket, target }) => {
      if (target === '/fine') socket.write(response('200 OK'));
      if (target === '/close') socket.end();
      if (target === '/cut') socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart');
      if (target === '/101') socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
    },
  ]);
  for (const path of ['/fine', '/close', '/cut', '/101']) await processes.get(GET.replace('/', path));
  const leaver = new RawClient(processes.gateway.port);
  leaver.write(GET);
  while (processes.gateway.upstream.status()[0]?.running === 0) await new Promise(setImmediate);
  leaver.destroy();
  for (let i = 0; i < 5; i++) await processes.gateway.nextOutcome();
  t.equal(processes.gateway.upstream.status()[0]?.running, 0);
});

t.test('health checks take an address out and bring it back', async (t) => {
  let isWell = true;
  const asked: string[] = [];
  const backend = createServer((req, res) => {
    asked.push(`${req.url} ${req.headers.host}`);
    res.writeHead(isWell ? 204 : 500).end();
  });
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const address = backend.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const upstream = createUpstream(
    upstreamSettings(`http://127.0.0.1:${port}/base`, {
      health: { path: '/healthz?full', intervalMs: 20, timeoutMs: 1_000 },
    }),
  );
  t.teardown(async () => {
    await upstream.destroy();
    backend.closeAllConnections();
    backend.close();
  });
  t.equal(upstream.status()[0]?.healthy, null, 'nothing watches before it starts');
  const changes: UpstreamChange[] = [];
  let changed: () => void = () => {};
  const change = (): Promise<void> =>
    new Promise((resolve) => {
      changed = resolve;
    });
  upstream.watch((each) => {
    changes.push(each);
    changed();
  });
  t.equal(upstream.status()[0]?.healthy, true, 'well until known otherwise');
  let next = change();
  isWell = false;
  await next;
  t.match(upstream.pick(), { code: 'upstream_unhealthy' });
  next = change();
  isWell = true;
  await next;
  t.notMatch(upstream.pick(), { code: 'upstream_unhealthy' });
  t.same(
    changes.map(({ healthy }) => healthy),
    [false, true],
  );
  t.equal(asked[0], `/base/healthz?full 127.0.0.1:${port}`);
});

t.test('a backend that is silent, gone or drips fails its check in time', async (t) => {
  const responses: Reply[] = [
    () => {},
    ({ socket }) => socket.end(),
    ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'),
    ({ socket }) => socket.write(response('404 Not Found')),
  ];
  for (const respond of responses) {
    const backend = await startRawUpstream(respond);
    const upstream = createUpstream(
      upstreamSettings(backend.url, { health: { path: '/', intervalMs: 10, timeoutMs: 50 } }),
    );
    const change = await new Promise<UpstreamChange>((resolve) => upstream.watch(resolve));
    t.equal(change.healthy, false);
    await upstream.destroy();
    await backend.close();
  }
});

t.test('a connection that is too old is closed after its next request', async (t) => {
  const processes = await startBackends(t, [respondFine], { timeouts: { ageMs: 0 } });
  for (let i = 0; i < 4; i++) t.equal(await processes.get(), 200);
  const { requests, sockets } = processes.backends[0] as RawUpstream;
  t.equal(requests.length, 4);
  t.ok(sockets.length >= 2, 'names are looked up again');
});

t.test('a Unix socket is reached, with Host and path of the URL', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-'));
  const socketPath = join(folder, 'app.sock');
  const backend = createServer((req, res) => res.end(`${req.headers.host}${req.url}`));
  backend.listen(socketPath);
  await once(backend, 'listening');
  const gateway = await startForwarder('http://app.test/base', { socketPath });
  t.teardown(async () => {
    await gateway.close();
    backend.close();
    rmSync(folder, { recursive: true });
  });
  const responded = await fetch(`${gateway.url}/orders`);
  t.equal(await responded.text(), 'app.test/base/orders');
});
