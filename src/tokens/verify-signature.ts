import { type KeyObject, verify } from 'node:crypto';
import type { AlgorithmRow } from './algorithms.ts';

/** A public key together with the one algorithm it may be used with. */
export interface VerificationKey {
  /** The same for the same material, key id, algorithm and issuer, also across refreshes. */
  readonly id: string;
  readonly keyObject: KeyObject;
  readonly row: AlgorithmRow;
  /** The `issuer` member that Entra puts on each key. */
  readonly keyIssuer: string | undefined;
}

/**
 * Checks one signature, synchronously: the thread hop of WebCrypto costs more than it gives (RS256: 45 against 126 µs).
 * Lengths are exact, and ECDSA is r and s side by side (RFC 7518 §3.4), never DER.
 */
export function verifySignature(key: VerificationKey, signingInput: string, signature: Buffer): boolean {
  const { digest, padding, saltLength, signatureBytes } = key.row;
  if (signatureBytes !== undefined && signature.length !== signatureBytes) return false;
  try {
    return verify(
      digest,
      Buffer.from(signingInput, 'latin1'),
      { key: key.keyObject, padding, saltLength, dsaEncoding: 'ieee-p1363' },
      signature,
    );
  } catch {
    // OpenSSL throws where r or s cannot be encoded.
    return false;
  }
}
