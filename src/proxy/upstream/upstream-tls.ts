import type { ConfigPath, PathProblem } from '../../config/problem.ts';
import { error } from '../../config/rules/rule.ts';
import type { UpstreamConfig } from '../../config/schema/config.ts';
import { readNamedFile } from '../../config/source/named-file.ts';
import type { ReadFile } from '../../config/source/read-file.ts';
import { holdsCertificates, isKeyPair, NO_CERTIFICATES, NO_PAIR } from '../../core/pem.ts';
import type { ConnectTls } from '../connector.ts';

type TlsConfig = NonNullable<UpstreamConfig['tls']>;
/** What is the same for every address of an upstream; the name is the address's own unless the file states one. */
export type UpstreamTls = Omit<ConnectTls, 'serverName'> & { readonly serverName: string | undefined };

export interface TlsFiles {
  readonly tls: UpstreamTls;
  readonly problems: readonly PathProblem[];
  /** Absolute paths of the files, for watching. */
  readonly files: readonly string[];
}

export interface TlsFilesOptions {
  readonly path: ConfigPath;
  readonly resolvePath: (path: string) => string;
  readonly readFile?: ReadFile | undefined;
}

/** Reads the certificates and keys towards a backend and checks that they can be used. */
export function readTlsFiles(config: TlsConfig | undefined, options: TlsFilesOptions): TlsFiles {
  const problems: PathProblem[] = [];
  const files: string[] = [];
  const read = (key: 'ca' | 'cert' | 'key'): string | undefined =>
    readNamedFile(config?.[key], [...options.path, key], { ...options, files, problems })?.toString('latin1');
  const tls = { ca: read('ca'), cert: read('cert'), key: read('key'), serverName: config?.serverName };
  return { tls, files, problems: problems.length > 0 ? problems : tlsProblems(options.path, tls) };
}

function tlsProblems(path: ConfigPath, { ca, cert, key }: UpstreamTls): PathProblem[] {
  if ((cert === undefined) !== (key === undefined)) {
    return [error(path, 'a client certificate needs both `cert` and `key`')];
  }
  if (ca !== undefined && !holdsCertificates(ca)) return [error([...path, 'ca'], NO_CERTIFICATES)];
  return isKeyPair({ cert, key }) ? [] : [error(path, NO_PAIR)];
}
