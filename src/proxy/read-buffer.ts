import type { Reading } from './connector.ts';

const BUFFER_BYTES = 64 * 1024;
/** A piece of at least this is handed on as it lies; smaller ones are copied, so that none keeps a whole buffer. */
const HANDED_ON_BYTES = 16 * 1024;

/** What nearly all answers are read into. Whoever reads copies what is to stay before the next read of any connection. */
const SHARED = Buffer.allocUnsafeSlow(BUFFER_BYTES);

/** Where a connection reads its next bytes to: the one buffer of all, or one of its own while much is known to come. */
export class ReadBuffer {
  #own: Buffer | undefined;
  #isHandedOn = false;

  /** The buffer for the next read, of which this many bytes are expected at least. */
  next(expectedBytes: number): Buffer {
    if (expectedBytes < BUFFER_BYTES) {
      this.#own = undefined;
      return SHARED;
    }
    if (this.#own === undefined || this.#isHandedOn) {
      this.#own = Buffer.allocUnsafeSlow(BUFFER_BYTES);
      this.#isHandedOn = false;
    }
    return this.#own;
  }

  /** How a socket reads into it (`onread` of `net.connect`): `take` gets what came, good until the next read. */
  reading(expectedBytes: () => number, take: (bytes: Buffer) => void): Reading {
    return {
      buffer: () => this.next(expectedBytes()),
      callback: (length, bytes) => {
        take((bytes as Buffer).subarray(0, length));
        return true;
      },
    };
  }

  /** A piece of what was read, to keep. */
  keep(bytes: Buffer, start: number, end: number): Buffer {
    if (bytes.buffer === this.#own?.buffer && end - start >= HANDED_ON_BYTES) {
      this.#isHandedOn = true;
      return bytes.subarray(start, end);
    }
    const copy = Buffer.allocUnsafe(end - start);
    bytes.copy(copy, 0, start, end);
    return copy;
  }
}
