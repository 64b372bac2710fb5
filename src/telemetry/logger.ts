import { type DestinationStream, type Logger, pino } from 'pino';
import type { Config } from '../config/schema.ts';

export type { Logger } from 'pino';

/** Bytes that gather before a write; a timer writes what waits, so a quiet gateway still logs at once to the eye. */
const BUFFER_BYTES = 8192;
const FLUSH_INTERVAL_MS = 50;

/** A log destination that gathers lines and can be emptied synchronously, also while the process dies. */
export interface LogDestination extends DestinationStream {
  flushSync(): void;
}

/** Opens standard output (or another file descriptor) as a buffered log destination that loses nothing on exit. */
export function openLogDestination(fd = 1): LogDestination {
  const destination = pino.destination({
    dest: fd,
    sync: false,
    minLength: BUFFER_BYTES,
    periodicFlush: FLUSH_INTERVAL_MS,
  });
  // A reader that went away (`sealgate start | head`) must not end the gateway.
  destination.on('error', () => undefined);
  process.on('exit', () => {
    try {
      destination.flushSync();
    } catch {
      // Nobody is left to tell.
    }
  });
  return destination;
}

/**
 * Makes the process's logger: JSON lines with `time` (ISO 8601, UTC, milliseconds), `level` (a word) and `msg`.
 * Control characters in values are escaped by JSON, so no value can start a line of its own.
 */
export function createLogger(level: Config['log']['level'], destination: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.err },
    },
    destination,
  );
}

let timeAtMs = 0;
let timeText = '';

/** `,"time":"…"`, formatted at most once a millisecond. */
function isoTime(): string {
  const now = Date.now();
  if (now !== timeAtMs) {
    timeAtMs = now;
    timeText = `,"time":"${new Date(now).toISOString()}"`;
  }
  return timeText;
}
