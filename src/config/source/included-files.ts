import { realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import type { PathProblem } from '../problem.ts';
import {
  digestOfListing,
  hasWildcard,
  listMatches,
  watchedPattern,
  whyNoPattern,
} from './include-pattern.ts';
import { noteFailedRead, whyUnreadable } from './read-file.ts';

export interface IncludedFile {
  /** As shown to people: like the name of the main file, relative to the same folder. */
  readonly file: string;
  /** Absolute. */
  readonly path: string;
  /** The entry of `include` that names it. */
  readonly entry: number;
}

export interface IncludedFiles {
  /** Sorted, each once. */
  readonly files: readonly IncludedFile[];
  /** What patterns matched: digests by what stands for them among the watched paths. */
  readonly listings: ReadonlyMap<string, string>;
  readonly problems: readonly PathProblem[];
}

const MAX_FILES = 1_000;

/** The files that `include` of the main file names; entries of other types are left to the schema. */
export function findIncludedFiles(entries: readonly unknown[], main: string): IncludedFiles {
  const folder = dirname(resolve(main));
  const listings = new Map<string, string>();
  const problems: PathProblem[] = [];
  const found: IncludedFile[] = [];
  const report = (
    entry: number,
    problem: Pick<PathProblem, 'message' | 'hint'> & Partial<PathProblem>,
  ): void => {
    problems.push({ severity: 'error', path: ['include', entry], ...problem });
  };

  for (const [entry, text] of entries.entries()) {
    if (typeof text !== 'string' || text === '') continue;
    const refused = whyNoPattern(text);
    if (refused !== undefined) {
      report(entry, refused);
      continue;
    }
    const toShown = (path: string): string =>
      isAbsolute(text) ? path : join(dirname(main), relative(folder, path));
    const path = resolve(folder, text);
    if (!hasWildcard(text)) {
      if (realPathOf(path) === realPathOf(resolve(main)))
        report(entry, { message: 'this is the file itself' });
      else found.push({ file: toShown(path), path, entry });
      continue;
    }
    const listing = listMatches(path);
    listings.set(watchedPattern(path), digestOfListing(listing));
    for (const { folder: unread, error } of listing.failed) {
      noteFailedRead(unread, error);
      report(entry, { message: `cannot list the folder \`${toShown(unread)}\`: ${whyUnreadable(error)}` });
    }
    const others = listing.files.filter((match) => realPathOf(match) !== realPathOf(resolve(main)));
    if (others.length === 0 && listing.failed.length === 0) {
      report(entry, {
        severity: 'warning',
        message: `no file matches \`${text}\``,
        hint: 'paths count from the folder of this file; hidden files do not match',
      });
    }
    found.push(...others.map((match) => ({ file: toShown(match), path: match, entry })));
  }

  const files = eachOnce(found);
  if (files.length <= MAX_FILES) return { files, listings, problems };
  const message = `${files.length} files match; at most ${MAX_FILES.toLocaleString('en-US')} are read`;
  return { files: [], listings, problems: [...problems, { severity: 'error', path: ['include'], message }] };
}

/** Why an included path is no file that can be read to its end, where it is none. A pipe would be waited for. */
export function whyNoFile(path: string): string | undefined {
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) return 'it is a folder';
    return stats.isFile() ? undefined : 'it is not a regular file';
  } catch (error) {
    noteFailedRead(path, error);
    return whyUnreadable(error);
  }
}

/** One file can have several names, by links; it is read under the first. */
function eachOnce(found: readonly IncludedFile[]): readonly IncludedFile[] {
  const byPath = [...found].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.entry - b.entry));
  const byRealPath = new Map<string, IncludedFile>();
  for (const file of byPath) {
    const real = realPathOf(file.path);
    if (!byRealPath.has(real)) byRealPath.set(real, file);
  }
  return [...byRealPath.values()];
}

function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
