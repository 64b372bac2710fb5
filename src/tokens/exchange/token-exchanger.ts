import { hash } from 'node:crypto';
import { isRefusal, type Refusal, refuse } from '../../core/refusals.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { Scheduler } from '../../core/time/scheduler.ts';
import type { CallGate } from '../endpoints/call-gate.ts';
import type { CallCacheStats } from '../endpoints/call-stats.ts';
import type { VerifiedToken } from '../verified-token.ts';
import { createExchangeCache, type ExchangedCredential, type Moment } from './exchange-cache.ts';
import type { ExchangedToken } from './read-token-response.ts';

/** A verified token of a caller, as it is exchanged. */
export interface CallersToken {
  readonly rawToken: string;
  /** `rejectedFromMs` is its end. */
  readonly token: Pick<VerifiedToken, 'issuer' | 'rejectedFromMs'>;
  /** Whose request brought it. */
  readonly clientAddress: string;
}

/** Exchanges the callers' tokens for one upstream. */
export interface TokenExchanger {
  /** Gives the credential for the backend, or why there is none. A promise only where the token endpoint must be asked. */
  exchange(caller: CallersToken): ExchangedCredential | Refusal | Promise<ExchangedCredential | Refusal>;
  /** `misses` are requests that asked the token endpoint, or waited for one that did. */
  stats(): CallCacheStats;
}

export interface TokenExchangerOptions {
  /** Asks the token endpoint once; never rejects, and ends within its time-out. */
  readonly ask: (rawToken: string) => Promise<ExchangedToken | Refusal>;
  /** Lets so many tokens be exchanged at once. */
  readonly gate: CallGate;
  /** Of the cache. */
  readonly maxBytes: number;
  /** Callers' tokens end by the wall clock, lifetimes are measured by the monotonic one. */
  readonly clock: Clock;
  readonly scheduler: Pick<Scheduler, 'monotonicMs'>;
}

/** A cached token is not used in its last seconds: it must still hold when the backend looks at it. */
const MARGIN_SECONDS = 30;

const FULL = refuse('exchange_full', 'token exchange: too many requests to the endpoint already run', {
  retryAfterSeconds: 1,
});

/**
 * Makes the exchanger of an upstream. Tokens are cached by the SHA-256 of the caller's whole token and its issuer, and what is asked for
 * never changes during its life, so a cached one serves nobody else and nothing else. Refusals are not cached: a consent given, or a
 * role granted, counts for the next request. Requests with one token that come at once ask once.
 */
export function createTokenExchanger(options: TokenExchangerOptions): TokenExchanger {
  const { ask, gate, clock, scheduler } = options;
  const cache = createExchangeCache(options.maxBytes);
  const running = new Map<string, Promise<ExchangedCredential | Refusal>>();
  let hits = 0;
  let misses = 0;

  const now = (): Moment => ({ ms: clock(), mono: scheduler.monotonicMs() });

  async function askFor(
    digest: string,
    { rawToken, token: { rejectedFromMs }, clientAddress }: CallersToken,
  ): Promise<ExchangedCredential | Refusal> {
    // The lifetime counts from the response on; measured from the request on, it is never taken for longer than it is.
    const asked = now();
    try {
      const token = await ask(rawToken);
      if (isRefusal(token)) return token;
      const credential: ExchangedCredential = ['authorization', `Bearer ${token.accessToken}`];
      const usableMs = ((token.lifetimeSeconds ?? 0) - MARGIN_SECONDS) * 1000;
      const { ms, mono } = later(asked, usableMs);
      if (usableMs > 0) cache.keep(digest, credential, { ms: Math.min(ms, rejectedFromMs), mono });
      return credential;
    } finally {
      running.delete(digest);
      gate.leave(clientAddress);
    }
  }

  return {
    exchange(caller) {
      // An opaque token may be one at two issuers, for two callers. No name of an issuer has a line break.
      const digest = hash('sha256', `${caller.token.issuer}\n${caller.rawToken}`, 'binary');
      const known = cache.find(digest, now());
      if (known !== undefined) {
        hits += 1;
        return known;
      }
      misses += 1;
      const waiting = running.get(digest);
      if (waiting !== undefined) return waiting;
      if (!gate.enter(caller.clientAddress)) return FULL;
      const asked = askFor(digest, caller);
      running.set(digest, asked);
      return asked;
    },
    stats: () => ({ ...cache.stats(), hits, misses }),
  };
}

function later({ ms, mono }: Moment, delayMs: number): Moment {
  return { ms: ms + delayMs, mono: mono + delayMs };
}
