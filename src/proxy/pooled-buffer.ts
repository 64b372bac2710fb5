export const POOLED_BYTES = 64 * 1024;
/** Buffers that are kept for reuse: 4 MiB. The garbage collector takes the others. */
const MAX_SPARE = 64;

const SPARE: PooledBuffer[] = [];

/** To be called once the write of the buffer has finished or failed: the callback of a stream's `write`. */
export type Release = (error?: Error | null) => void;

/**
 * A buffer that is reused once it has no holder. Newer Node collects its whole heap for every few dozen MiB of new buffers
 * (docs/performance.md: a large response takes 5.6 ms instead of 14.0). One that is never released costs a new buffer, never wrong bytes.
 */
export class PooledBuffer {
  readonly bytes = Buffer.allocUnsafeSlow(POOLED_BYTES);
  /** Its holder, and every holder of a piece of it. */
  #holders = 0;

  /** A buffer for the caller to fill, which holds it until `release`. */
  static acquire(): PooledBuffer {
    const pooled = SPARE.pop() ?? new PooledBuffer();
    pooled.#holders = 1;
    return pooled;
  }

  /** Whether others still hold pieces of it, so that it must not be filled again. */
  get isShared(): boolean {
    return this.#holders > 1;
  }

  /** Retains it for one more holder; only the first call of the release counts. */
  share(): Release {
    this.#holders += 1;
    let isHeld = true;
    return (error) => {
      if (!isHeld) return;
      isHeld = false;
      // After a failed write the system may still read from it for an unknown time.
      if (!error) this.release();
    };
  }

  /** Releases the hold that `acquire` gave. */
  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0 && SPARE.length < MAX_SPARE) SPARE.push(this);
  }
}
