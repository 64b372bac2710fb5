import type { Socket } from 'node:net';
import type { DispatchHandler } from '../dispatcher.ts';
import type { ResponseHead } from '../response/response-parser.ts';

/** Gives a socket to the handler whose handshake the backend agreed to, with what came behind the head still unread. */
export function handOver(
  socket: Socket,
  { head, surplus, handler }: { head: ResponseHead; surplus: Buffer; handler: DispatchHandler },
): void {
  socket.pause();
  if (surplus.length > 0) socket.unshift(surplus);
  if (handler.onRequestUpgrade === undefined) socket.destroy();
  else handler.onRequestUpgrade(head, socket);
}
