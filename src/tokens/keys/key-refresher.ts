import type { Scheduler } from '../../core/time/scheduler.ts';
import type { KeySettings } from '../compiled-issuer.ts';
import { FetchFailure } from './fetch/fetch-json.ts';

/**
 * Fetches keys, or what else a provider publishes, again and again: in the background before they age, again after `cooldown` when a
 * fetch failed.
 */
export interface KeyRefresher {
  /** Fetches now, or joins the fetch that is running. Never rejects. */
  refresh(): Promise<void>;
  /** The same, but starts no fetch within `cooldown` of the last one: undefined then. */
  refreshIfCool(): Promise<void> | undefined;
  /** Milliseconds until `refreshIfCool` starts a fetch again. */
  cooldownLeftMs(): number;
  status(): RefreshStatus;
  readonly isClosed: boolean;
  close(): void;
}

export interface RefreshStatus {
  readonly nextRefreshMs: number | undefined;
  /** Why the last fetch failed; undefined when it succeeded. */
  readonly lastError: string | undefined;
  /** What can be done about `lastError`, where that is known. */
  readonly hint: string | undefined;
  readonly fetches: number;
  readonly failures: number;
}

/** What is fetched. */
export interface Refreshed {
  /** Seconds it may be kept, by its headers. */
  readonly maxAgeSeconds: number | undefined;
}

export interface KeyRefresherOptions<T extends Refreshed> {
  readonly settings: Pick<KeySettings, 'refreshMs' | 'cooldownMs' | 'maxStaleMs' | 'timeoutMs'>;
  readonly scheduler: Scheduler;
  /** 0 to 1, as `Math.random`. */
  readonly random: () => number;
  /** Fetches the next generation; rejects with what went wrong, in words for the operator. */
  readonly load: (signal: AbortSignal) => Promise<T>;
  readonly onLoaded: (loaded: T) => void;
  readonly onFailed: (error: unknown) => void;
  /** Called after each fetch. */
  readonly onFetched: () => void;
}

const SMALLEST_INTERVAL_MS = 1_000;
/** A provider's `max-age` shortens `refresh` no further than this. */
const SHORTEST_HONORED_AGE_MS = 60_000;

export function createKeyRefresher<T extends Refreshed>(options: KeyRefresherOptions<T>): KeyRefresher {
  const { settings, scheduler } = options;
  let inFlight: Promise<void> | undefined;
  let abort: AbortController | undefined;
  let cancelTimer: (() => void) | undefined;
  let timerDueMono: number | undefined;
  let coolFromMono = Number.NEGATIVE_INFINITY;
  let lastError: string | undefined;
  let hint: string | undefined;
  let fetches = 0;
  let failures = 0;
  let closed = false;

  function schedule(delayMs: number): void {
    cancelTimer?.();
    if (closed) return;
    timerDueMono = scheduler.monotonicMs() + delayMs;
    cancelTimer = scheduler.after(delayMs, () => void refresh());
  }

  function refresh(): Promise<void> {
    inFlight ??= fetchOnce().finally(() => {
      inFlight = undefined;
    });
    return inFlight;
  }

  async function fetchOnce(): Promise<void> {
    if (closed) return;
    cancelTimer?.();
    timerDueMono = undefined;
    const startedMono = scheduler.monotonicMs();
    fetches += 1;
    try {
      const loaded = await loadInTime();
      if (closed) return;
      options.onLoaded(loaded);
      lastError = undefined;
      hint = undefined;
      coolFromMono = startedMono + settings.cooldownMs;
      schedule(intervalMs(loaded));
    } catch (error) {
      if (closed) return;
      failures += 1;
      lastError = error instanceof Error ? error.message : 'failed';
      hint = error instanceof FetchFailure ? error.hint : undefined;
      options.onFailed(error);
      coolFromMono = scheduler.monotonicMs() + settings.cooldownMs;
      schedule(settings.cooldownMs);
    }
    options.onFetched();
  }

  /** A hard limit: a request that joins a fetch never waits longer than `timeout`, however the network behaves. */
  async function loadInTime(): Promise<T> {
    const controller = new AbortController();
    abort = controller;
    let cancel = () => {};
    const expiry = new Promise<never>((_, reject) => {
      cancel = scheduler.after(settings.timeoutMs, () => {
        controller.abort();
        reject(new Error(`no complete response within ${settings.timeoutMs} ms`));
      });
    });
    try {
      return await Promise.race([options.load(controller.signal), expiry]);
    } finally {
      cancel();
      abort = undefined;
    }
  }

  function intervalMs({ maxAgeSeconds }: Refreshed): number {
    const { refreshMs, maxStaleMs } = settings;
    const floor = Math.min(SHORTEST_HONORED_AGE_MS, refreshMs);
    const wanted = maxAgeSeconds === undefined ? refreshMs : maxAgeSeconds * 1000;
    const lifetimeMs = Math.min(Math.max(wanted, floor), refreshMs, maxStaleMs);
    // Between 85 and 95 %: before the keys age, and not all gateways at once.
    return Math.max(SMALLEST_INTERVAL_MS, lifetimeMs * (0.85 + options.random() * 0.1));
  }

  const leftMs = (dueMono: number): number => Math.max(0, dueMono - scheduler.monotonicMs());

  return {
    refresh,
    refreshIfCool() {
      if (inFlight !== undefined) return inFlight;
      return closed || scheduler.monotonicMs() < coolFromMono ? undefined : refresh();
    },
    cooldownLeftMs: () => leftMs(coolFromMono),
    status: () => ({
      nextRefreshMs: timerDueMono === undefined ? undefined : leftMs(timerDueMono),
      lastError,
      hint,
      fetches,
      failures,
    }),
    get isClosed() {
      return closed;
    },
    close() {
      closed = true;
      cancelTimer?.();
      abort?.abort();
    },
  };
}
