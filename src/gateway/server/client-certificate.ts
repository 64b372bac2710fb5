import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Config } from '../../config/schema/config.ts';
import type { Clock } from '../../core/time/clock.ts';
import { type ClientAuthorities, isStillVerified } from '../../http/certificates/client-authorities.ts';
import { type ClientCertificate, readClientCertificate } from '../../http/certificates/client-certificate.ts';
import { peerOf } from '../../http/peer.ts';
import type { TrustedProxies } from '../../http/trusted-proxies.ts';
import type { CertificateSource, ReadCertificate } from '../../pipeline/messages/request.ts';
import { authoritiesOf } from './listener-tls.ts';

/** Finds where the certificate of the client of a connection is. */
export type FindCertificate = (socket: Socket) => CertificateSource | undefined;

interface SourceOptions {
  readonly trustedProxies: TrustedProxies | undefined;
  /** Of `listen.tls.clientCa`. */
  readonly authorities: ClientAuthorities | undefined;
  readonly clock: Clock;
}

/** Undefined in files by which no client has a certificate: their requests do without this. */
export function compileCertificateSource(
  { listen: { clientCertHeader } }: Pick<Config, 'listen'>,
  { trustedProxies, authorities, clock }: SourceOptions,
): FindCertificate | undefined {
  const hasHeader = clientCertHeader !== undefined;
  if (!hasHeader && authorities === undefined) return undefined;
  const active = authorities && { authorities, clock };
  return (socket) => {
    // The certificate of its connection is the proxy's own.
    if (trustedProxies !== undefined && peerOf(socket).isAmong(trustedProxies))
      return hasHeader ? 'header' : undefined;
    return active && certificateOfConnection(socket, active);
  };
}

/** Who vouches for certificates of connections, by one configuration. */
interface Active {
  readonly authorities: ClientAuthorities;
  readonly clock: Clock;
}

const READ = Symbol('reads the certificate of the connection');

interface Known {
  readonly by: Active;
  readonly read: ReadCertificate;
}

/** Reads the certificate of a connection when it is first asked for. The connection keeps it while the configuration lasts. */
function certificateOfConnection(socket: Socket & { [READ]?: Known }, active: Active): ReadCertificate {
  const known = socket[READ];
  if (known?.by === active) return known.read;
  let certificate: ClientCertificate | undefined;
  let isRead = false;
  const read: ReadCertificate = () => {
    if (!isRead) {
      certificate = readCertificate(socket, active);
      isRead = true;
    }
    return certificate;
  };
  socket[READ] = { by: active, read };
  return read;
}

/**
 * `authorized`: Node has verified the chain to `clientCa`. It is also set on a resumed connection without a certificate. Of a certificate
 * whose authority a reload has taken out, the fingerprint alone counts.
 */
function readCertificate(socket: Socket, { authorities, clock }: Active): ClientCertificate | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const before = authoritiesOf(socket);
  const isVouchedFor = before !== undefined && isStillVerified(certificate, { before, active: authorities });
  return readClientCertificate(certificate.raw, isVouchedFor ? { by: 'handshake', clock } : undefined);
}
