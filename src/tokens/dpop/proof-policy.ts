import { MAX_OF_KEY, shareOfKey } from '../replay/replay-store.ts';
import type { ReplayMemory } from '../replay/replay-store-pool.ts';

/** What proofs for the tokens of one issuer must be like (the key `dpop` of an issuer). */
export interface DpopPolicy {
  /** Of the issuer. */
  readonly name: string;
  /** Each exact `iss` of it. */
  readonly issuers: readonly [string, ...string[]];
  readonly maxAgeMs: number;
  /** How far `iat` may lie in the future. */
  readonly clockToleranceMs: number;
  readonly algorithms: ReadonlySet<string>;
  /** As the file lists them, for challenges and metadata. */
  readonly advertised: readonly string[];
  readonly requiresNonce: boolean;
  readonly replay: ReplayMemory;
}

/** How many proofs of one key are remembered at once: each is for up to the longest age. */
export function quotaOfKey({ replay, maxAgeMs }: Pick<DpopPolicy, 'replay' | 'maxAgeMs'>): KeyQuota {
  return {
    max: replay.kind === 'redis' ? MAX_OF_KEY : shareOfKey(replay.maxEntries),
    windowMs: maxAgeMs,
  };
}

export interface KeyQuota {
  readonly max: number;
  readonly windowMs: number;
}

/** The request that a proof must have been made for. */
export interface ProvenRequest {
  readonly method: string;
  /** Scheme, host and port as `normalizeOrigin` gives them. */
  readonly origin: string;
  /** As the client has sent it, without query. */
  readonly path: string;
}

/** A proof that holds, but for whether it is the first of its name. */
export interface HeldProof {
  readonly thumbprint: string;
  readonly jti: string;
  /** By the client's clock. */
  readonly issuedMs: number;
  /** The last moment at which it is accepted. */
  readonly lastMs: number;
  /** As the proof has it, unchecked. */
  readonly unverifiedNonce: unknown;
}
