import { valuesAt } from '../../places.ts';
import type { PathProblem } from '../../problem.ts';
import type { Config } from '../../schema/config.ts';
import { error } from '../rule.ts';

/** Keys of the file that name a file which is read. */
const READ = [
  'listen.tls.cert',
  'listen.tls.key',
  'listen.tls.clientCa',
  'decisions.tls.cert',
  'decisions.tls.key',
  'decisions.tls.clientCa',
  'issuers.*.jwks.file',
  'issuers.*.keys.ca',
  'issuers.*.introspection.auth.privateKey',
  'issuers.*.introspection.auth.tls.cert',
  'issuers.*.introspection.auth.tls.key',
  'upstreams.*.tls.ca',
  'upstreams.*.tls.cert',
  'upstreams.*.tls.key',
  'identity.assertion.keys',
  'revocation.file',
];

export interface FilesOfConfig {
  /** The absolute path of the configuration. */
  readonly own: string;
  /** Absolute paths of the files that came in through `${file:…}`. */
  readonly substituted: ReadonlySet<string>;
  readonly resolvePath: (path: string) => string;
}

/** A snapshot is written over whatever its file holds. */
export function snapshotsAreFilesOfTheirOwn(
  config: Config,
  { own, substituted, resolvePath }: FilesOfConfig,
): readonly PathProblem[] {
  const read = new Set(
    READ.flatMap((place) => valuesAt(config, place)).map(({ value }) => resolvePath(String(value))),
  );
  return valuesAt(config, 'issuers.*.keys.snapshot').flatMap(({ path, value }): readonly PathProblem[] => {
    const file = resolvePath(String(value));
    const hint = 'name a file of its own, which need not be there yet';
    if (/[\\/]$/.test(String(value)))
      return [error(path, 'this is a folder; a snapshot is a file', { hint })];
    if (file === own) return [error(path, 'the snapshot would be written over this configuration', { hint })];
    return read.has(file) || substituted.has(file)
      ? [error(path, 'the snapshot would be written over a file that is read for something else', { hint })]
      : [];
  });
}
