import { findProblems } from '../../gateway/generation.ts';
import { runFileTests } from '../../simulate/file-tests.ts';
import { colorsFor } from '../io.ts';
import { describeDecision } from '../output/decision-text.ts';
import type { ConfigCheck } from './check.ts';

/** Compiles what is valid as `start` would, which reports more: presets, certificates, expressions. */
const compileCheck: ConfigCheck = async (sound) => ({ problems: await findProblems(sound) });

const PLAIN = colorsFor({ env: {}, isTTY: false });

const fileTestsCheck: ConfigCheck = async (sound) => {
  const outcomes = await runFileTests(sound, sound);
  const tests = outcomes.map(({ failed, ...outcome }) =>
    failed === undefined ? outcome : { ...outcome, explanation: describeDecision(failed, PLAIN).join('\n') },
  );
  return { tests, testsNotRun: sound.config.tests.length - tests.length };
};

/** What every `check` runs: no connection is opened. */
export const OFFLINE_CHECKS: readonly ConfigCheck[] = [compileCheck, fileTestsCheck];
