import { hash } from 'node:crypto';
import type { Refusal } from '../../core/refusals.ts';
import type { CompiledIssuer } from '../compiled-issuer.ts';
import { refuseIssuer } from '../jwt/validate-header.ts';
import { type Lifetime, validateLifetime } from '../jwt/validate-lifetime.ts';
import { isActive, type KeySetValidity, type KeyStore } from '../keys/key-store.ts';
import type { VerifiedToken } from '../verified-token.ts';
import { type CacheStats, createSieveCache, type SieveEntry, UNLINKED } from './sieve-cache.ts';
import { createSignatureResultTable } from './signature-result-table.ts';

/** What does not change about a token whose signature and claims hold. Its key and its times are checked at each use. */
interface Acceptance {
  readonly token: VerifiedToken;
  readonly issuer: CompiledIssuer;
  readonly store: KeyStore;
  readonly keyId: string;
  /** The last one of which it is known that the key is active. */
  validity: KeySetValidity;
  readonly lifetime: Lifetime;
}

/** A refusal that stays true for a generation of keys, from a moment on. */
interface Rejection {
  readonly refusal: Refusal;
  readonly issuer: CompiledIssuer;
  readonly validity: KeySetValidity;
  readonly fromMs: number;
}

interface AcceptedEntry extends SieveEntry, Acceptance {}
interface RejectedEntry extends SieveEntry, Rejection {}

/**
 * What was found about a signature: the serial of the key that verifies it, or its negative where that key does not. It holds for
 * the whole token and that key for ever, so that it outlives nothing: whether the key may serve, and all else, is checked anew.
 */
export type SignatureResult = number;

/** Nothing is known. */
export const UNKNOWN_RESULT: SignatureResult = 0;
/** The token came before and did not verify, with no or several keys tried. */
export const UNDECIDED_RESULT: SignatureResult = Number.NEGATIVE_INFINITY;

/**
 * Remembers what was found out about whole tokens. One per configuration, so that a reload forgets everything.
 *
 * In two steps, since most tokens of a flood never come again: of the first sight only the result on the signature is kept, in some
 * forty bytes beside the heap; at the second sight, with no signature to check, the whole token is.
 */
export interface TokenCache {
  /** Names a token by its SHA-256, so that no token is kept in memory. */
  nameOf(rawToken: string): string;
  /** Undefined when the token has to be looked at: not seen twice, evicted, its key gone. */
  get(
    name: string,
    accepts: ReadonlySet<string> | undefined,
    nowMs: number,
  ): VerifiedToken | Refusal | undefined;
  /** The result on the signature of a token that came before. */
  resultOf(name: string): SignatureResult;
  /** Whether the token came before; when it did not, that is noted now with the result on its signature. */
  hasSeen(name: string, result: SignatureResult): boolean;
  accept(name: string, acceptance: Acceptance, tokenLength: number): void;
  /** Refusals have a small share of their own, so that no flood of bad tokens drives out a good one. */
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

/** Of all bytes; good tokens have the rest. */
const SHARES = { rejected: 1 / 16, acceptedSights: 1 / 32, rejectedSights: 1 / 128 } as const;

/** Makes the cache, bounded by bytes. Keys age by the clock of the request and by `monotonicMs`. */
export function createTokenCache(maxBytes: number, monotonicMs: () => number): TokenCache {
  const acceptedSights = createSignatureResultTable(maxBytes * SHARES.acceptedSights);
  const rejectedSights = createSignatureResultTable(maxBytes * SHARES.rejectedSights);
  const sightBytes = acceptedSights.bytes + rejectedSights.bytes;
  const accepted = createSieveCache<AcceptedEntry>(maxBytes * (1 - SHARES.rejected) - sightBytes);
  const rejected = createSieveCache<RejectedEntry>(maxBytes * SHARES.rejected);

  let hits = 0;
  let misses = 0;

  function reject(name: string, rejection: Rejection): void {
    rejected.add({ key: name, bytes: REJECTION_BYTES, ...UNLINKED, ...rejection });
  }

  function getAccepted(entry: AcceptedEntry, nowMs: number): VerifiedToken | Refusal | undefined {
    const { token } = entry;
    if (!hasItsKey(entry, nowMs)) {
      accepted.delete(entry.key);
      return undefined;
    }
    const refusal = validateLifetime(entry.lifetime, nowMs, token.issuer);
    if (refusal === undefined) return token;
    if (nowMs < token.rejectedFromMs) return refusal;
    const { key: name, issuer, validity } = entry;
    accepted.delete(name);
    reject(name, { refusal, issuer, validity, fromMs: token.rejectedFromMs });
    return refusal;
  }

  /** The store is asked once for each generation: its many parts are hardly ever in the processor's caches. */
  function hasItsKey(entry: AcceptedEntry, nowMs: number): boolean {
    if (isActive(entry.validity, nowMs, monotonicMs())) return true;
    const next = entry.store.validity();
    if (next === undefined || !entry.store.holds(entry.keyId)) return false;
    entry.validity = next;
    return true;
  }

  function getRejected(entry: RejectedEntry, nowMs: number): Refusal | undefined {
    if (isActive(entry.validity, nowMs, monotonicMs()) && nowMs >= entry.fromMs) return entry.refusal;
    rejected.delete(entry.key);
    return undefined;
  }

  const get: TokenCache['get'] = (name, accepts, nowMs) => {
    const acceptance = accepted.get(name);
    const rejection = acceptance === undefined ? rejected.get(name) : undefined;
    const entry = acceptance ?? rejection;
    if (entry === undefined) return undefined;
    // Before the key and all that follows, as with a token that was never seen.
    if (accepts !== undefined && !accepts.has(entry.issuer.name)) return refuseIssuer(entry.issuer.name);
    if (acceptance !== undefined) return getAccepted(acceptance, nowMs);
    return rejection && getRejected(rejection, nowMs);
  };

  function resultOf(name: string): SignatureResult {
    return acceptedSights.find(name) || rejectedSights.find(name);
  }

  return {
    // A byte a character: the shortest text there is of a digest.
    nameOf: (rawToken) => hash('sha256', rawToken, 'binary'),
    get(name, accepts, nowMs) {
      const known = get(name, accepts, nowMs);
      if (known === undefined) misses += 1;
      else hits += 1;
      return known;
    },
    resultOf,
    hasSeen(name, result) {
      if (resultOf(name) !== UNKNOWN_RESULT) return true;
      (result > 0 ? acceptedSights : rejectedSights).set(name, result);
      return false;
    },
    accept(name, acceptance, tokenLength) {
      const bytes = ENTRY_BYTES + tokenLength * BYTES_PER_CHARACTER;
      accepted.add({ key: name, bytes, ...UNLINKED, ...acceptance });
    },
    reject,
    stats: () => ({ accepted: accepted.stats(), rejected: rejected.stats(), hits, misses }),
  };
}
