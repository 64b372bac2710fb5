import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import type { RateLimitStoreConfig } from '../../../src/config/schema/config.ts';
import type { Count } from '../../../src/pipeline/rate-limit/gcra.ts';
import { createMemoryLimitStore } from '../../../src/pipeline/rate-limit/limit-store.ts';
import { createRedisLimitStore } from '../../../src/pipeline/rate-limit/redis-limit-store.ts';
import { hasRedisServer, startRedisServer } from '../../support/peers/redis-server.ts';
import { startRelay } from '../../support/peers/relay.ts';

const MINUTE = 60_000;
const skip = hasRedisServer() ? false : 'redis-server is not installed';

/** A store of one gateway and its states, in the order they were reported. */
async function connect(t: Test, url: string, settings: Partial<RateLimitStoreConfig> = {}) {
  const states: string[] = [];
  const waiting: { state: string; notify: () => void }[] = [];
  const store = createRedisLimitStore(
    { url, onFailure: 'closed', timeout: 2000, ...settings },
    {
      local: createMemoryLimitStore(),
      onState: (state) => {
        states.push(state);
        for (const wait of waiting) if (wait.state === state) wait.notify();
      },
    },
  );
  t.teardown(() => store.close());
  return {
    store,
    states,
    state: (state: string) => new Promise<void>((notify) => waiting.push({ state, notify })),
    take: async (key: string, max = 3, windowMs = MINUTE) => store.take(key, { max, windowMs }),
    /** Retries until the connection is open. */
    async ready() {
      for (let i = 0; i < 500; i++) {
        if ((await store.take('warm up', { max: 1_000_000, windowMs: MINUTE })) !== undefined) return;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      throw new Error('the store never responded');
    },
  };
}

t.test('gateways that share a store share the quota', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const [one, two] = [await connect(t, server.url), await connect(t, server.url)];
  await Promise.all([one.ready(), two.ready()]);
  t.match(await one.take('a'), { allowed: true, remaining: 2 });
  t.match(await two.take('a'), { allowed: true, remaining: 1 });
  t.match(await one.take('a'), { allowed: true, remaining: 0 });
  const refused = (await two.take('a')) as Count;
  t.equal(refused.allowed, false);
  t.ok(refused.retryMs > 15_000 && refused.retryMs <= 20_000, `${refused.retryMs}`);
  t.match(await two.take('b'), { allowed: true, remaining: 2 }, 'keys do not share');
});

t.test('of a hundred requests at the same time exactly the quota pass', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const gateways = [await connect(t, server.url), await connect(t, server.url)];
  await Promise.all(gateways.map((gateway) => gateway.ready()));
  const counts = await Promise.all(
    Array.from({ length: 100 }, (_, i) => gateways[i % 2]?.take('a', 37, 3_600_000)),
  );
  t.equal(counts.filter((count) => count?.allowed).length, 37);
});

t.test(
  'nothing stays in the store once a quota is whole again, and no value can be read there',
  { skip },
  async (t) => {
    const server = await startRedisServer();
    t.teardown(() => server.stop());
    const { take, ready } = await connect(t, server.url);
    await ready();
    await take('subject alice@example.com', 1, MINUTE);
    const { createClient } = await import('@redis/client');
    const client = await createClient({ url: server.url }).connect();
    t.teardown(() => client.destroy());
    const keys = (await client.keys('*')).map(String);
    t.ok(keys.length > 0);
    for (const key of keys) {
      t.match(key, /^sealgate:limit:[\w-]{43}$/);
      const leftMs = Number(await client.pTTL(key));
      t.ok(leftMs >= 0 && leftMs <= MINUTE + 2, `${leftMs}`);
    }
    t.notMatch(keys.join(), 'alice');
  },
);

t.test('a store that lost the script gets it again', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const { take, ready } = await connect(t, server.url);
  await ready();
  const { createClient } = await import('@redis/client');
  const client = await createClient({ url: server.url }).connect();
  t.teardown(() => client.destroy());
  await client.scriptFlush();
  t.match(await take('a'), { allowed: true, remaining: 2 });
});

t.test('when the store stops responding, "closed" returns nothing', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const { take, ready, states } = await connect(t, server.url, { timeout: 100 });
  await ready();
  server.process.kill('SIGSTOP');
  t.equal(await take('a'), undefined);
  for (let i = 0; i < 100; i++) t.equal(await take('a'), undefined);
  t.strictSame(states, ['down'], 'reported once');
});

t.test('when the store stops responding, "open" lets each gateway count for itself', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const { take, ready } = await connect(t, server.url, { timeout: 100, onFailure: 'open' });
  await ready();
  server.process.kill('SIGSTOP');
  for (let i = 0; i < 3; i++) t.match(await take('a'), { allowed: true });
  t.match(await take('a'), { allowed: false }, 'the limit still holds');
});

t.test('a store that comes back is used again', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const { take, ready, states } = await connect(t, server.url);
  await ready();
  const port = Number(new URL(server.url).port);
  await server.stop();
  t.equal(await take('a'), undefined);
  const again = await startRedisServer(port);
  t.teardown(() => again.stop());
  await ready();
  t.match(await take('a'), { allowed: true, remaining: 2 });
  t.strictSame(states, ['down', 'up']);
});

t.test('a store that was paused is used again, with what it has counted', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const { take, ready, states } = await connect(t, server.url, { timeout: 100 });
  await ready();
  t.match(await take('a'), { allowed: true, remaining: 2 });
  server.process.kill('SIGSTOP');
  t.equal(await take('b'), undefined);
  server.process.kill('SIGCONT');
  await ready();
  t.match(await take('a'), { allowed: true, remaining: 1 });
  t.strictSame(states, ['down', 'up']);
});

t.test('a connection whose other end is gone is left for a new one', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const relay = await startRelay(t, server.url);
  const { take, ready, states } = await connect(t, relay.url, { timeout: 100 });
  await ready();
  t.match(await take('a'), { allowed: true, remaining: 2 });
  relay.mute();
  const failures: (Count | undefined)[] = await Promise.all(Array.from({ length: 20 }, () => take('b')));
  t.ok(
    failures.every((count) => count === undefined),
    'those on the way fail with it',
  );
  await ready();
  t.match(await take('a'), { allowed: true, remaining: 1 }, 'the store is the same');
  t.strictSame(states, ['down', 'up']);
});

t.test('a store that refuses keeps its connection', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const relay = await startRelay(t, server.url);
  const { take, ready, states } = await connect(t, relay.url);
  await ready();
  const { createClient } = await import('@redis/client');
  const client = await createClient({ url: server.url }).connect();
  t.teardown(() => client.destroy());
  await client.configSet('maxmemory', '1');
  t.equal(await take('a'), undefined);
  await client.configSet('maxmemory', '0');
  await ready();
  t.equal(relay.connections(), 1);
  t.strictSame(states, ['down', 'up']);
});

t.test('a store that is paused while a gateway starts is used once it goes on', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  server.process.kill('SIGSTOP');
  const { take, ready, states, state } = await connect(t, server.url, { timeout: 100 });
  const isDown = state('down');
  t.equal(await take('a'), undefined);
  t.strictSame(states, [], 'the request did not wait for it');
  await isDown;
  server.process.kill('SIGCONT');
  await ready();
  t.strictSame(states, ['down', 'up']);
});

t.test('a new connection alone does not show that a slow store is fast again', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const relay = await startRelay(t, server.url, 150);
  const { store } = await connect(t, relay.url, { timeout: 100, onFailure: 'open' });
  const quota = { max: 1_000_000, windowMs: MINUTE };
  // Only the shared store is waited for.
  const isAsked = () => store.take('a', quota) instanceof Promise;
  const pause = () => new Promise((resolve) => setTimeout(resolve, 5));
  while (!isAsked()) await pause();
  const startedMs = performance.now();
  await store.take('a', quota);
  let asked = 0;
  for (; performance.now() < startedMs + 1000; await pause()) asked += Number(isAsked());
  t.equal(asked, 0, 'not for a second');
  t.equal(relay.connections(), 2);
  while (!isAsked()) await pause();
});

t.test('a store that is no Redis, or refuses the password, is a store that is down', async (t) => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => socket.destroy());
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const { take, state } = await connect(t, `redis://:wrong@127.0.0.1:${port}`, { timeout: 100 });
  t.equal(await take('a'), undefined);
  await state('down');
  t.equal(await take('a'), undefined);
});
