/** The longest delay that a timer of Node can have: 24 days. A longer one would count as 1 ms. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** A time limit of the file as every timer takes it: `0s` is no limit, which is as good as the longest. */
export function timeLimit(ms: number): number {
  return ms === 0 ? LONGEST_DELAY_MS : timerDelay(ms);
}

/** A time of the file at whose end something is done, not given up: `0s` is at once. */
export function timerDelay(ms: number): number {
  return Math.min(ms, LONGEST_DELAY_MS);
}
