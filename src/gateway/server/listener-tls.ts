import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import { type ConfigPath, isError, type PathProblem } from '../../config/problem.ts';
import type { ListenerTlsConfig } from '../../config/schema/config.ts';
import { readFileBounded, whyUnreadable } from '../../config/source/read-file.ts';

/** What the listener needs to speak TLS, read from its files. */
export interface ListenerTls {
  readonly context: SecureContextOptions;
  /** `none` asks clients for no certificate; `optional` takes none, but never a bad one. */
  readonly clientCert: 'none' | 'optional' | 'required';
  readonly http2: boolean;
}

export interface ReadListenerTls {
  /** Undefined without `listen.tls`, and when `problems` has an error. */
  readonly tls: ListenerTls | undefined;
  readonly problems: readonly PathProblem[];
  /** Absolute paths of the files, for watching. */
  readonly files: readonly string[];
}

const MAX_PEM_BYTES = 1024 ** 2;
const PATH = ['listen', 'tls'] as const;

/** Reads certificate, key and client authorities, and finds out whether they fit together before anything listens. */
export function readListenerTls(
  config: ListenerTlsConfig | undefined,
  { resolvePath, nowMs }: { readonly resolvePath: (path: string) => string; readonly nowMs: number },
): ReadListenerTls {
  if (config === undefined) return { tls: undefined, problems: [], files: [] };
  const problems: PathProblem[] = [];
  const files: string[] = [];
  const read = (key: 'cert' | 'key' | 'clientCa'): Buffer | undefined => {
    const path = config[key];
    if (path === undefined) return undefined;
    files.push(resolvePath(path));
    try {
      return Buffer.from(readFileBounded(resolvePath(path), MAX_PEM_BYTES));
    } catch (error) {
      problems.push(problem('error', [...PATH, key], `cannot read \`${path}\`: ${whyUnreadable(error)}`));
      return undefined;
    }
  };
  const [cert, key, ca] = [read('cert'), read('key'), read('clientCa')];
  if (problems.length > 0) return { tls: undefined, problems, files };

  const context: SecureContextOptions = { cert, key, minVersion: config.minVersion, ...(ca && { ca }) };
  problems.push(...checkPair(context), ...checkAuthorities(ca), ...checkTimes(cert, nowMs));
  if (problems.some(isError)) return { tls: undefined, problems, files };
  const clientCert = ca === undefined ? 'none' : (config.clientCert ?? 'required');
  return { tls: { context, clientCert, http2: config.http2 }, problems, files };
}

/** Puts new files active for connections from now on; those that stand keep what they were made with. */
export function renewListenerTls(server: unknown, tls: ListenerTls | undefined): void {
  if (tls !== undefined) (server as Server).setSecureContext(tls.context);
}

/** True when the client showed a certificate that does not hold. Node lets it in where one is merely asked for. */
export function showsBadCertificate(socket: TLSSocket): boolean {
  return !socket.authorized && Object.keys(socket.getPeerCertificate()).length > 0;
}

function checkPair({ cert, key }: SecureContextOptions): readonly PathProblem[] {
  try {
    createSecureContext({ cert, key });
    return [];
  } catch {
    return [
      problem(
        'error',
        [...PATH, 'key'],
        '`cert` and `key` are not a PEM certificate and the key that belongs to it',
      ),
    ];
  }
}

function checkAuthorities(ca: Buffer | undefined): readonly PathProblem[] {
  // OpenSSL takes a file without any certificate for an empty list, which would turn every client away.
  return ca === undefined || readCertificate(ca) !== undefined
    ? []
    : [problem('error', [...PATH, 'clientCa'], 'it holds no PEM certificate that can be read')];
}

function checkTimes(cert: Buffer | undefined, nowMs: number): readonly PathProblem[] {
  const leaf = cert === undefined ? undefined : readCertificate(cert);
  if (leaf === undefined || Date.parse(leaf.validTo) > nowMs) return [];
  return [problem('warning', [...PATH, 'cert'], `the certificate ended on ${leaf.validTo}`)];
}

function readCertificate(pem: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function problem(severity: PathProblem['severity'], path: ConfigPath, message: string): PathProblem {
  return { severity, path, message };
}
