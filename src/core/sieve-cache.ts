/** The fields that the cache needs; each value has them, so that an entry is one object. */
export interface SieveEntry {
  readonly key: string;
  /** The owner's estimate of what the whole value costs. */
  readonly bytes: number;
  visited: boolean;
  newer: this | undefined;
  older: this | undefined;
}

export interface CacheStats {
  readonly entries: number;
  readonly bytes: number;
  readonly evictions: number;
}

/** A cache that is bounded by bytes. Values used again survive a flood of values used once. */
export interface SieveCache<Entry extends SieveEntry> {
  get(key: string): Entry | undefined;
  /** Takes over an entry that is in no cache; replaces the one with its key. One that is larger than the whole cache is not kept. */
  add(entry: Entry): void;
  delete(key: string): void;
  stats(): CacheStats;
}

/** The fields of an entry that is in no cache yet. */
export const UNLINKED = { visited: false, newer: undefined, older: undefined } as const;

/**
 * Evicts by SIEVE: a hit only raises a flag; the hand walks from the oldest entry to the newest, lowers raised flags
 * and evicts the first entry that has none. Hits move nothing, which is what makes them cheap.
 */
export function createSieveCache<Entry extends SieveEntry>(maxBytes: number): SieveCache<Entry> {
  const entries = new Map<string, Entry>();
  let newest: Entry | undefined;
  let oldest: Entry | undefined;
  let hand: Entry | undefined;
  let bytes = 0;
  let evictions = 0;

  function unlink(entry: Entry): void {
    if (hand === entry) hand = entry.newer;
    if (entry.newer === undefined) newest = entry.older;
    else entry.newer.older = entry.older;
    if (entry.older === undefined) oldest = entry.newer;
    else entry.older.newer = entry.newer;
    entries.delete(entry.key);
    bytes -= entry.bytes;
  }

  function evictOne(): void {
    let victim = hand ?? oldest;
    while (victim?.visited) {
      victim.visited = false;
      victim = victim.newer ?? oldest;
    }
    if (victim === undefined) return;
    hand = victim.newer;
    unlink(victim);
    evictions += 1;
  }

  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entry.visited = true;
      return entry;
    },
    add(entry) {
      const present = entries.get(entry.key);
      if (present !== undefined) unlink(present);
      if (entry.bytes > maxBytes) return;
      while (bytes + entry.bytes > maxBytes) evictOne();
      entry.older = newest;
      if (newest !== undefined) newest.newer = entry;
      newest = entry;
      oldest ??= entry;
      entries.set(entry.key, entry);
      bytes += entry.bytes;
    },
    delete(key) {
      const entry = entries.get(key);
      if (entry !== undefined) unlink(entry);
    },
    stats: () => ({ entries: entries.size, bytes, evictions }),
  };
}
