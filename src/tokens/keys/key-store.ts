import type { Clock } from '../../core/clock.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import type { Scheduler } from '../../core/scheduler.ts';
import type { KeySettings } from '../compiled-issuer.ts';
import type { VerificationKey } from '../jwt/verify-signature.ts';
import { describeKid, refuseMissingKey } from './explain-missing-key.ts';
import { FetchFailure } from './fetch/fetch-json.ts';
import type { KeySet } from './key-set.ts';

/** A generation of keys as a fetch brought it. */
export interface LoadedKeys {
  readonly set: KeySet;
  /** When it was fetched, by the wall clock; a snapshot is older than now. */
  readonly fetchedAtMs: number;
  /** How long the provider says it may be kept. */
  readonly maxAgeSeconds: number | undefined;
}

/** Keys as they can be kept elsewhere: on disk, or in the store that takes over. */
export interface KeyRecord {
  /** Public members only. */
  readonly jwks: readonly unknown[];
  /** By the wall clock. */
  readonly fetchedAtMs: number;
}

/** How it stands with the keys of one issuer. */
export interface KeyStatus {
  /**
   * `waiting`: none yet. `fresh`: the last fetch succeeded. `stale`: it failed, older keys serve.
   * `expired`: older than `maxStale`, so they no longer serve.
   */
  readonly state: 'waiting' | 'fresh' | 'stale' | 'expired';
  /** Number of usable keys. */
  readonly keys: number;
  readonly ageMs: number | undefined;
  readonly nextRefreshMs: number | undefined;
  readonly lastError: string | undefined;
  /** What can be done about `lastError`, where that is known. */
  readonly hint: string | undefined;
  readonly fetches: number;
  readonly failures: number;
}

/** How long a generation of keys is active: what is remembered of a token rests on it. */
export interface KeySetValidity {
  /** False as soon as another generation has taken its place. */
  readonly isCurrent: boolean;
  /** The last moments at which it may serve, by the wall clock and by the monotonic one: one stands still while the machine sleeps, the other may be set back. */
  readonly servesUntilMs: number;
  readonly servesUntilMono: number;
}

/** Whether the keys of a term may serve now. */
export function isActive(validity: KeySetValidity, nowMs: number, nowMono: number): boolean {
  return validity.isCurrent && nowMs <= validity.servesUntilMs && nowMono <= validity.servesUntilMono;
}

/** The keys of one issuer, kept warm. */
export interface KeyStore {
  /** Resolves when there are keys, or when the first attempt has failed. Further calls, as of a reload, give the first one's answer. */
  start(): Promise<void>;
  /** The keys that fit and may serve now; asks nobody. */
  find(alg: string, kid: string | undefined): readonly VerificationKey[];
  /** Whether a key that verified before still may. */
  holds(keyId: string): boolean;
  /** The term of the current generation, another object for each; undefined when there are no keys yet. */
  validity(): KeySetValidity | undefined;
  /** After `find` found nothing: what is worth waiting for (at most `timeout`), or undefined when nothing is. */
  refreshIfUseful(kid: string | undefined): Promise<void> | undefined;
  /** The refusal after `find` found nothing and nothing is worth waiting for. */
  refuseMiss(alg: string, kid: string | undefined): Refusal;
  /** Fetches now, or joins the fetch that is under way. Never rejects: the status says how it went. */
  refresh(): Promise<void>;
  status(): KeyStatus;
  /** What another store could go on with. */
  record(): KeyRecord | undefined;
  close(): void;
}

export interface KeyStoreOptions {
  readonly settings: Pick<KeySettings, 'refreshMs' | 'cooldownMs' | 'maxStaleMs' | 'timeoutMs'>;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** 0 to 1, as `Math.random`. */
  readonly random: () => number;
  /** Fetches the next generation; rejects with what went wrong, in words for the operator. */
  readonly load: (signal: AbortSignal) => Promise<LoadedKeys>;
  /** Keys from before, such as a snapshot or the store of the configuration that is being replaced. */
  readonly restore?: () => Promise<LoadedKeys | undefined>;
  /** Told of every fetch that succeeded. */
  readonly onLoaded?: (keys: LoadedKeys) => void;
  /** Called with every failure. */
  readonly onFailed?: (error: unknown) => void;
  /** Told when the state changes, not of every failure. */
  readonly onState?: (status: KeyStatus) => void;
}

const SMALLEST_INTERVAL_MS = 1_000;
/** A provider's `max-age` shortens `refresh` no further than this. */
const SHORTEST_HONORED_AGE_MS = 60_000;

/**
 * Keeps the keys of one issuer: one fetch at a time, in the background before they age, again after `cooldown` when it
 * failed, and at most once per `cooldown` because of a key id that is not known. Good keys are only ever replaced by good ones.
 */
export function createKeyStore(options: KeyStoreOptions): KeyStore {
  const { clock, scheduler, settings } = options;
  let current: (LoadedKeys & { readonly fetchedAtMono: number }) | undefined;
  let validity: { isCurrent: boolean; servesUntilMs: number; servesUntilMono: number } | undefined;
  let inFlight: Promise<void> | undefined;
  let abort: AbortController | undefined;
  let cancelTimer: (() => void) | undefined;
  let timerDueMono: number | undefined;
  let nextAttemptMono = Number.NEGATIVE_INFINITY;
  let lastError: string | undefined;
  let hint: string | undefined;
  let lastState: KeyStatus['state'] = 'waiting';
  let fetches = 0;
  let failures = 0;
  let started: Promise<void> | undefined;
  let closed = false;

  /** The older of two clocks: one stands still while the machine sleeps, the other may be set back. */
  function ageMs(): number {
    if (current === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(scheduler.monotonicMs() - current.fetchedAtMono, clock() - current.fetchedAtMs);
  }

  function serving(): KeySet | undefined {
    return validity !== undefined && isActive(validity, clock(), scheduler.monotonicMs())
      ? current?.set
      : undefined;
  }

  function adopt(keys: LoadedKeys): void {
    const age = Math.max(0, clock() - keys.fetchedAtMs);
    const fetchedAtMono = scheduler.monotonicMs() - age;
    const { maxStaleMs } = settings;
    current = { ...keys, fetchedAtMono };
    if (validity !== undefined) validity.isCurrent = false;
    validity = {
      isCurrent: true,
      servesUntilMs: keys.fetchedAtMs + maxStaleMs,
      servesUntilMono: fetchedAtMono + maxStaleMs,
    };
  }

  function schedule(delayMs: number): void {
    cancelTimer?.();
    if (closed) return;
    timerDueMono = scheduler.monotonicMs() + delayMs;
    cancelTimer = scheduler.after(delayMs, () => void attempt());
  }

  function lifetimeMs(maxAgeSeconds: number | undefined): number {
    const { refreshMs, maxStaleMs } = settings;
    const floor = Math.min(SHORTEST_HONORED_AGE_MS, refreshMs);
    const wanted = maxAgeSeconds === undefined ? refreshMs : maxAgeSeconds * 1000;
    return Math.min(Math.max(wanted, floor), refreshMs, maxStaleMs);
  }

  function attempt(): Promise<void> {
    inFlight ??= runAttempt().finally(() => {
      inFlight = undefined;
    });
    return inFlight;
  }

  async function runAttempt(): Promise<void> {
    if (closed) return;
    cancelTimer?.();
    timerDueMono = undefined;
    const startedMono = scheduler.monotonicMs();
    fetches += 1;
    try {
      const keys = await loadInTime();
      if (closed) return;
      adopt(keys);
      options.onLoaded?.(keys);
      lastError = undefined;
      hint = undefined;
      nextAttemptMono = startedMono + settings.cooldownMs;
      // Between 85 and 95 %: before the keys age, and not all gateways at once.
      const jitter = 0.85 + options.random() * 0.1;
      schedule(Math.max(SMALLEST_INTERVAL_MS, lifetimeMs(keys.maxAgeSeconds) * jitter));
    } catch (error) {
      if (closed) return;
      failures += 1;
      lastError = error instanceof Error ? error.message : 'failed';
      hint = error instanceof FetchFailure ? error.hint : undefined;
      options.onFailed?.(error);
      nextAttemptMono = scheduler.monotonicMs() + settings.cooldownMs;
      schedule(settings.cooldownMs);
    }
    reportState();
  }

  /** A hard limit: who joins an attempt never waits longer than `timeout`, whatever the network does. */
  async function loadInTime(): Promise<LoadedKeys> {
    const controller = new AbortController();
    abort = controller;
    let cancel = () => {};
    const expiry = new Promise<never>((_, reject) => {
      cancel = scheduler.after(settings.timeoutMs, () => {
        controller.abort();
        reject(new Error(`no complete answer within ${settings.timeoutMs} ms`));
      });
    });
    try {
      return await Promise.race([options.load(controller.signal), expiry]);
    } finally {
      cancel();
      abort = undefined;
    }
  }

  function stateNow(): KeyStatus['state'] {
    if (current === undefined) return 'waiting';
    if (ageMs() > settings.maxStaleMs) return 'expired';
    return lastError === undefined ? 'fresh' : 'stale';
  }

  function status(): KeyStatus {
    return {
      state: stateNow(),
      keys: current?.set.jwks.length ?? 0,
      ageMs: current === undefined ? undefined : Math.max(0, ageMs()),
      nextRefreshMs:
        timerDueMono === undefined ? undefined : Math.max(0, timerDueMono - scheduler.monotonicMs()),
      lastError,
      hint,
      fetches,
      failures,
    };
  }

  function reportState(): void {
    const state = stateNow();
    // The first failure of all is told as well: it leaves the state at `waiting`.
    if (state === lastState && !(state === 'waiting' && failures === 1)) return;
    lastState = state;
    options.onState?.(status());
  }

  /**
   * The memory of key ids that are known to be unknown, bounded by nature: all that a set fetched less than `cooldown` ago does
   * not hold. Nobody waits for such an id, not even while a fetch is under way.
   */
  function isYoung(): boolean {
    return current !== undefined && scheduler.monotonicMs() - current.fetchedAtMono < settings.cooldownMs;
  }

  async function begin(): Promise<void> {
    const restored = await options.restore?.();
    if (restored !== undefined && current === undefined) adopt(restored);
    const first = attempt();
    if (current === undefined) await first;
  }

  return {
    start() {
      started ??= begin();
      return started;
    },
    find: (alg, kid) => serving()?.find(alg, kid) ?? [],
    holds: (keyId) => serving()?.has(keyId) ?? false,
    validity: () => validity,
    refreshIfUseful(kid) {
      const set = serving();
      if (set !== undefined) {
        // Published, but not usable or not for this algorithm: no fetch will change that before the next refresh.
        if (kid !== undefined && set.describe(kid) !== undefined) return undefined;
        if (isYoung()) return undefined;
      }
      if (inFlight !== undefined) return inFlight;
      if (closed || scheduler.monotonicMs() < nextAttemptMono) return undefined;
      return attempt();
    },
    refuseMiss(alg, kid) {
      const set = serving();
      const isPublished = kid !== undefined && set?.describe(kid) !== undefined;
      // A fetch could not have made a difference to a key that is published and unfit.
      if (set === undefined || (!isPublished && (lastError !== undefined || closed))) {
        const waitMs = Math.max(0, nextAttemptMono - scheduler.monotonicMs());
        const why =
          lastError ?? (closed ? 'the gateway is ending or reloading' : 'they are older than maxStale');
        const what = set === undefined ? 'no keys' : `no key for ${describeKid(kid)}`;
        return refuse('keys_unavailable', `${what}: ${why}`, {
          retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
        });
      }
      return refuseMissingKey(set, alg, kid);
    },
    refresh: attempt,
    status,
    record: () => current && { jwks: current.set.jwks, fetchedAtMs: current.fetchedAtMs },
    close() {
      closed = true;
      cancelTimer?.();
      abort?.abort();
    },
  };
}
