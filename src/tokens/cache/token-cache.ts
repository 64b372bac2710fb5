import { hash } from 'node:crypto';
import { after } from '../../core/after.ts';
import { isRefusal } from '../../core/refusals.ts';
import { type CacheStats, createSieveCache, type SieveEntry, UNLINKED } from '../../core/sieve-cache.ts';
import type { Clock } from '../../core/time/clock.ts';
import { refuseIssuer } from '../jwt/validate-header.ts';
import { validateLifetime } from '../jwt/validate-lifetime.ts';
import { verifySignature } from '../jwt/verify-signature.ts';
import { isActive, type KeySetValidity } from '../keys/key-generation.ts';
import { markReused } from '../token-memo.ts';
import {
  type Acceptance,
  outcomeOf,
  type Rejection,
  type TokenOutcome,
  type Verification,
  type VerifyOptions,
  type VerifyToken,
} from '../verify-token.ts';
import { createSignatureResultTable } from './signature-result-table.ts';

export interface TokenCacheStats {
  readonly accepted: CacheStats;
  readonly rejected: CacheStats;
  /** Tokens whose outcome was known; refusals count as well. */
  readonly hits: number;
  readonly misses: number;
}

export interface TokenCacheOptions {
  /** For all that is kept of tokens. */
  readonly maxBytes: number;
  /** Longer tokens are refused, so they are not worth hashing. */
  readonly tokenBytes: number;
  /** Keys and tokens age by the wall clock, keys by the monotonic one as well. */
  readonly clock: Clock;
  readonly monotonicMs: () => number;
}

interface AcceptedEntry extends SieveEntry, Acceptance {
  /** The last one in which the key was found. */
  validity: KeySetValidity;
}
interface RejectedEntry extends SieveEntry, Rejection {}

/** What an entry costs beside its claims, and what the claims cost per character of the token (measured). */
const ENTRY_BYTES = 800;
const BYTES_PER_CHARACTER = 2;
const REJECTION_BYTES = 400;

/** Of all bytes; accepted tokens have the rest. Refused ones have shares apart, so that no flood of them evicts a good one. */
const SHARES = { rejected: 1 / 16, positiveResults: 1 / 32, negativeResults: 1 / 128 } as const;

/**
 * Wraps the verification of tokens in a cache: `lookup(token) ?? verify(token)`. One per configuration, so that a reload forgets
 * everything.
 *
 * Most tokens of a flood never come again. The first time, only the result of the signature check is kept, in forty bytes outside
 * the heap (performance.md, "of the first sight only a result kept"); the second time, the whole outcome is.
 */
export function cacheVerifications(verifyToken: VerifyToken, options: TokenCacheOptions) {
  const { maxBytes, tokenBytes, clock, monotonicMs } = options;
  const positiveResults = createSignatureResultTable(maxBytes * SHARES.positiveResults);
  const negativeResults = createSignatureResultTable(maxBytes * SHARES.negativeResults);
  const resultBytes = positiveResults.bytes + negativeResults.bytes;
  const accepted = createSieveCache<AcceptedEntry>(maxBytes * (1 - SHARES.rejected) - resultBytes);
  const rejected = createSieveCache<RejectedEntry>(maxBytes * SHARES.rejected);
  let hits = 0;
  let misses = 0;

  function verify(
    rawToken: string,
    { accepts, trace }: Pick<VerifyOptions, 'accepts' | 'trace'>,
  ): TokenOutcome | Promise<TokenOutcome> {
    // A trace is to show every step.
    if (trace !== undefined || rawToken.length > tokenBytes) {
      return after(verifyToken(rawToken, { accepts, trace }), outcomeOf);
    }
    // A SHA-256, so that no token is kept in memory; a byte a character, its shortest text.
    const digest = hash('sha256', rawToken, 'binary');
    const known = lookup(digest, accepts);
    if (known !== undefined) {
      hits += 1;
      return known;
    }
    misses += 1;
    const isSecondSight = resultOf(digest) !== 0;
    const verification = verifyToken(rawToken, { accepts, verifySignature: verifySignatureOf(digest) });
    return after(verification, (finished) => {
      if (isSecondSight) keep(digest, finished, rawToken.length);
      return outcomeOf(finished);
    });
  }

  function lookup(digest: string, accepts: ReadonlySet<string> | undefined): TokenOutcome | undefined {
    const acceptance = accepted.get(digest);
    const rejection = acceptance === undefined ? rejected.get(digest) : undefined;
    const entry = acceptance ?? rejection;
    if (entry === undefined) return undefined;
    // Before the key and all that follows, as in a verification.
    if (accepts !== undefined && !accepts.has(entry.issuer.name)) return refuseIssuer(entry.issuer.name);
    const nowMs = clock();
    return acceptance === undefined
      ? reuseRejection(entry as RejectedEntry, nowMs)
      : reuse(acceptance, nowMs);
  }

  function reuse(entry: AcceptedEntry, nowMs: number): TokenOutcome | undefined {
    const { key: digest, token, issuer } = entry;
    if (!hasItsKey(entry, nowMs)) {
      accepted.delete(digest);
      return undefined;
    }
    const refusal = validateLifetime(entry.lifetime, nowMs, issuer.name);
    if (refusal === undefined) return token;
    if (nowMs < token.rejectedFromMs) return refusal;
    const { validity } = entry;
    accepted.delete(digest);
    keepRejection(digest, { refusal, fromMs: token.rejectedFromMs, issuer, validity });
    return refusal;
  }

  /** Asks the store once for each key set (performance.md, "a remembered token holds the term of its key"). */
  function hasItsKey(entry: AcceptedEntry, nowMs: number): boolean {
    if (isActive(entry.validity, nowMs, monotonicMs())) return true;
    const next = entry.store.validity();
    if (next === undefined || !entry.store.holds(entry.keyId)) return false;
    entry.validity = next;
    return true;
  }

  function reuseRejection(entry: RejectedEntry, nowMs: number): TokenOutcome | undefined {
    if (isActive(entry.validity, nowMs, monotonicMs()) && nowMs >= entry.fromMs) return entry.refusal;
    rejected.delete(entry.key);
    return undefined;
  }

  function keep(digest: string, verification: Verification, tokenLength: number): void {
    if (isRefusal(verification)) return;
    if ('refusal' in verification) {
      keepRejection(digest, verification);
      return;
    }
    const bytes = ENTRY_BYTES + tokenLength * BYTES_PER_CHARACTER;
    accepted.add({ key: digest, bytes, ...UNLINKED, ...verification });
    markReused(verification.token);
  }

  function keepRejection(digest: string, rejection: Rejection): void {
    rejected.add({ key: digest, bytes: REJECTION_BYTES, ...UNLINKED, ...rejection });
  }

  /** The serial of the key that verifies the signature, or its negative where that key does not; 0 when neither is known. */
  function resultOf(digest: string): number {
    return positiveResults.find(digest) || negativeResults.find(digest);
  }

  /** A signature and a key give the same result for ever. Whether the key may serve, and all else, is checked by the verification. */
  function verifySignatureOf(digest: string): typeof verifySignature {
    return (key, signingInput, signature) => {
      const result = resultOf(digest);
      if (result === key.serial) return true;
      if (result === -key.serial) return false;
      const holds = verifySignature(key, signingInput, signature);
      if (holds) positiveResults.set(digest, key.serial);
      else if (result === 0) negativeResults.set(digest, -key.serial);
      return holds;
    };
  }

  return {
    verify,
    stats: (): TokenCacheStats => ({ accepted: accepted.stats(), rejected: rejected.stats(), hits, misses }),
  };
}
