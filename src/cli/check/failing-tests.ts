import { isError, type Problem } from '../../config/problem.ts';
import { findProblems } from '../../gateway/generation.ts';
import { runFileTests } from '../../simulate/file-tests.ts';
import type { ValidConfig } from '../../simulate/test-certainty.ts';

/**
 * The file's own tests as problems of the file, for `start` and reloads: a file that fails its tests is not valid. Only `check` shows
 * what was expected and got, since these problems are logged.
 */
export async function findFailingTests(loaded: ValidConfig): Promise<readonly Problem[]> {
  const problems = await findProblems(loaded);
  // Tests of what does not compile would fail for that reason.
  if (problems.some(isError)) return loaded.report(problems);
  const outcomes = await runFileTests(loaded);
  return loaded.report(
    outcomes.flatMap(({ name, ok }, index) =>
      ok
        ? []
        : {
            severity: 'error' as const,
            path: ['tests', index],
            message: `the file's own test "${name}" fails`,
            hint: '`sealgate check` shows what it expected and what it got',
          },
    ),
  );
}
