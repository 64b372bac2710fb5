import { randomBytes } from 'node:crypto';
import type { Clock } from '../../core/time/clock.ts';
import { type Scheduler, systemScheduler } from '../../core/time/scheduler.ts';
import { type ProofUse, type ReplayOutcome, type ReplayStore, shareOfKey } from './replay-store.ts';

export interface MemoryReplayStore extends ReplayStore {
  /** A smaller number drops nothing: it keeps new entries out until old ones have aged. */
  resize(maxEntries: number): void;
}

export interface MemoryReplayStoreOptions {
  readonly clock: Clock;
  readonly maxEntries: number;
  readonly scheduler?: Pick<Scheduler, 'monotonicMs'>;
}

const SECOND_MS = 1000;

/** The entries that age in the same second. */
interface Cohort {
  /** Digests and holders in turn. */
  readonly entries: string[];
  /** When the last of them was made, by its client. */
  issuedMs: number;
  /** By the clock that never jumps. */
  agesAtMs: number;
}

/**
 * Remembers proofs in this process. Entries go once their second has passed by both clocks: a wall clock that is set forward and back
 * makes no proof good twice, nor does a longer `maxAge` than the entries were stored for: proofs made when forgotten ones were are not
 * taken any more. No entry ever makes room for another.
 */
export function createMemoryReplayStore({
  clock,
  maxEntries: entries,
  scheduler = systemScheduler,
}: MemoryReplayStoreOptions): MemoryReplayStore {
  let maxEntries = entries;
  const digests = new Set<string>();
  const held = new Map<string, number>();
  const cohorts = new Map<number, Cohort>();
  const secrets = new Map<number, Buffer>();
  let checkedAtSecond = Number.NEGATIVE_INFINITY;
  /** The latest moment at which a forgotten proof was made. */
  let forgottenUpToMs = Number.NEGATIVE_INFINITY;

  function forgetAged(nowMs: number): void {
    const second = Math.floor(nowMs / SECOND_MS);
    if (second === checkedAtSecond) return;
    checkedAtSecond = second;
    const monotonicMs = scheduler.monotonicMs();
    for (const [last, { entries, issuedMs, agesAtMs }] of cohorts) {
      if (last >= second || agesAtMs > monotonicMs) continue;
      cohorts.delete(last);
      forgottenUpToMs = Math.max(forgottenUpToMs, issuedMs);
      for (let at = 0; at < entries.length; at += 2) {
        digests.delete(entries[at] as string);
        release(entries[at + 1] as string);
      }
    }
  }

  function release(holder: string): void {
    const count = (held.get(holder) ?? 0) - 1;
    if (count > 0) held.set(holder, count);
    else held.delete(holder);
  }

  function use({ digest, holder, issuedMs, lastMs }: ProofUse): ReplayOutcome {
    const nowMs = clock();
    forgetAged(nowMs);
    if (digests.has(digest)) return 'seen';
    if (issuedMs <= forgottenUpToMs) return 'down';
    const count = held.get(holder) ?? 0;
    if (count >= shareOfKey(maxEntries)) return 'crowded';
    if (digests.size >= maxEntries) return 'full';
    digests.add(digest);
    held.set(holder, count + 1);
    const last = Math.floor(lastMs / SECOND_MS);
    // Whole cohorts age together, up to a second late.
    const agesAtMs = scheduler.monotonicMs() + Math.max(0, lastMs - nowMs);
    const cohort = cohorts.get(last);
    if (cohort === undefined) cohorts.set(last, { entries: [digest, holder], issuedMs, agesAtMs });
    else {
      cohort.issuedMs = Math.max(cohort.issuedMs, issuedMs);
      cohort.entries.push(digest, holder);
      cohort.agesAtMs = Math.max(cohort.agesAtMs, agesAtMs);
    }
    return 'stored';
  }

  return {
    use,
    secretOf(epoch) {
      const known = secrets.get(epoch);
      if (known !== undefined) return known;
      for (const other of secrets.keys()) if (Math.abs(other - epoch) > 1) secrets.delete(other);
      const secret = randomBytes(32);
      secrets.set(epoch, secret);
      return secret;
    },
    stats() {
      forgetAged(clock());
      return { entries: digests.size, maxEntries };
    },
    resize(next) {
      maxEntries = next;
    },
    close() {
      // Nothing is kept open. The entries stay: requests that still run may use them.
    },
  };
}
