import { refuse } from '../../core/refusals.ts';
import { describeUseless, refuseMissingKey } from './explain-missing-key.ts';
import type { KeySetValidity } from './key-generation.ts';
import { type CheckedKeySet, type KeySet, loadLocalKeySet } from './key-set.ts';
import type { KeyStatus, KeyStore } from './key-store.ts';

const FOR_EVER: KeySetValidity = {
  isCurrent: true,
  servesUntilMs: Number.POSITIVE_INFINITY,
  servesUntilMono: Number.POSITIVE_INFINITY,
};

/** Keeps keys that came with the file: nothing is fetched, nothing ages. */
export function createStaticKeyStore(checked: CheckedKeySet): KeyStore {
  let set: KeySet | undefined;
  let loading: Promise<void> | undefined;

  function load(): Promise<void> {
    loading ??= loadLocalKeySet(checked).then((loaded) => {
      set = loaded;
    });
    return loading;
  }

  return {
    start: load,
    find: (alg, kid) => set?.find(alg, kid) ?? [],
    holds: (keyId) => set?.has(keyId) ?? false,
    validity: () => (set === undefined ? undefined : FOR_EVER),
    refreshIfUseful: () => (set === undefined ? load() : undefined),
    refuseMiss(alg, kid) {
      if (set === undefined) {
        return refuse('keys_unavailable', 'the keys are being loaded', { retryAfterSeconds: 1 });
      }
      // A set without a usable key decides about no token.
      if (set.jwks.length === 0) return refuse('keys_unusable', describeUseless(checked.reports));
      return refuseMissingKey(set, alg, kid);
    },
    refresh: load,
    status: (): KeyStatus => ({
      state: set === undefined ? 'waiting' : 'fresh',
      keys: checked.usable.length,
      ageMs: undefined,
      nextRefreshMs: undefined,
      lastError: undefined,
      hint: undefined,
      fetches: 0,
      failures: 0,
    }),
    record: () => undefined,
    close() {},
  };
}
