import { isRefusal, type Refusal, refuse } from '../../core/refusals.ts';
import { createSieveCache, type SieveEntry, UNLINKED } from '../../core/sieve-cache.ts';
import { type Algorithm, findAlgorithm } from '../jwt/algorithms.ts';
import { normalizeType } from '../jwt/validate-claims.ts';
import { checkSignature } from '../jwt/verify-signature.ts';
import { readProofPart, readProofSignature, splitProof } from './parse-proof.ts';
import {
  importProofKey,
  type ProofKey,
  readProofJwk,
  type ThumbprintMembers,
  thumbprintOf,
} from './proof-key.ts';
import type { DpopPolicy, HeldProof } from './proof-policy.ts';
import { type ProofContext, validateProofClaims } from './validate-proof-claims.ts';

/** A proof as it came, and what it must fit. */
export interface ProofCheck extends ProofContext {
  /** The values of all `DPoP` fields of the request. */
  readonly proofs: readonly string[];
  /** `cnf.jkt` of the token. */
  readonly jkt: string;
}

export type VerifyProof = (check: ProofCheck) => HeldProof | Refusal;

/** Estimates of what one remembered key costs beside the text of its header. */
const KEY_BYTES = 2_048;
const MAX_KEY_BYTES = 8 * 1024 ** 2;

interface KnownKey extends SieveEntry {
  readonly proofKey: ProofKey;
}

/**
 * Makes the checks of RFC 9449 §4.3 and §7.1, in an order in which the signature comes last: what a client without the key of the token
 * can send costs little. A client's proofs share their header, so keys are remembered by it; only those to which a valid token was
 * bound are, and a flood of others evicts none that is in use.
 */
export function createVerifyProof({
  maxKeyBytes = MAX_KEY_BYTES,
}: {
  readonly maxKeyBytes?: number;
} = {}): VerifyProof {
  const knownKeys = createSieveCache<KnownKey>(maxKeyBytes);

  return (check) => {
    const { policy, jkt, trace } = check;
    const parts = splitProof(check.proofs);
    if (isRefusal(parts)) return refuseForm(parts, check);
    const { encodedHeader } = parts;
    const known = trace === undefined ? knownKeys.get(encodedHeader)?.proofKey : undefined;
    const stated = known ?? readHeader(encodedHeader, check);
    if (isRefusal(stated)) return of(policy, stated);
    if (!policy.algorithms.has(stated.alg)) return of(policy, refuseAlgorithm());
    if (stated.thumbprint !== jkt) return of(policy, refuseOtherKey());

    const payload = readProofPart('payload', parts.encodedPayload);
    const signature = readProofSignature(parts.encodedSignature);
    if (isRefusal(payload)) return refuseForm(payload, check);
    if (isRefusal(signature)) return refuseForm(signature, check);
    trace?.add({ step: 'proof form', ok: true });
    const held = validateProofClaims(payload, check);
    if (isRefusal(held)) return of(policy, held);

    const key = 'check' in stated ? stated : importProofKey(stated.jwk, stated.alg, stated);
    if (isRefusal(key)) {
      trace?.add({ step: 'proof key', ok: false, expected: 'a strong public key', note: key.reason });
      return of(policy, key);
    }
    const ok = checkSignature(key.check, parts.signingInput, signature);
    trace?.add({ step: 'proof signature', ok });
    if (!ok) return of(policy, refuse('proof_signature', 'the signature of the proof does not verify'));
    if (known === undefined) remember(encodedHeader, key);
    return {
      thumbprint: jkt,
      jti: held.jti,
      issuedMs: held.issuedMs,
      lastMs: held.lastMs,
      unverifiedNonce: held.unverifiedNonce,
    };
  };

  function remember(encodedHeader: string, proofKey: ProofKey): void {
    // A copy, since a slice would keep the whole proof in memory.
    const key = Buffer.from(encodedHeader, 'latin1').toString('latin1');
    knownKeys.add({ key, bytes: KEY_BYTES + key.length, proofKey, ...UNLINKED });
  }
}

/** The header of a proof, with a key that is not imported yet. */
interface StatedKey {
  readonly alg: Algorithm;
  readonly thumbprint: string;
  readonly members: ThumbprintMembers;
  readonly jwk: unknown;
}

/** Members that need more than a signature check: encryption, or an extension that must be understood. */
const UNSUPPORTED_HEADERS = ['crit', 'b64', 'enc', 'zip'] as const;

function readHeader(encoded: string, check: ProofCheck): StatedKey | Refusal {
  const { policy, jkt, trace } = check;
  const header = readProofPart('header', encoded);
  if (isRefusal(header)) return refuseForm(header, check);
  const unsupported = UNSUPPORTED_HEADERS.find((name) => name in header);
  if (unsupported !== undefined) {
    const reason = `the header of the proof has \`${unsupported}\`, which is not supported`;
    return refuseForm(refuse('proof_malformed', reason), check);
  }

  const { typ, alg, jwk } = header;
  const isProof = typeof typ === 'string' && normalizeType(typ) === 'dpop+jwt';
  trace?.add({ step: 'proof type', ok: isProof, expected: 'dpop+jwt' });
  if (!isProof) return refuse('proof_type', '`typ` of the proof is not dpop+jwt');

  const isListed = typeof alg === 'string' && policy.algorithms.has(alg) && findAlgorithm(alg) !== undefined;
  trace?.add({ step: 'proof algorithm', ok: isListed, expected: [...policy.algorithms].join(', ') });
  if (!isListed) return refuseAlgorithm();

  const members = readProofJwk(jwk);
  if (isRefusal(members)) {
    trace?.add({ step: 'proof key', ok: false, expected: 'a public key', note: members.reason });
    return members;
  }
  const thumbprint = thumbprintOf(members);
  trace?.add({
    step: 'proof key',
    ok: thumbprint === jkt,
    expected: 'the key that the token is bound to',
    got: thumbprint === jkt ? 'that key' : 'another key',
  });
  return { alg: alg as Algorithm, thumbprint, members, jwk };
}

function refuseForm(refusal: Refusal, { policy, trace }: ProofCheck): Refusal {
  trace?.add({
    step: 'proof form',
    ok: false,
    expected: 'one DPoP field with one JWT',
    note: refusal.reason,
  });
  return of(policy, refusal);
}

function refuseAlgorithm(): Refusal {
  return refuse('proof_algorithm', '`alg` of the proof is not among those of `dpop.algorithms`');
}

function refuseOtherKey(): Refusal {
  return refuse('proof_other_key', 'the proof is by another key than the one that the token is bound to');
}

function of({ name }: DpopPolicy, refusal: Refusal): Refusal {
  return refusal.issuer === undefined ? { ...refusal, issuer: name } : refusal;
}
