import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { APPEND, CREATE, isMissing, openRegular } from './open-file.ts';
import { isFlaw, readEntryLine } from './read-entry-line.ts';
import { MAX_LINE_BYTES, TORN_MARK } from './read-lines.ts';

export interface AppendOptions {
  /** What to append, in parts that are written one by one. */
  readonly parts: Iterable<string>;
  /** The same for a file that is made anew. */
  readonly whenNew: () => Iterable<string>;
}

const LINE_BREAK = 0x0a;
const MAX_TRIES = 3;

/**
 * Appends lines; returns once they are on the disk, or throws. Others may append to the file at the same time, so each part is one
 * write, and nothing that is there is changed.
 */
export async function appendLines(path: string, options: AppendOptions): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const { handle, isNew } = await openOrCreate(path);
    try {
      for (const part of isNew ? options.whenNew() : options.parts) await writePart(handle, part);
      await handle.datasync();
      if (isNew) await syncFolder(dirname(path));
      // An editor or `mv` may have put another file in its place meanwhile.
      if (await isStillThere(path, handle)) return;
    } finally {
      await handle.close();
    }
    if (tries === MAX_TRIES) throw new Error('it is replaced again and again');
  }
}

async function openOrCreate(path: string): Promise<{ readonly handle: FileHandle; readonly isNew: boolean }> {
  for (let tries = 1; ; tries += 1) {
    try {
      return { handle: await openRegular(path, APPEND), isNew: false };
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    try {
      return { handle: await openRegular(path, CREATE), isNew: true };
    } catch (error) {
      // Another gateway was first.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || tries === MAX_TRIES) throw error;
    }
  }
}

async function writePart(handle: FileHandle, text: string): Promise<void> {
  if (text === '') return;
  let bytes = Buffer.from((await endOfLastLine(handle)) + text);
  for (;;) {
    const { bytesWritten } = await handle.write(bytes);
    if (bytesWritten === bytes.length) return;
    if (bytesWritten === 0) throw new Error('nothing could be written');
    // The disk is about to be full, in most cases, and the next write shows it. Others may have written behind the first part.
    const whole = bytes.lastIndexOf(LINE_BREAK, bytesWritten - 1) + 1;
    const mark = whole === bytesWritten ? '' : `${TORN_MARK}\n`;
    bytes = Buffer.concat([Buffer.from(mark), bytes.subarray(whole)]);
  }
}

/** What has to stand before new lines, where the last one has no end. */
async function endOfLastLine(handle: FileHandle): Promise<string> {
  const { size } = await handle.stat();
  if (size === 0) return '';
  const length = Math.min(size, MAX_LINE_BYTES + 1);
  const last = Buffer.alloc(1);
  await handle.read(last, 0, 1, size - 1);
  if (last[0] === LINE_BREAK) return '';
  const tail = Buffer.alloc(length);
  await handle.read(tail, 0, length, size - length);
  const line = tail.subarray(tail.lastIndexOf(LINE_BREAK) + 1).toString('utf8');
  const read = readEntryLine(line, 0);
  return read !== undefined && isFlaw(read) ? `${TORN_MARK}\n` : '\n';
}

async function isStillThere(path: string, handle: FileHandle): Promise<boolean> {
  const own = await handle.stat({ bigint: true });
  try {
    const there = await stat(path, { bigint: true });
    return there.ino === own.ino && there.dev === own.dev;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** A new name is only then on the disk. Not every system can do it. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch {
    // The entries are in the file; only a power failure right now could lose its name.
  }
}
