import type { Socket } from 'node:net';

type WriteDone = (error?: Error | null) => void;

/**
 * Keeps a socket open for reading after a write failed; to be called before a body is written, also repeatedly. Otherwise Node
 * destroys the socket, and with it the response in its receive buffer: a backend that refuses an upload responds and closes, and the
 * system resets the connection while the body is still being written. `failed` is called once; when it returns true, later writes
 * are dropped and reading continues.
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
