import { TICK_MS } from './coarse-timer.ts';

/** Taken off the time that a backend says it keeps a connection: it counts from before we hear of it. */
const MARGIN_MS = 1_000;
/** How late the deadline of a long rest may be. */
const LATENESS_MS = 2 * TICK_MS;

/**
 * How long a connection may rest before it is closed, in milliseconds; 0 or less for not at all. `asked` is what the backend said, if it
 * did (`Keep-Alive: timeout=`): it may ask for a shorter time than our own, never for a longer one.
 */
export function idleTimeout(ownMs: number, askedMs: number | undefined): number {
  const ms = askedMs === undefined ? ownMs : Math.min(ownMs, askedMs - MARGIN_MS);
  // A connection must not be used for longer than the backend keeps it.
  return ms > 2 * LATENESS_MS ? ms - LATENESS_MS : ms;
}
