import { type DestinationStream, type Logger, pino } from 'pino';
import type { Config } from '../config/schema.ts';
import { isoTime } from './iso-time.ts';

export type { Logger } from 'pino';

/**
 * Makes the process's logger: JSON lines with `time` (ISO 8601, UTC, milliseconds), `level` (a word) and `msg`.
 * Control characters in values are escaped by JSON, so no value can start a line of its own.
 */
export function createLogger(level: Config['log']['level'], destination: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${isoTime()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.err },
    },
    destination,
  );
}
