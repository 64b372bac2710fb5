import { createHash, type KeyObject } from 'node:crypto';
import { type Refusal, refuse } from '../../core/refusals.ts';
import type { Algorithm } from '../jwt/algorithms.ts';
import { type SignatureCheck, signatureCheck } from '../jwt/verify-signature.ts';
import { checkKey, PRIVATE_MEMBERS } from '../keys/check-key.ts';

/** The public key of a client, ready to verify with the one algorithm of its proofs. */
export interface ProofKey {
  readonly alg: Algorithm;
  /** RFC 7638, with SHA-256: what `cnf.jkt` of a token holds (RFC 9449 §6.1). */
  readonly thumbprint: string;
  readonly check: SignatureCheck;
}

/** A public key as JSON, by the members that its thumbprint covers. */
export type ThumbprintMembers = Readonly<Record<string, string>>;

/** The required members of each type of key, in the order of RFC 7638 §3.2. */
const THUMBPRINT_MEMBERS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['EC', ['crv', 'kty', 'x', 'y']],
  ['OKP', ['crv', 'kty', 'x']],
  ['RSA', ['e', 'kty', 'n']],
]);

/** Reads the `jwk` of a proof as far as its thumbprint needs it: public, asymmetric, and of one spelling only. */
export function readProofJwk(jwk: unknown): ThumbprintMembers | Refusal {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) {
    return refuse('proof_key', 'the proof has no `jwk`');
  }
  // Whatever its value: a client that sends any part of its private key has to hear of it.
  if (PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name))) {
    return refuse('proof_key', 'the `jwk` of the proof has members of a private or symmetric key');
  }
  const members = jwk as Readonly<Record<string, unknown>>;
  const names = THUMBPRINT_MEMBERS.get(members.kty);
  if (names === undefined) return refuse('proof_key', 'the `jwk` of the proof is not of an accepted type');
  if (names.some((name) => typeof members[name] !== 'string')) {
    return refuse('proof_key', 'the `jwk` of the proof lacks a member of its type');
  }
  return Object.fromEntries(names.map((name) => [name, members[name] as string]));
}

/** The thumbprint of a key (RFC 7638 §3). */
export function thumbprintOf(members: ThumbprintMembers): string {
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url');
}

/** Imports the key of a proof: strong, for signatures, and fit for the algorithm. */
export function importProofKey(
  jwk: unknown,
  alg: Algorithm,
  { members, thumbprint }: { readonly members: ThumbprintMembers; readonly thumbprint: string },
): ProofKey | Refusal {
  const { report, usable } = checkKey(jwk, new Set([alg]));
  if (usable === undefined) {
    return refuse('proof_key', `the \`jwk\` of the proof cannot be used: ${report.reason}`);
  }
  if (!isCanonical(usable.keyObject, members)) {
    return refuse('proof_key', 'the `jwk` of the proof is not in canonical form');
  }
  return { alg, thumbprint, check: signatureCheck(usable.keyObject, alg) };
}

/** OpenSSL takes several spellings of one key, each with a thumbprint of its own. */
function isCanonical(key: KeyObject, members: ThumbprintMembers): boolean {
  const exported = key.export({ format: 'jwk' });
  return Object.entries(members).every(([name, value]) => exported[name] === value);
}
