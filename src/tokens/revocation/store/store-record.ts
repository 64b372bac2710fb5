import {
  type RevocationChange,
  type RevocationEntry,
  type RevocationKind,
  type RevocationTarget,
  revokedValue,
} from '../entry.ts';

/** A change as the store holds it: the target in one text, all else in another. */
export interface StoreRecord {
  /** `["issuer","kind","value"]`, as `JSON.stringify` writes it. */
  readonly field: string;
  /** `a` for added or `r` for taken back, then the end, `at`, `until` and `before`, `-` where there is none. */
  readonly record: string;
}

/** The same, read. */
export interface ReadRecord {
  readonly field: string;
  readonly change: RevocationChange;
  /** From when on it may be forgotten, in seconds. */
  readonly end: number;
}

export function fieldOf({ issuer, kind, value }: RevocationTarget): string {
  return JSON.stringify([issuer, kind, value]);
}

export function toRecord(entry: RevocationEntry, end: number): StoreRecord {
  const { at, until, before } = entry;
  return { field: fieldOf(entry), record: `a ${end} ${at} ${until ?? '-'} ${before ?? '-'}` };
}

export function toTakenBackRecord(
  target: RevocationTarget,
  { at, before, end }: { readonly at: number; readonly before: number | undefined; readonly end: number },
): StoreRecord {
  return { field: fieldOf(target), record: `r ${end} ${at} - ${before ?? '-'}` };
}

const LINE = /^([ar]) (\d{1,12}) (\d{1,12}) (\d{1,12}|-) (\d{1,12}|-) (\[.*\])$/;
const KINDS: ReadonlySet<unknown> = new Set(['jti', 'sid', 'subject'] satisfies RevocationKind[]);

/** Reads a line of the store, which anybody may have written who can reach it; undefined if it is no record. */
export function readLine(line: string): ReadRecord | undefined {
  const parts = LINE.exec(line);
  if (parts === null) return undefined;
  const [, kind, end, at, until, before, field] = parts as unknown as readonly [string, ...string[]];
  const target = readField(field as string);
  if (target === undefined) return undefined;
  const times = { at: Number(at), before: numberOf(before) };
  if (kind === 'r') {
    return { field: field as string, end: Number(end), change: { change: 'takenBack', target, ...times } };
  }
  if ((target.kind === 'subject') !== (times.before !== undefined)) return undefined;
  const entry: RevocationEntry = { ...target, ...times, until: numberOf(until) };
  return { field: field as string, end: Number(end), change: { change: 'added', entry } };
}

function readField(field: string): RevocationTarget | undefined {
  let parts: unknown;
  try {
    parts = JSON.parse(field);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parts) || parts.length !== 3) return undefined;
  const [issuer, kind, value] = parts as readonly unknown[];
  if (typeof issuer !== 'string' || issuer === '' || !KINDS.has(kind)) return undefined;
  if (typeof value !== 'string' || value === '' || revokedValue(value) !== value) return undefined;
  return { issuer, kind: kind as RevocationKind, value };
}

function numberOf(text: string | undefined): number | undefined {
  return text === '-' ? undefined : Number(text);
}

/** What a batch changed, as the store publishes it. */
export interface StoreMessage {
  readonly mark: string;
  /** Who added it; `-` where the store has changed it. */
  readonly origin: string;
  /** The numbers of the store before and after it. */
  readonly from: number;
  readonly to: number;
  readonly lines: () => readonly string[];
}

/** Undefined for what is no message. */
export function readMessage(text: string): StoreMessage | undefined {
  const end = text.indexOf('\n');
  const [, mark, origin, from, to] =
    /^(\S+) (\S+) (\d{1,15}) (\d{1,15})$/.exec(text.slice(0, Math.max(0, end))) ?? [];
  if (mark === undefined || origin === undefined) return undefined;
  return { mark, origin, from: Number(from), to: Number(to), lines: () => text.slice(end + 1).split('\n') };
}
