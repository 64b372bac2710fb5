import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/**
 * Breaks a response off so that the client cannot take it for a complete one. A body with a length or chunks is visibly cut. A
 * body that ends with its connection needs a reset, because a clean close would end it regularly.
 */
export function breakOff(res: ServerResponse, hasLength: boolean): void {
  if (hasLength || res.chunkedEncoding || res.socket === null) res.destroy();
  else resetSocket(res.socket);
}

/** Ends a connection with an error for the other side. With TLS the missing closing alert is the error. */
export function resetSocket(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
