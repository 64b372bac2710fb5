import { type DestinationStream, symbols } from 'pino';
import { type AccessRecord, accessLineEnd, renderAccessLine } from './access-line.ts';
import type { Logger } from './logger.ts';

const PATH_LENGTH = 1024;

export interface AccessLogOptions {
  readonly log: Logger;
  /** Share of the allowed requests that get a line, from 0 to 1. Asked for each, since a reload may change it. */
  readonly allowedShare: () => number;
  /** Which of several processes writes the lines; undefined if there is but one. */
  readonly worker?: number | undefined;
  /** 0 to 1. */
  readonly random?: () => number;
}

/**
 * Writes access lines where the logger writes, in turn with its own lines, and under its level. Lines of gateway failures
 * are `error`, the rest `info`. Refusals, failures, and what a report would have refused are never left out.
 */
export function createAccessLog({
  log,
  allowedShare,
  worker,
  random = Math.random,
}: AccessLogOptions): (record: AccessRecord) => void {
  const destination = (log as unknown as Record<symbol, DestinationStream>)[symbols.streamSym];
  if (destination === undefined) throw new Error('the logger has no destination');
  const end = accessLineEnd(worker);
  return (record) => {
    const level = record.code === 'internal' ? 'error' : 'info';
    if (!log.isLevelEnabled(level)) return;
    const share = allowedShare();
    if (share < 1 && isUneventful(record) && random() >= share) return;
    destination.write(renderAccessLine(level, record, end));
  };
}

function isUneventful({ code, status, wouldRefuse }: AccessRecord): boolean {
  return code === 'allow' && status < 500 && wouldRefuse === undefined;
}

/** The path of a request target for the log: no query, bounded. */
export function loggedPath(rawTarget: string): string {
  const end = rawTarget.search(/[?#]/);
  const path = end === -1 ? rawTarget : rawTarget.slice(0, end);
  return path.length > PATH_LENGTH ? `${path.slice(0, PATH_LENGTH)}…` : path;
}
