import t, { type Test } from 'tap';
import { proofUse, type ReplayStore } from '../../../src/tokens/replay/replay-store.ts';
import { createReplayStorePool, type ReplaySettings } from '../../../src/tokens/replay/replay-store-pool.ts';

const START = Date.parse('2026-01-31T12:00:00Z');
const MEMORY = { kind: 'memory', maxEntries: 1000 } as const;
const NOWHERE = { kind: 'redis', url: 'redis://127.0.0.1:1' } as const;
const SETTINGS: ReplaySettings = {
  issuer: 'corp',
  issuers: ['https://corp.example'],
  memory: MEMORY,
  maxAgeMs: 60_000,
  clockToleranceMs: 30_000,
};

function open(t: Test) {
  const time = { ms: START };
  const pool = createReplayStorePool({ clock: () => time.ms });
  let last: ReplayStore | undefined;
  t.teardown(() => last && pool.release(last));
  return {
    time,
    pool,
    /** As a reload does. */
    async follow(
      changes: Partial<ReplaySettings> = {},
    ): Promise<(jti: string, issuedMs?: number) => unknown> {
      const settings = { ...SETTINGS, ...changes };
      const store = await pool.acquire(settings);
      pool.activate(store);
      if (last !== undefined) pool.release(last);
      last = store;
      return (jti, issuedMs = time.ms) =>
        store.use(proofUse({ thumbprint: 'key', jti, issuedMs, lastMs: issuedMs + settings.maxAgeMs }));
    },
  };
}

t.test('what the file calls an issuer changes nothing', async (t) => {
  const { follow } = open(t);
  t.equal((await follow())('a'), 'stored');
  const renamed = await follow({ issuer: 'acme' });
  t.equal(renamed('a'), 'seen');
  t.equal(renamed('b'), 'stored');
});

t.test('memory that is new to an issuer refuses what may have been used elsewhere', async (t) => {
  const { follow, time } = open(t);
  t.equal((await follow())('a'), 'stored', 'a start serves at once');
  await follow({ memory: NOWHERE });
  time.ms += 5_000;
  const back = await follow();
  for (const issuedMs of [START, time.ms, time.ms + 30_000]) t.equal(back(`b ${issuedMs}`, issuedMs), 'down');
  t.equal(back('c', time.ms + 30_001), 'stored');
  t.equal((await follow())('d', time.ms + 30_000), 'down', 'after a further reload, too');
  const added = await follow({ issuers: ['https://other.example', 'https://corp.example'] });
  t.equal(added('d'), 'down', 'two of one memory');
});

t.test('each `iss` of an issuer keeps what was remembered of it', async (t) => {
  const { follow } = open(t);
  const both = await follow({ issuers: ['https://other.example', 'https://corp.example'] });
  t.equal(both('a'), 'stored');
  t.equal((await follow())('a'), 'down', 'remembered by the name of the other');
});

t.test('a store that was closed meanwhile may have lost what it held', async (t) => {
  const lines: object[] = [];
  const log = { info: (details: object, message: string) => lines.push({ details, message }), warn() {} };
  const pool = createReplayStorePool({ clock: () => START, log });
  for (const expected of [
    [],
    [{ details: { issuer: 'corp' }, message: /^used proofs of an issuer are remembered elsewhere/ }],
  ]) {
    const store = await pool.acquire({ ...SETTINGS, memory: NOWHERE });
    pool.activate(store);
    pool.release(store);
    t.match(lines, expected);
    t.equal(lines.length, expected.length);
  }
});

t.test('an issuer that gets `dpop` by a reload serves at once', async (t) => {
  const { follow } = open(t);
  await follow();
  t.equal((await follow({ issuers: ['https://new.example'] }))('a'), 'stored');
});

t.test('a longer `maxAge` is for proofs that are made since', async (t) => {
  const { follow, time } = open(t);
  t.equal((await follow({ maxAgeMs: 2_000 }))('a'), 'stored');
  time.ms += 1_000;
  const longer = await follow();
  t.equal(longer('b', START), 'stored', 'as long as it was good before');
  time.ms += 1_001;
  t.equal(longer('c', START), 'down');
  const again = await follow({ maxAgeMs: 120_000 });
  t.equal(again('d', START), 'down');
  time.ms += 200_000;
  const issuedMs = time.ms - 100_000;
  t.equal((await follow({ maxAgeMs: 120_000 }))('e', issuedMs), 'stored');
});

t.test('a configuration that is not activated changes nothing', async (t) => {
  const { follow, pool } = open(t);
  const use = await follow();
  const refused = await pool.acquire({ ...SETTINGS, memory: { kind: 'memory', maxEntries: 1 } });
  pool.release(refused);
  t.match(pool.stats().get('https://corp.example'), { maxEntries: 1000 });
  t.equal(use('a'), 'stored');
  t.equal(use('b'), 'stored');
});
