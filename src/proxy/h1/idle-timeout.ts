import { TICK_MS } from './coarse-timer.ts';

/** Subtracted from the backend's own time: it counts from before its response is read. */
const MARGIN_MS = 1_000;
/** How late a long deadline may be. */
const LATENESS_MS = 2 * TICK_MS;

/**
 * How long a connection may be idle before it is closed, in milliseconds; 0 or less closes it at once. `askedMs` is what the backend
 * stated (`Keep-Alive: timeout=`), which can only shorten our own time.
 */
export function idleTimeout(ownMs: number, askedMs: number | undefined): number {
  const ms = askedMs === undefined ? ownMs : Math.min(ownMs, askedMs - MARGIN_MS);
  // A connection must not be used for longer than the backend keeps it.
  return ms > 2 * LATENESS_MS ? ms - LATENESS_MS : ms;
}
