import { isDeepStrictEqual } from 'node:util';
import type { PathProblem } from '../../config/problem.ts';
import type { Config } from '../../config/schema/config.ts';

/** What a running process cannot change: where it listens, and the settings of its parser. */
const RESTART_ONLY_KEYS = [
  ['listen', 'host'],
  ['listen', 'port'],
  ['listen', 'limits', 'headerBytes'],
  ['listen', 'limits', 'requests'],
  ['listen', 'tls', 'http2'],
  ['listen', 'tls', 'clientCert'],
  ['decisions', 'host'],
  ['decisions', 'port'],
  ['decisions', 'grpc'],
  ['decisions', 'tls', 'http2'],
  ['decisions', 'tls', 'clientCert'],
  ['admin', 'host'],
  ['admin', 'port'],
  ['rateLimitStore'],
  ['workers'],
] as const;

/** Only adding or removing these needs a restart: the files themselves are read again. */
const RESTART_ONLY_PRESENCE = [
  ['listen', 'tls', 'clientCa'],
  ['decisions', 'tls', 'clientCa'],
  ['decisions', 'tls'],
  ['decisions'],
] as const;

/** What of a new file takes effect only after a restart. */
export function findRestartOnlyChanges(activeConfig: Config, next: Config): readonly PathProblem[] {
  const changed = [
    ...RESTART_ONLY_KEYS.filter(
      (path) => !isDeepStrictEqual(valueAt(activeConfig, path), valueAt(next, path)),
    ),
    ...RESTART_ONLY_PRESENCE.filter(
      (path) => (valueAt(activeConfig, path) === undefined) !== (valueAt(next, path) === undefined),
    ),
  ];
  // What was added or removed as a whole is one change.
  const isPart = (path: readonly string[]): boolean =>
    changed.some((whole) => whole.length < path.length && whole.every((key, at) => key === path[at]));
  return changed
    .filter((path) => !isPart(path))
    .map((path) => ({
      severity: 'error',
      path,
      message: `a change of ${path.join('.')} needs a restart`,
      hint: 'restore the old value to reload the rest, or restart',
    }));
}

function valueAt(config: Config, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], config);
}
