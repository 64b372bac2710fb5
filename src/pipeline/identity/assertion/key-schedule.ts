import { type AssertionAlgorithm, type AssertionKey, makeAssertionKey } from './assertion-key.ts';

/** A key with the moment at which it begins to sign; it signs until the next one does. */
export interface ScheduledKey {
  readonly key: AssertionKey;
  readonly fromMs: number;
}

export interface ScheduleOptions {
  readonly algorithm: AssertionAlgorithm;
  /** How long a key signs. */
  readonly rotateMs: number;
  readonly nowMs: number;
}

/** How long a key stays published after its last signature, for backends that verify late. */
const OVERLAP_MS = 24 * 3_600_000;
/** How long a key of another algorithm is published before it signs: longer than other processes and backends take to read the set again. */
const NOTICE_MS = 600_000;

/** The key that signs at `nowMs`. */
export function signingKey(keys: readonly ScheduledKey[], nowMs: number): AssertionKey {
  return (keys.findLast((key) => isCurrent(key, nowMs)) ?? (keys[0] as ScheduledKey)).key;
}

/** The keys without those that are published no longer. */
export function dropRetired(keys: readonly ScheduledKey[], nowMs: number): readonly ScheduledKey[] {
  return keys.filter((_, at) => (keys[at + 1]?.fromMs ?? Number.POSITIVE_INFINITY) + OVERLAP_MS > nowMs);
}

/** Adds what is missing: a key that signs now and the one after it, which is published a whole period before it signs. */
export function completeSchedule(
  keys: readonly ScheduledKey[],
  { algorithm, rotateMs, nowMs }: ScheduleOptions,
): readonly ScheduledKey[] {
  const make = (fromMs: number): ScheduledKey => ({ key: makeAssertionKey(algorithm), fromMs });
  const current = keys.filter((key) => isCurrent(key, nowMs));
  const all = current.length > 0 ? keys : [make(nowMs), ...keys];
  const last = all.at(-1) as ScheduledKey;
  if (last.key.alg !== algorithm)
    return [...all.filter((key) => isCurrent(key, nowMs)), make(nowMs + NOTICE_MS)];
  return isCurrent(last, nowMs) ? [...all, make(nowMs + rotateMs)] : all;
}

function isCurrent({ fromMs }: ScheduledKey, nowMs: number): boolean {
  return fromMs <= nowMs;
}
