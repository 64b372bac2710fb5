import { type DestinationStream, symbols } from 'pino';
import { type AccessRecord, renderAccessLine } from './access-line.ts';
import type { Logger } from './logger.ts';

const PATH_LENGTH = 1024;

/**
 * Writes access lines where the logger writes, in turn with its own lines, and under its level. Lines of gateway failures
 * are `error`, the rest `info`.
 */
export function createAccessLog(logger: Logger): (record: AccessRecord) => void {
  const destination = (logger as unknown as Record<symbol, DestinationStream>)[symbols.streamSym];
  if (destination === undefined) throw new Error('the logger has no destination');
  return (record) => {
    const level = record.code === 'internal' ? 'error' : 'info';
    if (logger.isLevelEnabled(level)) destination.write(renderAccessLine(level, record));
  };
}

/** The path of a request target for the log: no query, bounded. */
export function loggedPath(rawTarget: string): string {
  const end = rawTarget.search(/[?#]/);
  const path = end === -1 ? rawTarget : rawTarget.slice(0, end);
  return path.length > PATH_LENGTH ? `${path.slice(0, PATH_LENGTH)}…` : path;
}
