import { after } from '../../core/after.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import { createNonces, type NonceState } from './nonces.ts';
import { proofUse, type ReplayOutcome, type ReplayStore } from './replay-store.ts';

/** A proof that holds otherwise. */
export interface UsedProof {
  readonly thumbprint: string;
  readonly jti: string;
  readonly issuedMs: number;
  readonly lastMs: number;
}

/** What keeps a proof of one issuer's tokens from being used twice. */
export interface ReplayGuard {
  /** Stores a proof; a refusal unless this is its first use. */
  use(proof: UsedProof): Refusal | undefined | Promise<Refusal | undefined>;
  readonly nonces: NonceCheck | undefined;
}

/** Where proofs need a nonce of this gateway. */
export interface NonceCheck {
  /** What the response must bring, or why the request is refused; undefined where the nonce is good for a while. */
  check(nonce: unknown, nowMs: number): NonceResult | undefined | Promise<NonceResult | undefined>;
}

export interface NonceResult {
  readonly refusal?: Refusal;
  /** For `DPoP-Nonce`. */
  readonly next?: string;
}

/** Makes the guard over a store. */
export function createReplayGuard(
  store: ReplayStore,
  {
    issuer,
    requiresNonce,
    maxAgeMs,
  }: { readonly issuer: string; readonly requiresNonce: boolean; readonly maxAgeMs: number },
): ReplayGuard {
  const nonces = createNonces(store);
  const refusals = compileRefusals(issuer, maxAgeMs);
  const check: NonceCheck = {
    check: (nonce, nowMs) =>
      after(nonces.check(nonce, nowMs), (state) => {
        if (state === 'fresh') return undefined;
        if (state === 'down') return { refusal: refusals.down };
        return after(nonces.issue(nowMs), (next) => {
          if (state === 'aging') return next === undefined ? undefined : { next };
          if (next === undefined) return { refusal: refusals.down };
          return { refusal: nonce === undefined ? refusals.nonceMissing : refusals.nonceUnknown, next };
        });
      }),
  };
  return {
    use: (proof) => after(store.use(proofUse(proof)), (outcome) => refusals[outcome]),
    nonces: requiresNonce ? check : undefined,
  };
}

/** Seconds after which another attempt may find the store, or room that other keys leave. */
const RETRY_SECONDS = 1;

type Case = ReplayOutcome | 'nonceMissing' | 'nonceUnknown' | Extract<NonceState, 'down'>;

function compileRefusals(issuer: string, maxAgeMs: number) {
  const later = { issuer, retryAfterSeconds: RETRY_SECONDS };
  return {
    stored: undefined,
    seen: refuse('proof_replayed', 'the proof was used before', { issuer }),
    crowded: refuse('proofs_too_many', 'the key of the client has made too many proofs in this time', {
      issuer,
      // Its own proofs leave room as they age, and the last of them is so old by then.
      retryAfterSeconds: Math.ceil(maxAgeMs / 1000),
    }),
    full: refuse('replay_store_full', 'the replay memory of `dpop` is full', later),
    down: refuse('replay_store_down', 'the replay store of `dpop` cannot be asked', later),
    nonceMissing: refuse('nonce_missing', 'the proof has no nonce', { issuer }),
    nonceUnknown: refuse('nonce_unknown', 'the nonce of the proof is not of this gateway, or too old', {
      issuer,
    }),
  } as const satisfies Record<Case, Refusal | undefined>;
}
