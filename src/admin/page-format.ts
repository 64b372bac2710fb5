/** `3 s`, `12 min`, `5 h`, `3 d`: the largest unit that keeps the number readable. */
export function formatSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** `0.4 ms`, `12 ms`, `1.5 s`; a dash when nothing was measured. */
export function formatMs(ms: number | null): string {
  if (ms === null) return '–';
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** `1,234`, `45.6k`, `7.8M`. */
export function formatCount(count: number): string {
  if (count < 10_000) return count.toLocaleString('en');
  return count < 1_000_000 ? `${(count / 1000).toFixed(1)}k` : `${(count / 1_000_000).toFixed(1)}M`;
}

/** The time of day of an ISO time, with its date unless it is today's. UTC, as in the log. */
export function formatTime(iso: string, now = new Date()): string {
  const day = iso.slice(0, 10);
  const time = iso.slice(11, 19);
  return day === now.toISOString().slice(0, 10) ? `${time} UTC` : `${day} ${time} UTC`;
}
