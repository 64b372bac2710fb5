import { dirname, resolve } from 'node:path';
import { escapeText } from '../core/escape.ts';
import { type CheckedConfig, check } from './check.ts';
import type { PartialConfig } from './diagnostics/partial-config.ts';
import {
  byPosition,
  type ConfigPath,
  formatPath,
  isError,
  type PathProblem,
  type Place,
  type Problem,
  pathKey,
} from './problem.ts';
import { snapshotsAreFilesOfTheirOwn } from './rules/issuers/key-snapshots.ts';
import type { Config } from './schema/config.ts';
import { type FileText, readFileValues } from './source/file-values.ts';
import { findIncludedFiles, whyNoFile } from './source/included-files.ts';
import { type FileValues, type MergedFiles, mergeFiles } from './source/merged-files.ts';
import { decodeUtf8, digestOf, type ReadFile, readFileBounded, whyUnreadable } from './source/read-file.ts';
import type { Substitution, SubstitutionSources } from './source/substitution.ts';
import { brokenSource, parseYaml } from './source/yaml-source.ts';
import { valueAt } from './validate.ts';

export interface LoadedConfig {
  /** As given. */
  readonly file: string;
  /** Undefined when `problems` has an error. */
  readonly config: Config | undefined;
  /** All of them, in the order of the files. */
  readonly problems: readonly Problem[];
  /** Absolute paths of included files and of those that came in through `${file:…}`, and what stands for patterns, for watching. */
  readonly files: readonly string[];
  /** Digests of the file itself and of `files`. */
  readonly digests: ReadonlyMap<string, string>;
  /** The place of a value, or of its key; of the nearest parent that exists when it does not. */
  readonly locate: (path: ConfigPath, at?: 'key') => Place;
  /** Adds places to what later phases find. What a placeholder causes is left out. */
  readonly report: (problems: readonly PathProblem[]) => readonly Problem[];
  /** Sorts by place: the file itself, then those it includes. */
  readonly inOrder: (problems: readonly Problem[]) => readonly Problem[];
  /** The part of the file without errors, so that `check` can examine it further. Never served. */
  readonly sound: () => PartialConfig | undefined;
  /** The absolute path of a file named in the configuration: relative ones count from the file's folder. */
  readonly resolvePath: (path: string) => string;
}

export interface LoadOptions {
  readonly file: string;
  /** Default: the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly readFile?: ReadFile;
  /** `placeholder`: a missing variable is a warning, and a value that fits takes its place. Default `error`. */
  readonly missingVariables?: 'error' | 'placeholder';
}

const MAX_CONFIG_BYTES = 4 * 1024 ** 2;
const MAX_INCLUDED_BYTES = 16 * 1024 ** 2;
const MAX_SUBSTITUTED_BYTES = 1024 ** 2;

/** Reads, parses, substitutes and validates the file and those it includes, and finds every problem at once. Never throws for a bad file. */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const { file } = options;
  const own = resolve(file);
  const resolvePath = (path: string): string => resolve(dirname(file), path);
  const reader = createReader(options);
  const content = reader.readText(own, MAX_CONFIG_BYTES);
  const source =
    'text' in content ? parseYaml(content.text) : brokenSource(`cannot read the file: ${content.problem}`);
  const main = reader.readValues({ file, path: own, source });
  const included = readIncluded(main, reader);
  const merged = mergeFiles(main, included.files);
  const { value, substitutions } = merged;

  const report = (found: readonly PathProblem[]): readonly Problem[] =>
    found
      .filter(({ path }) => !isPlaceholder(path, substitutions))
      .map((problem) => onOneLine(withPosition(problem, merged)));
  const inOrder = (problems: readonly Problem[]): readonly Problem[] =>
    [...problems].sort((a, b) => merged.rankOf(a.file) - merged.rankOf(b.file) || byPosition(a, b));
  const whereIs = (path: ConfigPath): string => {
    const { file: other, line, column } = merged.locate(path);
    return included.files.length === 0 ? `line ${line}` : `${other}:${line}:${column}`;
  };
  const early = merged.problems;
  const isIncomplete = merged.isIncomplete || included.problems.some(isError);
  const checked =
    source.problems.length > 0 ? NOTHING : check({ value, whereIs, substitutions, early, isIncomplete });
  const problems = inOrder([
    ...early.map(({ ownPath, ...problem }) =>
      onOneLine({ severity: 'error' as const, ...problem, path: formatPath(ownPath) }),
    ),
    ...report(included.problems),
    ...report(checked.problems),
    ...report(
      checked.config === undefined
        ? []
        : snapshotsAreFilesOfTheirOwn(checked.config, { own, substituted: reader.files, resolvePath }),
    ),
  ]);
  return {
    file,
    config: problems.some(isError) ? undefined : checked.config,
    problems,
    files: [...reader.files],
    digests: reader.digests,
    locate: merged.locate,
    report,
    inOrder,
    sound: checked.sound,
    resolvePath,
  };
}

const NOTHING: CheckedConfig = { config: undefined, problems: [], sound: () => undefined };

interface Reader {
  /** What was read, and what patterns stand for, besides the file itself. */
  readonly files: Set<string>;
  readonly digests: Map<string, string>;
  readText(
    path: string,
    maxBytes: number,
  ): { readonly text: string; readonly bytes: number } | { readonly problem: string };
  readValues(text: FileText): FileValues;
}

function createReader({
  readFile = readFileBounded,
  env = process.env,
  missingVariables = 'error',
}: LoadOptions): Reader {
  const files = new Set<string>();
  const digests = new Map<string, string>();
  const readText: Reader['readText'] = (path, maxBytes) => {
    try {
      const bytes = readFile(path, maxBytes);
      digests.set(path, digestOf(bytes));
      const text = decodeUtf8(bytes);
      return text === undefined ? { problem: 'it is not valid UTF-8' } : { text, bytes: bytes.length };
    } catch (error) {
      return { problem: whyUnreadable(error) };
    }
  };
  return {
    files,
    digests,
    readText,
    readValues(text) {
      const sources: SubstitutionSources = {
        variable: (name) => env[name],
        file: (name) => {
          const path = resolve(dirname(text.path), name);
          files.add(path);
          const inside = readText(path, MAX_SUBSTITUTED_BYTES);
          return 'text' in inside ? { text: inside.text.replace(/\r?\n$/, '') } : inside;
        },
      };
      return readFileValues(text, { sources, missingVariables });
    },
  };
}

interface Included {
  readonly files: readonly FileValues[];
  readonly problems: readonly PathProblem[];
}

/** What cannot be read is a problem of the entry of `include` that names it. */
function readIncluded(main: FileValues, reader: Reader): Included {
  const entries = valueAt(main.value, ['include']);
  if (!Array.isArray(entries)) return { files: [], problems: [] };
  const found = findIncludedFiles(entries, main.file);
  for (const [pattern, digest] of found.listings) {
    reader.files.add(pattern);
    reader.digests.set(pattern, digest);
  }
  const files: FileValues[] = [];
  const problems = [...found.problems];
  let left = MAX_INCLUDED_BYTES;
  for (const { file, path, entry } of found.files) {
    reader.files.add(path);
    const refused = whyNoFile(path);
    const content =
      refused === undefined ? reader.readText(path, Math.min(MAX_CONFIG_BYTES, left)) : { problem: refused };
    if ('text' in content) {
      left -= content.bytes;
      files.push(reader.readValues({ file, path, source: parseYaml(content.text) }));
      continue;
    }
    const hint =
      left < MAX_CONFIG_BYTES
        ? `included files have at most ${MAX_INCLUDED_BYTES} bytes together`
        : undefined;
    problems.push({
      severity: 'error',
      path: ['include', entry],
      message: `cannot read \`${file}\`: ${content.problem}`,
      ...(hint !== undefined && { hint }),
    });
  }
  return { files, problems };
}

function withPosition(
  { path, at, hint, hintShowsValue, ...problem }: PathProblem,
  { substitutions, ownPlace, locate }: MergedFiles,
): Problem {
  const substitution = substitutions.get(pathKey(path));
  const place = { path: formatPath(ownPlace(path).path), ...locate(path, at) };
  if (substitution === undefined) return { ...problem, ...(hint !== undefined && { hint }), ...place };
  // A substituted value may be a secret; the message shows what is written in the file instead.
  // Where only defaults of the file were filled in, there is nothing to hide.
  const { text, written, parts, placeholder } = substitution;
  const isHidden = parts.length > 0 || placeholder;
  const message = isHidden ? problem.message.replaceAll(`\`${text}\``, `\`${written}\``) : problem.message;
  const isShown = hint !== undefined && hintShowsValue !== true;
  return { ...problem, message, ...(isShown && { hint }), ...place };
}

/** A text of the file may hold line breaks and terminal escapes; a problem is one line of visible text. */
function onOneLine(problem: Problem): Problem {
  const { path, message, hint } = problem;
  return {
    ...problem,
    path: escapeText(path),
    message: escapeText(message),
    ...(hint !== undefined && { hint: escapeText(hint) }),
  };
}

function isPlaceholder(path: ConfigPath, substitutions: ReadonlyMap<string, Substitution>): boolean {
  return path.some((_, index) => substitutions.get(pathKey(path.slice(0, index + 1)))?.placeholder === true);
}
