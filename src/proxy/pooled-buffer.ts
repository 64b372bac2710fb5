export const POOLED_BYTES = 64 * 1024;
/** How many buffers lie ready for the next who needs one: 4 MiB. Beyond these they are left to the garbage collector. */
const MAX_SPARE = 64;

const SPARE: PooledBuffer[] = [];

/** To be called once what was written with it has left for good, or failed: the callback of a stream's `write`. */
export type Release = (error?: Error | null) => void;

/**
 * A buffer that is used again once nobody holds it. Newer Node collects its whole heap for every few dozen MiB of new buffers, which
 * for large responses took a third of the time. One that is never released costs a new buffer, never wrong bytes.
 */
export class PooledBuffer {
  readonly bytes = Buffer.allocUnsafeSlow(POOLED_BYTES);
  /** Its holder, and every holder of a piece of it. */
  #holders = 0;

  /** One to be filled by the caller, which holds it until `release`. */
  static acquire(): PooledBuffer {
    const pooled = SPARE.pop() ?? new PooledBuffer();
    pooled.#holders = 1;
    return pooled;
  }

  /** Whether pieces of it are still with others, so that it must not be filled again. */
  get isShared(): boolean {
    return this.#holders > 1;
  }

  /** Lends a piece; called more than once, its release counts once. */
  share(): Release {
    this.#holders += 1;
    let isHeld = true;
    return (error) => {
      if (!isHeld) return;
      isHeld = false;
      // After a failed write nobody can say for how long the system still reads from it.
      if (!error) this.release();
    };
  }

  /** Releases the hold that `acquire` gave. */
  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0 && SPARE.length < MAX_SPARE) SPARE.push(this);
  }
}
