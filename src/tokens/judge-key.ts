import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { ALGORITHM_ROWS, type Algorithm, type AlgorithmRow, findAlgorithm } from './algorithms.ts';
import { MAX_KID_LENGTH } from './parse-token.ts';

/** What `sealgate keys` and the log say of one published key. */
export interface KeyReport {
  readonly kid: string | undefined;
  readonly kty: string | undefined;
  readonly alg: string | undefined;
  readonly use: string | undefined;
  readonly bits: number | undefined;
  /** `skipped`: not meant for our signatures. `broken`: meant for them, but unsafe or unreadable. */
  readonly state: 'usable' | 'skipped' | 'broken';
  readonly reason: string | undefined;
}

/** A public key that may verify, with its own public members only. */
export interface UsableKey {
  readonly jwk: JsonWebKey & { readonly kid?: string; readonly alg?: string };
  readonly algorithms: readonly Algorithm[];
  readonly keyObject: KeyObject;
  /** The `issuer` member that Entra puts on each key. */
  readonly keyIssuer: string | undefined;
  readonly fingerprint: string;
}

export interface JudgedKey {
  readonly report: KeyReport;
  readonly usable: UsableKey | undefined;
}

/** Judges one member of a key set (RFC 7517 §4). Only public members are ever copied out of it. */
export function judgeKey(member: unknown, accepted: ReadonlySet<string>): JudgedKey {
  if (typeof member !== 'object' || member === null || Array.isArray(member)) {
    return { report: describeKey({}, 'broken', 'not an object'), usable: undefined };
  }
  const jwk = member as Record<string, unknown>;
  const flaw = findFlaw(jwk);
  if (flaw !== undefined) return { report: describeKey(jwk, flaw[0], flaw[1]), usable: undefined };
  const publicJwk = copyPublic(jwk);
  let keyObject: KeyObject;
  try {
    keyObject = createPublicKey({ key: publicJwk, format: 'jwk' });
  } catch {
    return { report: describeKey(jwk, 'broken', 'not a valid key of its type'), usable: undefined };
  }
  const weakness = jwk.kty === 'RSA' ? findWeakness(keyObject) : undefined;
  if (weakness !== undefined) {
    return { report: describeKey(jwk, 'broken', weakness), usable: undefined };
  }
  const algorithms = algorithmsFor(jwk).filter((alg) => accepted.has(alg));
  if (algorithms.length === 0) {
    const reason = "its algorithm is not among the issuer's `algorithms`";
    return { report: describeKey(jwk, 'skipped', reason), usable: undefined };
  }
  const keyIssuer = typeof jwk.issuer === 'string' ? jwk.issuer : undefined;
  const fingerprint = createHash('sha256').update(JSON.stringify(publicJwk)).digest('base64url');
  return {
    report: describeKey(jwk, 'usable'),
    usable: { jwk: publicJwk, algorithms, keyObject, keyIssuer, fingerprint },
  };
}

type Flaw = readonly ['skipped' | 'broken', string];

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'] as const;

function findFlaw(jwk: Record<string, unknown>): Flaw | undefined {
  const { kty, kid, use, alg, crv, key_ops: operations } = jwk;
  if (typeof kty !== 'string') return ['broken', 'no `kty`'];
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > MAX_KID_LENGTH)) {
    return ['broken', '`kid` is not a string of sane length'];
  }
  if (PRIVATE_MEMBERS.some((name) => name in jwk)) return ['broken', 'its secret part is published'];
  if (use !== undefined && use !== 'sig') return ['skipped', 'not for signatures (`use`)'];
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return ['skipped', 'not for verifying (`key_ops`)'];
  }
  if (!KEY_TYPES.has(kty)) return ['skipped', 'a key type that is never accepted'];
  if (alg === undefined) {
    return algorithmsFor(jwk).length > 0 ? undefined : ['skipped', `a curve that is not supported`];
  }
  const row = findAlgorithm(alg);
  if (row === undefined) return ['skipped', 'an algorithm that is never accepted'];
  if (row.kty !== kty || (row.crv !== undefined && row.crv !== crv)) {
    return ['broken', 'its `alg` does not fit its type or curve'];
  }
  return undefined;
}

const KEY_TYPES: ReadonlySet<string> = new Set(Object.values(ALGORITHM_ROWS).map((row) => row.kty));

function algorithmsFor(jwk: Record<string, unknown>): Algorithm[] {
  if (typeof jwk.alg === 'string') return [jwk.alg as Algorithm];
  return (Object.keys(ALGORITHM_ROWS) as Algorithm[]).filter((alg) => {
    const row: AlgorithmRow = ALGORITHM_ROWS[alg];
    return row.kty === jwk.kty && (row.crv === undefined || row.crv === jwk.crv);
  });
}

const PUBLIC_MEMBERS = ['kty', 'kid', 'alg', 'crv', 'x', 'y', 'n', 'e', 'issuer'] as const;

function copyPublic(jwk: Record<string, unknown>): UsableKey['jwk'] {
  const copy: Record<string, string> = {};
  for (const name of PUBLIC_MEMBERS) {
    const value = jwk[name];
    if (typeof value === 'string') copy[name] = value;
  }
  return copy;
}

const MIN_RSA_BITS = 2048;
/** Beyond, one check costs more than a request is worth. */
const MAX_RSA_BITS = 8192;
/** Beyond, the public operation becomes as dear as a private one. */
const MAX_RSA_EXPONENT = 2n ** 32n;

function findWeakness(key: KeyObject): string | undefined {
  const { modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {};
  if (modulusLength === undefined || publicExponent === undefined) return 'not a valid key of its type';
  if (modulusLength < MIN_RSA_BITS) return `RSA of ${modulusLength} bits is below ${MIN_RSA_BITS}`;
  if (modulusLength > MAX_RSA_BITS) return `RSA of ${modulusLength} bits is above ${MAX_RSA_BITS}`;
  if (publicExponent < 3n || publicExponent % 2n === 0n || publicExponent > MAX_RSA_EXPONENT) {
    return 'an RSA exponent that is even, below 3 or above 2^32';
  }
  return undefined;
}

const CURVE_BITS: Readonly<Record<string, number>> = {
  'P-256': 256,
  'P-384': 384,
  'P-521': 521,
  Ed25519: 256,
};

function describeKey(jwk: Record<string, unknown>, state: KeyReport['state'], reason?: string): KeyReport {
  return {
    kid: textOf(jwk.kid),
    kty: textOf(jwk.kty),
    alg: textOf(jwk.alg),
    use: textOf(jwk.use),
    bits: sizeOf(jwk),
    state,
    reason,
  };
}

/** In bits, as far as the members tell; also of keys that are not for us. */
function sizeOf({ crv, n }: Record<string, unknown>): number | undefined {
  if (typeof crv === 'string') return CURVE_BITS[crv];
  if (typeof n !== 'string') return undefined;
  const modulus = Buffer.from(n, 'base64url');
  const first = modulus.findIndex((byte) => byte !== 0);
  return first === -1 ? 0 : (modulus.length - first) * 8 - Math.clz32(modulus[first] as number) + 24;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, MAX_KID_LENGTH) : undefined;
}
