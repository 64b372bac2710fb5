import type { Count, RateQuota } from '../../../src/pipeline/rate-limit/gcra.ts';

/** Requests of one key at one moment, and what the last of them gets. */
interface Step {
  /** Milliseconds since the first step. */
  readonly at: number;
  readonly quota: RateQuota;
  /** How many requests, and how many of them pass. */
  readonly takes: number;
  readonly passed: number;
  readonly last: Omit<Count, 'allowed'>;
}

const MINUTE = 60_000;
const step = (
  at: number,
  [max, windowMs]: readonly [number, number],
  [takes, passed]: readonly [number, number],
  [remaining, resetMs, retryMs]: readonly [number, number, number],
): Step => ({ at, quota: { max, windowMs }, takes, passed, last: { remaining, resetMs, retryMs } });

const THREE = [3, MINUTE] as const;

/** What every store must count, whatever it is written in. */
export const GCRA_VECTORS: Readonly<Record<string, readonly Step[]>> = {
  'the quota at once, and not one more': [
    step(0, THREE, [1, 1], [2, 20_000, 0]),
    step(0, THREE, [1, 1], [1, 40_000, 0]),
    step(0, THREE, [1, 1], [0, 60_000, 20_000]),
    step(0, THREE, [1, 0], [0, 60_000, 20_000]),
  ],
  'one more after its share of the window, not before': [
    step(0, THREE, [3, 3], [0, 60_000, 20_000]),
    step(19_999, THREE, [1, 0], [0, 40_001, 1]),
    step(20_000, THREE, [2, 1], [0, 60_000, 20_000]),
  ],
  'refused requests cost nothing': [
    step(0, THREE, [100, 3], [0, 60_000, 20_000]),
    step(MINUTE, THREE, [1, 1], [2, 20_000, 0]),
  ],
  'idle time saves up no more than the quota': [
    step(0, THREE, [1, 1], [2, 20_000, 0]),
    step(1000 * MINUTE, THREE, [5, 3], [0, 60_000, 20_000]),
  ],
  'a clock set back': [
    step(0, THREE, [3, 3], [0, 60_000, 20_000]),
    step(-1440 * MINUTE, THREE, [1, 0], [0, 60_000, 20_000]),
    step(-1439 * MINUTE, THREE, [1, 1], [2, 20_000, 0]),
  ],
  'a quota that a reload makes smaller': [
    step(0, [10, 10 * MINUTE], [10, 10], [0, 600_000, 60_000]),
    step(0, [5, MINUTE], [1, 0], [0, 60_000, 12_000]),
    step(12_000, [5, MINUTE], [2, 1], [0, 60_000, 12_000]),
  ],
  ...Object.fromEntries(
    (
      [
        [1, 1000],
        [3, 1000],
        [7, 1000],
        [97, MINUTE],
        [600, MINUTE],
        [999, 1000],
        [3000, 7000],
        [100_000, 86_400_000],
      ] as const
    ).map((quota) => {
      const [max, windowMs] = quota;
      const share = windowMs / max;
      return [
        `${max} in ${windowMs} ms, whatever fraction of a millisecond each costs`,
        [
          step(0, quota, [max + 1, max], [0, windowMs, share]),
          step(windowMs, quota, [1, 1], [max - 1, share, max === 1 ? share : 0]),
        ],
      ];
    }),
  ),
};
