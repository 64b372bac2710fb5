const INEXACT = Symbol('inexact number');

/**
 * A number of a token that does not print back as written (`1.0`, `1e3`, `12345678901234567890`), or an
 * unsafe integer. An object, so that no rule that compares scalars can match it by accident.
 */
export interface InexactNumber {
  readonly [INEXACT]: true;
  /** As it stands in the token. */
  readonly literal: string;
  /** The nearest double; always finite. Good for dates, not for identity. */
  readonly value: number;
}

/** Makes the stand-in for such a number. It leaves no trace in JSON, since it must never become a header. */
export function inexactNumber(literal: string): InexactNumber {
  const number = { [INEXACT]: true as const, literal, value: Number(literal) };
  Object.defineProperty(number, 'toJSON', { value: () => undefined });
  return Object.freeze(number);
}

export function isInexactNumber(value: unknown): value is InexactNumber {
  return typeof value === 'object' && value !== null && INEXACT in value;
}
