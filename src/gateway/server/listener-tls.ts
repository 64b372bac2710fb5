import type { Socket } from 'node:net';
import type { SecureContextOptions, Server, TLSSocket, TlsOptions } from 'node:tls';
import { type ConfigPath, isError, type PathProblem } from '../../config/problem.ts';
import { error, warning } from '../../config/rules/rule.ts';
import type { Config, ListenerTlsConfig } from '../../config/schema/config.ts';
import { readNamedFile } from '../../config/source/named-file.ts';
import type { ReadFile } from '../../config/source/read-file.ts';
import { holdsCertificates, isKeyPair, NO_CERTIFICATES, NO_PAIR, readCertificate } from '../../core/pem.ts';
import { type ClientAuthorities, readClientAuthorities } from '../../http/certificates/client-authorities.ts';

/** What the listener needs to speak TLS, read from its files. */
export interface ListenerTls {
  readonly context: SecureContextOptions;
  /** `none` asks clients for no certificate; `optional` accepts clients without one, but no invalid one. */
  readonly clientCert: 'none' | 'optional' | 'required';
  /** Undefined where it asks for none. */
  readonly authorities: ClientAuthorities | undefined;
  readonly http2: boolean;
}

export interface ReadListenerTls {
  /** Undefined without `listen.tls`, and when `problems` has an error. */
  readonly tls: ListenerTls | undefined;
  readonly problems: readonly PathProblem[];
  /** Absolute paths of the files, for watching. */
  readonly files: readonly string[];
}

export interface ReadListenerTlsOptions {
  readonly resolvePath: (path: string) => string;
  /** Default `readFileBounded`. */
  readonly readFile?: ReadFile | undefined;
  readonly nowMs: number;
  /** Whose `tls` it is. */
  readonly section: 'listen' | 'decisions';
}

/** Reads certificate, key and client authorities, and checks that they fit together before anything listens. */
export function readListenerTls(
  config: ListenerTlsConfig | undefined,
  { nowMs, section, ...reading }: ReadListenerTlsOptions,
): ReadListenerTls {
  if (config === undefined) return { tls: undefined, problems: [], files: [] };
  const path = [section, 'tls'];
  const problems: PathProblem[] = [];
  const files: string[] = [];
  const read = (key: 'cert' | 'key' | 'clientCa'): Buffer | undefined =>
    readNamedFile(config[key], [...path, key], { ...reading, files, problems });
  const [cert, key, ca] = [read('cert'), read('key'), read('clientCa')];
  if (problems.length > 0) return { tls: undefined, problems, files };

  if (!isKeyPair({ cert, key })) problems.push(error([...path, 'key'], NO_PAIR));
  const authorities = ca && readAuthorities(ca, [...path, 'clientCa'], problems);
  const leaf = cert && readCertificate(cert);
  if (leaf !== undefined && Date.parse(leaf.validTo) <= nowMs) {
    problems.push(warning([...path, 'cert'], `the certificate expired on ${leaf.validTo}`));
  }
  if (problems.some(isError)) return { tls: undefined, problems, files };
  const context: SecureContextOptions = { cert, key, minVersion: config.minVersion, ...(ca && { ca }) };
  const clientCert = ca === undefined ? 'none' : (config.clientCert ?? 'required');
  return { tls: { context, clientCert, authorities, http2: config.http2 }, problems, files };
}

const CA_HINT =
  'put the authorities that issue certificates of clients into it, in PEM: with their root, and without certificates of clients';

function readAuthorities(
  ca: Buffer,
  path: ConfigPath,
  problems: PathProblem[],
): ClientAuthorities | undefined {
  if (!holdsCertificates(ca)) {
    problems.push(error(path, NO_CERTIFICATES));
    return undefined;
  }
  const { authorities, faults } = readClientAuthorities(ca);
  for (const message of faults) problems.push(error(path, message, { hint: CA_HINT }));
  return authorities;
}

interface TlsServerOptions {
  readonly limits: Pick<Config['listen']['limits'], 'headerTimeout'>;
  /** Which clients may choose from, by ALPN. */
  readonly protocols: string[];
}

/** The options of a server that speaks TLS. */
export function tlsServerOptions(
  { context, clientCert }: ListenerTls,
  { limits, protocols }: TlsServerOptions,
): TlsOptions {
  return {
    ...context,
    requestCert: clientCert !== 'none',
    rejectUnauthorized: clientCert === 'required',
    handshakeTimeout: limits.headerTimeout,
    ALPNProtocols: protocols,
  };
}

const AUTHORITIES = Symbol('authorities of handshakes');
type Verifying = object & { [AUTHORITIES]?: ClientAuthorities | undefined };

/** Each connection keeps the authorities under which its handshake runs: a reload may come before its first request. */
export function rememberAuthorities(server: Server & Verifying, { authorities }: ListenerTls): void {
  if (authorities === undefined) return;
  server[AUTHORITIES] = authorities;
  server.on('connection', (tcp: Socket & Verifying) => {
    tcp[AUTHORITIES] = server[AUTHORITIES];
  });
}

/** The authorities under which a client was verified. */
export function authoritiesOf(socket: TLSSocket): ClientAuthorities | undefined {
  return (underneath(socket) as Verifying)[AUTHORITIES];
}

/** Applies new files to future connections; open ones keep the files they began with. */
export function renewListenerTls(server: unknown, tls: ListenerTls | undefined): void {
  if (tls === undefined) return;
  (server as Server).setSecureContext(tls.context);
  (server as Verifying)[AUTHORITIES] = tls.authorities;
}

/**
 * Whether the certificate of a client, or its absence, lets it in. From then on it is what it is: by a renegotiation a client could put one
 * that nobody verified in its place.
 */
export function admitsClient({ clientCert }: ListenerTls, socket: TLSSocket): boolean {
  if (clientCert === 'none') return true;
  socket.disableRenegotiation();
  return clientCert === 'required' || !showsBadCertificate(socket);
}

/** True when the client sent an invalid certificate. Node accepts it where a certificate is optional. */
function showsBadCertificate(socket: TLSSocket): boolean {
  return !socket.authorized && Object.keys(socket.getPeerCertificate()).length > 0;
}

/** The TCP socket below a TLS socket. */
export function underneath(socket: TLSSocket & { readonly _parent?: Socket }): Socket {
  return socket._parent ?? socket;
}
