import t from 'tap';
import { createNonces } from '../../../src/tokens/replay/nonces.ts';
import type { ReplayOutcome } from '../../../src/tokens/replay/replay-store.ts';
import { connect, serve } from '../../support/dpop/redis-replay.ts';
import { hasRedisServer } from '../../support/peers/redis-server.ts';

const skip = hasRedisServer() ? false : 'redis-server is not installed';

t.test('a proof is good once at all gateways that share the store', { skip }, async (t) => {
  const { url } = await serve(t);
  const [one, two] = [connect(t, url), connect(t, url)];
  t.equal(await one.use('a'), 'stored', 'the first request waits for the connection');
  t.equal(await two.use('a'), 'seen');
  t.equal(await two.use('a', { key: 'other' }), 'stored');
  const outcomes = await Promise.all(Array.from({ length: 50 }, (_, i) => [one, two][i % 2]?.use('b')));
  t.equal(outcomes.filter((outcome) => outcome === 'stored').length, 1);
  t.equal(outcomes.filter((outcome) => outcome === 'seen').length, 49);
});

t.test('nothing of key, token or client can be read there, and all of it expires', { skip }, async (t) => {
  const { url } = await serve(t);
  const { use, store } = connect(t, url);
  await use('name of the proof', { key: 'thumbprint of the key' });
  await store.secretOf(495_000);
  const { createClient } = await import('@redis/client');
  const client = await createClient({ url }).connect();
  t.teardown(() => client.destroy());
  const keys = (await client.keys('*')).map(String).sort();
  t.equal(keys.length, 3);
  for (const key of keys) {
    t.match(key, /^sealgate:dpop:(?:[\w-]{43}|mark|nonce:\d+)$/);
    const leftMs = Number(await client.pTTL(key));
    if (!key.endsWith('mark')) t.ok(leftMs > 0 && leftMs <= 7_200_000, `${key}: ${leftMs}`);
    if (!/mark|nonce/.test(key)) {
      t.match(await client.zRange(key, 0, -1), [/^[\w-]{43}$/]);
      t.ok(leftMs <= 121_000, `${leftMs}`);
    }
  }
});

t.test('a key cannot fill it', { skip }, async (t) => {
  const { url } = await serve(t);
  const { use } = connect(t, url);
  for (let i = 0; i < 100; i += 1) {
    const outcomes = await Promise.all(Array.from({ length: 100 }, (_, at) => use(`${i} ${at}`)));
    if (outcomes.some((outcome) => outcome !== 'stored')) t.fail(`${i}: ${outcomes}`);
  }
  t.equal(await use('one more'), 'crowded');
  t.equal(await use('0 0'), 'seen');
  t.equal(await use('one more', { key: 'other' }), 'stored');
});

t.test('a store that is full takes nothing and forgets nothing', { skip }, async (t) => {
  const { url } = await serve(t);
  const { use } = connect(t, url);
  t.equal(await use('a'), 'stored');
  const { createClient } = await import('@redis/client');
  const client = await createClient({ url }).connect();
  t.teardown(() => client.destroy());
  await client.configSet('maxmemory', '1');
  t.equal(await use('b'), 'full');
  await client.configSet('maxmemory', '0');
  t.equal(await use('a'), 'seen');
  t.equal(await use('b'), 'stored');
});

t.test('a store that may evict is warned of', { skip }, async (t) => {
  const { url } = await serve(t);
  const { createClient } = await import('@redis/client');
  const client = await createClient({ url }).connect();
  t.teardown(() => client.destroy());
  await client.configSet({ maxmemory: '100000000', 'maxmemory-policy': 'allkeys-lru' });
  const { use, states } = connect(t, url);
  await use('a');
  await use('b');
  t.strictSame(states, ['evicts']);
});

t.test('it goes away, and comes back without what it held', { skip }, async (t) => {
  const server = await serve(t);
  const time = { ms: Date.parse('2026-01-31T12:00:00Z') };
  const { use, states, store } = connect(t, server.url, () => time.ms);
  const nonces = createNonces(store);
  const nonce = await nonces.issue(time.ms);
  t.equal(await nonces.check(nonce, time.ms), 'fresh');
  const issuedMs = time.ms;
  t.equal(await use('a', { issuedMs }), 'stored');
  await server.stop();
  t.equal(await use('a', { issuedMs }), 'down', 'never a first use');
  t.equal(await use('b', { issuedMs }), 'down');
  time.ms += 5_000;
  await serve(t, Number(new URL(server.url).port));
  // By the frozen clock every proof is as old as the loss.
  let outcome: ReplayOutcome = 'down';
  for (let i = 0; i < 1000 && !states.includes('emptied'); i += 1) {
    outcome = await use(`probe ${i}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  t.equal(outcome, 'down');
  t.strictSame(states, ['down', 'up', 'emptied']);
  t.equal(await use('a', { issuedMs }), 'down', 'it was used before, and the store has forgotten it');
  t.equal(await use('a', { issuedMs }), 'seen', 'one that was tried since');
  t.equal(await use('c', { issuedMs }), 'down', 'it may have been used before');
  t.equal(await nonces.check(nonce, time.ms), 'unknown', 'so may nonces');
  time.ms += 30_000;
  t.equal(
    await use('d'),
    'down',
    'it may have been used before, with `iat` as far in the future as is accepted',
  );
  time.ms += 1;
  t.equal(await use('e'), 'stored', 'a proof that was made since');
});

t.test('it hangs', { skip }, async (t) => {
  const server = await serve(t);
  const { use, states, stored } = connect(t, server.url);
  t.equal(await use('a'), 'stored');
  server.process.kill('SIGSTOP');
  t.equal(await use('b'), 'down');
  const startedMs = performance.now();
  for (let i = 0; i < 100; i += 1) t.equal(await use(`c ${i}`), 'down');
  t.ok(performance.now() - startedMs < 1000, 'no further request waits for it');
  t.strictSame(states, ['down']);
  server.process.kill('SIGCONT');
  t.equal(await stored(), 'stored');
  t.equal(await use('a'), 'seen', 'it has kept what it held');
});

t.test('nonces are good at each gateway that shares the store', { skip }, async (t) => {
  const { url } = await serve(t);
  const [one, two] = [createNonces(connect(t, url).store), createNonces(connect(t, url).store)];
  const nowMs = Date.now();
  const made = await Promise.all([one.issue(nowMs), two.issue(nowMs)]);
  t.equal(made[0], made[1]);
  t.equal(await two.check(made[0], nowMs), 'fresh');
});

t.test('an address that nobody listens at', async (t) => {
  const { use, states, store } = connect(t, 'redis://127.0.0.1:1');
  t.equal(await use('a'), 'down');
  t.equal(await store.secretOf(1), undefined);
  t.strictSame(states, ['down']);
});
