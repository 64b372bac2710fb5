import type { IncomingMessage } from 'node:http';

/**
 * True for a request on a stream of HTTP/2: its connection belongs to others too, and its end needs no closing. The version a
 * request names does not tell, since Node's HTTP/1.1 parser takes `HTTP/2.0` on a request line.
 */
export function isMultiplexed(req: IncomingMessage): boolean {
  return 'stream' in req;
}
