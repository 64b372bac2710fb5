/** Clients and backends use some dozens of names. One that makes names up only has them read again each time. */
const MAX_NAMES = 1024;
/** Longer names are not kept: a thousand of them could be 64 MiB. */
const MAX_NAME_LENGTH = 64;

/**
 * Remembers what `read` finds out about the name of a header field, in the spelling in which it came
 * (docs/performance.md: "what becomes of a field"). Bounded.
 */
export class HeaderNameMemo<Value extends NonNullable<unknown>> {
  readonly #read: (name: string) => Value;
  readonly #values = new Map<string, Value>();

  constructor(read: (name: string) => Value) {
    this.#read = read;
  }

  of(name: string): Value {
    return this.#values.get(name) ?? this.#learn(name);
  }

  #learn(name: string): Value {
    if (name.length > MAX_NAME_LENGTH) return this.#read(name);
    if (this.#values.size >= MAX_NAMES) this.#values.clear();
    // A copy, since a slice keeps the whole head in memory that it was cut from.
    const kept = Buffer.from(name, 'latin1').toString('latin1');
    const value = this.#read(kept);
    this.#values.set(kept, value);
    return value;
  }
}
