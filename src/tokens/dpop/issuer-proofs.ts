import { after } from '../../core/after.ts';
import { isRefusal, REFUSALS, type Refusal, refuse } from '../../core/refusals.ts';
import type { Clock } from '../../core/time/clock.ts';
import { createReplayGuard, type NonceResult } from '../replay/replay-guard.ts';
import type { ReplayStorePool } from '../replay/replay-store-pool.ts';
import type { ProofCount } from './proof-count.ts';
import { type DpopPolicy, type HeldProof, type KeyQuota, quotaOfKey } from './proof-policy.ts';
import type { ProofCheck, VerifyProof } from './verify-proof.ts';

/** What a request brings, for its proof. */
export interface PresentedProof extends Omit<ProofCheck, 'policy' | 'nowMs'> {
  /** Such a request has no nonce of this process. */
  readonly isSimulated: boolean;
}

/** A proof that holds, with what the response to it has to bring. */
export interface ProvenProof extends HeldProof {
  /** For `DPoP-Nonce`. */
  readonly nextNonce: string | undefined;
}

/** Verifies the proofs for the tokens of one issuer. */
export interface IssuerProofs {
  readonly policy: DpopPolicy;
  /** How many proofs one key may use. */
  readonly quota: KeyQuota;
  /** All of RFC 9449 §4.3 but whether the proof was used before; `nextNonce` of a refusal comes with it. */
  verify(presented: PresentedProof): ProvenProof | RefusedProof | Promise<ProvenProof | RefusedProof>;
  /** Comes last, once nothing else refuses the request: a refusal unless it is the first use. */
  use(proof: HeldProof): Refusal | undefined | Promise<Refusal | undefined>;
}

export interface RefusedProof {
  readonly refusal: Refusal;
  readonly nextNonce: string | undefined;
}

/** The proofs of a file, by issuer. */
export interface CompiledProofs {
  readonly byIssuer: ReadonlyMap<string, IssuerProofs>;
  /** Call it when the configuration becomes active. */
  activate(): void;
  /** Lets go of the replay stores. */
  close(): void;
}

export interface ProofSurroundings {
  readonly pool: ReplayStorePool;
  readonly verify: VerifyProof;
  readonly count: ProofCount;
  readonly clock: Clock;
}

/** Opens what the issuers with `dpop` need. Does not wait for a store that is down. */
export async function compileProofs(
  policies: readonly DpopPolicy[],
  { pool, verify, count, clock }: ProofSurroundings,
): Promise<CompiledProofs> {
  const opened = await Promise.all(
    policies.map(async (policy) => {
      const { name: issuer, issuers, replay: memory, maxAgeMs, clockToleranceMs } = policy;
      const store = await pool.acquire({ issuer, issuers, memory, maxAgeMs, clockToleranceMs });
      return { store, proofs: compileIssuer(policy, { store, verify, count, clock }) };
    }),
  );
  let closed = false;
  return {
    byIssuer: new Map(opened.map(({ proofs }) => [proofs.policy.name, proofs])),
    activate() {
      for (const { store } of opened) pool.activate(store);
    },
    close() {
      if (closed) return;
      closed = true;
      for (const { store } of opened) pool.release(store);
    },
  };
}

function compileIssuer(
  policy: DpopPolicy,
  {
    store,
    verify,
    count,
    clock,
  }: Omit<ProofSurroundings, 'pool'> & { readonly store: Parameters<typeof createReplayGuard>[0] },
): IssuerProofs {
  const { name: issuer, requiresNonce, maxAgeMs } = policy;
  const guard = createReplayGuard(store, { issuer, requiresNonce, maxAgeMs });
  const aged = refuse('proof_old', 'the proof has become too old while the request was decided on', {
    issuer,
  });

  function conclude(held: HeldProof, nonce: NonceResult | undefined): ProvenProof | RefusedProof {
    const nextNonce = nonce?.next;
    if (nonce?.refusal === undefined) {
      const { thumbprint, jti, issuedMs, lastMs, unverifiedNonce } = held;
      return { thumbprint, jti, issuedMs, lastMs, unverifiedNonce, nextNonce };
    }
    count.add(issuer, outcomeOf(nonce.refusal));
    return { refusal: nonce.refusal, nextNonce };
  }

  return {
    policy,
    quota: quotaOfKey(policy),
    verify(presented) {
      const nowMs = clock();
      const { proofs, request, rawToken, jkt, trace } = presented;
      // As in `conclude`: performance.md, "a proof's fields one by one".
      const held = verify({ proofs, request, rawToken, jkt, trace, policy, nowMs });
      if (isRefusal(held)) {
        count.add(issuer, outcomeOf(held));
        return { refusal: held, nextNonce: undefined };
      }
      if (presented.isSimulated) {
        if (requiresNonce) presented.trace?.add({ step: 'nonce', ok: true, got: describeNonce(held) });
        return conclude(held, undefined);
      }
      if (guard.nonces === undefined) return conclude(held, undefined);
      return after(guard.nonces.check(held.unverifiedNonce, nowMs), (nonce) => conclude(held, nonce));
    },
    use: (proof) =>
      // A message may have been waited for. What is remembered of a proof is forgotten with its last moment.
      after(clock() > proof.lastMs ? aged : guard.use(proof), (refusal) => {
        count.add(issuer, refusal === undefined ? 'accepted' : outcomeOf(refusal));
        return refusal;
      }),
  };
}

/** Only a running gateway knows the nonces that it gave out. */
function describeNonce({ unverifiedNonce }: HeldProof): string {
  return unverifiedNonce === undefined
    ? 'not asked here: the running gateway wants one'
    : 'not checked here: the running gateway wants one that it gave out';
}

function outcomeOf({ code, cause }: Refusal): Parameters<ProofCount['add']>[1] {
  if (cause === 'proof_replayed') return 'replayed';
  if (code === 'dpop_nonce_required') return 'nonce';
  if (code === 'rate_limited') return 'limited';
  return REFUSALS[code].status === 503 ? 'unavailable' : 'invalid';
}
