import { escapeLines } from '../core/escape.ts';
import { isoTime } from './iso-time.ts';
import type { RequestRecord } from './request-record.ts';

/** Everything but printable ASCII that JSON takes as it is. Hardly any text of a request has such a character. */
const NEEDS_ESCAPES = /[^ !#-[\]-~]/;

/**
 * Renders an access line as pino would. By hand, because a general serializer costs a tenth of a request
 * (docs/performance.md: "access line by hand").
 */
export function renderAccessLine(
  level: 'info' | 'error',
  record: RequestRecord,
  worker?: number | undefined,
): string {
  const { upstreamMs } = record;
  return (
    `{"time":"${isoTime()}","level":"${level}"` +
    textField(',"requestId":"', record.requestId) +
    textField(',"method":"', record.method) +
    textField(',"path":"', record.path) +
    `,"status":${record.status}` +
    textField(',"route":"', record.route) +
    textField(',"code":"', record.code) +
    textField(',"reason":"', record.reason) +
    textField(',"issuer":"', record.issuer) +
    textField(',"client":"', record.client) +
    `,"durationMs":${record.durationMs.toFixed(3)}` +
    textField(',"upstream":"', record.upstream) +
    textField(',"upstreamAddress":"', record.upstreamAddress) +
    (upstreamMs === undefined ? '' : `,"upstreamMs":${upstreamMs.toFixed(3)}`) +
    textField(',"subject":"', record.subject) +
    textField(',"wouldRefuse":"', record.wouldRefuse) +
    (worker === undefined ? '' : `,"worker":${worker}`) +
    ',"msg":"request"}\n'
  );
}

function textField(beginning: string, value: string | undefined): string {
  if (value === undefined) return '';
  return `${beginning}${NEEDS_ESCAPES.test(value) ? escapeLines(JSON.stringify(value).slice(1, -1)) : value}"`;
}
