import { type Place, type Problem, problemText, type Severity } from '../../config/problem.ts';
import { escapeText } from '../../core/escape.ts';
import type { CommandIo } from '../io.ts';
import { type Colors, colorsFor } from '../io.ts';

/** One of the file's own `tests`, run. */
export interface TestOutcome {
  readonly name: string;
  readonly ok: boolean;
  readonly expected: string;
  readonly got: string;
  /** Shown by the text report under a failed test: its place, and its steps. */
  readonly place?: Place;
  readonly explanation?: string;
}

export interface CheckReport {
  readonly file: string;
  readonly valid: boolean;
  readonly problems: readonly Problem[];
  readonly tests: readonly TestOutcome[];
  /** Tests whose outcome depends on errors of the file. */
  readonly testsNotRun: number;
}

/** One JSON object; every key is always present, `hint` may be null. Only what concerns a second file has `related`. */
export function writeJsonReport({ valid, problems, tests }: CheckReport, { stdout }: CommandIo): void {
  const report = {
    valid,
    problems: problems.map(({ severity, file, line, column, path, message, hint = null, related }) => ({
      severity,
      file,
      line,
      column,
      path,
      message,
      hint,
      ...(related !== undefined && { related }),
    })),
    tests: tests.map(({ name, ok, expected, got }) => ({ name, ok, expected, got })),
  };
  stdout.write(`${JSON.stringify(report, null, 2)}\n`);
}

/** One line for each problem, so that editors can jump to it; a summary at the end. */
export function writeTextReport(report: CheckReport, io: CommandIo): void {
  const colors = colorsFor(io);
  const lines = [
    ...report.problems.flatMap((problem) => problemLines(problem, colors)),
    ...report.tests.filter(({ ok }) => !ok).flatMap((test) => failedTestLines(test, report.file, colors)),
    summary(report, colors),
  ];
  io.stdout.write(`${lines.join('\n')}\n`);
}

const COLORS = { error: 'red', warning: 'yellow', note: 'dim' } as const satisfies Record<
  Severity,
  keyof Colors
>;

function problemLines(problem: Problem, colors: Colors): readonly string[] {
  const { file, line, column, severity, hint } = problem;
  const label = colors[COLORS[severity]](`${severity}:`);
  return [
    `${file}:${line}:${column}: ${label} ${problemText(problem)}`,
    ...(hint === undefined ? [] : [colors.dim(`    hint: ${hint}`)]),
  ];
}

function failedTestLines(test: TestOutcome, file: string, colors: Colors): readonly string[] {
  const place = test.place === undefined ? file : `${test.place.file}:${test.place.line}:1`;
  return [
    `${place}: ${colors.red('failed:')} test "${escapeText(test.name)}": expected ${test.expected}, got ${test.got}`,
    ...(test.explanation?.split('\n').map((line) => `    ${line}`) ?? []),
  ];
}

function summary({ file, valid, problems, tests, testsNotRun }: CheckReport, colors: Colors): string {
  const found = (wanted: Severity): number => problems.filter(({ severity }) => severity === wanted).length;
  const failed = tests.filter(({ ok }) => !ok).length;
  const parts = [
    ...(['error', 'warning', 'note'] as const).flatMap((severity) =>
      found(severity) > 0 ? [count(found(severity), severity)] : [],
    ),
    ...(failed > 0 ? [`${failed} of ${count(tests.length, 'test')} failed`] : []),
    ...(failed === 0 && tests.length > 0 ? [`${count(tests.length, 'test')} passed`] : []),
    ...(testsNotRun > 0 ? [`${count(testsNotRun, 'test')} not run`] : []),
  ];
  const result = valid ? colors.green('valid') : colors.red('not valid');
  return [`${file}: ${result}`, ...parts].join(', ');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
