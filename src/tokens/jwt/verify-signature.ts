import { createVerify, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto';
import { ALGORITHM_ROWS, type Algorithm, type AlgorithmRow } from './algorithms.ts';

/** A public key together with the one algorithm it may be used with. */
export interface VerificationKey {
  /** The same for the same material, key id, algorithm and issuer, also across refreshes. */
  readonly id: string;
  /** A whole number above 0, unique in this process: the same key has another in the next generation. */
  readonly serial: number;
  readonly check: SignatureCheck;
  /** The `issuer` member that Entra puts on each key. */
  readonly keyIssuer: string | undefined;
}

/** What OpenSSL needs of a key, compiled once. */
export interface SignatureCheck {
  readonly digest: string | null;
  readonly key: VerifyKeyObjectInput;
  readonly signatureBytes: number | undefined;
}

/** ECDSA is r and s side by side (RFC 7518 §3.4), never DER. */
export function signatureCheck(key: KeyObject, alg: Algorithm): SignatureCheck {
  const { digest, padding, saltLength, signatureBytes }: AlgorithmRow = ALGORITHM_ROWS[alg];
  return {
    digest,
    key: {
      key,
      dsaEncoding: 'ieee-p1363',
      ...(padding !== undefined && { padding }),
      ...(saltLength !== undefined && { saltLength }),
    },
    signatureBytes,
  };
}

/** Verifies one signature with a key of an issuer. `signingInput` is ASCII, as `parseToken` gives it. */
export function verifySignature(
  { check }: VerificationKey,
  signingInput: string,
  signature: Buffer,
): boolean {
  return checkSignature(check, signingInput, signature);
}

/**
 * Verifies one signature, synchronously: the thread hop of WebCrypto costs more than it gives (RS256: 45 against 126 µs). Lengths are
 * exact.
 */
export function checkSignature(
  { digest, key, signatureBytes }: SignatureCheck,
  signingInput: string,
  signature: Buffer,
): boolean {
  if (signatureBytes !== undefined && signature.length !== signatureBytes) return false;
  try {
    // `createVerify` does not copy the input (performance.md, "`createVerify` instead of `verify`").
    return digest === null
      ? verify(null, Buffer.from(signingInput, 'latin1'), key, signature)
      : createVerify(digest).update(signingInput, 'latin1').verify(key, signature);
  } catch {
    // OpenSSL throws where r or s cannot be encoded.
    return false;
  }
}
