import { type CacheStats, createSieveCache, type SieveEntry, UNLINKED } from '../../core/sieve-cache.ts';

/** `Authorization` with a token for the backend, as name and value. */
export type ExchangedCredential = readonly [name: 'authorization', value: string];

/** The tokens that exchanges gave, for a while. */
export interface ExchangeCache {
  /** What still counts at this moment. */
  find(digest: string, now: Moment): ExchangedCredential | undefined;
  keep(digest: string, credential: ExchangedCredential, until: Moment): void;
  stats(): CacheStats;
}

/** By the wall clock and by the monotonic one: one may be set back, the other stops while the machine sleeps. */
export interface Moment {
  readonly ms: number;
  readonly mono: number;
}

interface Entry extends SieveEntry {
  readonly credential: ExchangedCredential;
  readonly until: Moment;
}

/** What an entry costs beside its token. */
const ENTRY_BYTES = 500;

/** Makes an empty cache of about `maxBytes`. Keys are digests. */
export function createExchangeCache(maxBytes: number): ExchangeCache {
  const tokens = createSieveCache<Entry>(maxBytes);
  return {
    find(digest, now) {
      const entry = tokens.get(digest);
      if (entry === undefined) return undefined;
      if (now.ms < entry.until.ms && now.mono < entry.until.mono) return entry.credential;
      tokens.delete(digest);
      return undefined;
    },
    keep(digest, credential, until) {
      const bytes = ENTRY_BYTES + credential[1].length;
      tokens.add({ key: digest, bytes, ...UNLINKED, credential, until });
    },
    stats: tokens.stats,
  };
}
