import { KeyObject } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import type { Algorithm } from '../jwt/algorithms.ts';
import { signatureCheck, type VerificationKey } from '../jwt/verify-signature.ts';
import { checkKey, type KeyReport, type UsableKey } from './check-key.ts';

/** One generation of an issuer's keys. Never changes; the next refresh makes the next one. */
export interface KeySet {
  /** The keys that fit, in the order of the set; none when the issuer has no such key. */
  find(alg: string, kid: string | undefined): readonly VerificationKey[];
  /** Whether a key that verified before is still active. */
  has(keyId: string): boolean;
  /** What was published under this key id, usable or not. */
  describe(kid: string): KeyReport | undefined;
  readonly reports: readonly KeyReport[];
  /** The usable keys, public members only, for the snapshot. */
  readonly jwks: readonly UsableKey['jwk'][];
}

/** A published set after each of its members was checked. */
export interface CheckedKeySet {
  readonly usable: readonly UsableKey[];
  readonly reports: readonly KeyReport[];
}

/** More keys than any provider publishes; the rest of a longer set is skipped. */
const MAX_KEYS = 200;
/** A token without key id is tried against so many keys at most. */
const MAX_CANDIDATES = 16;

const SLOTS_PER_TURN = 16;

let lastSerial = 0;

const NO_KEYS: readonly VerificationKey[] = [];

/** Validates every member of a published set. A bad key is skipped with its reason, never the set (RFC 7517 §5). */
export function checkKeys(members: readonly unknown[], accepted: ReadonlySet<string>): CheckedKeySet {
  const checked = members.slice(0, MAX_KEYS).map((member) => checkKey(member, accepted));
  return {
    usable: checked.flatMap(({ usable }) => usable ?? []),
    reports: checked.map(({ report }) => report),
  };
}

/**
 * Loads a generation through jose's `createRemoteJWKSet`. `fetchSet` does the fetching, and decides what jose may see;
 * when it throws, there is no new generation. jose's own caching is turned off: the key store decides when to fetch.
 */
export async function loadRemoteKeySet(url: URL, fetchSet: () => Promise<CheckedKeySet>): Promise<KeySet> {
  let checked: CheckedKeySet = { usable: [], reports: [] };
  const select = createRemoteJWKSet(url, {
    cooldownDuration: Number.POSITIVE_INFINITY,
    cacheMaxAge: Number.POSITIVE_INFINITY,
    [customFetch]: async () => {
      checked = await fetchSet();
      return Response.json({ keys: checked.usable.map(({ jwk }) => jwk) });
    },
  });
  await select.reload();
  return compileKeySet(select, checked);
}

/** Makes a generation of keys that are at hand: static ones, or those of a snapshot. */
export function loadLocalKeySet(checked: CheckedKeySet): Promise<KeySet> {
  return compileKeySet(createLocalJWKSet({ keys: checked.usable.map(({ jwk }) => jwk) }), checked);
}

/** Asks jose for every (algorithm, key id) at once, so that no token ever has to wait for an import. */
async function compileKeySet(select: JWTVerifyGetKey, checked: CheckedKeySet): Promise<KeySet> {
  const table = new Map<string, Map<string | undefined, readonly VerificationKey[]>>();
  const ids = new Set<string>();
  for (const [at, { alg, kid }] of slotsOf(checked.usable).entries()) {
    // Imports run on the main thread: a large set must not hold up requests for as long as it takes.
    if (at % SLOTS_PER_TURN === SLOTS_PER_TURN - 1) await setImmediate();
    const keys: VerificationKey[] = [];
    for (const selected of await selectAll(select, alg, kid)) {
      const key = matchKey(selected, alg, kid, checked.usable);
      if (key === undefined || keys.some(({ id }) => id === key.id)) continue;
      keys.push(key);
      ids.add(key.id);
    }
    const ofAlgorithm = table.get(alg) ?? new Map();
    table.set(alg, ofAlgorithm.set(kid, keys));
  }
  const byKid = new Map(
    checked.reports.flatMap((report) => (report.kid === undefined ? [] : [[report.kid, report]])),
  );
  return {
    find: (alg, kid) => table.get(alg)?.get(kid) ?? NO_KEYS,
    has: (keyId) => ids.has(keyId),
    describe: (kid) => byKid.get(kid),
    reports: checked.reports,
    jwks: checked.usable.map(({ jwk }) => jwk),
  };
}

interface Slot {
  readonly alg: Algorithm;
  readonly kid: string | undefined;
}

function slotsOf(usable: readonly UsableKey[]): readonly Slot[] {
  // An algorithm has no space in its name, so that no two slots share a name.
  const slots = new Map<string, Slot>();
  for (const { jwk, algorithms } of usable) {
    for (const alg of algorithms) {
      slots.set(alg, { alg, kid: undefined });
      if (jwk.kid !== undefined) slots.set(`${alg} ${jwk.kid}`, { alg, kid: jwk.kid });
    }
  }
  return [...slots.values()];
}

async function selectAll(
  select: JWTVerifyGetKey,
  alg: string,
  kid: string | undefined,
): Promise<KeyObject[]> {
  const header = kid === undefined ? { alg } : { alg, kid };
  const token = { payload: '', signature: '' };
  try {
    return [KeyObject.from((await select(header, token)) as Parameters<typeof KeyObject.from>[0])];
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return [];
    const keys: KeyObject[] = [];
    for await (const key of error) {
      keys.push(KeyObject.from(key as Parameters<typeof KeyObject.from>[0]));
      if (keys.length === MAX_CANDIDATES) break;
    }
    return keys;
  }
}

function matchKey(
  selected: KeyObject,
  alg: Algorithm,
  kid: string | undefined,
  usable: readonly UsableKey[],
): VerificationKey | undefined {
  const source = usable.find(
    ({ jwk, keyObject }) => (kid === undefined || jwk.kid === kid) && keyObject.equals(selected),
  );
  if (source === undefined) return undefined;
  const { keyObject, fingerprint, keyIssuer } = source;
  lastSerial += 1;
  return {
    id: `${alg} ${fingerprint}`,
    serial: lastSerial,
    check: signatureCheck(keyObject, alg),
    keyIssuer,
  };
}
