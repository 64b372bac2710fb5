import { randomUUID } from 'node:crypto';

/** Why a text is not a JSON object with one meaning. */
export type JsonFlaw =
  | 'not JSON'
  | 'not a JSON object'
  | 'duplicate names'
  | 'nested too deeply'
  | 'a number out of range';

/** How an object is read. */
export interface JsonReading {
  /** Levels of objects and lists. */
  readonly maxDepth: number;
  /** Makes what stands for a number that does not print back as written. Undefined takes the nearest double. */
  readonly inexact: ((literal: string) => unknown) | undefined;
}

/**
 * Reads a JSON object that has exactly one meaning: no duplicate names (RFC 8259 §4 leaves their meaning open), also not spelled with
 * escapes, no numbers beyond the doubles, a bounded depth. Objects come without a prototype. A string result is the reason why not.
 *
 * `JSON.parse` checks the grammar. A scan before it counts the names in the text, and a walk after it counts the names that are left:
 * where two were the same, one is gone.
 */
export function readStrictObject(text: string, reading: JsonReading): Record<string, unknown> | JsonFlaw {
  return read(text, reading, false) as Record<string, unknown> | JsonFlaw;
}

/** The same for an object or a list. */
export function readStrictObjectOrList(
  text: string,
  reading: JsonReading,
): Record<string, unknown> | unknown[] | JsonFlaw {
  return read(text, reading, true);
}

function read(
  text: string,
  reading: JsonReading,
  allowsList: boolean,
): Record<string, unknown> | unknown[] | JsonFlaw {
  const scan = scanJson(text, reading.maxDepth);
  if (typeof scan === 'string') return scan;
  const marks = scan.inexact !== undefined && reading.inexact !== undefined;
  let value: unknown;
  try {
    value = JSON.parse(marks ? markInexact(text, scan.inexact as number[]) : text);
  } catch {
    return 'not JSON';
  }
  if (typeof value !== 'object' || value === null) return 'not a JSON object';
  const isList = Array.isArray(value);
  if (isList && !allowsList) return 'not a JSON object';
  const count = { names: 0, inexact: reading.inexact };
  const hardened = isList
    ? (harden(value, count) as unknown[])
    : hardenObject(value as Record<string, unknown>, count);
  return count.names === scan.names ? hardened : 'duplicate names';
}

/** The index of the closing quote, or -1. Runs of backslashes are looked at once each, so a whole scan is linear. */
export function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return -1;
}

/** The index behind a number that begins at `start`. */
export function endOfNumber(text: string, start: number): number {
  let end = start + 1;
  for (; end < text.length; end += 1) {
    const code = text.charCodeAt(end);
    const partOfNumber =
      (code >= 0x30 && code <= 0x39) ||
      code === 0x2e ||
      code === 0x2b ||
      code === 0x2d ||
      (code | 0x20) === 0x65;
    if (!partOfNumber) break;
  }
  return end;
}

interface Scan {
  /** Colons outside strings: the number of names. */
  names: number;
  /** Start and end, in turn, of the numbers that do not print back. */
  inexact: number[] | undefined;
}

const QUOTE = 0x22;
const COLON = 0x3a;

function scanJson(text: string, maxDepth: number): Scan | JsonFlaw {
  const scan: Scan = { names: 0, inexact: undefined };
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      if (at === -1) return 'not JSON';
    } else if (code === COLON) {
      scan.names += 1;
    } else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth > maxDepth) return 'nested too deeply';
    } else if (code === 0x7d || code === 0x5d) {
      depth -= 1;
    } else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      const end = endOfNumber(text, at);
      if (!isPlainInteger(text, at, end) && !printsBack(text.slice(at, end))) {
        const literal = text.slice(at, end);
        if (!JSON_NUMBER.test(literal)) return 'not JSON';
        if (!Number.isFinite(Number(literal))) return 'a number out of range';
        scan.inexact ??= [];
        scan.inexact.push(at, end);
      }
      at = end - 1;
    }
  }
  return scan;
}

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** So many digits are a safe integer, whatever they are. */
const SAFE_DIGITS = 15;

/** What nearly all numbers in tokens are: short, without sign, fraction or exponent. Leading zeros are `JSON.parse`'s to refuse. */
function isPlainInteger(text: string, start: number, end: number): boolean {
  if (end - start > SAFE_DIGITS) return false;
  for (let at = start; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}

function printsBack(literal: string): boolean {
  const value = Number(literal);
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return false;
  return String(value) === literal;
}

/** A name that no text can know, so that the stand-ins cannot be forged. */
const MARK = randomUUID();

function markInexact(text: string, spans: readonly number[]): string {
  let marked = '';
  let from = 0;
  for (let index = 0; index < spans.length; index += 2) {
    const start = spans[index] as number;
    const end = spans[index + 1] as number;
    marked += `${text.slice(from, start)}{"${MARK}":"${text.slice(start, end)}"}`;
    from = end;
  }
  return marked + text.slice(from);
}

interface Count {
  names: number;
  readonly inexact: JsonReading['inexact'];
}

/** In place, since a copy would cost more than all the rest and nothing else refers to the result of `JSON.parse`. */
function harden(value: unknown, count: Count): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (!Array.isArray(value)) {
    const mark = (value as Record<string, unknown>)[MARK];
    if (typeof mark === 'string' && count.inexact !== undefined) return count.inexact(mark);
    return hardenObject(value as Record<string, unknown>, count);
  }
  for (let index = 0; index < value.length; index += 1) {
    const member: unknown = value[index];
    if (typeof member === 'object') value[index] = harden(member, count);
  }
  return value;
}

function hardenObject(value: Record<string, unknown>, count: Count): Record<string, unknown> {
  // First, so that no name, `__proto__` least of all, is anything but a name in what follows.
  Object.setPrototypeOf(value, null);
  for (const name in value) {
    count.names += 1;
    const member = value[name];
    if (typeof member === 'object') value[name] = harden(member, count);
  }
  return value;
}
