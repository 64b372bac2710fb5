import type { Clock } from '../../core/clock.ts';
import type { CompiledIssuer } from '../compiled-issuer.ts';
import { checkKeys, loadLocalKeySet } from './key-set.ts';
import type { KeyRecord, LoadedKeys } from './key-store.ts';

/** A clock may be set back a little between two runs; a snapshot from further ahead is not believed. */
const MAX_AHEAD_MS = 60_000;

/** Makes keys that were kept elsewhere serve again, ageing from their fetch; or says why they cannot. */
export async function restoreKeys(
  { jwks, fetchedAtMs }: KeyRecord,
  { algorithms, keys }: CompiledIssuer,
  clock: Clock,
): Promise<LoadedKeys | string> {
  const ageMs = clock() - fetchedAtMs;
  if (ageMs > keys.maxStaleMs) return 'it is older than maxStale';
  if (ageMs < -MAX_AHEAD_MS) return 'it is from the future';
  const checked = checkKeys(jwks, algorithms);
  if (checked.usable.length === 0) return 'it has no usable key';
  return { set: await loadLocalKeySet(checked), fetchedAtMs, maxAgeSeconds: undefined };
}
