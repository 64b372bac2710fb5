import type { Readable } from 'node:stream';

/**
 * Reads on after an early response, so that the client gets to see it: it may not read before it has sent everything. The owner of
 * the connection says for how long.
 */
export function discardBody(req: Readable): void {
  req.resume();
}
