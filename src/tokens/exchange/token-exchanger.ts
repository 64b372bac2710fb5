import { hash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusals.ts';
import type { Scheduler } from '../../core/scheduler.ts';
import { createSieveCache, type SieveEntry, UNLINKED } from '../cache/sieve-cache.ts';
import type { CallCacheStats } from '../endpoints/call-stats.ts';
import type { ExchangedToken } from './read-token-response.ts';

/** `Authorization` with a token for the backend, as name and value. */
export type ExchangedCredential = readonly [name: 'authorization', value: string];

/** Exchanges the callers' tokens for one upstream. */
export interface TokenExchanger {
  /**
   * Gives the credential for the backend, or why there is none. `endsAtMs` is the end of the caller's token (`rejectedFromMs`). A
   * promise only where the token endpoint must be asked.
   */
  exchange(
    rawToken: string,
    endsAtMs: number,
  ): ExchangedCredential | Refusal | Promise<ExchangedCredential | Refusal>;
  /** `misses` are requests that asked the token endpoint, or waited for one that did. */
  stats(): CallCacheStats;
}

export interface TokenExchangerOptions {
  /** Asks the token endpoint once; never rejects, and ends within its time-out. */
  readonly ask: (rawToken: string) => Promise<ExchangedToken | Refusal>;
  /** Of the cache. */
  readonly maxBytes: number;
  /** Callers' tokens end by the wall clock, lifetimes are measured by the monotonic one. */
  readonly clock: Clock;
  readonly scheduler: Pick<Scheduler, 'monotonicMs'>;
}

interface Entry extends SieveEntry {
  readonly credential: ExchangedCredential;
  readonly usableUntilMono: number;
  readonly usableUntilMs: number;
}

/** A cached token is not used in its last seconds: it must still hold when the backend looks at it. */
const MARGIN_SECONDS = 30;
/** What an entry costs beside its token. */
const ENTRY_BYTES = 500;
/** So many tokens are exchanged at once for an upstream; a further one is refused, so that a slow endpoint holds no more than these. */
const MAX_RUNNING = 64;

const FULL = refuse('exchange_full', `token exchange: ${MAX_RUNNING} requests to the endpoint already run`, {
  retryAfterSeconds: 1,
});

/**
 * Makes the exchanger of an upstream. Tokens are cached by the SHA-256 of the caller's whole token, and what is asked for never changes
 * during its life, so a cached one serves nobody else and nothing else. Refusals are not cached: a consent given, or a role granted,
 * counts for the next request. Requests with one token that come at once ask once.
 */
export function createTokenExchanger(options: TokenExchangerOptions): TokenExchanger {
  const { ask, clock, scheduler } = options;
  const cache = createSieveCache<Entry>(options.maxBytes);
  const running = new Map<string, Promise<ExchangedCredential | Refusal>>();
  let hits = 0;
  let misses = 0;

  async function askFor(
    digest: string,
    rawToken: string,
    endsAtMs: number,
  ): Promise<ExchangedCredential | Refusal> {
    // The lifetime counts from the response on; measured from the request on, it is never taken for longer than it is.
    const startedMono = scheduler.monotonicMs();
    const startedMs = clock();
    try {
      const token = await ask(rawToken);
      if (isRefusal(token)) return token;
      const credential: ExchangedCredential = ['authorization', `Bearer ${token.accessToken}`];
      const usableMs = ((token.lifetimeSeconds ?? 0) - MARGIN_SECONDS) * 1000;
      if (usableMs > 0)
        cache.add({
          key: digest,
          bytes: ENTRY_BYTES + token.accessToken.length,
          ...UNLINKED,
          credential,
          usableUntilMono: startedMono + usableMs,
          usableUntilMs: Math.min(startedMs + usableMs, endsAtMs),
        });
      return credential;
    } finally {
      running.delete(digest);
    }
  }

  return {
    exchange(rawToken, endsAtMs) {
      const digest = hash('sha256', rawToken, 'binary');
      const known = cache.get(digest);
      if (known !== undefined) {
        if (clock() < known.usableUntilMs && scheduler.monotonicMs() < known.usableUntilMono) {
          hits += 1;
          return known.credential;
        }
        cache.delete(digest);
      }
      misses += 1;
      const waiting = running.get(digest);
      if (waiting !== undefined) return waiting;
      if (running.size >= MAX_RUNNING) return FULL;
      const asked = askFor(digest, rawToken, endsAtMs);
      running.set(digest, asked);
      return asked;
    },
    stats: () => ({ ...cache.stats(), hits, misses }),
  };
}
