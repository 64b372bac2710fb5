import type { ProofUse } from './replay-store.ts';

/** What the settings of an issuer were before, as far as it limits which proofs can be known to be new. */
export interface Past {
  /** Where its proofs are remembered. */
  readonly place: string;
  readonly maxAgeMs: number;
  readonly clockToleranceMs: number;
  /** Proofs made up to here may have been used where they were remembered before. */
  readonly elsewhereUpToMs: number;
  /** Proofs made up to here were remembered for `shortAgeMs` only. */
  readonly shortUpToMs: number;
  readonly shortAgeMs: number;
}

export const NOTHING_FORGOTTEN: Past = {
  place: '',
  maxAgeMs: 0,
  clockToleranceMs: 0,
  elsewhereUpToMs: Number.NEGATIVE_INFINITY,
  shortUpToMs: Number.NEGATIVE_INFINITY,
  shortAgeMs: 0,
};

/** Settings that become active; none before them at the start of the process. */
export function nextPast(
  before: readonly Past[],
  {
    place,
    maxAgeMs,
    clockToleranceMs,
  }: { readonly place: string; readonly maxAgeMs: number; readonly clockToleranceMs: number },
  nowMs: number,
): Past {
  let { elsewhereUpToMs, shortUpToMs } = NOTHING_FORGOTTEN;
  let shortAgeMs = maxAgeMs;
  for (const past of before) {
    // Proofs that were accepted until now may state a later moment.
    const latestMs = nowMs + past.clockToleranceMs;
    elsewhereUpToMs = Math.max(elsewhereUpToMs, past.elsewhereUpToMs);
    if (past.place !== place) elsewhereUpToMs = Math.max(elsewhereUpToMs, latestMs);
    if (past.maxAgeMs < maxAgeMs) {
      shortUpToMs = Math.max(shortUpToMs, latestMs);
      shortAgeMs = Math.min(shortAgeMs, past.maxAgeMs);
    }
    if (past.shortUpToMs + maxAgeMs >= nowMs) {
      shortUpToMs = Math.max(shortUpToMs, past.shortUpToMs);
      shortAgeMs = Math.min(shortAgeMs, past.shortAgeMs);
    }
  }
  return { place, maxAgeMs, clockToleranceMs, elsewhereUpToMs, shortUpToMs, shortAgeMs };
}

/** Whether a proof may have been used and forgotten, because of what the settings were before. */
export function isForgotten({ issuedMs }: ProofUse, past: Past, nowMs: number): boolean {
  if (issuedMs <= past.elsewhereUpToMs) return true;
  return issuedMs <= past.shortUpToMs && nowMs - issuedMs > past.shortAgeMs;
}
