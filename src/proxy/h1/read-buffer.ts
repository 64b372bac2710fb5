import type { ReadBuffering } from '../connector.ts';
import type { DispatchHandler } from '../dispatcher.ts';
import { POOLED_BYTES, PooledBuffer } from '../pooled-buffer.ts';

/** A smaller piece is passed on as text, so that slow clients do not hold a whole buffer for it. */
const POOLED_FROM_BYTES = 16 * 1024;

/** Nearly all responses are read into it. What must outlast the next read of any connection is copied. */
const SHARED = Buffer.allocUnsafeSlow(POOLED_BYTES);

/** Where a connection reads its next bytes to: the one buffer of all, or one of its own while much is known to come. */
export class ReadBuffer {
  #own: PooledBuffer | undefined;

  /** The buffer for the next read, of which this many bytes are expected at least. */
  next(expectedBytes: number): Buffer {
    if (this.#own !== undefined && (expectedBytes < POOLED_BYTES || this.#own.isShared)) {
      this.#own.release();
      this.#own = undefined;
    }
    if (expectedBytes < POOLED_BYTES) return SHARED;
    this.#own ??= PooledBuffer.acquire();
    return this.#own.bytes;
  }

  /** How a socket reads into it (`onread` of `net.connect`): `take` gets what came, good until the next read. */
  reading(expectedBytes: () => number, take: (bytes: Buffer) => void): ReadBuffering {
    return {
      buffer: () => this.next(expectedBytes()),
      callback: (length, bytes) => {
        take((bytes as Buffer).subarray(0, length));
        return true;
      },
    };
  }

  /** Passes a piece of what was read to a handler, which may keep it. */
  handOn(bytes: Buffer, start: number, end: number, handler: DispatchHandler): boolean {
    const length = end - start;
    if (length < POOLED_FROM_BYTES || length > POOLED_BYTES)
      return handler.onResponseData(bytes.toString('latin1', start, end));
    if (bytes.buffer === this.#own?.bytes.buffer)
      return handler.onResponseData(bytes.subarray(start, end), this.#own.share());
    const pooled = PooledBuffer.acquire();
    bytes.copy(pooled.bytes, 0, start, end);
    const release = pooled.share();
    pooled.release();
    return handler.onResponseData(pooled.bytes.subarray(0, length), release);
  }
}
