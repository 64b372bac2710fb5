import type { ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';

/**
 * Breaks the client's connection in the midst of an answer, so that it cannot be taken for a whole one.
 * A cut length or a missing last chunk shows by itself. An answer that ends with its connection needs a
 * reset: a clean close would be its regular end.
 */
export function breakOff(res: ServerResponse, hasLength: boolean): void {
  const { socket } = res;
  const showsByItself = hasLength || res.chunkedEncoding;
  if (showsByItself || socket === null || socket instanceof TLSSocket) {
    res.destroy();
    return;
  }
  socket.resetAndDestroy();
}
