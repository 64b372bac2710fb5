import { readFile, stat } from 'node:fs/promises';
import { digestOfListing, listMatches, patternOf } from '../../config/source/include-pattern.ts';
import { digestOf } from '../../config/source/read-file.ts';

/** A digest of each file: equal for equal contents; of a pattern, for equal matches. A file that cannot be read has its error instead. */
export async function fingerprint(paths: Iterable<string>): Promise<Map<string, string>> {
  const digests = [...new Set(paths)].map(async (path) => [path, await digest(path)] as const);
  return new Map(await Promise.all(digests));
}

async function digest(path: string): Promise<string> {
  const pattern = patternOf(path);
  if (pattern !== undefined) return digestOfListing(listMatches(pattern));
  try {
    return digestOf(await readFile(path));
  } catch (error) {
    return UNREADABLE + (error as NodeJS.ErrnoException).code;
  }
}

/** The beginning of the entry of a file that could not be read. */
export const UNREADABLE = 'unreadable: ';

/** Whether every file could be read. */
export function isReadable(fingerprint: ReadonlyMap<string, string>): boolean {
  return [...fingerprint.values()].every((digest) => !digest.startsWith(UNREADABLE));
}

/** Changes whenever a file is written or replaced, without reading it. */
export async function stamp(paths: readonly string[]): Promise<string> {
  const marks = await Promise.all(
    [...new Set(paths.flatMap(placesOf))].map((path) =>
      stat(path).then(
        ({ ino, size, mtimeMs }) => `${ino}:${size}:${mtimeMs}`,
        (error: NodeJS.ErrnoException) => String(error.code),
      ),
    ),
  );
  return marks.join(' ');
}

/** A folder is marked by the change of its entries. */
function placesOf(path: string): readonly string[] {
  const pattern = patternOf(path);
  return pattern === undefined ? [path] : listMatches(pattern).folders;
}
