let atMs = 0;
let text = '';

/** The time now as ISO 8601, UTC, with milliseconds; formatted at most once a millisecond. */
export function isoTime(): string {
  const now = Date.now();
  if (now !== atMs) {
    atMs = now;
    text = new Date(now).toISOString();
  }
  return text;
}
