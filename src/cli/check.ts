import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { byPosition, isError, type PathProblem, type Problem } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import { type CheckReport, type TestOutcome, writeJsonReport, writeTextReport } from './check-report.ts';
import { readEnvFile } from './env-file.ts';
import type { CommandIo } from './io.ts';

export interface CheckOptions {
  readonly file: string;
  /** Default `text`. */
  readonly format?: 'text' | 'json';
  /** Warnings are errors; notes stay notes. */
  readonly strict?: boolean;
  /** A file of `KEY=VALUE` lines; they win over the environment, because it describes where the file will run. */
  readonly envFile?: string;
  /** A missing variable is a warning, and something that fits stands in for it. */
  readonly allowMissingEnv?: boolean;
}

export interface CheckFindings {
  readonly problems?: readonly PathProblem[];
  readonly tests?: readonly TestOutcome[];
}

/** A configuration without errors. */
export type ValidConfig = LoadedConfig & { readonly config: Config };

/** Looks at a file that is valid in itself: compiles it, runs its tests, probes what it names. */
export type ConfigCheck = (loaded: ValidConfig) => CheckFindings | Promise<CheckFindings>;

/** `sealgate check`: every problem of the file, then what `checks` find in a file without errors. Gives the exit code. */
export async function runCheck(
  options: CheckOptions,
  io: CommandIo,
  checks: readonly ConfigCheck[] = [],
): Promise<number> {
  const env = readEnvFile(options.envFile);
  const report =
    'problem' in env
      ? { problems: [env.problem], tests: [] }
      : await examine(options, { ...io.env, ...env.variables }, checks);
  const problems = options.strict ? report.problems.map(withoutLeniency) : report.problems;
  const valid = !problems.some(isError) && report.tests.every(({ ok }) => ok);
  const final: CheckReport = { file: options.file, valid, problems, tests: report.tests };
  if (options.format === 'json') writeJsonReport(final, io);
  else writeTextReport(final, io);
  return valid ? 0 : 1;
}

async function examine(
  { file, allowMissingEnv }: CheckOptions,
  env: CommandIo['env'],
  checks: readonly ConfigCheck[],
): Promise<{ readonly problems: readonly Problem[]; readonly tests: readonly TestOutcome[] }> {
  const loaded = loadConfig({ file, env, missingVariables: allowMissingEnv ? 'placeholder' : 'error' });
  if (!isValid(loaded)) return { problems: loaded.problems, tests: [] };
  const findings: CheckFindings[] = [];
  for (const check of checks) findings.push(await check(loaded));
  const later = loaded.report(findings.flatMap(({ problems = [] }) => problems));
  return {
    problems: [...loaded.problems, ...later].sort(byPosition),
    tests: findings.flatMap(({ tests = [] }) => tests),
  };
}

function withoutLeniency(problem: Problem): Problem {
  return problem.severity === 'warning' ? { ...problem, severity: 'error' } : problem;
}

function isValid(loaded: LoadedConfig): loaded is ValidConfig {
  return loaded.config !== undefined;
}
