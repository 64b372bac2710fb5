import type { ClusterSettings } from 'node:cluster';
import { isSea } from 'node:sea';

/**
 * What a worker runs. By default Node starts the file in `process.argv[1]` with the arguments after it. A single executable has no such
 * file: Node repeats the name of the executable there, and again in each process it starts, so the arguments would begin with it.
 */
export function workerProgram(): ClusterSettings {
  const [, , command, ...rest] = process.argv;
  return isSea() && command !== undefined ? { exec: command, args: rest } : {};
}
