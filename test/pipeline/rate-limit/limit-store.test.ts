import fc from 'fast-check';
import t from 'tap';
import type { Count } from '../../../src/pipeline/rate-limit/gcra.ts';
import { createMemoryLimitStore, type LimitStore } from '../../../src/pipeline/rate-limit/limit-store.ts';

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

t.test('keys do not share', async (t) => {
  const { take } = storeAt(0);
  for (let i = 0; i < 4; i++) take('a');
  t.equal(take('a').allowed, false);
  t.equal(take('b').allowed, true);
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
