import t from 'tap';
import { watchPulse } from '../../../src/gateway/cluster/worker-pulse.ts';
import { freezeTime } from '../../support/core/frozen-time.ts';

/** A worker that responses or does not, and what was noticed of it. */
function watchWorker() {
  const time = freezeTime();
  const noticed: string[] = [];
  let stoodStillMs = 0;
  let replies = true;
  let owed: (() => void)[] = [];
  const pulse = watchPulse(
    () =>
      new Promise<void>((resolve) => {
        if (replies) resolve();
        else owed.push(resolve);
      }),
    {
      silent: () => noticed.push('silent'),
      responsive: () => noticed.push('responsive'),
      hung: () => noticed.push('hung'),
    },
    { ...time.scheduler, monotonicMs: () => time.scheduler.monotonicMs() + stoodStillMs },
  );
  const pass = async (seconds: number): Promise<void> => {
    for (let n = 0; n < seconds; n += 1) {
      time.advance(1_000);
      await new Promise(setImmediate);
    }
  };
  return {
    pulse,
    noticed,
    pass,
    standStill: (ms: number) => {
      stoodStillMs += ms;
    },
    stop: () => {
      replies = false;
    },
    goOn: () => {
      replies = true;
      for (const reply of owed) reply();
      owed = [];
    },
  };
}

t.test('a worker that responses is responsive for ever', async (t) => {
  const { pulse, noticed, pass } = watchWorker();
  await pass(100);
  t.equal(pulse.isResponsive, true);
  t.same(noticed, []);
  t.equal(await pulse.unlessSilent(Promise.resolve(7)), 7);
  await t.rejects(pulse.unlessSilent(Promise.reject(new Error('its own'))), /its own/);
});

t.test('one that is silent for a while is waited for by nobody, until it responds again', async (t) => {
  const { pulse, noticed, pass, stop, goOn } = watchWorker();
  await pass(3);
  stop();
  const waiting = pulse.unlessSilent(new Promise(() => {}));
  const rejected = t.rejects(waiting, /does not respond/);
  await pass(4);
  t.equal(pulse.isResponsive, true, 'a pause is no silence');
  await pass(3);
  await rejected;
  t.equal(pulse.isResponsive, false);
  await t.rejects(pulse.unlessSilent(Promise.resolve()), /does not respond/);
  await pass(20);
  goOn();
  await pass(1);
  t.equal(pulse.isResponsive, true);
  await pass(60);
  t.same(noticed, ['silent', 'responsive']);
});

t.test('one that stays silent is hung, once', async (t) => {
  const { noticed, pass, stop } = watchWorker();
  stop();
  await pass(29);
  t.same(noticed, ['silent']);
  await pass(100);
  t.same(noticed, ['silent', 'hung']);
});

t.test('time in which this process stood still is not held against a worker', async (t) => {
  const { noticed, standStill, pass, stop, goOn } = watchWorker();
  await pass(2);
  stop();
  await pass(1);
  standStill(3_600_000);
  await pass(1);
  goOn();
  await pass(3);
  t.same(noticed, []);
});

t.test('one that has ended is neither silent nor hung', async (t) => {
  const { noticed, pulse, pass, stop } = watchWorker();
  stop();
  await pass(2);
  pulse.stop();
  await pass(100);
  t.same(noticed, []);
});
