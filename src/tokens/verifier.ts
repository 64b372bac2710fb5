import { after } from '../core/after.ts';
import type { Clock } from '../core/time/clock.ts';
import { cacheVerifications, type TokenCacheStats } from './cache/token-cache.ts';
import type { CompiledIssuer } from './compiled-issuer.ts';
import type { CallCacheStats } from './endpoints/call-stats.ts';
import type { Introspect } from './introspection/introspect.ts';
import { addIntrospection } from './introspection/verify-introspected.ts';
import type { KeyRecord } from './keys/key-generation.ts';
import type { KeyStatus } from './keys/key-store.ts';
import { createKeyStorePool, type KeyStorePool } from './keys/key-store-pool.ts';
import { createVerifyToken, outcomeOf, type TokenOutcome, type VerificationRequest } from './verify-token.ts';

/** Verifies raw tokens; the only maker of a `VerifiedToken`. */
export interface TokenVerifier {
  /**
   * Verifies form, issuer, algorithm, type, key, signature, claims and times. Audience and proof of possession depend on the request
   * and come after. A promise only where keys or the provider must be waited for.
   */
  verify(rawToken: string, request: VerificationRequest): TokenOutcome | Promise<TokenOutcome>;
}

/** A verifier together with its keys. */
export interface LiveTokenVerifier extends TokenVerifier {
  /** Resolves when each issuer has keys or has failed once; a dead issuer delays it by its `timeout` at most. */
  start(): Promise<void>;
  status(): readonly IssuerStatus[];
  /** Fetches the keys of one issuer, or of all, now. Never rejects; the status shows how it went. */
  refresh(issuer?: string): Promise<void>;
  /** The keys of one issuer, for another process to continue with. */
  record(issuer: string): KeyRecord | undefined;
  /** Undefined when the cache is off. */
  cacheStats(): TokenCacheStats | undefined;
  /** Of each issuer that is introspected. */
  introspectionStats(): ReadonlyMap<string, CallCacheStats>;
  /** Stops refreshing the keys that no later configuration has acquired. */
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
  /** For all cached tokens together; 0 turns the cache off. */
  readonly cacheBytes: number;
  /** Keeps key stores across reloads. Default: a new one. */
  readonly pool?: KeyStorePool;
  /**
   * Asks the provider about a token, for issuers with introspection, or stands for it. Default: nobody is asked, and such tokens are
   * refused as `introspection_unavailable`.
   */
  readonly introspect?: Introspect | undefined;
}

/** Makes the verifier of one configuration. */
export function createTokenVerifier(options: TokenVerifierOptions): LiveTokenVerifier {
  const { issuers, clock, tokenBytes, cacheBytes } = options;
  const pool = options.pool ?? createKeyStorePool({ clock });
  const stores = new Map(issuers.map((issuer) => [issuer, pool.acquire(issuer)]));
  const verifyToken = createVerifyToken({ stores, clock, tokenBytes });
  const { monotonicMs } = pool.scheduler;
  const cached =
    cacheBytes > 0
      ? cacheVerifications(verifyToken, { maxBytes: cacheBytes, tokenBytes, clock, monotonicMs })
      : undefined;
  const verifyJwt: TokenVerifier['verify'] =
    cached?.verify ?? ((rawToken, request) => after(verifyToken(rawToken, request), outcomeOf));
  const introspected = addIntrospection(verifyJwt, {
    issuers,
    introspect: options.introspect,
    clock,
    monotonicMs,
    tokenBytes,
  });
  let closed = false;

  return {
    verify: introspected?.verify ?? verifyJwt,
    async start() {
      await Promise.all([...stores.values()].map((store) => store.start()));
    },
    status: () => [...stores].map(([{ name }, store]) => ({ name, ...store.status() })),
    async refresh(issuerName) {
      const chosen = [...stores].filter(([{ name }]) => issuerName === undefined || name === issuerName);
      await Promise.all(chosen.map(([, store]) => store.refresh()));
    },
    record: (issuerName) => [...stores].find(([{ name }]) => name === issuerName)?.[1].record(),
    cacheStats: () => cached?.stats(),
    introspectionStats: () => introspected?.cacheStats() ?? new Map(),
    close() {
      if (closed) return;
      closed = true;
      // Requests that are still running can go on using the stores.
      for (const store of stores.values()) pool.release(store);
    },
  };
}
