import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { quoteForLog } from '../../core/escape.ts';
import {
  ALGORITHM_ROWS,
  type Algorithm,
  type AlgorithmRow,
  findAlgorithm,
  namesOf,
} from '../jwt/algorithms.ts';
import { withoutAbsent } from '../jwt/json/absent.ts';
import { MAX_KID_LENGTH } from '../jwt/parse-token.ts';
import { findWeakness } from './find-weakness.ts';

/** One published key in `sealgate keys` and in the log. */
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

export interface CheckedKey {
  readonly report: KeyReport;
  readonly usable: UsableKey | undefined;
}

/** Validates one member of a key set (RFC 7517 §4). Only public members are ever copied out of it. */
export function checkKey(member: unknown, accepted: ReadonlySet<string>): CheckedKey {
  if (typeof member !== 'object' || member === null || Array.isArray(member)) {
    return { report: describeKey({}, 'broken', 'not an object'), usable: undefined };
  }
  const jwk = withoutAbsent(member);
  const flaw = findFlaw(jwk);
  if (flaw !== undefined) return { report: describeKey(jwk, flaw[0], flaw[1]), usable: undefined };
  const publicJwk = copyPublic(jwk);
  let keyObject: KeyObject;
  try {
    keyObject = createPublicKey({ key: publicJwk, format: 'jwk' });
  } catch {
    return { report: describeKey(jwk, 'broken', 'not a valid key of its type'), usable: undefined };
  }
  const weakness = findWeakness(keyObject);
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

/** What no public key has: of all types, and of those that are symmetric. */
export const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'] as const;

function findFlaw(jwk: Record<string, unknown>): Flaw | undefined {
  const { kty, kid, use, alg, crv, key_ops: operations } = jwk;
  if (typeof kty !== 'string') return ['broken', 'no `kty`'];
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > MAX_KID_LENGTH)) {
    return ['broken', '`kid` is not a string of sane length'];
  }
  if (PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name)))
    return ['broken', 'its secret part is published'];
  if (use !== undefined && use !== 'sig') return ['skipped', 'not for signatures (`use`)'];
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return ['skipped', 'not for verifying (`key_ops`)'];
  }
  const members = REQUIRED_MEMBERS.get(kty);
  if (members === undefined) return ['skipped', 'a key type that is never accepted'];
  const missing = members.filter((name) => typeof jwk[name] !== 'string').map((name) => `\`${name}\``);
  if (missing.length > 0) return ['broken', describeMissing(missing, jwk)];
  if (crv !== undefined && !CURVES.has(crv)) return ['skipped', 'a curve that is not supported'];
  if (alg === undefined) return undefined;
  const row = findAlgorithm(alg);
  if (row === undefined) {
    return ['skipped', `an algorithm that is never accepted: ${quoteForLog(String(alg))}`];
  }
  if (row.kty !== kty || (row.crv !== undefined && row.crv !== crv)) {
    return ['broken', 'its `alg` does not fit its type or curve'];
  }
  return undefined;
}

/** What a public key of each type consists of (RFC 7518 §6, RFC 8037 §2). */
const REQUIRED_MEMBERS: ReadonlyMap<string, readonly string[]> = new Map([
  ['RSA', ['n', 'e']],
  ['EC', ['crv', 'x', 'y']],
  ['OKP', ['crv', 'x']],
]);

const CURVES: ReadonlySet<unknown> = new Set(
  Object.values<AlgorithmRow>(ALGORITHM_ROWS).flatMap(({ crv }) => crv ?? []),
);

function describeMissing(names: readonly string[], jwk: Record<string, unknown>): string {
  const last = names.at(-1);
  const lack =
    names.length === 1 ? `${last} is missing` : `${names.slice(0, -1).join(', ')} and ${last} are missing`;
  const hasCertificate = Object.hasOwn(jwk, 'x5c') || Object.hasOwn(jwk, 'x5u');
  return hasCertificate ? `${lack}: keys are not taken from a certificate (\`x5c\`, \`x5u\`)` : lack;
}

function algorithmsFor(jwk: Record<string, unknown>): readonly Algorithm[] {
  if (typeof jwk.alg === 'string') return namesOf(jwk.alg as Algorithm);
  return (Object.keys(ALGORITHM_ROWS) as Algorithm[]).filter((alg) => {
    const row: AlgorithmRow = ALGORITHM_ROWS[alg];
    return row.kty === jwk.kty && (row.crv === undefined || row.crv === jwk.crv);
  });
}

const PUBLIC_MEMBERS = ['kty', 'kid', 'alg', 'crv', 'x', 'y', 'n', 'e', 'issuer'] as const;

/** Without an `alg` that has several names: jose knows one name of a key, and the curve implies the algorithm. */
function copyPublic(jwk: Record<string, unknown>): UsableKey['jwk'] {
  const copy: Record<string, string> = {};
  for (const name of PUBLIC_MEMBERS) {
    const value = jwk[name];
    if (typeof value === 'string') copy[name] = value;
  }
  if (algorithmsFor(jwk).length > 1) delete copy.alg;
  return copy;
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

/** In bits, where the members show it; also of keys that are not for us. */
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
