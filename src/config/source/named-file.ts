import type { ConfigPath, PathProblem } from '../problem.ts';
import { type ReadFile, readFileBounded, whyUnreadable } from './read-file.ts';

export interface NamedFileOptions {
  readonly resolvePath: (path: string) => string;
  /** Default `readFileBounded`. */
  readonly readFile?: ReadFile | undefined;
  /** Default 1 MiB. */
  readonly maxBytes?: number;
  /** Collects the absolute path, for watching. */
  readonly files: string[];
  /** Collects why the file cannot be read. */
  readonly problems: PathProblem[];
}

/** Reads a file that the configuration names at `path`; undefined without a name, and where it cannot be read. */
export function readNamedFile(
  name: string | undefined,
  path: ConfigPath,
  { resolvePath, readFile = readFileBounded, maxBytes = 1024 ** 2, files, problems }: NamedFileOptions,
): Buffer | undefined {
  if (name === undefined) return undefined;
  const absolute = resolvePath(name);
  files.push(absolute);
  try {
    return Buffer.from(readFile(absolute, maxBytes));
  } catch (error) {
    problems.push({ severity: 'error', path, message: `cannot read \`${name}\`: ${whyUnreadable(error)}` });
    return undefined;
  }
}
