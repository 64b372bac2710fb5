import t from 'tap';
import { CoarseTimer, TICK_MS } from '../../../src/proxy/h1/coarse-timer.ts';

/** Ticks until the deadline is over; more than `most` is never. */
function ticksOf(deadline: CoarseTimer, expired: () => boolean, most = 50): number {
  for (let ticks = 1; ticks <= most; ticks++) {
    deadline.tick();
    if (expired()) return ticks;
  }
  return Number.POSITIVE_INFINITY;
}

function create(): { deadline: CoarseTimer; count: () => number } {
  let count = 0;
  const deadline = new CoarseTimer(() => {
    count += 1;
  });
  return { deadline, count: () => count };
}

t.test('a long time is over after its ticks and one more, as the first one may come at once', async (t) => {
  for (const [ms, ticks] of [
    [2_000, 5],
    [2_001, 6],
    [2_500, 6],
    [10_000, 21],
  ] as const) {
    const { deadline, count } = create();
    deadline.start(ms);
    t.equal(
      ticksOf(deadline, () => count() > 0),
      ticks,
      `${ms} ms`,
    );
    t.ok((ticks - 1) * TICK_MS >= ms, 'never early');
    t.ok(ticks * TICK_MS - ms <= 2 * TICK_MS, 'late by two ticks at most');
  }
});

t.test('what is stopped, not started, or without limit is never over', async (t) => {
  const { deadline, count } = create();
  const never = (): boolean =>
    t.equal(
      ticksOf(deadline, () => count() > 0),
      Number.POSITIVE_INFINITY,
    );
  never();
  deadline.start(0);
  never();
  deadline.start(2_000);
  deadline.stop();
  never();
  deadline.start(20);
  deadline.stop();
  deadline.refresh();
  await new Promise((resolve) => setTimeout(resolve, 40));
  never();
});

t.test('a time that starts anew is whole again, and the one before it is forgotten', async (t) => {
  const { deadline, count } = create();
  deadline.start(2_000);
  for (let i = 0; i < 4; i++) deadline.tick();
  deadline.refresh();
  t.equal(
    ticksOf(deadline, () => count() > 0),
    5,
  );
  deadline.start(20);
  deadline.start(3_000);
  await new Promise((resolve) => setTimeout(resolve, 40));
  t.equal(count(), 1, 'no timer of the shorter one is left');
  t.equal(
    ticksOf(deadline, () => count() > 1),
    7,
  );
});

t.test('a short time has a timer, which goes on when it is refreshed from within', async (t) => {
  const times: number[] = [];
  const before = performance.now();
  await new Promise<void>((resolve) => {
    const deadline: CoarseTimer = new CoarseTimer(() => {
      times.push(performance.now() - before);
      if (times.length < 3) deadline.refresh();
      else resolve();
    });
    deadline.start(20);
  });
  t.ok(
    times.every((ms, at) => ms >= 19 * (at + 1)),
    times.join(),
  );
});
