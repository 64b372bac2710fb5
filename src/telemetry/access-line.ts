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
  const {
    route,
    reason,
    issuer,
    upstream,
    upstreamAddress,
    upstreamMs,
    subject,
    wouldRefuse,
    mcpMethod,
    via,
  } = record;
  // Of few pieces: V8 joins them one by one, and once more when the line is written.
  return (
    `{"time":"${isoTime()}","level":"${level}","requestId":"` +
    inQuotes(record.requestId) +
    '","method":"' +
    inQuotes(record.method) +
    '","path":"' +
    inQuotes(record.path) +
    '","status":' +
    record.status +
    (route === undefined ? '' : `,"route":"${inQuotes(route)}"`) +
    ',"code":"' +
    inQuotes(record.code) +
    (reason === undefined ? '"' : `","reason":"${inQuotes(reason)}"`) +
    (issuer === undefined ? ',"client":"' : `,"issuer":"${inQuotes(issuer)}","client":"`) +
    inQuotes(record.client) +
    '","durationMs":' +
    record.durationMs.toFixed(3) +
    (upstream === undefined ? '' : `,"upstream":"${inQuotes(upstream)}"`) +
    (upstreamAddress === undefined ? '' : `,"upstreamAddress":"${inQuotes(upstreamAddress)}"`) +
    (upstreamMs === undefined ? '' : `,"upstreamMs":${upstreamMs.toFixed(3)}`) +
    (subject === undefined ? '' : `,"subject":"${inQuotes(subject)}"`) +
    (wouldRefuse === undefined ? '' : `,"wouldRefuse":"${inQuotes(wouldRefuse)}"`) +
    (mcpMethod === undefined ? '' : `,"mcpMethod":"${mcpMethod}"`) +
    (via === undefined ? '' : `,"via":"${via}"`) +
    (worker === undefined ? ',"msg":"request"}\n' : `,"worker":${worker},"msg":"request"}\n`)
  );
}

function inQuotes(text: string): string {
  return NEEDS_ESCAPES.test(text) ? escapeLines(JSON.stringify(text).slice(1, -1)) : text;
}
