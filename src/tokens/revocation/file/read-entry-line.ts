import { readStrictObject } from '../../../core/json/strict-json.ts';
import {
  type RevocationChange,
  type RevocationEntry,
  type RevocationKind,
  type RevocationTarget,
  revokedValue,
} from '../entry.ts';
import { readChange } from '../entry-json.ts';
import type { RawLine } from './read-lines.ts';

/** Why a line counts for nothing, without its values. */
export interface LineFlaw {
  readonly column: number;
  readonly reason: string;
}

/** Deeper ones are refused with the type of the member. */
const MAX_DEPTH = 4;

/** Reads a line; undefined where it is blank. */
export function readEntryLine(line: RawLine, now: number): RevocationChange | LineFlaw | undefined {
  if (typeof line !== 'string') return { column: 1, reason: line.unreadable };
  const usual = readUsualLine(line);
  if (usual !== undefined) return { change: 'added', entry: usual };
  if (line.trim() === '') return undefined;
  const json = readStrictObject(line, { maxDepth: MAX_DEPTH, inexact: undefined });
  if (typeof json === 'string') return { column: columnOfFlaw(line), reason: WORDS[json] ?? json };
  const change = readChange(json, { now, isNew: false });
  if (typeof change === 'string') return { column: columnOfMember(line, change), reason: change };
  return change;
}

export function isFlaw(line: RevocationChange | LineFlaw): line is LineFlaw {
  return 'reason' in line;
}

/** The same text for the same target, and for no other. */
export function targetKey({ kind, issuer, value }: RevocationTarget): string {
  return `${kind} ${issuer.length} ${issuer}${value}`;
}

// Texts without escapes, numbers within the bounds of entries.
const TEXT = '"([^"\\\\\\x00-\\x1f]+)"';
const SECONDS = '(0|[1-9]\\d{0,10})';
const USUAL = new RegExp(
  `^\\{"issuer":${TEXT},(?:"(jti|sid)":${TEXT}|"subject":${TEXT},"before":${SECONDS})(?:,"until":${SECONDS})?,"at":${SECONDS}\\}$`,
);
let lastIssuer = '';

/** What gateways write, read several times as fast as any JSON: a file may have a million such lines. Undefined for other lines. */
function readUsualLine(line: string): RevocationEntry | undefined {
  const [, issuer, kind, claim, subject, before, until, at] = USUAL.exec(line) ?? [];
  if (issuer === undefined) return undefined;
  // Copies: a part of a text keeps the whole block alive.
  if (issuer !== lastIssuer) lastIssuer = copyOf(issuer);
  return {
    issuer: lastIssuer,
    kind: kind === undefined ? 'subject' : (kind as RevocationKind),
    value: revokedValue(copyOf((claim ?? subject) as string)),
    before: before === undefined ? undefined : Number(before),
    at: Number(at),
    until: until === undefined ? undefined : Number(until),
  };
}

function copyOf(text: string): string {
  return JSON.parse(`"${text}"`) as string;
}

const WORDS: Readonly<Record<string, string>> = {
  'not JSON': 'it is not JSON',
  'not a JSON object': 'expected a JSON object',
  'duplicate names': 'a member is there twice',
  'nested too deeply': 'it is nested too deeply',
  'a number out of range': 'a number is out of range',
};

/** Where `JSON.parse` stops, as far as its message shows it. The message itself has parts of the line. */
function columnOfFlaw(line: string): number {
  try {
    JSON.parse(line);
    return 1;
  } catch (error) {
    const position = /at position (\d+)/.exec((error as Error).message)?.[1];
    return position === undefined ? line.trimEnd().length + 1 : Number(position) + 1;
  }
}

/** Where the member stands that a reason is about: it is the first name in it. */
function columnOfMember(line: string, reason: string): number {
  const name = /`(\w+)`/.exec(reason)?.[1];
  const at = name === undefined ? -1 : line.indexOf(`"${name}"`);
  return at === -1 ? line.length - line.trimStart().length + 1 : at + 1;
}
