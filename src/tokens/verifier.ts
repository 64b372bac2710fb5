import type { Clock } from '../core/clock.ts';
import { isRefusal, type Refusal } from '../core/refusals.ts';
import type { Trace } from '../core/trace.ts';
import { createTokenCache, type TokenCacheStats } from './cache/token-cache.ts';
import type { CompiledIssuer } from './compiled-issuer.ts';
import { indexIssuers } from './issuer-index.ts';
import { createHeaderCache } from './jwt/header-cache.ts';
import { parseToken } from './jwt/parse-token.ts';
import { validateHeader } from './jwt/validate-header.ts';
import { describeLifetime, validateLifetime } from './jwt/validate-lifetime.ts';
import { validatePayload } from './jwt/validate-payload.ts';
import type { VerificationKey } from './jwt/verify-signature.ts';
import type { KeyRecord, KeySetValidity, KeyStatus, KeyStore } from './keys/key-store.ts';
import { createKeyStorePool, type KeyStorePool } from './keys/key-store-pool.ts';
import type { VerifiedToken } from './verified-token.ts';
import {
  refusedResult,
  type VerificationContext,
  verifyWithKeys,
  verifyWithKeysNow,
} from './verify-with-keys.ts';

export type TokenOutcome = VerifiedToken | Refusal;

/** Validates raw tokens; the only maker of a `VerifiedToken`. */
export interface TokenVerifier {
  /**
   * Validates form, issuer, algorithm, type, key, signature, claims and times, in this order; audience and binding are the route's
   * business and come after. `accepts` holds the configured names of the issuers that count here; undefined means all of the file. Answers at once unless keys must be waited for.
   */
  verify(
    rawToken: string,
    accepts: ReadonlySet<string> | undefined,
    trace?: Trace,
  ): TokenOutcome | Promise<TokenOutcome>;
}

/** A verifier together with the keys it lives on. */
export interface LiveTokenVerifier extends TokenVerifier {
  /** Resolves when each issuer has keys or has failed once; a dead issuer holds it up for its `timeout` at most. */
  start(): Promise<void>;
  status(): readonly IssuerStatus[];
  /** Fetches the keys of one issuer, or of all, now. Never rejects; the status says how it went. */
  refresh(issuer?: string): Promise<void>;
  /** The keys of one issuer as another process can go on with them. */
  record(issuer: string): KeyRecord | undefined;
  /** Undefined when the cache is off. */
  cacheStats(): TokenCacheStats | undefined;
  /** Stops refreshing what no later configuration has taken over. */
  close(): void;
}

export interface IssuerStatus extends KeyStatus {
  /** The configured name. */
  readonly name: string;
}

export interface TokenVerifierOptions {
  readonly issuers: readonly CompiledIssuer[];
  readonly clock: Clock;
  /** Longer tokens are refused as malformed. */
  readonly tokenBytes: number;
  /** For all remembered tokens together; 0 turns the cache off. */
  readonly cacheBytes: number;
  /** Where key stores live on across reloads. Default: an own one. */
  readonly pool?: KeyStorePool;
}

/** Makes the verifier of one configuration. */
export function createTokenVerifier(options: TokenVerifierOptions): LiveTokenVerifier {
  const { issuers, clock, tokenBytes, cacheBytes } = options;
  const pool = options.pool ?? createKeyStorePool({ clock });
  const stores = new Map(issuers.map((issuer) => [issuer, pool.acquire(issuer)]));
  const index = indexIssuers(issuers);
  let closed = false;
  const cache = cacheBytes > 0 ? createTokenCache(cacheBytes, pool.scheduler.monotonicMs) : undefined;
  const headers = createHeaderCache();

  function verify(
    rawToken: string,
    accepts: ReadonlySet<string> | undefined,
    trace?: Trace,
  ): TokenOutcome | Promise<TokenOutcome> {
    // What is traced is looked at in full; what is too long is not worth hashing.
    const remembers = cache !== undefined && trace === undefined && rawToken.length <= tokenBytes;
    const memory = remembers ? { cache, name: cache.nameOf(rawToken) } : undefined;
    const known = memory?.cache.get(memory.name, accepts, clock());
    if (known !== undefined) return known;

    const token = parseToken(rawToken, tokenBytes, trace === undefined ? headers : undefined);
    const malformed = isRefusal(token);
    trace?.add({ step: 'form', ok: !malformed, ...(malformed && { note: token.reason }) });
    if (malformed) return token;
    const issuer = validateHeader(token, index, { accepts, trace });
    if (isRefusal(issuer)) return issuer;

    const context = { token, issuer, store: stores.get(issuer) as KeyStore, trace, memory };
    const key = verifyWithKeys(context);
    if (!(key instanceof Promise)) return validateSigned(context, key);
    return key.then(() => {
      // Of several requests that waited with the same token, the first does the work for all.
      const meanwhile = memory?.cache.get(memory.name, accepts, clock());
      return meanwhile ?? validateSigned(context, verifyWithKeysNow(context));
    });
  }

  function validateSigned(context: VerificationContext, key: VerificationKey | Refusal): TokenOutcome {
    const { token, issuer, store, trace, memory } = context;
    // Of a missing key nothing is remembered: the next fetch may bring it.
    if (isRefusal(key) && key.code !== 'signature_invalid') return key;
    const result = isRefusal(key) ? refusedResult(context) : key.serial;
    const isKept = memory?.cache.hasSeen(memory.name, result) ?? false;
    // There is one: a key of it was tried.
    const validity = store.validity() as KeySetValidity;
    const reject = (refusal: Refusal, fromMs = Number.NEGATIVE_INFINITY): Refusal => {
      if (isKept) memory?.cache.reject(memory.name, { refusal, issuer, validity, fromMs });
      return refusal;
    };
    if (isRefusal(key)) return reject(key);
    if (token.newHeader !== undefined) headers.learn(token.newHeader, token.header);
    const validated = validatePayload(token, issuer, { trace, isKept });
    if (isRefusal(validated)) return reject(validated);
    const untimely = validateLifetime(validated.lifetime, clock(), issuer.name);
    trace?.add({
      step: 'times',
      ok: untimely === undefined,
      expected: 'a moment in which the token is valid, tolerance included',
      got: describeLifetime(validated.lifetime, clock()),
      ...(untimely && { note: untimely.reason }),
    });
    if (untimely?.code === 'token_not_yet_valid') return untimely;
    if (untimely !== undefined) return reject(untimely, validated.token.rejectedFromMs);
    if (isKept) {
      const acceptance = { ...validated, issuer, store, keyId: key.id, validity };
      memory?.cache.accept(memory.name, acceptance, token.signingInput.length);
    }
    return validated.token;
  }

  return {
    verify,
    async start() {
      await Promise.all([...stores.values()].map((store) => store.start()));
    },
    status: () => [...stores].map(([{ name }, store]) => ({ name, ...store.status() })),
    async refresh(issuerName) {
      const chosen = [...stores].filter(([{ name }]) => issuerName === undefined || name === issuerName);
      await Promise.all(chosen.map(([, store]) => store.refresh()));
    },
    record: (issuerName) => [...stores].find(([{ name }]) => name === issuerName)?.[1].record(),
    cacheStats: () => cache?.stats(),
    close() {
      if (closed) return;
      closed = true;
      // The stores stay at hand for requests that are still under way.
      for (const store of stores.values()) pool.release(store);
    },
  };
}
