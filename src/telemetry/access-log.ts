import type { Logger } from './logger.ts';

/** What the one access line of a request says (contract §6). `undefined` fields are left out. */
export interface AccessRecord {
  readonly requestId: string;
  readonly method: string;
  /** As sent, without query, cut to 1,024 characters. The only place where a path is logged. */
  readonly path: string;
  readonly status: number;
  readonly route: string | undefined;
  /** `allow`, or the code of the refusal. */
  readonly code: string;
  readonly reason: string | undefined;
  /** The configured name of the issuer. */
  readonly issuer: string | undefined;
  readonly client: string;
  readonly durationMs: number;
  readonly upstreamMs: number | undefined;
  readonly subject: string | undefined;
}

const PATH_LENGTH = 1024;

/** Writes access lines; `undefined` members are dropped by JSON. Lines of gateway failures are `error`, the rest `info`. */
export function createAccessLog(logger: Logger): (record: AccessRecord) => void {
  return (record) => {
    if (record.code === 'internal') logger.error(record, 'request');
    else logger.info(record, 'request');
  };
}

/** The path of a request target for the log: no query, bounded. */
export function loggedPath(rawTarget: string): string {
  const end = rawTarget.search(/[?#]/);
  const path = end === -1 ? rawTarget : rawTarget.slice(0, end);
  return path.length > PATH_LENGTH ? `${path.slice(0, PATH_LENGTH)}…` : path;
}
