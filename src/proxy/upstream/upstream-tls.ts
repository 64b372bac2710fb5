import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { ConfigPath, PathProblem } from '../../config/problem.ts';
import type { UpstreamConfig } from '../../config/schema/config.ts';
import { type ReadFile, readFileBounded, whyUnreadable } from '../../config/source/read-file.ts';
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

const MAX_PEM_BYTES = 1024 * 1024;

/** Reads the certificates and keys towards a backend and tries whether they can be used. */
export function readTlsFiles(config: TlsConfig | undefined, options: TlsFilesOptions): TlsFiles {
  const { path, resolvePath, readFile = readFileBounded } = options;
  const problems: PathProblem[] = [];
  const files: string[] = [];
  const read = (key: 'ca' | 'cert' | 'key'): string | undefined => {
    const file = config?.[key];
    if (file === undefined) return undefined;
    const absolute = resolvePath(file);
    files.push(absolute);
    try {
      return Buffer.from(readFile(absolute, MAX_PEM_BYTES)).toString('latin1');
    } catch (error) {
      const message = `cannot read \`${file}\`: ${whyUnreadable(error)}`;
      problems.push({ severity: 'error', path: [...path, key], message });
      return undefined;
    }
  };
  const tls = { ca: read('ca'), cert: read('cert'), key: read('key'), serverName: config?.serverName };
  return { tls, files, problems: problems.length > 0 ? problems : tlsProblems(path, tls) };
}

function tlsProblems(path: ConfigPath, { ca, cert, key }: UpstreamTls): PathProblem[] {
  if ((cert === undefined) !== (key === undefined)) {
    const message = 'a client certificate needs both `cert` and `key`';
    return [{ severity: 'error', path, message }];
  }
  if (ca !== undefined && !isPemCertificates(ca)) {
    const message = 'it holds no PEM certificate that can be read';
    return [{ severity: 'error', path: [...path, 'ca'], message }];
  }
  try {
    createSecureContext({ cert, key });
    return [];
  } catch {
    const message = '`cert` and `key` are not a PEM certificate and the key that belongs to it';
    return [{ severity: 'error', path, message }];
  }
}

/** OpenSSL takes a bundle without any certificate for an empty one, which would trust nobody silently. */
function isPemCertificates(pem: string): boolean {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.length > 0 && blocks.every(isCertificate);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem) instanceof X509Certificate;
  } catch {
    return false;
  }
}
