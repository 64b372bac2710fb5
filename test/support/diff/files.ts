import { stringify } from 'yaml';
import { type LoadedConfig, loadConfig } from '../../../src/config/load.ts';
import { formatProblem, isError } from '../../../src/config/problem.ts';
import { type Diff, diffFiles } from '../../../src/diff/diff.ts';
import type { ValidFile } from '../../../src/diff/side.ts';

/** Loads a file from its content, which must be valid. */
function validFile(content: object | string): ValidFile {
  const loaded = load(content);
  const { config } = loaded;
  if (config === undefined) throw new Error(loaded.problems.filter(isError).map(formatProblem).join('\n'));
  return { ...loaded, config };
}

/** Undefined where the content is not valid. */
export function tryFile(content: object | string): ValidFile | undefined {
  const loaded = load(content);
  return loaded.config && { ...loaded, config: loaded.config };
}

function load(content: object | string): LoadedConfig {
  const text = typeof content === 'string' ? content : stringify(content);
  return loadConfig({ file: '/gateway.yaml', env: {}, readFile: () => Buffer.from(text) });
}

/** Compares two contents. */
export async function diffOf(older: object | string, newer: object | string): Promise<Diff> {
  const diff = await diffFiles([validFile(older), validFile(newer)], {});
  for (const side of diff.sides) side.close();
  return diff;
}
