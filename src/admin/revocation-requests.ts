import { decodeUtf8 } from '../config/source/read-file.ts';
import { type JsonFlaw, readStrictObjectOrList } from '../core/json/strict-json.ts';
import type { RevocationEntry, RevocationTarget } from '../tokens/revocation/entry.ts';
import { readEntry } from '../tokens/revocation/entry-json.ts';

/** Most entries of one request, so that it occupies the process for a moment only. */
const MAX_ENTRIES = 10_000;
export const MAX_BODY_BYTES = 4 * 1024 ** 2;

/** What an entry that is read depends on. */
export interface RevocationReading {
  /** Now, in whole seconds since the epoch. */
  readonly now: number;
  readonly issuers: readonly string[];
}

/** What a request names, or why nothing of it counts. */
export type Named<Item> =
  | { readonly items: readonly Item[] }
  | {
      readonly status: 400 | 413;
      readonly detail: string;
      /** What is wrong with which entries; absent where the body as a whole is wrong. */
      readonly errors?: readonly EntryError[];
    };

/** What is wrong with one entry. `entry` counts from 0. */
export interface EntryError {
  readonly entry: number;
  readonly detail: string;
}

/** What is to be taken back. Without `before`, wherever the entry reaches. */
export interface RevocationToTakeBack {
  readonly target: RevocationTarget;
  readonly before: number | undefined;
}

/** Reads the entries of a body that adds them. */
export function readNewEntries(body: Uint8Array, reading: RevocationReading): Named<RevocationEntry> {
  return readEach(body, (json) => {
    // It would move the end of the entry unseen; `until` names the end.
    if (hasMember(json, 'at')) return '`at` is set by the gateway; the end of an entry is `until`';
    const entry = readEntry(json, { ...reading, isNew: true });
    if (typeof entry === 'string') return entry;
    return entry.until !== undefined && entry.until <= reading.now
      ? '`until` has passed, so the entry would never count'
      : entry;
  });
}

/** Reads the entries of a body that takes them back. */
export function readTakenBack(body: Uint8Array, reading: RevocationReading): Named<RevocationToTakeBack> {
  return readEach(body, (json) => {
    const entry = readEntry(json, { ...reading, isNew: true });
    if (typeof entry === 'string') return entry;
    const { issuer, kind, value, before } = entry;
    return { target: { issuer, kind, value }, before: hasMember(json, 'before') ? before : undefined };
  });
}

const FLAWS: Readonly<Record<JsonFlaw, string>> = {
  'not JSON': 'it is not JSON',
  'not a JSON object': 'it is neither an entry nor a list of entries',
  'duplicate names': 'an object has the same member twice',
  'nested too deeply': 'it is nested too deeply',
  'a number out of range': 'a number is out of range',
};

/** An entry in a list, and one more, whose error names the entry. */
const MAX_DEPTH = 4;
/** The others are in `errors`. */
const ERRORS_IN_DETAIL = 3;

function readEach<Item>(body: Uint8Array, read: (json: unknown) => Item | string): Named<Item> {
  const text = decodeUtf8(body);
  if (text === undefined) return refuseBody('it is not UTF-8');
  const json = readStrictObjectOrList(text, { maxDepth: MAX_DEPTH, inexact: undefined });
  if (typeof json === 'string') return refuseBody(FLAWS[json]);
  const list: readonly unknown[] = Array.isArray(json) ? json : [json];
  if (list.length === 0) return refuseBody('the list is empty');
  if (list.length > MAX_ENTRIES) {
    return {
      status: 413,
      detail: `The list has ${list.length} entries, and a request can have ${MAX_ENTRIES}; none counts.`,
    };
  }
  const items: Item[] = [];
  const errors: EntryError[] = [];
  for (const [entry, member] of list.entries()) {
    const item = read(member);
    if (typeof item === 'string') errors.push({ entry, detail: item });
    else items.push(item);
  }
  if (errors.length === 0) return { items };
  return { status: 400, detail: describeErrors(errors, list.length), errors };
}

function refuseBody(why: string): { readonly status: 400; readonly detail: string } {
  return { status: 400, detail: `The body cannot be read: ${why}.` };
}

function describeErrors(errors: readonly EntryError[], of: number): string {
  const [first] = errors;
  if (of === 1) return `The entry is not valid: ${first?.detail}.`;
  const shown = errors.slice(0, ERRORS_IN_DETAIL).map(({ entry, detail }) => `entry ${entry}: ${detail}`);
  const more = errors.length > shown.length ? '; …' : '';
  return `${errors.length} of ${of} entries are not valid, so none counts (from 0): ${shown.join('; ')}${more}.`;
}

function hasMember(json: unknown, name: string): boolean {
  return typeof json === 'object' && json !== null && Object.hasOwn(json, name);
}
