import type { Socket } from 'node:net';

type WriteDone = (error?: Error | null) => void;

/**
 * Lets a socket live on after a write failed; to be called before any body is written, more than once if need be. Node destroys the
 * socket, and with it the response that waits in its receive buffer: a backend that refuses an upload says why, closes, and the
 * system resets the connection under what is still being written. `failed` is called once; when it gives true, what is written from
 * then on goes nowhere, and reading goes on.
 */
export function outliveFailedWrites(socket: Socket, failed: (error: Error) => boolean): void {
  if (Object.hasOwn(socket, '_write')) return;
  const write = socket._write;
  const writev = socket._writev;
  let isOver = false;
  // A stream has one write under way at a time.
  let done: WriteDone = () => {};
  const settle: WriteDone = (error) => {
    if (error && !isOver) isOver = failed(error);
    done(isOver ? null : error);
  };
  socket._write = (chunk, encoding, callback) => {
    done = callback;
    if (isOver) done();
    else write.call(socket, chunk, encoding, settle);
  };
  if (writev == null) return;
  socket._writev = (chunks, callback) => {
    done = callback;
    if (isOver) done();
    else writev.call(socket, chunks, settle);
  };
}
