/** How often the owner of deadlines must call `tick`. */
export const TICK_MS = 500;
/** Shorter times get a timer of their own. */
const COARSE_MS = 2_000;

/**
 * A time limit that costs nothing to restart: it counts the ticks of a clock that all connections share. Never early; late by
 * two ticks at most, and exact where the limit is shorter than two seconds.
 */
export class CoarseTimer {
  readonly #expired: () => void;
  #ticks = 0;
  #limit = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(expired: () => void) {
    this.#expired = expired;
  }

  /** Restarts with this limit; 0 is no limit. */
  start(ms: number): void {
    this.stop();
    if (ms === 0) return;
    if (ms < COARSE_MS) this.#timer = setTimeout(this.#expired, ms);
    else this.#limit = Math.ceil(ms / TICK_MS) + 1;
  }

  /** The same limit from now on. */
  refresh(): void {
    this.#ticks = 0;
    this.#timer?.refresh();
  }

  stop(): void {
    this.#ticks = 0;
    this.#limit = Number.POSITIVE_INFINITY;
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  tick(): void {
    this.#ticks += 1;
    if (this.#ticks >= this.#limit) this.#expired();
  }
}
