import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/**
 * Breaks the client's connection in the midst of an answer, so that it cannot be taken for a whole one.
 * A cut length or a missing last chunk shows by itself. An answer that ends with its connection needs a
 * reset: a clean close would be its regular end.
 */
export function breakOff(res: ServerResponse, hasLength: boolean): void {
  if (hasLength || res.chunkedEncoding || res.socket === null) res.destroy();
  else resetSocket(res.socket);
}

/** Ends a connection so that the other side sees an error. TLS shows it itself: its closing alert is missing. */
export function resetSocket(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
