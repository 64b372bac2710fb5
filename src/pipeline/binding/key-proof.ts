import type { IssuerProofs } from '../../tokens/dpop/issuer-proofs.ts';
import type { HeldProof } from '../../tokens/dpop/proof-policy.ts';

/** A proof that holds. Whether it was used before is only asked once nothing else refuses the request. */
export interface KeyProof {
  readonly proofs: IssuerProofs;
  readonly held: HeldProof;
}
