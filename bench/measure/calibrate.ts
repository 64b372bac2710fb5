import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CORE } from './pinned-process.ts';

const PROGRAM = fileURLToPath(new URL('calibration-loop.mjs', import.meta.url));
/** The loop's CPU time on the idle machine of docs/performance.md. */
const REFERENCE_MICROS = 70_000;

/**
 * How much slower than the reference the measured core is right now: the CPU time of a fixed piece of work.
 * Measured figures are divided by it, because clock and caches of a shared machine drift.
 */
export function slowness(): number {
  const run = spawnSync('taskset', ['-c', CORE.measured, process.execPath, PROGRAM], { encoding: 'utf8' });
  const micros = Number(run.stdout);
  if (!(micros > 0)) throw new Error(`the calibration loop failed: ${run.stderr}`);
  return micros / REFERENCE_MICROS;
}
