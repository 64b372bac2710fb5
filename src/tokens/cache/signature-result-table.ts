/** Names have so many characters, each below 256: a SHA-256, a byte a character. */
const NAME_LENGTH = 32;
/** A name can be in any place of its set; the oldest of a full set is replaced. */
const WAYS = 4;
const BYTES_PER_ENTRY = NAME_LENGTH + Float64Array.BYTES_PER_ELEMENT;
const BYTES_PER_SET = WAYS * BYTES_PER_ENTRY + 1;

/** Numbers by the names of tokens, for tokens that may never come again. All of it is allocated at once. */
export interface SignatureResultTable {
  /** 0 when the name is not there. */
  find(name: string): number;
  /** Takes numbers other than 0. */
  set(name: string, result: number): void;
  readonly bytes: number;
}

/**
 * Makes a table of about `bytes`, at least one set. It lives in typed arrays, outside the heap: an object for
 * each token that comes once would be copied twice and then slow every major collection.
 */
export function createSignatureResultTable(bytes: number): SignatureResultTable {
  const sets = largestPowerOfTwo(Math.max(1, Math.floor(bytes / BYTES_PER_SET)));
  const names = new Uint8Array(sets * WAYS * NAME_LENGTH);
  const results = new Float64Array(sets * WAYS);
  const turns = new Uint8Array(sets);

  /** The names are digests, so that any bits of them spread well. */
  function setOf(name: string): number {
    const bits = name.charCodeAt(0) | (name.charCodeAt(1) << 8) | (name.charCodeAt(2) << 16);
    return bits & (sets - 1);
  }

  /** An empty entry holds the name of zeros, with the result of what is not there. */
  function holds(entry: number, name: string): boolean {
    const start = entry * NAME_LENGTH;
    for (let at = 0; at < NAME_LENGTH; at += 1) {
      if (names[start + at] !== name.charCodeAt(at)) return false;
    }
    return true;
  }

  function place(name: string): number | undefined {
    const first = setOf(name) * WAYS;
    for (let entry = first; entry < first + WAYS; entry += 1) if (holds(entry, name)) return entry;
    return undefined;
  }

  return {
    find(name) {
      const entry = place(name);
      return entry === undefined ? 0 : (results[entry] as number);
    },
    set(name, result) {
      const entry = place(name) ?? takeTurn(name);
      const start = entry * NAME_LENGTH;
      for (let at = 0; at < NAME_LENGTH; at += 1) names[start + at] = name.charCodeAt(at);
      results[entry] = result;
    },
    bytes: sets * BYTES_PER_SET,
  };

  function takeTurn(name: string): number {
    const set = setOf(name);
    const turn = turns[set] as number;
    turns[set] = (turn + 1) % WAYS;
    return set * WAYS + turn;
  }
}

function largestPowerOfTwo(limit: number): number {
  return 2 ** Math.floor(Math.log2(limit));
}
