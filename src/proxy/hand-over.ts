import type { Socket } from 'node:net';
import type { AnswerHead } from './answer-parser.ts';
import type { AnswerHandler } from './sender.ts';

/** Gives a socket to the handler whose handshake the backend agreed to, with what came behind the head still unread. */
export function handOver(
  socket: Socket,
  { head, surplus, handler }: { head: AnswerHead; surplus: Buffer; handler: AnswerHandler },
): void {
  socket.pause();
  if (surplus.length > 0) socket.unshift(surplus);
  if (handler.onUpgrade === undefined) socket.destroy();
  else handler.onUpgrade(head, socket);
}
