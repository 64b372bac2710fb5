import fc from 'fast-check';
import t from 'tap';
import {
  type Count,
  createMemoryLimitStore,
  type LimitStore,
} from '../../../src/pipeline/rate-limit/limit-store.ts';

const MINUTE = 60_000;

function storeAt(start: number, maxKeys?: number) {
  const time = { now: start };
  const store = createMemoryLimitStore({
    clock: () => time.now,
    ...(maxKeys === undefined ? {} : { maxKeys }),
  });
  return {
    time,
    store,
    take: (key: string, max = 3, windowMs = MINUTE) => takeNow(store, key, max, windowMs),
  };
}

function takeNow(store: LimitStore, key: string, max: number, windowMs: number): Count {
  return store.take(key, { max, windowMs }) as Count;
}

t.test('as many requests as the quota says pass at once, and not one more', async (t) => {
  const { take } = storeAt(1_000_000);
  t.strictSame(take('a'), { allowed: true, remaining: 2, resetMs: 20_000, retryMs: 0 });
  t.strictSame(take('a'), { allowed: true, remaining: 1, resetMs: 40_000, retryMs: 0 });
  t.strictSame(take('a'), { allowed: true, remaining: 0, resetMs: 60_000, retryMs: 20_000 });
  t.strictSame(take('a'), { allowed: false, remaining: 0, resetMs: 60_000, retryMs: 20_000 });
});

t.test('a request is allowed again exactly when it was said', async (t) => {
  const { take, time } = storeAt(0);
  for (let i = 0; i < 3; i++) take('a');
  time.now += take('a').retryMs - 1;
  t.equal(take('a').allowed, false, 'a millisecond before');
  time.now += 1;
  t.equal(take('a').allowed, true, 'at the moment');
  t.equal(take('a').allowed, false, 'once only');
});

t.test('refused requests cost nothing: who keeps asking is not locked out for longer', async (t) => {
  const { take, time } = storeAt(0);
  for (let i = 0; i < 100; i++) take('a');
  time.now += MINUTE;
  t.equal(take('a').remaining, 2);
});

t.test('keys do not share', async (t) => {
  const { take } = storeAt(0);
  for (let i = 0; i < 4; i++) take('a');
  t.equal(take('a').allowed, false);
  t.equal(take('b').allowed, true);
});

t.test('a clock that was set back by a day locks nobody out for longer than the window', async (t) => {
  const { take, time } = storeAt(100 * MINUTE * 60);
  for (let i = 0; i < 3; i++) take('a');
  time.now -= 24 * 60 * MINUTE;
  t.equal(take('a').retryMs <= MINUTE, true);
  time.now += MINUTE;
  t.equal(take('a').allowed, true);
});

t.test('a quota that a reload makes smaller counts from then on', async (t) => {
  const { take } = storeAt(0);
  for (let i = 0; i < 10; i++) take('a', 10, 10 * MINUTE);
  const { allowed, retryMs } = take('a', 5, MINUTE);
  t.equal(allowed, false);
  t.ok(retryMs <= MINUTE, `${retryMs}`);
});

t.test('a flood of keys does not grow the store; the longest unused make room', async (t) => {
  const { take } = storeAt(0, 100);
  for (let i = 0; i < 3; i++) take('busy');
  for (let i = 0; i < 10_000; i++) {
    take(`flood ${i}`);
    if (i % 50 === 0) t.equal(take('busy').allowed, false, 'a key in use is not forgotten');
  }
  take('idle');
  for (let i = 0; i < 100; i++) take(`more ${i}`);
  t.equal(take('idle').remaining, 2, 'it began anew');
});

t.test('odd quotas give their whole number at once, whatever fractions they divide into', async (t) => {
  for (const [max, windowMs] of [
    [1, 1000],
    [3, 1000],
    [7, 1000],
    [97, MINUTE],
    [600, MINUTE],
    [999, 1000],
    [100_000, 86_400_000],
  ] as const) {
    for (const start of [0, 1_790_000_000_123]) {
      const { take } = storeAt(start);
      let passed = 0;
      while (take('a', max, windowMs).allowed) passed += 1;
      t.equal(passed, max, `${max} in ${windowMs} ms from ${start}`);
    }
  }
});

t.test(
  'in no window do more than twice the quota pass, and in a long run no more than its rate',
  async () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 200 }),
        (max, gaps) => {
          const { take, time } = storeAt(1_000_000);
          const passed: number[] = [];
          for (const gap of gaps) {
            time.now += gap;
            if (take('a', max, 1000).allowed) passed.push(time.now);
          }
          const within = (from: number) => passed.filter((at) => at >= from && at < from + 1000).length;
          const elapsed = time.now - 1_000_000;
          return (
            passed.every((from) => within(from) <= 2 * max) &&
            passed.length <= max + Math.ceil((elapsed * max) / 1000)
          );
        },
      ),
      { numRuns: 300 },
    );
  },
);
