import { constants } from 'node:crypto';
import type { ALGORITHMS } from '../../config/schema/config.ts';

export type Algorithm = (typeof ALGORITHMS)[number];

/** How one signature algorithm is checked (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2). */
export interface AlgorithmRow {
  readonly kty: 'RSA' | 'EC' | 'OKP';
  readonly crv?: string;
  /** Null where the algorithm includes its own hash. */
  readonly digest: string | null;
  readonly padding?: number;
  readonly saltLength?: number;
  /** Exact size of the signature; for RSA it is the size of the modulus. */
  readonly signatureBytes?: number;
}

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING } = constants;

const ED25519 = { kty: 'OKP', crv: 'Ed25519', digest: null, signatureBytes: 64 } as const;

/**
 * Two names of one algorithm share a row. `EdDSA` (RFC 8037) means Ed25519, which RFC 9864 names separately: Ed448 is in no
 * provider's use, and jose does not know it either.
 */
export const ALGORITHM_ROWS = {
  RS256: { kty: 'RSA', digest: 'sha256', padding: RSA_PKCS1_PADDING },
  RS384: { kty: 'RSA', digest: 'sha384', padding: RSA_PKCS1_PADDING },
  RS512: { kty: 'RSA', digest: 'sha512', padding: RSA_PKCS1_PADDING },
  PS256: { kty: 'RSA', digest: 'sha256', padding: RSA_PKCS1_PSS_PADDING, saltLength: 32 },
  PS384: { kty: 'RSA', digest: 'sha384', padding: RSA_PKCS1_PSS_PADDING, saltLength: 48 },
  PS512: { kty: 'RSA', digest: 'sha512', padding: RSA_PKCS1_PSS_PADDING, saltLength: 64 },
  ES256: { kty: 'EC', crv: 'P-256', digest: 'sha256', signatureBytes: 64 },
  ES384: { kty: 'EC', crv: 'P-384', digest: 'sha384', signatureBytes: 96 },
  ES512: { kty: 'EC', crv: 'P-521', digest: 'sha512', signatureBytes: 132 },
  EdDSA: ED25519,
  Ed25519: ED25519,
} as const satisfies Record<Algorithm, AlgorithmRow>;

/** Every name of the algorithm, this one among them. */
export function namesOf(alg: Algorithm): readonly Algorithm[] {
  const row: AlgorithmRow = ALGORITHM_ROWS[alg];
  return (Object.keys(ALGORITHM_ROWS) as Algorithm[]).filter((name) => ALGORITHM_ROWS[name] === row);
}

/** Own names only: `constructor` is no algorithm. */
export function findAlgorithm(alg: unknown): AlgorithmRow | undefined {
  return typeof alg === 'string' && Object.hasOwn(ALGORITHM_ROWS, alg)
    ? ALGORITHM_ROWS[alg as Algorithm]
    : undefined;
}
