import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

/** Characters that gather before they are written, and the longest time that a line waits. Each write wakes the reader of the log. */
const GATHERED_LENGTH = 32 * 1024;
const FLUSH_INTERVAL_MS = 50;

/** What POSIX writes to a pipe in one piece (PIPE_BUF on Linux), so that lines of several processes do not mix. */
const ATOMIC_LENGTH = 4096;

/** Bytes that may wait for a slow reader; lines beyond them are dropped and counted, so that memory stays bounded. */
const WAITING_BYTES = 16 * 1024 * 1024;

/** The pause before a write to a full pipe is retried, and the number of retries when the process ends. */
const FULL_PIPE_PAUSE_MS = 10;
const FULL_PIPE_RETRIES = 100;

export interface LogDestinationOptions {
  readonly fd?: number;
  /** True when other processes write to it as well. */
  readonly isShared?: boolean;
  /** Bytes that may wait for a slow reader. Default: 16 Mi. */
  readonly waitingBytes?: number;
}

/** A log destination that gathers lines and can be flushed synchronously, also while the process exits. */
export interface LogDestination extends DestinationStream {
  flushSync(): void;
}

/**
 * Opens standard output (or another file descriptor) as a buffered log destination that loses nothing on exit.
 *
 * Portions are written at once, without waiting for a full pipe. pino's own destination measures all waiting lines with each new
 * line (2 µs a line) and hands 16 KiB per turn of the event loop to another thread, so under load its backlog grows without
 * bound (docs/performance.md: "portions written at once").
 */
export function openLogDestination(options: LogDestinationOptions = {}): LogDestination {
  const { isShared = false, waitingBytes = WAITING_BYTES } = options;
  const fd = withoutWaiting(options.fd ?? 1);
  const portionLength = isShared ? ATOMIC_LENGTH : GATHERED_LENGTH;
  const waiting: Buffer[] = [];
  let bytes = 0;
  let gathered = '';
  let dropped = 0;
  let isBroken = false;
  let flushTimer: NodeJS.Timeout | undefined;
  let retryTimer: NodeJS.Timeout | undefined;

  function handOver(): void {
    clearTimeout(flushTimer);
    flushTimer = undefined;
    if (dropped > 0 && bytes < waitingBytes) {
      gathered += describeDropped(dropped);
      dropped = 0;
    }
    if (waiting.length > 0) {
      keep(Buffer.from(gathered));
      writeWaiting();
    } else if (gathered !== '') {
      // As text, which Node encodes on the way (docs/performance.md: "log lines written as text").
      const written = tryWrite(gathered);
      if (written < Buffer.byteLength(gathered)) keep(Buffer.from(gathered).subarray(written));
    }
    gathered = '';
  }

  function keep(portion: Buffer): void {
    if (portion.length === 0) return;
    waiting.push(portion);
    bytes += portion.length;
    retryTimer ??= setTimeout(writeWaiting, FULL_PIPE_PAUSE_MS).unref();
  }

  function writeWaiting(): void {
    clearTimeout(retryTimer);
    retryTimer = undefined;
    let done = 0;
    for (const portion of waiting) {
      const written = tryWrite(portion);
      bytes -= written;
      if (written < portion.length) {
        waiting[done] = portion.subarray(written);
        retryTimer = setTimeout(writeWaiting, FULL_PIPE_PAUSE_MS).unref();
        break;
      }
      done += 1;
    }
    waiting.splice(0, done);
  }

  /** Gives the number of bytes written: all, or fewer when the pipe is full. */
  function tryWrite(portion: Buffer | string): number {
    if (isBroken) return Buffer.byteLength(portion);
    try {
      return typeof portion === 'string' ? writeSync(fd, portion) : writeSync(fd, portion);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      // A reader that went away (`sealgate start | head`) must not end the gateway.
      isBroken = true;
      return Buffer.byteLength(portion);
    }
  }

  function flushSync(): void {
    handOver();
    for (let retry = 0; waiting.length > 0 && retry < FULL_PIPE_RETRIES; retry += 1) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_PAUSE_MS);
      handOver();
    }
    // There is room now for the line that counts dropped lines.
    handOver();
  }

  process.on('exit', flushSync);
  return {
    write(line) {
      if (bytes >= waitingBytes) {
        dropped += 1;
        return;
      }
      if (isShared && gathered.length + line.length > portionLength) handOver();
      gathered += line;
      if (gathered.length >= portionLength) handOver();
      else flushTimer ??= setTimeout(handOver, FLUSH_INTERVAL_MS).unref();
    },
    flushSync,
  };
}

/**
 * Opens the same pipe again so that a write never waits for its reader; setting that on the descriptor itself would set it for
 * every process that shares it. Anything but a pipe, or a pipe that may not be opened again, stays as it is: writes to it wait.
 */
function withoutWaiting(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO()) return fd;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return fd;
  }
}

function describeDropped(lines: number): string {
  const msg = 'log lines were dropped: their reader is too slow';
  return `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), lines, msg })}\n`;
}
