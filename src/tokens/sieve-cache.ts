interface Entry<Value> {
  readonly key: string;
  readonly value: Value;
  readonly bytes: number;
  visited: boolean;
  newer: Entry<Value> | undefined;
  older: Entry<Value> | undefined;
}

export interface CacheStats {
  readonly entries: number;
  readonly bytes: number;
  readonly evictions: number;
}

/** A cache that is bounded by bytes. What is asked for again survives a flood of what is asked for once. */
export interface SieveCache<Value> {
  get(key: string): Value | undefined;
  /** Takes the caller's estimate of what the value costs. A value that is larger than the whole cache is not kept. */
  set(key: string, value: Value, bytes: number): void;
  delete(key: string): void;
  stats(): CacheStats;
}

/**
 * Evicts by SIEVE: a hit only raises a flag; the hand walks from the oldest entry to the newest, lowers raised flags
 * and evicts the first entry that has none. Hits move nothing, which is what makes them cheap.
 */
export function createSieveCache<Value>(maxBytes: number): SieveCache<Value> {
  const entries = new Map<string, Entry<Value>>();
  let newest: Entry<Value> | undefined;
  let oldest: Entry<Value> | undefined;
  let hand: Entry<Value> | undefined;
  let bytes = 0;
  let evictions = 0;

  function unlink(entry: Entry<Value>): void {
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
      return entry.value;
    },
    set(key, value, cost) {
      const present = entries.get(key);
      if (present !== undefined) unlink(present);
      if (cost > maxBytes) return;
      while (bytes + cost > maxBytes) evictOne();
      const entry: Entry<Value> = {
        key,
        value,
        bytes: cost,
        visited: false,
        newer: undefined,
        older: newest,
      };
      if (newest !== undefined) newest.newer = entry;
      newest = entry;
      oldest ??= entry;
      entries.set(key, entry);
      bytes += cost;
    },
    delete(key) {
      const entry = entries.get(key);
      if (entry !== undefined) unlink(entry);
    },
    stats: () => ({ entries: entries.size, bytes, evictions }),
  };
}
