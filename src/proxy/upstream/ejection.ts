/** When an endpoint that keeps failing is ejected, and for how long. */
export interface EjectionPolicy {
  /** Failures in a row. */
  readonly failures: number;
  /** How long the first time, in milliseconds; each further time twice as long. */
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Ejects an endpoint for a while after several failures in a row (outlier detection). */
export class Ejection {
  readonly #policy: EjectionPolicy;
  #failures = 0;
  #times = 0;
  #untilMs = 0;

  constructor(policy: EjectionPolicy) {
    this.#policy = policy;
  }

  isEjected(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#times = 0;
  }

  failed(nowMs: number): void {
    this.#failures++;
    // One failure suffices for an endpoint that was ejected before and has not succeeded since.
    if (this.#failures < this.#policy.failures && this.#times === 0) return;
    if (this.isEjected(nowMs)) return;
    const { baseMs, maxMs } = this.#policy;
    this.#untilMs = nowMs + Math.min(baseMs * 2 ** this.#times, maxMs);
    this.#times++;
    this.#failures = 0;
  }
}
