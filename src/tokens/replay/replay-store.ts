import { hash } from 'node:crypto';

/** One use of a proof. Nothing in it can be turned back into a key, a token or the name that the client gave to the proof. */
export interface ProofUse {
  /** Stands for the key and the name of the proof. */
  readonly digest: string;
  /** Stands for the key alone. */
  readonly holder: string;
  /** When the client made the proof, by its clock. */
  readonly issuedMs: number;
  /** The last moment at which the proof is accepted: it is remembered until then. */
  readonly lastMs: number;
}

/**
 * What became of a use: `stored` is the first one; `seen` is another; `crowded` means that the key has used up its share of the entries,
 * `full` that there is no room for anybody, `down` that nobody can know.
 */
export type ReplayOutcome = 'stored' | 'seen' | 'crowded' | 'full' | 'down';

/** Remembers proofs, so that each is good once (RFC 9449 §11.1), and shares the secrets of nonces. Never rejects. */
export interface ReplayStore {
  /** Stores a use unless it is there, as one step: of two at the same moment one is `seen`. */
  use(use: ProofUse): ReplayOutcome | Promise<ReplayOutcome>;
  /** The secret of the nonces of one epoch, the same for all that share the store; undefined when it cannot be read. */
  secretOf(epoch: number): Buffer | undefined | Promise<Buffer | undefined>;
  /** The same as it is there now, for a nonce that fits none that is known; left out where secrets never change. */
  secretAgain?(epoch: number): Buffer | undefined | Promise<Buffer | undefined>;
  /** Undefined where it is not known here. */
  stats(): ReplayStats | undefined;
  close(): void;
}

/** The part of all entries of a memory that one key may hold. */
const SHARE = 0.01;

/** How many entries of a memory one key may hold. */
export function shareOfKey(maxEntries: number): number {
  return Math.max(1, Math.floor(maxEntries * SHARE));
}

/** How many proofs of one key may be stored at once in a shared store, which is itself bounded by its memory. */
export const MAX_OF_KEY = 10_000;

export interface ReplayStats {
  readonly entries: number;
  readonly maxEntries: number;
}

/** The use of a proof as stores see it. */
export function proofUse({
  thumbprint,
  jti,
  issuedMs,
  lastMs,
}: {
  readonly thumbprint: string;
  readonly jti: string;
  readonly issuedMs: number;
  readonly lastMs: number;
}): ProofUse {
  return { digest: digestOf(`${thumbprint}.${jti}`), holder: thumbprint, issuedMs, lastMs };
}

/** performance.md, "its hashes by `hash`". */
export function digestOf(text: string): string {
  return hash('sha256', text, 'base64url');
}
