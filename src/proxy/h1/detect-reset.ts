import type { Socket } from 'node:net';
import { Writable } from 'node:stream';

const NOTHING = Buffer.alloc(0);

/**
 * Detects whether the end of a plain socket was a reset. Node 20 and 22 report a reset as an orderly end when bytes came right
 * before it, and then half a body would pass for a complete one. An empty write shows the difference.
 */
export function detectReset(socket: Socket, notify: (reset: Error | undefined) => void): void {
  // The socket's own `write` always fails after the end.
  Writable.prototype.write.call(socket, NOTHING, 'latin1', (error) => {
    const isReset = (error as NodeJS.ErrnoException | null | undefined)?.code === 'ECONNRESET';
    notify(isReset ? (error as Error) : undefined);
  });
}
