import { isUtf8 } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';

/** A line without its end; `unreadable` is why it is no text. */
export type RawLine = string | { readonly unreadable: string };

/** Lines that were read together. */
export interface LineBlock {
  readonly lines: readonly RawLine[];
  /** The number of the first one, from 1. */
  readonly first: number;
  /** Where in the file the next line begins. */
  readonly end: number;
  /** In the last block: what stands behind the last line break, where there is something. */
  readonly rest?: RawLine;
}

/** A part of a file, from the beginning of a line on. */
export interface FileRange {
  readonly from: number;
  readonly to: number;
  /** The number of its first line. */
  readonly line: number;
}

/** Ends a line that a gateway could not write whole, so that nobody takes it for an entry with a mistake. */
export const TORN_MARK = '#torn';
export const MAX_LINE_BYTES = 16 * 1024;

/** So few that parsing them does not hold up requests. */
const BLOCK_BYTES = 64 * 1024;
const LINE_BREAK = 0x0a;
const TORN_BYTES = Buffer.from(TORN_MARK);
const TOO_LONG: RawLine = { unreadable: `the line is longer than ${MAX_LINE_BYTES / 1024} KiB` };

/** Reads the lines of a part of a file, a block at a time. Other work gets its turn between two blocks. */
export async function* readLines(
  handle: FileHandle,
  { from, to, line }: FileRange,
): AsyncGenerator<LineBlock, void> {
  const buffer = Buffer.allocUnsafe(BLOCK_BYTES + MAX_LINE_BYTES);
  let [position, end, first] = [from, from, line];
  let held = 0;
  let isTooLong = false;
  while (position < to) {
    const { bytesRead } = await handle.read(buffer, held, Math.min(BLOCK_BYTES, to - position), position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const filled = held + bytesRead;
    const last = buffer.subarray(0, filled).lastIndexOf(LINE_BREAK);
    if (last === -1) {
      isTooLong ||= filled > MAX_LINE_BYTES;
      held = isTooLong ? 0 : filled;
      continue;
    }
    const lines = splitLines(buffer.subarray(0, last), first === 1);
    if (isTooLong) lines[0] = TOO_LONG;
    isTooLong = false;
    held = filled - last - 1;
    end = position - held;
    buffer.copyWithin(0, last + 1, filled);
    if (held > MAX_LINE_BYTES) [isTooLong, held] = [true, 0];
    yield { lines, first, end };
    first += lines.length;
  }
  if (isTooLong) yield { lines: [], first, end, rest: TOO_LONG };
  else if (held > 0) {
    const [rest = ''] = splitLines(buffer.subarray(0, held), first === 1);
    yield { lines: [], first, end, rest };
  }
}

function splitLines(bytes: Buffer, isStart: boolean): RawLine[] {
  const lines: RawLine[] =
    isUtf8(bytes) && !bytes.includes(0)
      ? bytes.toString('utf8').split('\n').map(checkLength)
      : [...eachLine(bytes)];
  const [start] = lines;
  if (isStart && typeof start === 'string' && start.startsWith('\ufeff')) lines[0] = start.slice(1);
  return lines;
}

function checkLength(line: string): RawLine {
  if (line.endsWith(TORN_MARK)) return '';
  // A character takes up to three bytes for each UTF-16 unit.
  if (line.length * 3 <= MAX_LINE_BYTES || Buffer.byteLength(line) <= MAX_LINE_BYTES) return line;
  return TOO_LONG;
}

function* eachLine(bytes: Buffer): Iterable<RawLine> {
  for (let from = 0; from <= bytes.length; ) {
    const found = bytes.indexOf(LINE_BREAK, from);
    const end = found === -1 ? bytes.length : found;
    yield decodeLine(bytes.subarray(from, end));
    from = end + 1;
  }
}

function decodeLine(bytes: Buffer): RawLine {
  if (bytes.subarray(-TORN_BYTES.length).equals(TORN_BYTES)) return '';
  if (bytes.includes(0)) return { unreadable: 'the line has NUL bytes' };
  return isUtf8(bytes) ? checkLength(bytes.toString('utf8')) : { unreadable: 'the line is not valid UTF-8' };
}
