import { loadConfig } from '../../config/load.ts';
import { type ConfigPath, isError, isWithin, type PathProblem, type Problem } from '../../config/problem.ts';
import type { Certainty, ValidConfig } from '../../simulate/test-certainty.ts';
import { readEnvFile } from '../env-file.ts';
import type { CommandIo } from '../io.ts';
import { type CheckReport, type TestOutcome, writeJsonReport, writeTextReport } from './check-report.ts';

export interface CheckOptions {
  readonly file: string;
  /** Default `text`. */
  readonly format?: 'text' | 'json';
  /** Warnings are errors; notes stay notes. */
  readonly strict?: boolean;
  /** A file of `KEY=VALUE` lines, which describe where the file will run; they take precedence over the environment. */
  readonly envFile?: string;
  /** A missing variable is a warning, and a value that fits takes its place. */
  readonly allowMissingEnv?: boolean;
}

export interface CheckFindings {
  readonly problems?: readonly PathProblem[];
  readonly tests?: readonly TestOutcome[];
  /** Tests whose outcome depends on errors of the file. */
  readonly testsNotRun?: number;
  /** Problems of another file, which the check has read. */
  readonly foreign?: readonly Problem[];
}

/** A configuration, or the part of it without errors. */
export interface SoundConfig extends ValidConfig, Certainty {
  /** False where `config` is only a part of the file. */
  readonly isWhole: boolean;
}

/** Examines what is valid: compiles it, runs its tests, probes what it names. Paths are those of `config`. */
export type ConfigCheck = (sound: SoundConfig) => CheckFindings | Promise<CheckFindings>;

/** `sealgate check`: every problem of the file, and what `checks` find in its valid part. Returns the exit code. */
export async function runCheck(
  options: CheckOptions,
  io: CommandIo,
  checks: readonly ConfigCheck[] = [],
): Promise<number> {
  const env = readEnvFile(options.envFile);
  const report =
    'problem' in env
      ? { problems: [env.problem], tests: [], testsNotRun: 0 }
      : await examine(options, { ...io.env, ...env.variables }, checks);
  const problems = options.strict ? report.problems.map(withoutLeniency) : report.problems;
  const valid = !problems.some(isError) && report.tests.every(({ ok }) => ok);
  const final: CheckReport = { ...report, file: options.file, valid, problems };
  if (options.format === 'json') writeJsonReport(final, io);
  else writeTextReport(final, io);
  return valid ? 0 : 1;
}

type Examined = Pick<CheckReport, 'problems' | 'tests' | 'testsNotRun'>;

/** Runs the checks in order: each knows where those before found errors. */
async function examine(
  { file, allowMissingEnv }: CheckOptions,
  env: CommandIo['env'],
  checks: readonly ConfigCheck[],
): Promise<Examined> {
  const loaded = loadConfig({ file, env, missingVariables: allowMissingEnv ? 'placeholder' : 'error' });
  const sound = loaded.sound();
  if (sound === undefined) return { problems: loaded.problems, tests: [], testsNotRun: 0 };
  const later: PathProblem[] = [];
  const foreign: Problem[] = [];
  const isUncertain = (path: ConfigPath): boolean =>
    sound.isTouched(path) ||
    later.some(
      (problem) => isError(problem) && (isWithin(problem.path, path) || isWithin(path, problem.path)),
    );
  const checked = { ...loaded, ...sound, isWhole: loaded.config !== undefined, isUncertain };
  const tests: TestOutcome[] = [];
  let testsNotRun = 0;
  for (const check of checks) {
    const found = await check(checked);
    const problems = (found.problems ?? []).map((problem) => ({
      ...problem,
      path: sound.toFilePath(problem.path),
    }));
    later.push(...problems.filter(({ path }) => !sound.isTouched(path)));
    foreign.push(...(found.foreign ?? []));
    tests.push(...(found.tests ?? []));
    testsNotRun += found.testsNotRun ?? 0;
  }
  const own = loaded.inOrder([...loaded.problems, ...loaded.report(later)]);
  return { problems: [...own, ...foreign], tests, testsNotRun };
}

function withoutLeniency(problem: Problem): Problem {
  return problem.severity === 'warning' ? { ...problem, severity: 'error' } : problem;
}
