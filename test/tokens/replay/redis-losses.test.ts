import t from 'tap';
import { createNonces } from '../../../src/tokens/replay/nonces.ts';
import { admin, connect, serve, until } from '../../support/dpop/redis-replay.ts';
import { hasRedisServer } from '../../support/peers/redis-server.ts';
import { startRelay } from '../../support/peers/relay.ts';

const skip = hasRedisServer() ? false : 'redis-server is not installed';

t.test('it comes back with what it had saved before a proof was used', { skip }, async (t) => {
  const folder = t.testdir();
  const server = await serve(t, undefined, folder);
  const now = Date.now();
  const [one, two] = [connect(t, server.url, () => now), connect(t, server.url, () => now)];
  t.equal(await one.use('before'), 'stored');
  t.equal((await two.store.secretOf(1)) instanceof Buffer, true, 'it is connected, and has used no proof');
  await (await admin(t, server.url)).sendCommand(['SAVE']);
  t.equal(await one.use('a'), 'stored');
  await server.stop();
  await serve(t, Number(new URL(server.url).port), folder);
  await until(() => one.states.includes('emptied') && two.states.includes('emptied'));
  t.strictSame(one.states, ['down', 'up', 'emptied'], 'though the mark is the same');
  t.strictSame(two.states, ['down', 'up', 'emptied']);
  for (const { use } of [one, two]) t.equal(await use('before'), 'seen');
  t.equal(await two.use('a'), 'down');
});

t.test('emptied, it is noticed by who has used no proof yet', { skip }, async (t) => {
  const { url } = await serve(t);
  const now = Date.now();
  const [one, two] = [connect(t, url, () => now), connect(t, url, () => now)];
  t.ok(await two.store.secretOf(1));
  t.equal(await one.use('a'), 'stored');
  t.equal(await one.use('ahead', { issuedMs: now + 25_000 }), 'stored');
  await (await admin(t, url)).flushAll();
  t.equal(await two.use('a'), 'down');
  t.equal(await two.use('ahead', { issuedMs: now + 25_000 }), 'down', 'its `iat` lies behind the loss');
  t.equal(await connect(t, url, () => now).use('b'), 'stored', 'a start serves at once');
});

t.test('a clock that is set back makes no proof new that the store has forgotten', { skip }, async (t) => {
  const { url } = await serve(t);
  const time = { ms: Date.parse('2026-01-31T12:00:00Z') };
  const { use } = connect(t, url, () => time.ms);
  const issuedMs = time.ms;
  t.equal(await use('other'), 'stored');
  time.ms += 120_001;
  t.equal(await use('later'), 'stored');
  time.ms = issuedMs;
  t.equal(await use('a', { issuedMs }), 'down');
});

t.test('gateways agree on nonces again after a loss', { skip }, async (t) => {
  const { url } = await serve(t);
  const nowMs = Date.now();
  const stores = [connect(t, url, () => nowMs), connect(t, url, () => nowMs)] as const;
  const [one, two] = [createNonces(stores[0].store), createNonces(stores[1].store)];
  const before = await one.issue(nowMs);
  t.equal(await two.check(before, nowMs), 'fresh');
  await (await admin(t, url)).flushAll();
  t.equal(await stores[0].use('a'), 'down', 'the one notices it');
  const nonce = await one.issue(nowMs);
  t.not(nonce, before);
  t.equal(await two.check(nonce, nowMs), 'fresh', 'the other reads the secret again');
  t.strictSame(stores[1].states, ['emptied']);
  t.equal(await one.check(await two.issue(nowMs), nowMs), 'fresh');
});

t.test('made-up nonces ask the store once a second at most', { skip }, async (t) => {
  const { url } = await serve(t);
  const client = await admin(t, url);
  const { store } = connect(t, url);
  const nonces = createNonces(store);
  const nowMs = Date.now();
  const nonce = (await nonces.issue(nowMs)) ?? '';
  const calls = async () => Number(/^cmdstat_set:calls=(\d+)/m.exec(await client.info('commandstats'))?.[1]);
  const forged = `${nonce.slice(0, -2)}${nonce.endsWith('AA') ? 'BA' : 'AA'}`;
  const [before, startedMs] = [await calls(), performance.now()];
  for (let i = 0; i < 500; i += 1) {
    t.equal(await nonces.check(forged, nowMs), 'unknown');
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const asked = (await calls()) - before;
  t.ok(asked >= 1 && asked <= 1 + Math.floor(seconds), `${asked} times in ${seconds} s`);
});

t.test('a connection whose other end is gone is left for a new one', { skip }, async (t) => {
  const server = await serve(t);
  const relay = await startRelay(t, server.url);
  const { use, stored, states } = connect(t, relay.url);
  t.equal(await use('a'), 'stored');
  relay.mute();
  t.equal(await use('b'), 'down');
  t.equal(await stored(), 'stored');
  t.equal(await use('a'), 'seen', 'the store is the same');
  t.strictSame(states, ['down', 'up']);
});

t.test('emptied, it is noticed by the gateway that had made the mark', { skip }, async (t) => {
  const { url } = await serve(t);
  const now = Date.now();
  const { use, states } = connect(t, url, () => now);
  t.equal(await use('a'), 'stored');
  await (await admin(t, url)).flushAll();
  t.equal(await use('a'), 'down');
  t.strictSame(states, ['emptied']);
});

t.test('emptied, it is noticed by who has done nothing but connect', { skip }, async (t) => {
  const { url } = await serve(t);
  const client = await admin(t, url);
  const now = Date.now();
  const { use, states } = connect(t, url, () => now);
  // It looks for the mark, makes it, and reads it.
  while (!/^cmdstat_get:calls=2,/m.test(await client.info('commandstats'))) await turn();
  await client.flushAll();
  t.equal(await use('a'), 'down');
  t.strictSame(states, ['emptied']);
});

t.test('of a server that does not name itself each connection may be to another', { skip }, async (t) => {
  const server = await serve(t);
  await (await admin(t, server.url)).sendCommand(['ACL', 'SETUSER', 'default', '-info']);
  const relay = await startRelay(t, server.url);
  const now = Date.now();
  const { use, states } = connect(t, relay.url, () => now);
  t.equal(await use('a'), 'stored');
  relay.mute();
  t.equal(await use('b'), 'down');
  await until(() => states.includes('emptied'));
  t.strictSame(states, ['down', 'up', 'emptied']);
});

t.test('a connection by which the mark cannot be read is not used', { skip }, async (t) => {
  const { url } = await serve(t);
  await (await admin(t, url)).sendCommand(['ACL', 'SETUSER', 'default', '-get']);
  const { use, states } = connect(t, url);
  t.equal(await use('a'), 'down');
  t.strictSame(states, ['down']);
});

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}
