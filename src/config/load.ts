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
  type Position,
  type Problem,
  pathKey,
} from './problem.ts';
import { snapshotsAreFilesOfTheirOwn } from './rules/issuers/key-snapshots.ts';
import type { Config } from './schema/config.ts';
import { plainValues, type ReadText } from './source/plain-values.ts';
import { decodeUtf8, digestOf, type ReadFile, readFileBounded, whyUnreadable } from './source/read-file.ts';
import {
  hasSubstitution,
  type Substitution,
  type SubstitutionSources,
  substitute,
} from './source/substitution.ts';
import { brokenSource, parseYaml, type YamlSource } from './source/yaml-source.ts';

export interface LoadedConfig {
  /** As given. */
  readonly file: string;
  /** Undefined when `problems` has an error. */
  readonly config: Config | undefined;
  /** All of them, in the order of the file. */
  readonly problems: readonly Problem[];
  /** Absolute paths of the files that came in through `${file:…}`, for watching. */
  readonly files: readonly string[];
  /** Digests of the file itself and of `files`, by absolute path. */
  readonly digests: ReadonlyMap<string, string>;
  /** The place of a value, or of its key; of the nearest parent that exists when it does not. */
  readonly locate: (path: ConfigPath, at?: 'key') => Position;
  /** Adds places to what later phases find. What a placeholder causes is left out. */
  readonly report: (problems: readonly PathProblem[]) => readonly Problem[];
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
const MAX_SUBSTITUTED_BYTES = 1024 ** 2;

/** Reads, parses, substitutes and validates the file, and finds every problem at once. Never throws for a bad file. */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const { file, readFile = readFileBounded } = options;
  const resolvePath = (path: string): string => resolve(dirname(file), path);
  const digests = new Map<string, string>();
  const reading = { readFile, digests };
  const content = readText(resolve(file), { ...reading, maxBytes: MAX_CONFIG_BYTES });
  const source =
    'text' in content ? parseYaml(content.text) : brokenSource(`cannot read the file: ${content.problem}`);

  const files = new Set<string>();
  const substitutions = new Map<string, Substitution>();
  const sources: SubstitutionSources = {
    variable: (name) => (options.env ?? process.env)[name],
    file: (path) => {
      files.add(resolvePath(path));
      const inside = readText(resolvePath(path), { ...reading, maxBytes: MAX_SUBSTITUTED_BYTES });
      return 'text' in inside ? { text: inside.text.replace(/\r?\n$/, '') } : inside;
    },
  };
  const readScalar: ReadText = (text, path, report) => {
    if (!hasSubstitution(text)) return text;
    const { result, problems } = substitute(text, sources);
    substitutions.set(pathKey(path), result);
    for (const { missing, ...problem } of problems) {
      const tolerated = missing !== undefined && options.missingVariables === 'placeholder';
      report({ ...problem, severity: tolerated ? 'warning' : 'error' });
    }
    return result.text;
  };

  const report = (found: readonly PathProblem[]): readonly Problem[] =>
    found
      .filter(({ path }) => !isPlaceholder(path, substitutions))
      .map((problem) => onOneLine(withPosition(problem, { file, source, substitutions })));
  // The values of a broken text are not worth checking.
  const isBroken = source.problems.length > 0;
  const { value, problems: valueProblems } = isBroken ? NO_VALUES : plainValues(source, readScalar);
  const early = [...source.problems, ...valueProblems];
  const checked = isBroken ? NOTHING : check({ value, source, substitutions, early });
  const problems = [
    ...early.map((problem) =>
      onOneLine({
        severity: 'error' as const,
        ...problem,
        file,
        path: formatPath(problem.path),
      }),
    ),
    ...report(checked.problems),
    ...report(
      checked.config === undefined
        ? []
        : snapshotsAreFilesOfTheirOwn(checked.config, {
            own: resolve(file),
            substituted: files,
            resolvePath,
          }),
    ),
  ].sort(byPosition);
  return {
    file,
    config: problems.some(isError) ? undefined : checked.config,
    problems,
    files: [...files],
    digests,
    locate: source.locate,
    report,
    sound: checked.sound,
    resolvePath,
  };
}

const NO_VALUES = { value: undefined, problems: [] };
const NOTHING: CheckedConfig = { config: undefined, problems: [], sound: () => undefined };

interface Place {
  readonly file: string;
  readonly source: YamlSource;
  readonly substitutions: ReadonlyMap<string, Substitution>;
}

function withPosition(
  { path, at, hint, hintShowsValue, ...problem }: PathProblem,
  { file, source, substitutions }: Place,
): Problem {
  const substitution = substitutions.get(pathKey(path));
  const place = { file, path: formatPath(path), ...source.locate(path, at) };
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

interface ReadContext {
  readonly readFile: ReadFile;
  readonly maxBytes: number;
  readonly digests: Map<string, string>;
}

function readText(
  path: string,
  { readFile, maxBytes, digests }: ReadContext,
): { readonly text: string } | { readonly problem: string } {
  try {
    const bytes = readFile(path, maxBytes);
    digests.set(path, digestOf(bytes));
    const text = decodeUtf8(bytes);
    return text === undefined ? { problem: 'it is not valid UTF-8' } : { text };
  } catch (error) {
    return { problem: whyUnreadable(error) };
  }
}
