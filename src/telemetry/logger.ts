import { type DestinationStream, type Logger, pino } from 'pino';
import type { Config } from '../config/schema/config.ts';
import { escapeLines } from '../core/escape.ts';
import { isoTime } from './iso-time.ts';

export type { Logger } from 'pino';

/**
 * Makes the process's logger: JSON lines with `time` (ISO 8601, UTC, milliseconds), `level` (a word) and `msg`, in a worker also
 * `worker`. Numbers have at most three decimals: a clock's further digits are noise.
 * Control and format characters in values are escaped, so that none can start a new line or mislead a terminal.
 */
export function createLogger(
  level: Config['log']['level'],
  destination: DestinationStream,
  worker?: number | undefined,
): Logger {
  return pino(
    {
      level,
      base: worker === undefined ? null : { worker },
      timestamp: () => `,"time":"${isoTime()}"`,
      formatters: { level: (label) => ({ level: label }), log: roundNumbers },
      hooks: { streamWrite: escapeLines },
      serializers: { err: pino.stdSerializers.err },
    },
    destination,
  );
}

function roundNumbers(fields: Record<string, unknown>): Record<string, unknown> {
  let rounded = fields;
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value !== 'number' || Number.isInteger(value)) continue;
    if (rounded === fields) rounded = { ...fields };
    rounded[name] = Math.round(value * 1000) / 1000;
  }
  return rounded;
}
