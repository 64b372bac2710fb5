import { type Clock, systemClock } from '../../core/clock.ts';

/** So many requests in so long a time, evenly refilled. */
export interface RateQuota {
  readonly max: number;
  readonly windowMs: number;
}

/** What a store says after one request was counted, or not counted because it is over. */
export interface Count {
  readonly allowed: boolean;
  /** Whole requests that may follow at once. */
  readonly remaining: number;
  /** Milliseconds until the whole quota is there again. */
  readonly resetMs: number;
  /** Milliseconds until one more request is allowed; 0 while some remain. */
  readonly retryMs: number;
}

/** Where requests are counted. A refused request is not counted, so a client that waits is never locked out. */
export interface LimitStore {
  /** Undefined when the store cannot tell and the file says that no response is a no. */
  take(key: string, quota: RateQuota): Count | Promise<Count | undefined>;
  close(): Promise<void>;
}

/** Keys remembered in memory: some 30 MB at the very most. */
const DEFAULT_KEYS = 100_000;

/**
 * Counts in memory by the generic cell rate algorithm: one number per key, the moment at which the quota is whole
 * again. The least recently used keys make room, so no flood of new keys grows it.
 */
export function createMemoryLimitStore({
  clock = systemClock,
  maxKeys = DEFAULT_KEYS,
}: {
  readonly clock?: Clock;
  readonly maxKeys?: number;
} = {}): LimitStore {
  const wholeAgainAt = new Map<string, number>();
  return {
    take(key, quota) {
      const now = clock();
      const { count, wholeAgainAtMs } = countOne(wholeAgainAt.get(key) ?? now, now, quota);
      wholeAgainAt.delete(key);
      if (wholeAgainAt.size >= maxKeys) wholeAgainAt.delete(wholeAgainAt.keys().next().value as string);
      wholeAgainAt.set(key, wholeAgainAtMs);
      return count;
    },
    async close() {
      wholeAgainAt.clear();
    },
  };
}

/**
 * One step of the algorithm. `before` is clamped to the window, so that a clock set back or a window made shorter by a
 * reload cannot lock anyone out for longer than the window says.
 */
function countOne(
  before: number,
  now: number,
  { max, windowMs }: RateQuota,
): { readonly count: Count; readonly wholeAgainAtMs: number } {
  const perRequest = windowMs / max;
  const owed = Math.min(Math.max(before - now, 0), windowMs);
  const allowed = owed + perRequest <= windowMs + ROUNDING_MS;
  const owes = allowed ? owed + perRequest : owed;
  const remaining = Math.max(0, Math.floor((windowMs - owes + ROUNDING_MS) / perRequest));
  const retryMs = remaining > 0 ? 0 : owes + perRequest - windowMs;
  return { count: { allowed, remaining, resetMs: owes, retryMs }, wholeAgainAtMs: now + owes };
}

/** Sums of fractions of a millisecond must not cost the last request of a quota. */
const ROUNDING_MS = 0.001;
