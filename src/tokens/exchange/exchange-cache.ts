import type { Refusal } from '../../core/refusals.ts';
import { type CacheStats, createSieveCache, type SieveEntry, UNLINKED } from '../../core/sieve-cache.ts';

/** `Authorization` with a token for the backend, as name and value. */
export type ExchangedCredential = readonly [name: 'authorization', value: string];

/** What came of exchanges, for a while: tokens and refusals in shares apart, so that no flood of refused callers evicts a token. */
export interface ExchangeCache {
  /** What still counts at this moment. */
  find(digest: string, now: Moment): ExchangedCredential | Refusal | undefined;
  keepToken(digest: string, credential: ExchangedCredential, until: Moment): void;
  keepRefused(digest: string, refusal: Refusal, until: Moment): void;
  stats(): CacheStats;
}

/** By the wall clock and by the monotonic one: one may be set back, the other stops while the machine sleeps. */
export interface Moment {
  readonly ms: number;
  readonly mono: number;
}

interface Entry<Outcome> extends SieveEntry {
  readonly outcome: Outcome;
  readonly until: Moment;
}

/** What an entry costs beside its token. */
const ENTRY_BYTES = 500;
const REFUSED_SHARE = 1 / 8;

/** Makes an empty cache of about `maxBytes`. Keys are digests. */
export function createExchangeCache(maxBytes: number): ExchangeCache {
  const tokens = createSieveCache<Entry<ExchangedCredential>>(maxBytes * (1 - REFUSED_SHARE));
  const refused = createSieveCache<Entry<Refusal>>(maxBytes * REFUSED_SHARE);
  return {
    find(digest, now) {
      const entry = tokens.get(digest) ?? refused.get(digest);
      if (entry === undefined) return undefined;
      if (now.ms < entry.until.ms && now.mono < entry.until.mono) return entry.outcome;
      tokens.delete(digest);
      refused.delete(digest);
      return undefined;
    },
    keepToken(digest, credential, until) {
      const bytes = ENTRY_BYTES + credential[1].length;
      tokens.add({ key: digest, bytes, ...UNLINKED, outcome: credential, until });
    },
    keepRefused(digest, refusal, until) {
      refused.add({ key: digest, bytes: ENTRY_BYTES, ...UNLINKED, outcome: refusal, until });
    },
    stats() {
      const [some, others] = [tokens.stats(), refused.stats()];
      return {
        entries: some.entries + others.entries,
        bytes: some.bytes + others.bytes,
        evictions: some.evictions + others.evictions,
      };
    },
  };
}
