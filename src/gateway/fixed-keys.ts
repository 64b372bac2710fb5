import { isDeepStrictEqual } from 'node:util';
import type { PathProblem } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';

/** What a running process cannot change: where it listens, and what its parser was made with. */
const FIXED_KEYS = [
  ['listen', 'host'],
  ['listen', 'port'],
  ['listen', 'limits', 'headerBytes'],
  ['admin', 'host'],
  ['admin', 'port'],
  ['rateLimitStore'],
] as const;

/** What of a new file only a restart can bring into force. */
export function findFixedChanges(inForce: Config, next: Config): readonly PathProblem[] {
  return FIXED_KEYS.filter((path) => !isDeepStrictEqual(valueAt(inForce, path), valueAt(next, path))).map(
    (path) => ({
      severity: 'error',
      path,
      message: `a change of ${path.join('.')} needs a restart`,
      hint: 'put the old value back to reload the rest, or restart',
    }),
  );
}

function valueAt(config: Config, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], config);
}
