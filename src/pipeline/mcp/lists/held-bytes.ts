import { MAX_LIST_BYTES, UnfilterableList } from './list-visibility.ts';

/**
 * Bytes that wait for the rest of their message. Doubles its room, so that a message that comes byte by byte is not copied for each of
 * them. Throws `UnfilterableList` beyond 4 MiB.
 */
export class HeldBytes {
  #buffer: Buffer | undefined;
  #length = 0;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** `text` has one character for each byte. */
  add(text: string): void {
    const needed = this.#length + text.length;
    if (needed > MAX_LIST_BYTES) {
      this.clear();
      throw new UnfilterableList('too large');
    }
    if (this.#buffer === undefined || this.#buffer.length < needed) {
      const roomier = Buffer.allocUnsafeSlow(Math.min(MAX_LIST_BYTES, Math.max(1024, needed * 2)));
      this.#buffer?.copy(roomier, 0, 0, this.#length);
      this.#buffer = roomier;
    }
    this.#buffer.write(text, this.#length, 'latin1');
    this.#length = needed;
  }

  /** All of them, which are not held any more. */
  take(): Buffer {
    const taken = this.#buffer?.subarray(0, this.#length) ?? Buffer.alloc(0);
    this.clear();
    return taken;
  }

  clear(): void {
    this.#buffer = undefined;
    this.#length = 0;
  }
}
