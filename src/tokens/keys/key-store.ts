import { type Refusal, refuse } from '../../core/refusals.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { VerificationKey } from '../jwt/verify-signature.ts';
import { describeKid, refuseMissingKey } from './explain-missing-key.ts';
import {
  createKeyGeneration,
  isActive,
  type KeyGeneration,
  type KeyRecord,
  type KeySetValidity,
  type LoadedKeys,
} from './key-generation.ts';
import { createKeyRefresher, type KeyRefresherOptions, type RefreshStatus } from './key-refresher.ts';
import type { KeySet } from './key-set.ts';

/** The state of one issuer's keys. */
export interface KeyStatus extends RefreshStatus {
  /**
   * `waiting`: none yet. `fresh`: the last fetch succeeded. `stale`: it failed, older keys serve.
   * `expired`: older than `maxStale`, so they no longer serve. `introspected`: the issuer has none (`jwks: none`).
   */
  readonly state: 'waiting' | 'fresh' | 'stale' | 'expired' | 'introspected';
  /** Number of usable keys. */
  readonly keys: number;
  readonly ageMs: number | undefined;
}

/** The keys of one issuer, kept warm. */
export interface KeyStore {
  /** Resolves when there are keys, or when the first fetch has failed. Further calls, as of a reload, return the same promise. */
  start(): Promise<void>;
  /** The keys that fit and may serve now; fetches nothing. */
  find(alg: string, kid: string | undefined): readonly VerificationKey[];
  /** Whether a key that verified before still may. */
  holds(keyId: string): boolean;
  /** Of the current generation, another object for each; undefined when there are no keys yet. */
  validity(): KeySetValidity | undefined;
  /** After `find` found nothing: what is worth waiting for (at most `timeout`), or undefined when nothing is. */
  refreshIfUseful(kid: string | undefined): Promise<void> | undefined;
  /** The refusal after `find` found nothing and nothing is worth waiting for. */
  refuseMiss(alg: string, kid: string | undefined): Refusal;
  /** Fetches now, or joins the fetch that is running. Never rejects: the status shows how it went. */
  refresh(): Promise<void>;
  status(): KeyStatus;
  /** For another store to continue with. */
  record(): KeyRecord | undefined;
  close(): void;
}

export interface KeyStoreOptions
  extends Omit<KeyRefresherOptions<LoadedKeys>, 'onLoaded' | 'onFailed' | 'onFetched'> {
  readonly clock: Clock;
  /** Keys from before, such as a snapshot or the store of the configuration that is being replaced. */
  readonly restore?: () => Promise<LoadedKeys | undefined>;
  /** Called after every fetch that succeeded. */
  readonly onLoaded?: (keys: LoadedKeys) => void;
  /** Called after every fetch that failed. */
  readonly onFailed?: (error: unknown) => void;
  /** Called when the state changes, not for every failure. */
  readonly onState?: (status: KeyStatus) => void;
}

/** Keeps the keys of one issuer. Good keys are only ever replaced by good ones. */
export function createKeyStore(options: KeyStoreOptions): KeyStore {
  const { clock, scheduler, settings } = options;
  const { maxStaleMs, cooldownMs } = settings;
  let current: KeyGeneration | undefined;
  let lastState: KeyStatus['state'] = 'waiting';
  let started: Promise<void> | undefined;

  const refresher = createKeyRefresher({
    ...options,
    onLoaded(keys) {
      adopt(keys);
      options.onLoaded?.(keys);
    },
    onFailed: (error) => options.onFailed?.(error),
    onFetched: reportState,
  });

  function adopt(keys: LoadedKeys): void {
    current?.retire();
    current = createKeyGeneration(keys, { clock, scheduler, maxStaleMs });
  }

  function serving(): KeySet | undefined {
    if (current === undefined) return undefined;
    return isActive(current.validity, clock(), scheduler.monotonicMs()) ? current.set : undefined;
  }

  /** By the clock that shows more: one stops while the machine sleeps, the other may be set back. */
  function ageOf({ fetchedAtMono, fetchedAtMs }: KeyGeneration): number {
    return Math.max(0, scheduler.monotonicMs() - fetchedAtMono, clock() - fetchedAtMs);
  }

  function status(): KeyStatus {
    const refreshed = refresher.status();
    const ageMs = current && ageOf(current);
    const keys = current?.set.jwks.length ?? 0;
    if (ageMs === undefined) return { state: 'waiting', keys, ageMs, ...refreshed };
    if (ageMs > maxStaleMs) return { state: 'expired', keys, ageMs, ...refreshed };
    return { state: refreshed.lastError === undefined ? 'fresh' : 'stale', keys, ageMs, ...refreshed };
  }

  function reportState(): void {
    const now = status();
    // The very first failure is reported too, although it leaves the state at `waiting`.
    if (now.state === lastState && !(now.state === 'waiting' && now.failures === 1)) return;
    lastState = now.state;
    options.onState?.(now);
  }

  /**
   * The negative cache of key ids, bounded by nature: all that a set fetched less than `cooldown` ago does not hold. No request
   * waits for such an id, not even while a fetch is running.
   */
  function isYoung(): boolean {
    return current !== undefined && scheduler.monotonicMs() - current.fetchedAtMono < cooldownMs;
  }

  async function begin(): Promise<void> {
    const restored = await options.restore?.();
    if (restored !== undefined && current === undefined) adopt(restored);
    const first = refresher.refresh();
    if (current === undefined) await first;
  }

  return {
    start() {
      started ??= begin();
      return started;
    },
    find: (alg, kid) => serving()?.find(alg, kid) ?? [],
    holds: (keyId) => serving()?.has(keyId) ?? false,
    validity: () => current?.validity,
    refreshIfUseful(kid) {
      const set = serving();
      // Published, but not usable or not for this algorithm: no fetch will change that before the next refresh.
      const isPublished = kid !== undefined && set?.describe(kid) !== undefined;
      return set !== undefined && (isPublished || isYoung()) ? undefined : refresher.refreshIfCool();
    },
    refuseMiss(alg, kid) {
      const set = serving();
      const { lastError } = refresher.status();
      const isPublished = kid !== undefined && set?.describe(kid) !== undefined;
      // A fetch could not have made a difference to a key that is published and unfit.
      if (set === undefined || (!isPublished && (lastError !== undefined || refresher.isClosed))) {
        const fallback = refresher.isClosed
          ? 'the gateway is ending or reloading'
          : 'they are older than maxStale';
        const what = set === undefined ? 'no keys' : `no key for ${describeKid(kid)}`;
        return refuse('keys_unavailable', `${what}: ${lastError ?? fallback}`, {
          retryAfterSeconds: Math.max(1, Math.ceil(refresher.cooldownLeftMs() / 1000)),
        });
      }
      return refuseMissingKey(set, alg, kid);
    },
    refresh: refresher.refresh,
    status,
    record: () => current && { jwks: current.set.jwks, fetchedAtMs: current.fetchedAtMs },
    close: refresher.close,
  };
}
