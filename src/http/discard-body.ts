import type { Readable } from 'node:stream';

/**
 * Reads on after an early response, as a client may not read it before it has sent everything. The owner of the connection limits
 * the time.
 */
export function discardBody(req: Readable): void {
  req.resume();
}
