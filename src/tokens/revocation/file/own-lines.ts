/**
 * The lines that this process has appended and not read back. They count already, and reading them again could take back what was
 * added since.
 */
export interface OwnLines {
  /** Before they are written. */
  beginWriting(lines: readonly string[]): void;
  endWriting(): void;
  beginReading(): void;
  /** The end of the file was reached: what was written before the reading began has been seen. */
  endReading(): void;
  /** Whether a line that is read is one of them. */
  take(line: string): boolean;
}

export function createOwnLines(): OwnLines {
  let written = new Map<string, number>();
  let before = new Map<string, number>();
  let writes = 0;

  function takeFrom(lines: Map<string, number>, line: string): boolean {
    const count = lines.get(line);
    if (count === undefined) return false;
    if (count === 1) lines.delete(line);
    else lines.set(line, count - 1);
    return true;
  }

  return {
    beginWriting(lines) {
      writes += 1;
      for (const line of lines) written.set(line, (written.get(line) ?? 0) + 1);
    },
    endWriting() {
      writes -= 1;
    },
    beginReading() {
      if (writes > 0) return;
      before = written;
      written = new Map();
    },
    endReading() {
      before = new Map();
    },
    take: (line) => takeFrom(before, line) || takeFrom(written, line),
  };
}
