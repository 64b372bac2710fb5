import { refuse } from '../../core/refusals.ts';
import type { KeyStatus, KeyStore } from './key-store.ts';

const STATUS: KeyStatus = {
  state: 'introspected',
  keys: 0,
  ageMs: undefined,
  nextRefreshMs: undefined,
  lastError: undefined,
  hint: undefined,
  fetches: 0,
  failures: 0,
};

const NO_KEYS = refuse(
  'keys_none',
  'the issuer has no keys (`jwks: none`): its tokens are introspected, and this is a JWT',
);

/** Stands for the keys of an issuer that has none, so that no JWT of it ever verifies. */
export function createAbsentKeyStore(): KeyStore {
  const done = Promise.resolve();
  return {
    start: () => done,
    find: () => [],
    holds: () => false,
    validity: () => undefined,
    refreshIfUseful: () => undefined,
    refuseMiss: () => NO_KEYS,
    refresh: () => done,
    status: () => STATUS,
    record: () => undefined,
    close() {},
  };
}
