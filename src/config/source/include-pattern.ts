import { lstatSync, readdirSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { matchesGlob, parseGlob } from '../../core/glob.ts';
import { digestOf, whyUnreadable } from './read-file.ts';

export interface Listing {
  /** Absolute paths that match, sorted; not all of them need be files. */
  readonly files: readonly string[];
  /** Folders whose entries decide what matches. */
  readonly folders: readonly string[];
  /** Folders that are there and cannot be listed. */
  readonly failed: readonly { readonly folder: string; readonly error: unknown }[];
}

/** Whether an entry of `include` is a pattern, not the name of one file. */
export function hasWildcard(text: string): boolean {
  return text.includes('*');
}

/** Why a text cannot be an entry of `include`, where it cannot. */
export function whyNoPattern(text: string): { readonly message: string; readonly hint: string } | undefined {
  const hint = 'in each part of the path, `*` is any text';
  if (text.includes('**')) return { message: '`**` is not supported: folders are not searched', hint };
  const other = /[?[\]{}\\\0]/.exec(text)?.[0];
  if (other !== undefined) return { message: `\`${other}\` is not supported in paths of \`include\``, hint };
  if (text.endsWith('/')) return { message: 'this is a folder', hint: `write \`${text}*.yaml\`` };
  return undefined;
}

/**
 * What an absolute pattern matches now. Names that start with a dot need one in the pattern: the folders in which Kubernetes keeps the
 * versions of a ConfigMap are hidden, and so are the files of editors.
 */
export function listMatches(pattern: string): Listing {
  const [root = '', ...steps] = pattern.split(sep);
  const folders: string[] = [];
  const failed: { folder: string; error: unknown }[] = [];

  const namesIn = (folder: string): readonly string[] => {
    folders.push(folder);
    try {
      return readdirSync(folder).sort();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') failed.push({ folder, error });
      return [];
    }
  };
  const walk = (place: string, [step, ...below]: readonly string[]): readonly string[] => {
    if (step === undefined) return exists(place) ? [place] : [];
    if (!hasWildcard(step)) return walk(join(place, step), below);
    const matching = namesIn(place).filter(matcherOf(step));
    const found = matching.map((name) => join(place, name));
    if (below.length === 0) return found;
    return found.filter(isFolder).flatMap((folder) => walk(folder, below));
  };
  return { files: [...walk(`${root}${sep}`, steps)].sort(), folders, failed };
}

/** Among the paths that are watched, patterns stand with this before them; no absolute path begins so. */
const MARK = 'pattern:';

/** What stands for a pattern among the paths that are watched: its matches count, not what they hold. */
export function watchedPattern(pattern: string): string {
  return MARK + pattern;
}

/** The pattern that a watched path stands for; undefined for the path of a file. */
export function patternOf(watched: string): string | undefined {
  return watched.startsWith(MARK) ? watched.slice(MARK.length) : undefined;
}

/** Equal for equal matches. */
export function digestOfListing({ files, failed }: Listing): string {
  const reasons = failed.map(({ folder, error }) => `${folder}: ${whyUnreadable(error)}`);
  return digestOf(Buffer.from(JSON.stringify([files, reasons])));
}

function matcherOf(step: string): (name: string) => boolean {
  const glob = parseGlob(step);
  return (name) => (step.startsWith('.') || !name.startsWith('.')) && matchesGlob(glob, name);
}

/** A link that leads nowhere is there: it is an error, not a file less. */
function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
