import { availableParallelism } from 'node:os';
import type { Config } from '../config/schema/config.ts';

/** How many processes serve requests; `auto` is one per core that this process may use. */
export function countWorkers({ workers }: Pick<Config, 'workers'>): number {
  return workers === 'auto' ? availableParallelism() : workers;
}
