/** What stands behind the whole milliseconds, by the microseconds: `.001` to `.999`, without zeros at the end. */
const FRACTIONS = Array.from({ length: 1000 }, (_, micros) =>
  micros === 0 ? '' : `.${String(micros).padStart(3, '0').replace(/0+$/, '')}`,
);

/**
 * A duration in milliseconds (never negative), rounded to microseconds, as `String` would write it. Finding the shortest text of a fraction takes V8
 * five times as long, and is done for each request.
 */
export function millisText(ms: number): string {
  const micros = Math.round(ms * 1000);
  const whole = Math.floor(micros / 1000);
  return `${whole}${FRACTIONS[micros - whole * 1000] ?? ''}`;
}
