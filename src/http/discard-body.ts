import type { IncomingMessage } from 'node:http';

/**
 * Reads on after an early response, so that the client gets to see it: it may not read before it has sent everything. The owner of
 * the connection says for how long.
 */
export function discardBody(req: IncomingMessage): void {
  req.resume();
}
