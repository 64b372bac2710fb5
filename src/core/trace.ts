import type { Refusal } from './refusals.ts';

/**
 * One step of a decision, as `explain` prints it. `expected` and `got` contain names, and claim values only where the trace allows
 * them.
 */
export interface Step {
  /** The phase and what it checked, such as `path`, `match`, `issuer`, `signature`, `scopes`. */
  readonly step: string;
  readonly ok: boolean;
  readonly expected?: string;
  readonly got?: string;
  /** After a refusal: what would have to change. */
  readonly note?: string;
  /** Set where the step refused as one of several alternatives. */
  readonly refusal?: Refusal;
}

/** Receives the steps of a decision. Served requests have one at log level `debug` only; otherwise it costs them one comparison. */
export interface Trace {
  /** Whether claim values may be shown (`explain --show-claims`). */
  readonly showClaims: boolean;
  /** Whether steps go to the log, which may name the audiences of a token. */
  readonly isForLog?: boolean;
  add(step: Step): void;
}
