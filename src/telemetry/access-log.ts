import { type DestinationStream, symbols } from 'pino';
import { renderAccessLine } from './access-line.ts';
import type { Logger } from './logger.ts';
import type { RequestRecord } from './request-record.ts';

const PATH_LENGTH = 1024;

export interface AccessLogOptions {
  readonly log: Logger;
  /** Share of the allowed requests that get a line, from 0 to 1. Read for each request, since a reload may change it. */
  readonly allowedShare: () => number;
  /** The number of the worker that writes the lines; undefined in a single process. */
  readonly worker?: number | undefined;
  /** 0 to 1. */
  readonly random?: () => number;
}

/**
 * Writes access lines to the destination of the logger, in turn with its own lines, and under its level. Lines of internal errors are
 * `error`, the rest `info`. Refusals, failures, and what a reporting route would have refused are always written.
 */
export function createAccessLog({
  log,
  allowedShare,
  worker,
  random = Math.random,
}: AccessLogOptions): (record: RequestRecord) => void {
  const destination = (log as unknown as Record<symbol, DestinationStream>)[symbols.streamSym];
  if (destination === undefined) throw new Error('the logger has no destination');
  return (record) => {
    const level = record.code === 'internal' ? 'error' : 'info';
    if (!log.isLevelEnabled(level)) return;
    const share = allowedShare();
    if (share < 1 && isUneventful(record) && random() >= share) return;
    destination.write(renderAccessLine(level, record, worker));
  };
}

function isUneventful({ code, status, wouldRefuse }: RequestRecord): boolean {
  return code === 'allow' && status < 500 && wouldRefuse === undefined;
}

/** The path of a request target for the log: no query, bounded. */
export function loggedPath(rawTarget: string): string {
  const end = rawTarget.search(/[?#]/);
  const path = end === -1 ? rawTarget : rawTarget.slice(0, end);
  return path.length > PATH_LENGTH ? `${path.slice(0, PATH_LENGTH)}…` : path;
}
