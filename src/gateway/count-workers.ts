import { availableParallelism } from 'node:os';
import type { Config } from '../config/schema.ts';

/** How many processes serve requests; `auto` is one per core that this process may use. */
export function countWorkers({ workers }: Config): number {
  return workers === 'auto' ? availableParallelism() : workers;
}
