import { type DestinationStream, destination } from 'pino';

/** Characters that gather before a write, and the longest time that a line waits. */
const GATHERED_LENGTH = 8192;
const FLUSH_INTERVAL_MS = 50;

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
export function openLogDestination(fd = 1): LogDestination {
  const writer = destination({ dest: fd, sync: false, minLength: 0 });
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
    handOver();
    writer.flushSync();
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
      gathered += line;
      if (gathered.length >= GATHERED_LENGTH) handOver();
      else timer ??= setTimeout(handOver, FLUSH_INTERVAL_MS).unref();
    },
    flushSync,
  };
}
