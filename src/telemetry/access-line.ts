import { isoTime } from './iso-time.ts';

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
  /** The code with which access rules that only report would have refused; `reason` says why. */
  readonly wouldRefuse?: string | undefined;
}

/** What JSON may not hold unescaped, what a terminal would obey, and what may be half of a character. */
const NEEDS_ESCAPES = /[^ !#-[\]-~]/;

/**
 * Renders an access line as pino would, by hand: this line is written for every request, and a general
 * serialiser costs ten times as much. `undefined` fields are left out; every text is escaped that needs it.
 */
export function renderAccessLine(level: 'info' | 'error', record: AccessRecord): string {
  return (
    `{"level":"${level}","time":"${isoTime()}","requestId":${quote(record.requestId)}` +
    `,"method":${quote(record.method)},"path":${quote(record.path)},"status":${record.status}` +
    `${textField('route', record.route)},"code":${quote(record.code)}${textField('reason', record.reason)}` +
    `${textField('issuer', record.issuer)},"client":${quote(record.client)},"durationMs":${record.durationMs}` +
    (record.upstreamMs === undefined ? '' : `,"upstreamMs":${record.upstreamMs}`) +
    `${textField('subject', record.subject)}${textField('wouldRefuse', record.wouldRefuse)},"msg":"request"}\n`
  );
}

function textField(name: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${name}":${quote(value)}`;
}

function quote(text: string): string {
  return NEEDS_ESCAPES.test(text) ? JSON.stringify(text) : `"${text}"`;
}
