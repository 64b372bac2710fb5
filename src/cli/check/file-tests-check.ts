import { runFileTests } from '../../simulate/file-tests.ts';
import { colorsFor } from '../output/colors.ts';
import { describeDecision } from '../output/decision-text.ts';
import type { ConfigCheck } from './check.ts';

const PLAIN = colorsFor({ env: {}, isTTY: false });

/** The file's own tests as a part of `check`. */
export const fileTestsCheck: ConfigCheck = async (sound) => {
  const outcomes = await runFileTests(sound, sound);
  const tests = outcomes.map(({ failed, ...outcome }) =>
    failed === undefined ? outcome : { ...outcome, explanation: describeDecision(failed, PLAIN).join('\n') },
  );
  return { tests, testsNotRun: sound.config.tests.length - tests.length };
};
