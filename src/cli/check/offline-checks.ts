import { fileTests } from '../../config/file-tests.ts';
import { compilePreview } from '../../gateway/generation.ts';
import { runFileTests } from '../../simulate/file-tests.ts';
import { colorsFor } from '../io.ts';
import { describeDecision } from '../output/decision-text.ts';
import type { ConfigCheck, SoundConfig } from './check.ts';

const PLAIN = colorsFor({ env: {}, isTTY: false });

/**
 * What every `check` runs, without opening a connection: compiles what is valid as `start` would, which reports more (presets, certificates,
 * expressions), and runs the file's own tests against that.
 */
export function offlineChecks(): readonly [compile: ConfigCheck, fileTests: ConfigCheck] {
  let compiling: ReturnType<typeof compilePreview> | undefined;
  const compiled = (sound: SoundConfig): ReturnType<typeof compilePreview> => {
    compiling ??= compilePreview(sound);
    return compiling;
  };
  return [
    async (sound) => ({ problems: (await compiled(sound)).problems }),
    async (sound) => {
      const outcomes = await runFileTests(await compiled(sound), sound);
      const tests = outcomes.map(({ path, failed, ...outcome }) => ({
        ...outcome,
        place: sound.locate(sound.toFilePath(path)),
        ...(failed && { explanation: describeDecision(failed, PLAIN).join('\n') }),
      }));
      return { tests, testsNotRun: fileTests(sound.config).length - tests.length };
    },
  ];
}
