import { type DestinationStream, type Logger, pino } from 'pino';
import type { Config } from '../config/schema/config.ts';
import { escapeLines } from '../core/escape.ts';
import { isoTime } from './iso-time.ts';

export type { Logger } from 'pino';

/**
 * Makes the process's logger: JSON lines with `time` (ISO 8601, UTC, milliseconds), `level` (a word) and `msg`.
 * Control and format characters in values are escaped, so that none can start a new line or mislead a terminal.
 */
export function createLogger(level: Config['log']['level'], destination: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${isoTime()}"`,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: escapeLines },
      serializers: { err: pino.stdSerializers.err },
    },
    destination,
  );
}
