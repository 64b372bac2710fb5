import type { FileHandle } from 'node:fs/promises';
import type { RevocationChange, RevocationEntry } from '../entry.ts';
import { isFlaw, type LineFlaw, readEntryLine, targetKey } from './read-entry-line.ts';
import { readLines } from './read-lines.ts';

/** Where a reading has come to. */
export interface ReadPlace {
  /** Where the first line begins that was not read, or is not ended yet. */
  readonly offset: number;
  /** Its number. */
  readonly line: number;
}

export interface WholeReading {
  /** Where the file ends for this reading. */
  readonly to: number;
  /** In seconds. */
  readonly now: () => number;
  readonly onEntries: (entries: readonly RevocationEntry[]) => void;
  readonly onFlaw: (flaw: LineFlaw, line: number) => void;
  /** What stands behind the last line break is no entry (yet). */
  readonly onTorn?: (line: number) => void;
  /** Ends the reading between two blocks. */
  readonly isOver?: () => boolean;
  /** Whether an entry was taken back since the reading began. */
  readonly isTakenBack?: (entry: RevocationEntry) => boolean;
}

/** An entry that a line takes back. */
export interface TakenBack {
  readonly change: Extract<RevocationChange, { readonly change: 'takenBack' }>;
  readonly line: number;
}

export interface WholeResult extends ReadPlace {
  /** What lines take back, and no later line adds again. */
  readonly takenBack: ReadonlyMap<string, TakenBack>;
}

/**
 * Reads a file from its beginning. It is gone through twice: an entry that a later line takes back must not count for a moment, and to
 * know these lines first takes less memory than to hold the entries.
 */
export async function readWholeFile(handle: FileHandle, reading: WholeReading): Promise<WholeResult> {
  const lines = await findTakenBack(handle, reading);
  const last = new Map<string, TakenBack>();
  for (const [key, all] of lines) last.set(key, all.at(-1) as TakenBack);

  const isVoid = (entry: RevocationEntry, line: number): boolean => {
    if (reading.isTakenBack?.(entry)) return true;
    if (lines.size === 0) return false;
    const key = targetKey(entry);
    const all = lines.get(key);
    if (all === undefined) return false;
    if (all.some((taken) => taken.line > line && reachesAsFar(taken, entry))) return true;
    last.delete(key);
    return false;
  };

  let place: ReadPlace = { offset: 0, line: 1 };
  const range = { from: 0, to: reading.to, line: 1 };
  for await (const { lines: block, first, end, rest } of readLines(handle, range)) {
    if (reading.isOver?.()) break;
    const now = reading.now();
    const entries: RevocationEntry[] = [];
    const take = (change: RevocationChange, line: number): void => {
      if (change.change === 'added' && !isVoid(change.entry, line)) entries.push(change.entry);
    };
    for (const [index, raw] of block.entries()) {
      const read = readEntryLine(raw, now);
      if (read === undefined) continue;
      if (isFlaw(read)) reading.onFlaw(read, first + index);
      else take(read, first + index);
    }
    if (rest !== undefined) {
      const read = readEntryLine(rest, now);
      if (read !== undefined && isFlaw(read)) reading.onTorn?.(first);
      else if (read !== undefined) take(read, first);
    }
    place = { offset: end, line: first + block.length };
    if (entries.length > 0) reading.onEntries(entries);
  }
  return { ...place, takenBack: last };
}

async function findTakenBack(
  handle: FileHandle,
  { to, now, isOver }: WholeReading,
): Promise<ReadonlyMap<string, readonly TakenBack[]>> {
  const found = new Map<string, TakenBack[]>();
  for await (const { lines, first, rest } of readLines(handle, { from: 0, to, line: 1 })) {
    if (isOver?.()) break;
    for (const [index, raw] of [...lines, ...(rest === undefined ? [] : [rest])].entries()) {
      if (typeof raw !== 'string' || !raw.includes('"takenBack"')) continue;
      const read = readEntryLine(raw, now());
      if (read === undefined || isFlaw(read) || read.change === 'added') continue;
      const taken = { change: read, line: first + index };
      const key = targetKey(read.target);
      const others = found.get(key);
      if (others === undefined) found.set(key, [taken]);
      else others.push(taken);
    }
  }
  return found;
}

function reachesAsFar(
  { change: { before } }: Pick<TakenBack, 'change'>,
  entry: Pick<RevocationEntry, 'before'>,
): boolean {
  return before === undefined || entry.before === undefined || entry.before <= before;
}
