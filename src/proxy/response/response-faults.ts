import type { ResponseFault } from '../upstream-faults.ts';

/** What every response of HTTP/1 begins with. */
export const PROTOCOL = 'HTTP/1.';
/** Bytes that suffice to recognize another protocol. */
export const PROTOCOL_BYTES = 16;

/** What speaks in place of HTTP/1; `text` is what came first, one character for each byte. */
export function protocolFault(text: string): ResponseFault {
  if (isTlsRecord(text)) return 'speaks_tls';
  if (isHttp2Frame(text)) return 'speaks_http2';
  return /^HTTP\/\d/.test(text) ? 'version_unknown' : 'not_http';
}

/** RFC 8446 §5.1: the type of the record, and the first bytes of its version. */
function isTlsRecord(text: string): boolean {
  const type = text.charCodeAt(0);
  return type >= 20 && type <= 23 && text.charCodeAt(1) === 3 && text.charCodeAt(2) <= 4;
}

/** The SETTINGS that every HTTP/2 server begins with, or a GOAWAY, on stream 0 (RFC 9113 §4.1). */
function isHttp2Frame(text: string): boolean {
  const type = text.charCodeAt(3);
  const isShort = text.charCodeAt(0) === 0 && text.charCodeAt(1) <= 64;
  return isShort && (type === 4 || type === 7) && text.charCodeAt(4) <= 1 && text.startsWith('\0\0\0\0', 5);
}

/** What is wrong with a first line that is not a status line of HTTP/1. */
export function statusLineFault(text: string): ResponseFault {
  if (!text.startsWith(PROTOCOL)) return protocolFault(text);
  if (!/^HTTP\/1\.[01](?![\d.])/.test(text)) return 'version_unknown';
  return text.slice(0, text.indexOf('\r\n')).includes('\n') ? 'line_ends_with_lf' : 'status_line_malformed';
}

/** What is wrong with the first of these field lines that is malformed. */
export function fieldFault(text: string): ResponseFault {
  for (const line of text.split('\r\n')) {
    if (line.includes('\n')) return 'line_ends_with_lf';
    if (/^[\t ]/.test(line)) return 'field_folded';
    if (line !== '' && !line.includes(':')) return 'field_without_colon';
    if (/^[^:]*[\t ]+:/.test(line)) return 'field_blank_before_colon';
    if (line !== '' && !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/.test(line))
      return 'field_malformed';
  }
  return 'field_malformed';
}
