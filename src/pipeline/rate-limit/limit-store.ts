import { type Clock, systemClock } from '../../core/time/clock.ts';
import { type Count, countOne, type RateQuota } from './gcra.ts';

/** Where requests are counted. A refused request is not counted, so a client that waits is never locked out. */
export interface LimitStore {
  /** Undefined when a shared store is down and the file sets `onFailure: closed`. */
  take(key: string, quota: RateQuota): Count | Promise<Count | undefined>;
  close(): Promise<void>;
}

/** What a key owed when it was last counted. Two numbers, since their sum has no room for fractions of a millisecond. */
interface Owed {
  readonly atMs: number;
  readonly owedMs: number;
}

/** Keys in memory: some 30 MB at the very most. */
const DEFAULT_KEYS = 100_000;

/** Counts in memory. The least recently used keys make room, so no flood of new keys grows it. */
export function createMemoryLimitStore({
  clock = systemClock,
  maxKeys = DEFAULT_KEYS,
}: {
  readonly clock?: Clock;
  readonly maxKeys?: number;
} = {}): LimitStore {
  const owed = new Map<string, Owed>();
  return {
    take(key, quota) {
      const atMs = clock();
      const before = owed.get(key);
      const count = countOne(before === undefined ? 0 : before.owedMs - (atMs - before.atMs), quota);
      owed.delete(key);
      if (owed.size >= maxKeys) owed.delete(owed.keys().next().value as string);
      owed.set(key, { atMs, owedMs: count.resetMs });
      return count;
    },
    async close() {
      owed.clear();
    },
  };
}
