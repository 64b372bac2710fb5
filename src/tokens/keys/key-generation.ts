import type { Clock } from '../../core/time/clock.ts';
import type { Scheduler } from '../../core/time/scheduler.ts';
import type { CompiledIssuer } from '../compiled-issuer.ts';
import { checkKeys, type KeySet, loadLocalKeySet } from './key-set.ts';

/** The result of a fetch. */
export interface LoadedKeys {
  readonly set: KeySet;
  /** When it was fetched, by the wall clock; a snapshot is older than now. */
  readonly fetchedAtMs: number;
  /** How long the provider lets it be kept. */
  readonly maxAgeSeconds: number | undefined;
}

/** Keys for a snapshot on disk, or for another process or store. */
export interface KeyRecord {
  /** Public members only. */
  readonly jwks: readonly unknown[];
  /** By the wall clock. */
  readonly fetchedAtMs: number;
}

/** How long a generation of keys is active: a cached token depends on it. */
export interface KeySetValidity {
  /** False as soon as another generation has replaced it. */
  readonly isCurrent: boolean;
  /** The last moments at which it may serve, by the wall clock and by the monotonic one: one stops while the machine sleeps, the other may be set back. */
  readonly servesUntilMs: number;
  readonly servesUntilMono: number;
}

/** Whether the keys may serve now. */
export function isActive(validity: KeySetValidity, nowMs: number, nowMono: number): boolean {
  return validity.isCurrent && nowMs <= validity.servesUntilMs && nowMono <= validity.servesUntilMono;
}

/** One set of keys in use, from its fetch until the next one replaces it. */
export interface KeyGeneration extends LoadedKeys {
  readonly fetchedAtMono: number;
  readonly validity: KeySetValidity;
  retire(): void;
}

export interface GenerationOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly maxStaleMs: number;
}

export function createKeyGeneration(
  keys: LoadedKeys,
  { clock, scheduler, maxStaleMs }: GenerationOptions,
): KeyGeneration {
  const fetchedAtMono = scheduler.monotonicMs() - Math.max(0, clock() - keys.fetchedAtMs);
  const validity = {
    isCurrent: true,
    servesUntilMs: keys.fetchedAtMs + maxStaleMs,
    servesUntilMono: fetchedAtMono + maxStaleMs,
  };
  return {
    ...keys,
    fetchedAtMono,
    validity,
    retire() {
      validity.isCurrent = false;
    },
  };
}

/** A clock may be set back a little between two runs; a snapshot from further ahead is not trusted. */
const MAX_AHEAD_MS = 60_000;

/** Makes saved keys usable again, with the age of their fetch; or returns why they cannot be. */
export async function restoreKeys(
  { jwks, fetchedAtMs }: KeyRecord,
  { algorithms, keys }: CompiledIssuer,
  clock: Clock,
): Promise<LoadedKeys | string> {
  const ageMs = clock() - fetchedAtMs;
  if (ageMs > keys.maxStaleMs) return 'it is older than maxStale';
  if (ageMs < -MAX_AHEAD_MS) return 'it is from the future';
  const checked = checkKeys(jwks, algorithms);
  if (checked.usable.length === 0) return 'it has no usable key';
  return { set: await loadLocalKeySet(checked), fetchedAtMs, maxAgeSeconds: undefined };
}
