import type { Scheduler } from '../../../src/core/time/scheduler.ts';

/** A clock and timers that stand still until a test moves them. */
export interface FrozenTime {
  /** The wall clock, in milliseconds since the epoch. */
  readonly clock: () => number;
  readonly scheduler: Scheduler;
  /** Moves both clocks on and fires what is due, in order. Does not wait for what that sets off. */
  advance(ms: number): void;
  /** Sets the wall clock alone, as an operator or NTP would. */
  jump(ms: number): void;
  /** Milliseconds until the next timer. */
  nextTimer(): number | undefined;
}

export function freezeTime(startMs = Date.parse('2026-01-01T00:00:00Z')): FrozenTime {
  let wall = startMs;
  let mono = 1_000;
  let timers: { readonly at: number; readonly task: () => void }[] = [];
  const next = () =>
    timers.reduce<number | undefined>((least, { at }) => Math.min(least ?? at, at), undefined);
  const set = (at: number) => {
    wall += at - mono;
    mono = at;
  };
  return {
    clock: () => wall,
    scheduler: {
      monotonicMs: () => mono,
      after(delayMs, task) {
        const timer = { at: mono + delayMs, task };
        timers.push(timer);
        return () => {
          timers = timers.filter((one) => one !== timer);
        };
      },
    },
    advance(ms) {
      const until = mono + ms;
      for (let at = next(); at !== undefined && at <= until; at = next()) {
        set(at);
        const due = timers.filter((timer) => timer.at === at);
        timers = timers.filter((timer) => timer.at !== at);
        for (const { task } of due) task();
      }
      set(until);
    },
    jump(ms) {
      wall += ms;
    },
    nextTimer() {
      const at = next();
      return at === undefined ? undefined : at - mono;
    },
  };
}

/** Lets sockets and promises run until something has come true. Fails after five real seconds. */
export async function until(holds: () => boolean): Promise<void> {
  const limit = performance.now() + 5_000;
  while (!holds()) {
    if (performance.now() > limit) throw new Error(`did not come true: ${holds.toString()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
