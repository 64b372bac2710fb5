import type { Refusal } from '../../core/refusals.ts';
import type { CacheStats, SieveEntry } from '../../core/sieve-cache.ts';
import { createSieveCache, UNLINKED } from '../../core/sieve-cache.ts';
import type { Lifetime } from '../jwt/validate-lifetime.ts';
import type { VerifiedToken } from '../verified-token.ts';

/** What an issuer has stated about active tokens and others, for a while: in shares apart, so that no flood of others evicts an active one. */
export interface ResponseCache {
  /** What still counts at this moment. */
  find(digest: string, now: Moment): ActiveEntry | RefusedEntry | undefined;
  keepActive(digest: string, active: Omit<Kept<ActiveEntry>, 'kind'>, size: number): void;
  keepRefused(digest: string, refused: Omit<Kept<RefusedEntry>, 'kind'>): void;
  stats(): CacheStats;
}

/** By the wall clock and by the monotonic one: one may be set back, the other stops while the machine sleeps. */
export interface Moment {
  readonly ms: number;
  readonly mono: number;
}

/** The moment from which the provider is asked again. */
interface Until {
  readonly until: Moment;
}

export interface ActiveEntry extends SieveEntry, Until {
  readonly kind: 'active';
  /** The token as the response states it; undefined for a JWT, which states itself what it is. */
  readonly token: VerifiedToken | undefined;
  readonly lifetime: Lifetime | undefined;
}

export interface RefusedEntry extends SieveEntry, Until {
  readonly kind: 'refused';
  readonly refusal: Refusal;
}

type Kept<Entry extends SieveEntry> = Omit<Entry, keyof SieveEntry>;

/** What an entry costs beside its claims, and what the claims cost per byte of the response, as in the token cache. */
const ENTRY_BYTES = 800;
const BYTES_PER_BYTE = 3;
const REFUSED_BYTES = 400;
const REFUSED_SHARE = 1 / 8;

/** Makes an empty cache of about `maxBytes`. Keys are digests. */
export function createResponseCache(maxBytes: number): ResponseCache {
  const active = createSieveCache<ActiveEntry>(maxBytes * (1 - REFUSED_SHARE));
  const refused = createSieveCache<RefusedEntry>(maxBytes * REFUSED_SHARE);
  return {
    find(digest, now) {
      const entry = active.get(digest) ?? refused.get(digest);
      if (entry === undefined) return undefined;
      if (now.ms < entry.until.ms && now.mono < entry.until.mono) return entry;
      (entry.kind === 'active' ? active : refused).delete(digest);
      return undefined;
    },
    keepActive(digest, entry, size) {
      const bytes = ENTRY_BYTES + size * BYTES_PER_BYTE;
      refused.delete(digest);
      active.add({ key: digest, bytes, ...UNLINKED, kind: 'active', ...entry });
    },
    keepRefused(digest, entry) {
      active.delete(digest);
      refused.add({ key: digest, bytes: REFUSED_BYTES, ...UNLINKED, kind: 'refused', ...entry });
    },
    stats() {
      const [some, others] = [active.stats(), refused.stats()];
      return {
        entries: some.entries + others.entries,
        bytes: some.bytes + others.bytes,
        evictions: some.evictions + others.evictions,
      };
    },
  };
}
