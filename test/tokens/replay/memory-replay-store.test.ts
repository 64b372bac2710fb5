import t from 'tap';
import { createMemoryReplayStore } from '../../../src/tokens/replay/memory-replay-store.ts';
import { proofUse } from '../../../src/tokens/replay/replay-store.ts';

const START = Date.parse('2026-01-31T12:00:00Z');

function open(maxEntries = 1000) {
  const time = { wallMs: START, monotonicMs: 0 };
  const store = createMemoryReplayStore({
    clock: () => time.wallMs,
    maxEntries,
    scheduler: { monotonicMs: () => time.monotonicMs },
  });
  return {
    time,
    store,
    pass(ms: number) {
      time.wallMs += ms;
      time.monotonicMs += ms;
    },
    use: (jti: string, { key = 'key', issuedMs = time.wallMs, lastMs = time.wallMs + 60_000 } = {}) =>
      store.use(proofUse({ thumbprint: key, jti, issuedMs, lastMs })),
  };
}

t.test('a proof is good once until its last moment, and its entry is gone a second later', async (t) => {
  const { store, pass, use } = open();
  const lastMs = START + 60_000;
  t.equal(use('a', { lastMs }), 'stored');
  t.equal(use('a', { lastMs }), 'seen');
  pass(60_000);
  t.equal(use('a', { lastMs }), 'seen', 'at its last moment');
  pass(999);
  t.equal(use('a', { lastMs }), 'seen');
  t.match(store.stats(), { entries: 1 });
  pass(1);
  t.match(store.stats(), { entries: 0 });
});

t.test('names belong to keys', async (t) => {
  const { use } = open();
  t.equal(use('a', { key: 'one' }), 'stored');
  t.equal(use('a', { key: 'two' }), 'stored');
  t.equal(use('a', { key: 'one' }), 'seen');
});

t.test('a key holds a hundredth of the entries, and at least one', async (t) => {
  const { use, pass } = open(1000);
  for (let i = 0; i < 10; i += 1) t.equal(use(`${i}`), 'stored');
  t.equal(use('10'), 'crowded');
  t.equal(use('3'), 'seen', 'what is stored stays known');
  t.equal(use('10', { key: 'other' }), 'stored');
  pass(61_000);
  t.equal(use('11'), 'stored', 'there is room again');
  const small = open(10);
  t.equal(small.use('a'), 'stored');
  t.equal(small.use('b'), 'crowded');
});

t.test('when it is full nothing is dropped', async (t) => {
  const { use, pass } = open(3);
  for (const key of ['a', 'b', 'c']) t.equal(use('1', { key }), 'stored');
  t.equal(use('1', { key: 'd' }), 'full');
  t.equal(use('1', { key: 'a' }), 'seen');
  pass(61_000);
  t.equal(use('1', { key: 'd' }), 'stored');
});

t.test('a clock that is set forward and back makes no proof good twice', async (t) => {
  const { use, time } = open();
  const lastMs = START + 60_000;
  t.equal(use('a', { lastMs }), 'stored');
  time.wallMs += 3_600_000;
  t.equal(use('b'), 'stored');
  time.wallMs = START + 1;
  t.equal(use('a', { lastMs }), 'seen');
});

t.test('nor does one that is set back for long', async (t) => {
  const { use, time } = open();
  const lastMs = START + 60_000;
  t.equal(use('a', { lastMs }), 'stored');
  time.wallMs -= 3_600_000;
  time.monotonicMs += 120_000;
  t.equal(use('b'), 'stored');
  time.wallMs = START + 30_000;
  t.equal(use('a', { lastMs }), 'seen');
});

t.test('made smaller it drops nothing', async (t) => {
  const { store, use } = open(300);
  for (let i = 0; i < 3; i += 1) t.equal(use(`${i}`), 'stored');
  store.resize(2);
  t.equal(use('0', { key: 'other' }), 'full');
  t.equal(use('0'), 'seen');
  t.match(store.stats(), { entries: 3, maxEntries: 2 });
});

t.test('entries that age at other times do not hold each other up', async (t) => {
  const { store, use, pass } = open(100_000);
  for (let i = 0; i < 900; i += 1) use(`${i}`, { lastMs: START + i * 100 });
  pass(45_000);
  t.match(store.stats(), { entries: 450 });
  pass(46_000);
  t.match(store.stats(), { entries: 0 });
});

t.test('a proof that was forgotten is not taken again, nor is one as old', async (t) => {
  const { use, pass, time } = open();
  const old = { issuedMs: START, lastMs: START + 2_000 };
  t.equal(use('a', old), 'stored');
  pass(4_000);
  t.equal(use('b'), 'stored');
  const longer = { issuedMs: START, lastMs: START + 60_000 };
  t.equal(use('a', longer), 'down', 'with a longer `maxAge`');
  t.equal(use('c', { ...longer, issuedMs: START + 1 }), 'stored', 'made later than all that is forgotten');
  time.wallMs = START + 1_000;
  t.equal(use('a', old), 'down', 'with the clock set back');
});
