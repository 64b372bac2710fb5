import { writeSync } from 'node:fs';
import { type DestinationStream, destination } from 'pino';

/** Characters that gather before a write, and the longest time that a line waits. */
const GATHERED_LENGTH = 8192;
const FLUSH_INTERVAL_MS = 50;

/** What POSIX writes to a pipe in one piece (PIPE_BUF on Linux), so that lines of several processes do not mix. */
const ATOMIC_LENGTH = 4096;

export interface LogDestinationOptions {
  readonly fd?: number;
  /** Other processes write there, too. */
  readonly isShared?: boolean;
}

/** A log destination that gathers lines and can be emptied synchronously, also while the process dies. */
export interface LogDestination extends DestinationStream {
  flushSync(): void;
}

/**
 * Opens standard output (or another file descriptor) as a buffered log destination that loses nothing on exit.
 *
 * Lines gather in a string of our own, because pino's destination measures all that waits anew with each line
 * (2 µs a line). It gets them in portions, and does what it is good at: writing beside the event loop, in order.
 */
export function openLogDestination({ fd = 1, isShared = false }: LogDestinationOptions = {}): LogDestination {
  const writer = destination({
    dest: fd,
    sync: false,
    minLength: 0,
    ...(isShared && { maxWrite: ATOMIC_LENGTH }),
  });
  const portionLength = isShared ? ATOMIC_LENGTH : GATHERED_LENGTH;
  // A reader that went away (`sealgate start | head`) must not end the gateway.
  writer.on('error', () => undefined);
  let gathered = '';
  let timer: NodeJS.Timeout | undefined;

  function handOver(): void {
    clearTimeout(timer);
    timer = undefined;
    if (gathered === '') return;
    const portion = gathered;
    gathered = '';
    writer.write(portion);
  }

  function flushSync(): void {
    clearTimeout(timer);
    timer = undefined;
    const portion = gathered;
    gathered = '';
    writer.flushSync();
    // Not through the writer: it would begin to write beside the event loop, and the end of the process would take that along.
    writeWhole(fd, portion);
  }

  process.on('exit', () => {
    try {
      flushSync();
    } catch {
      // Nobody is left to tell.
    }
  });
  return {
    write(line) {
      if (isShared && gathered.length + line.length > portionLength) handOver();
      gathered += line;
      if (gathered.length >= portionLength) handOver();
      else timer ??= setTimeout(handOver, FLUSH_INTERVAL_MS).unref();
    },
    flushSync,
  };
}

/** How often a pipe that is full is tried again, and the pause before. */
const FULL_PIPE_TRIES = 100;
const FULL_PIPE_PAUSE_MS = 10;

function writeWhole(fd: number, text: string): void {
  let bytes = Buffer.from(text);
  for (let tries = 0; bytes.length > 0 && tries < FULL_PIPE_TRIES; ) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      tries += 1;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_PAUSE_MS);
    }
  }
}
