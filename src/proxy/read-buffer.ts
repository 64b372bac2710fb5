import type { Reading } from './connector.ts';
import { LENT_BYTES, LentBuffer } from './lent-buffer.ts';
import type { AnswerHandler } from './sender.ts';

/** A smaller piece is copied to a buffer of its own size, so that slow clients do not hold a large one for it. */
const LENT_FROM_BYTES = 16 * 1024;

/** What nearly all answers are read into. Whoever reads copies what is to stay before the next read of any connection. */
const SHARED = Buffer.allocUnsafeSlow(LENT_BYTES);

/** Where a connection reads its next bytes to: the one buffer of all, or one of its own while much is known to come. */
export class ReadBuffer {
  #own: LentBuffer | undefined;

  /** The buffer for the next read, of which this many bytes are expected at least. */
  next(expectedBytes: number): Buffer {
    if (this.#own !== undefined && (expectedBytes < LENT_BYTES || this.#own.isShared)) {
      this.#own.giveBack();
      this.#own = undefined;
    }
    if (expectedBytes < LENT_BYTES) return SHARED;
    this.#own ??= LentBuffer.borrow();
    return this.#own.bytes;
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

  /** Hands a piece of what was read to a handler that may keep it for as long as it likes. */
  handOn(bytes: Buffer, start: number, end: number, handler: AnswerHandler): boolean {
    const length = end - start;
    if (length < LENT_FROM_BYTES || length > LENT_BYTES)
      return handler.onData(Buffer.from(bytes.subarray(start, end)));
    if (bytes.buffer === this.#own?.bytes.buffer)
      return handler.onData(bytes.subarray(start, end), this.#own.share());
    const lent = LentBuffer.borrow();
    bytes.copy(lent.bytes, 0, start, end);
    const release = lent.share();
    lent.giveBack();
    return handler.onData(lent.bytes.subarray(0, length), release);
  }
}
