import type { IncomingMessage } from 'node:http';
import { constants, type Http2ServerRequest } from 'node:http2';
import { isMultiplexed } from './multiplexed.ts';

/** Bytes of an unwanted body that are read and thrown away before the connection is cut. */
const MAX_BYTES = 1024 * 1024;
/** Time that the rest of an unwanted body may take, in milliseconds. */
const MAX_MS = 5_000;

/**
 * Reads on after an early answer, so that the client gets to see it: closing a connection with unread bytes
 * makes TCP reset it, and an answer on its way is lost. A client that does not stop soon is cut off. Must be
 * called before the answer is complete where the answer closes the connection.
 */
export function discardBody(req: IncomingMessage): void {
  const { socket } = req;
  if (isMultiplexed(req)) {
    discardStream(req);
    return;
  }
  if (req.complete || req.destroyed || socket.readableEnded) {
    req.resume();
    return;
  }
  let bytes = 0;
  const timer = setTimeout(() => socket.destroy(), MAX_MS);
  timer.unref();
  // Node closes both directions after an answer with `Connection: close`; only the way down may close yet.
  socket.destroySoon = () => socket.end();
  const done = (): void => {
    clearTimeout(timer);
    socket.off('end', done);
    if (socket.writableEnded) socket.destroy();
    else Reflect.deleteProperty(socket, 'destroySoon');
  };
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) socket.destroy();
  });
  req.once('end', done);
  req.once('close', done);
  // A parser that gave up on the body never ends the request, but the client still ends its connection.
  socket.once('end', done);
  req.resume();
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
