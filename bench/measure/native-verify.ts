import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ALGORITHM_NAMES, type Algorithm } from '../load/tokens.ts';
import { slowness } from './calibrate.ts';
import { CORE } from './pinned-process.ts';

const PROGRAM = fileURLToPath(new URL('native-verify.mjs', import.meta.url));

/** CPU microseconds of one native signature verification per algorithm with that Node, scaled by the calibration. */
export function nativeVerifyMicros(node: string): Readonly<Record<Algorithm, number>> {
  const slow = slowness();
  const run = spawnSync('taskset', ['-c', CORE.measured, node, PROGRAM], { encoding: 'utf8' });
  const raw = JSON.parse(run.stdout) as Record<Algorithm, number>;
  return Object.fromEntries(ALGORITHM_NAMES.map((name) => [name, raw[name] / slow])) as Record<
    Algorithm,
    number
  >;
}
