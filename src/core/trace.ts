import type { Refusal } from './refusals.ts';

/**
 * One step of a decision, as `explain` prints it. `expected` and `got` speak of names, never of claim values,
 * unless the trace says that claims may be shown.
 */
export interface Step {
  /** The phase and what it looked at, such as `path`, `match`, `issuer`, `signature`, `scopes`. */
  readonly step: string;
  readonly ok: boolean;
  readonly expected?: string;
  readonly got?: string;
  /** After a refusal: what would have to change. */
  readonly note?: string;
  /** Set where the step refused and others may have decided: one alternative of several. */
  readonly refusal?: Refusal;
}

/** Listens to the pipeline while it decides. Served requests have one at log level `debug` only; else it costs them one comparison. */
export interface Trace {
  /** True when the person who asked wants to see claim values (`explain --show-claims`). */
  readonly showClaims: boolean;
  /** True when what it hears goes to the log, which may name the audiences of a token. */
  readonly isForLog?: boolean;
  add(step: Step): void;
}
