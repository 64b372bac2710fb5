import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

/** Characters that gather before they become a portion, and the longest time that a line waits. */
const GATHERED_LENGTH = 32 * 1024;
const FLUSH_INTERVAL_MS = 50;

/** What POSIX writes to a pipe in one piece (PIPE_BUF on Linux), so that lines of several processes do not mix. */
const ATOMIC_LENGTH = 4096;

/** Bytes that may wait for a slow reader; lines beyond them are dropped and counted, so that memory stays bounded. */
const WAITING_BYTES = 16 * 1024 * 1024;

/** The pause before a full pipe is tried again, and how often that is done when the process ends. */
const FULL_PIPE_PAUSE_MS = 10;
const FULL_PIPE_RETRIES = 100;

export interface LogDestinationOptions {
  readonly fd?: number;
  /** Other processes write there, too. */
  readonly isShared?: boolean;
  /** Bytes that may wait for a slow reader. Default: 16 Mi. */
  readonly waitingBytes?: number;
}

/** A log destination that gathers lines and can be emptied synchronously, also while the process dies. */
export interface LogDestination extends DestinationStream {
  flushSync(): void;
}

/**
 * Opens standard output (or another file descriptor) as a buffered log destination that loses nothing on exit.
 *
 * Portions are written at once, without waiting for a full pipe. pino's own destination would measure all that waits
 * anew with each line (2 µs a line), and hand 16 KiB per turn of the event loop to another thread: under load it falls
 * behind without end.
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
      keep(encode(gathered));
      writeWaiting();
    } else if (gathered !== '') {
      const portion = encode(gathered);
      keep(portion.subarray(tryWrite(portion)));
    }
    gathered = '';
  }

  /** A copy, because what is encoded lies in a buffer that the next portion uses again. */
  function keep(portion: Buffer): void {
    if (portion.length === 0) return;
    waiting.push(Buffer.from(portion));
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

  /** How much went out: all of it, or less when the pipe is full. */
  function tryWrite(portion: Buffer): number {
    if (isBroken) return portion.length;
    try {
      return writeSync(fd, portion);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      // A reader that went away (`sealgate start | head`) must not end the gateway.
      isBroken = true;
      return portion.length;
    }
  }

  function flushSync(): void {
    handOver();
    for (let retry = 0; waiting.length > 0 && retry < FULL_PIPE_RETRIES; retry += 1) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_PAUSE_MS);
      handOver();
    }
    // What was dropped can be told of once there is room for it.
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
 * The same pipe, opened anew so that a write to it never waits for its reader; setting that on the descriptor itself
 * would set it for whoever shares it. What is no pipe, or may not be opened anew, stays as it is and is waited for.
 */
function withoutWaiting(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO()) return fd;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return fd;
  }
}

/** Room for a portion in UTF-8, and for the line that made it full. */
const encoded = Buffer.allocUnsafeSlow(4 * GATHERED_LENGTH);

/** The bytes of a text; good until the next call. */
function encode(text: string): Buffer {
  // No character of a string takes more than three bytes.
  if (text.length * 3 > encoded.length) return Buffer.from(text);
  return encoded.subarray(0, encoded.write(text));
}

function describeDropped(lines: number): string {
  const msg = 'log lines were dropped: their reader is too slow';
  return `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), lines, msg })}\n`;
}
