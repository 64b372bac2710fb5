import { isError, type Problem } from '../../config/problem.ts';
import { findProblems } from '../../gateway/generation.ts';
import { runFileTests } from '../../simulate/file-tests.ts';
import type { ValidConfig } from '../../simulate/test-certainty.ts';

/**
 * The file's own tests as problems of the file, for those who activate it: one that fails its tests is not valid, as `check`
 * says. What was expected and got is left to `check`, since these problems are logged and shown.
 */
export async function findFailingTests(loaded: ValidConfig): Promise<readonly Problem[]> {
  const problems = await findProblems(loaded);
  // Tests of what does not compile would fail for reasons of their own.
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
