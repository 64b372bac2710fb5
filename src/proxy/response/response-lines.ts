import { InvalidResponse } from '../errors.ts';
import { fieldFault, PROTOCOL, statusLineFault } from './response-faults.ts';
import type { ResponseFraming } from './response-framing.ts';

/** The parts of a status line. */
export interface StatusLine {
  readonly status: number;
  /** The reason phrase, as it came; often empty. */
  readonly reason: string;
  /** HTTP/1.0. */
  readonly isOldVersion: boolean;
  /** Where the line after it begins. */
  readonly next: number;
}

const ZERO = 48;
const SPACE = 32;
const TAB = 9;
const CR = 13;
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/;
/**
 * RFC 9110 §5.1 and §5.5: no folded lines, no space before a colon, no bare CR or LF, no NUL. Takes linear time: adjacent parts of
 * it have no character in common.
 */
const FIELD_LINES = /(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n/y;

/** `HTTP/1.0 200 …` or `HTTP/1.1 200 …` (RFC 9112 §4); without a reason phrase, the space before it may be missing too. */
export function readStatusLine(text: string): StatusLine {
  const minor = text.charCodeAt(7);
  const hundreds = text.charCodeAt(9) - ZERO;
  const tens = text.charCodeAt(10) - ZERO;
  const ones = text.charCodeAt(11) - ZERO;
  const after = text.charCodeAt(12);
  const lineEnd = text.indexOf('\r\n');
  const reason = text.slice(13, lineEnd);
  if (
    !text.startsWith(PROTOCOL) ||
    (minor !== ZERO && minor !== ZERO + 1) ||
    text.charCodeAt(8) !== SPACE ||
    !(hundreds >= 1 && hundreds <= 9 && tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9) ||
    (after !== SPACE && (after !== CR || lineEnd !== 12)) ||
    !REASON.test(reason)
  ) {
    throw new InvalidResponse(statusLineFault(text));
  }
  const status = hundreds * 100 + tens * 10 + ones;
  return { status, reason, isOldVersion: minor === ZERO, next: lineEnd + 2 };
}

/** Reads the field lines from `start` to the empty line that ends the text: names and values in turn, without the blanks around values. */
export function readFields(text: string, start: number, into: string[], framing?: ResponseFraming): void {
  FIELD_LINES.lastIndex = start;
  if (!FIELD_LINES.test(text) || FIELD_LINES.lastIndex !== text.length) {
    throw new InvalidResponse(framing === undefined ? 'trailer_malformed' : fieldFault(text.slice(start)));
  }
  let at = start;
  while (at < text.length - 2) {
    const colon = text.indexOf(':', at);
    const lineEnd = text.indexOf('\r\n', colon);
    const name = text.slice(at, colon);
    let from = colon + 1;
    let to = lineEnd;
    while (from < to && isBlank(text.charCodeAt(from))) from += 1;
    while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
    const value = text.slice(from, to);
    into.push(name, value);
    framing?.see(name, value, to !== lineEnd && text.slice(to, lineEnd).includes('\t'));
    at = lineEnd + 2;
  }
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
