import { hash } from 'node:crypto';
import type { Refusal } from '../core/refusals.ts';
import type { CompiledIssuer } from './compiled-issuer.ts';
import { refuseIssuer } from './judge-head.ts';
import { judgeTimes, type Lifetime } from './judge-times.ts';
import type { KeyStore } from './key-store.ts';
import { type CacheStats, createSieveCache } from './sieve-cache.ts';
import type { VerifiedToken } from './verified-token.ts';

/** What does not change about a token whose signature and claims hold. Its key and its times are judged at each use. */
interface Acceptance {
  readonly token: VerifiedToken;
  readonly issuer: CompiledIssuer;
  readonly store: KeyStore;
  readonly keyId: string;
  readonly lifetime: Lifetime;
}

/** A refusal that stays true for a generation of keys, from a moment on. */
interface Rejection {
  readonly refusal: Refusal;
  readonly issuer: CompiledIssuer;
  readonly store: KeyStore;
  readonly generation: number;
  readonly fromMs: number;
}

/** Remembers what was found out about whole tokens. One per configuration, so that a reload forgets everything. */
export interface TokenCache {
  /** Names a token by its SHA-256, so that no token is kept in memory. */
  nameOf(rawToken: string): string;
  /** Undefined when the token has to be looked at: never seen, evicted, its key gone. */
  recall(
    name: string,
    accepts: ReadonlySet<string> | undefined,
    nowMs: number,
  ): VerifiedToken | Refusal | undefined;
  accept(name: string, acceptance: Acceptance, tokenLength: number): void;
  /** Refusals have a small cache of their own, so that no flood of bad tokens drives out a good one. */
  reject(name: string, rejection: Rejection): void;
  stats(): TokenCacheStats;
}

export interface TokenCacheStats {
  readonly accepted: CacheStats;
  readonly rejected: CacheStats;
  /** Tokens of which everything was known; refusals count as well. */
  readonly hits: number;
  readonly misses: number;
}

/** What an entry costs beside its claims, and what the claims cost per character of the token (measured). */
const ENTRY_BYTES = 800;
const BYTES_PER_CHARACTER = 2;
const REJECTION_BYTES = 400;
const REJECTED_SHARE = 1 / 16;

/** Makes the cache, bounded by bytes. */
export function createTokenCache(maxBytes: number): TokenCache {
  const accepted = createSieveCache<Acceptance>(maxBytes * (1 - REJECTED_SHARE));
  const rejected = createSieveCache<Rejection>(maxBytes * REJECTED_SHARE);

  let hits = 0;
  let misses = 0;

  function reject(name: string, rejection: Rejection): void {
    rejected.set(name, rejection, REJECTION_BYTES);
  }

  function recallAccepted(
    name: string,
    entry: Acceptance,
    nowMs: number,
  ): VerifiedToken | Refusal | undefined {
    const { token, issuer, store, lifetime } = entry;
    if (!store.holds(entry.keyId)) {
      accepted.delete(name);
      return undefined;
    }
    const refusal = judgeTimes(lifetime, nowMs, issuer.name);
    if (refusal === undefined) return token;
    if (nowMs < token.rejectedFromMs) return refusal;
    accepted.delete(name);
    reject(name, { refusal, issuer, store, generation: store.generation(), fromMs: token.rejectedFromMs });
    return refusal;
  }

  function recallRejected(name: string, entry: Rejection, nowMs: number): Refusal | undefined {
    const { refusal, store, generation, fromMs } = entry;
    if (store.isServing() && store.generation() === generation && nowMs >= fromMs) return refusal;
    rejected.delete(name);
    return undefined;
  }

  const recall: TokenCache['recall'] = (name, accepts, nowMs) => {
    const acceptance = accepted.get(name);
    const rejection = acceptance === undefined ? rejected.get(name) : undefined;
    const entry = acceptance ?? rejection;
    if (entry === undefined) return undefined;
    // Before the key and all that follows, as with a token that was never seen.
    if (accepts !== undefined && !accepts.has(entry.issuer.name)) return refuseIssuer(entry.issuer.name);
    if (acceptance !== undefined) return recallAccepted(name, acceptance, nowMs);
    return rejection && recallRejected(name, rejection, nowMs);
  };

  return {
    nameOf: (rawToken) => hash('sha256', rawToken, 'base64url'),
    recall(name, accepts, nowMs) {
      const known = recall(name, accepts, nowMs);
      if (known === undefined) misses += 1;
      else hits += 1;
      return known;
    },
    accept(name, acceptance, tokenLength) {
      accepted.set(name, acceptance, ENTRY_BYTES + tokenLength * BYTES_PER_CHARACTER);
    },
    reject,
    stats: () => ({ accepted: accepted.stats(), rejected: rejected.stats(), hits, misses }),
  };
}
