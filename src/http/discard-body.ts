import type { IncomingMessage } from 'node:http';
import { constants, type Http2ServerRequest } from 'node:http2';
import { isMultiplexed } from './multiplexed.ts';

/** Bytes of an unwanted body that are read and thrown away before its stream is ended. */
const MAX_BYTES = 1024 * 1024;
/** Time that the rest of an unwanted body may take, in milliseconds. */
const MAX_MS = 5_000;

/**
 * Reads on after an early response, so that the client gets to see it: it may not read before it has sent everything. Over HTTP/1.1
 * the owner of the connection says for how long.
 */
export function discardBody(req: IncomingMessage): void {
  if (isMultiplexed(req)) discardStream(req);
  else req.resume();
}

/** The connection belongs to others too: only the stream is ended, and without an error (RFC 9113 §8.1). */
function discardStream(req: IncomingMessage): void {
  const { stream } = req as unknown as Http2ServerRequest;
  let bytes = 0;
  const stop = (): void => {
    if (!stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR);
  };
  const timer = setTimeout(stop, MAX_MS);
  timer.unref();
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) stop();
  });
  stream.once('close', () => clearTimeout(timer));
  req.resume();
}
