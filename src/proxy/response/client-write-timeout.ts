import type { ServerResponse } from 'node:http';

/**
 * Bounds the time in which a client takes nothing of a response that waits for it: one that never reads would hold a connection to the
 * backend for ever. A client that takes little by little may take as long as it likes. Looks only while bytes wait, so that an
 * answer which is taken as it comes pays for no timer.
 */
export class ClientWriteTimeout {
  readonly #res: ServerResponse;
  readonly #idleMs: number;
  readonly #stalled: () => void;
  #isHeard = false;

  /** `stalled` is called once the client took nothing for `idleMs` while some of its response waited. */
  constructor(res: ServerResponse, idleMs: number, stalled: () => void) {
    this.#res = res;
    this.#idleMs = idleMs;
    this.#stalled = stalled;
  }

  /** Bytes wait for the client. Node's time-out looks at what left the process, not at what was written. */
  waits(): void {
    this.#res.setTimeout(this.#idleMs, this.#isHeard ? undefined : () => this.#expired());
    if (this.#isHeard) return;
    this.#isHeard = true;
    // Before Node sets what the connection waits for next: with a pipelined request behind, it sets nothing.
    this.#res.prependOnceListener('finish', () => this.takes());
  }

  /** The client has taken what waited. */
  takes(): void {
    this.#res.setTimeout(0);
  }

  #expired(): void {
    if (this.#res.writableLength > 0) this.#stalled();
  }
}
