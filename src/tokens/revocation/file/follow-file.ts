import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { type FileHandle, stat } from 'node:fs/promises';
import { whyUnreadable } from '../../../config/source/read-file.ts';
import type { RevocationChange, RevocationEntry, RevocationTarget } from '../entry.ts';
import type { PlaceContext } from '../revocation-place.ts';
import { isMissing, openRegular, READ } from './open-file.ts';
import type { OwnLines } from './own-lines.ts';
import { isFlaw, type LineFlaw, readEntryLine, targetKey } from './read-entry-line.ts';
import { readLines } from './read-lines.ts';
import { type ReadPlace, readWholeFile, type TakenBack } from './read-whole-file.ts';

/** Reads a file, then what is appended to it. */
export interface FileFollower {
  /** Resolves once it was read for the first time, or is not there. */
  readonly opened: Promise<void>;
  readAgain(): void;
  /** An entry was taken back: what is being read must not bring it again. */
  tookBack(target: RevocationTarget, before: number | undefined): void;
  /** Lines with a mistake that were read. */
  wrongLines(): number;
  close(): Promise<void>;
}

export interface FollowOptions extends PlaceContext {
  readonly path: string;
  readonly own: OwnLines;
}

interface Known extends ReadPlace {
  readonly stats: BigIntStats;
  readonly print: string;
}

/** Works on every file system, for folders that are mounted anew, and for links that are replaced. */
const POLL_MS = 250;
/** Of each end of what was read. */
const PRINT_BYTES = 64 * 1024;
const MAX_LOGGED = 10;

export function followFile({ path, own, clock, scheduler, log, ...context }: FollowOptions): FileFollower {
  let known: Known | undefined;
  let wrongLines = 0;
  let isClosed = false;
  let isToBeReadAgain = false;
  let trouble: string | undefined;
  let isGone = false;
  /** Where a line has no end, and whether that is logged. */
  let torn: { readonly line: number; isLogged: boolean } | undefined;
  /** By target, while the whole file is read. */
  let takenBack: Map<string, number | undefined> | undefined;
  let cancel = (): void => {};
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });

  const now = (): number => Math.floor(clock() / 1000);
  let polled = poll();

  function pollNow(): void {
    polled = poll();
  }

  async function poll(): Promise<void> {
    try {
      const stats = await stat(path, { bigint: true });
      if (isToBeReadAgain || known === undefined || !isSame(stats, known.stats)) await read();
      else if (torn !== undefined && !torn.isLogged) logTorn(torn);
      if (trouble !== undefined) log?.info({ file: path }, 'revocation.file can be read again');
      trouble = undefined;
      isGone = false;
      open();
    } catch (error) {
      if (isMissing(error)) noteGone();
      else noteTrouble(whyUnreadable(error));
    }
    if (!isClosed) cancel = scheduler.after(POLL_MS, pollNow);
  }

  function noteGone(): void {
    if (known !== undefined) log?.warn({ file: path }, 'revocation.file is gone; its entries still count');
    isGone ||= known !== undefined;
    known = undefined;
    trouble = undefined;
    open();
  }

  function noteTrouble(reason: string): void {
    if (trouble !== reason)
      log?.error({ file: path, reason }, 'revocation.file cannot be read; entries of it may be missing');
    trouble = reason;
  }

  function logTorn(line: NonNullable<typeof torn>): void {
    line.isLogged = true;
    log?.warn(
      { file: path, line: line.line },
      'the last line of revocation.file is not whole; it does not count',
    );
  }

  async function read(): Promise<void> {
    const handle = await openRegular(path, READ);
    try {
      const stats = await handle.stat({ bigint: true });
      own.beginReading();
      const isFurther = known !== undefined && !isToBeReadAgain && (await hasGrown(handle, known, stats));
      const place = isFurther
        ? await readFurther(handle, { from: known as Known, to: Number(stats.size) })
        : await readAll(handle, Number(stats.size));
      if (isClosed) return;
      own.endReading();
      known = { ...place, stats, print: await printOf(handle, place.offset) };
    } catch (error) {
      // The next reading begins anew.
      known = undefined;
      throw error;
    } finally {
      await handle.close();
    }
  }

  async function readAll(handle: FileHandle, to: number): Promise<ReadPlace> {
    if ((known !== undefined || isGone) && !isToBeReadAgain)
      log?.info({ file: path }, 'revocation.file was replaced; it is read anew');
    isToBeReadAgain = false;
    takenBack = new Map();
    torn = undefined;
    const flaws = collectFlaws();
    try {
      const result = await readWholeFile(handle, {
        to,
        now,
        onEntries: (entries) => context.onChanges(entries.map((entry) => ({ change: 'added', entry }))),
        onFlaw: flaws.add,
        onTorn: noteTorn,
        isOver: () => isClosed,
        isTakenBack,
      });
      if (!isClosed) takeBack(result.takenBack);
      if (torn !== undefined) logTorn(torn);
      return result;
    } finally {
      takenBack = undefined;
      flaws.end();
    }
  }

  function isTakenBack(entry: RevocationEntry): boolean {
    if (takenBack === undefined || takenBack.size === 0) return false;
    const key = targetKey(entry);
    if (!takenBack.has(key)) return false;
    const before = takenBack.get(key);
    return before === undefined || entry.before === undefined || entry.before <= before;
  }

  /** Only what was added before: an entry may be newer than the line, and not be in the file because it could not be written. */
  function takeBack(lines: ReadonlyMap<string, TakenBack>): void {
    if (lines.size === 0) return;
    const changes: RevocationChange[] = [];
    for (const entry of context.active()) {
      const line = lines.get(targetKey(entry));
      if (line !== undefined && entry.at <= (line.change.at ?? now())) changes.push(line.change);
    }
    if (changes.length > 0) context.onChanges(changes);
  }

  function noteTorn(line: number): void {
    if (torn?.line !== line) torn = { line, isLogged: false };
  }

  /** What others have appended. */
  async function readFurther(
    handle: FileHandle,
    { from, to }: { readonly from: ReadPlace; readonly to: number },
  ): Promise<ReadPlace> {
    let place = from;
    const flaws = collectFlaws();
    /** Targets that others have changed: for these the order of all lines counts, own ones too. */
    const changed = new Set<string>();
    const changeOf = (raw: string | { readonly unreadable: string }, line: number, isLast: boolean) => {
      const isOwn = typeof raw === 'string' && own.take(raw);
      if (isOwn && changed.size === 0) return [];
      const read = readEntryLine(raw, now());
      if (read === undefined) return [];
      if (isFlaw(read)) {
        if (isLast) noteTorn(line);
        else flaws.add(read, line);
        return [];
      }
      const key = targetKey(read.change === 'added' ? read.entry : read.target);
      if (isOwn && !changed.has(key)) return [];
      changed.add(key);
      return [read];
    };
    torn = undefined;
    const range = { from: from.offset, to, line: from.line };
    for await (const { lines, first, end, rest } of readLines(handle, range)) {
      if (isClosed) break;
      const changes: RevocationChange[] = lines.flatMap((raw, index) => changeOf(raw, first + index, false));
      if (rest !== undefined) changes.push(...changeOf(rest, first, true));
      place = { offset: end, line: first + lines.length };
      if (changes.length > 0) context.onChanges(changes);
    }
    flaws.end();
    return place;
  }

  function collectFlaws() {
    let count = 0;
    return {
      add({ column, reason }: LineFlaw, line: number): void {
        count += 1;
        wrongLines += 1;
        if (count <= MAX_LOGGED)
          log?.error(
            { file: path, line, column, reason },
            'a line of revocation.file is wrong; it does not count',
          );
      },
      end(): void {
        if (count <= MAX_LOGGED) return;
        log?.error({ file: path, lines: count - MAX_LOGGED }, 'more lines of revocation.file are wrong');
      },
    };
  }

  return {
    opened,
    readAgain() {
      isToBeReadAgain = true;
    },
    tookBack({ issuer, kind, value }, before) {
      takenBack?.set(targetKey({ issuer, kind, value }), before);
    },
    wrongLines: () => wrongLines,
    async close() {
      isClosed = true;
      cancel();
      await polled;
      open();
    },
  };
}

function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.dev === b.dev && a.size === b.size && a.mtimeNs === b.mtimeNs;
}

/** Whether what was read is still there, and more has come. Editors write into the same file, too. */
async function hasGrown(handle: FileHandle, known: Known, stats: BigIntStats): Promise<boolean> {
  const { ino, dev, size } = known.stats;
  if (stats.ino !== ino || stats.dev !== dev || stats.size < size) return false;
  // It was written without an append, and the middle is not compared.
  if (stats.size === size && known.offset > 2 * PRINT_BYTES) return false;
  return (await printOf(handle, known.offset)) === known.print;
}

/** A digest of both ends of what was read; of all of it where it is short. */
async function printOf(handle: FileHandle, offset: number): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(Math.min(offset, PRINT_BYTES));
  if (buffer.length === 0) return '';
  for (const position of [0, offset - buffer.length]) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    hash.update(buffer.subarray(0, bytesRead));
  }
  return hash.digest('base64');
}
