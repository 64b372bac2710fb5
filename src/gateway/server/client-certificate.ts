import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Config } from '../../config/schema/config.ts';
import type { Clock } from '../../core/clock.ts';
import { type ClientCertificate, readClientCertificate } from '../../http/certificates/client-certificate.ts';
import { peerOf } from '../../http/peer.ts';
import type { TrustedProxies } from '../../http/trusted-proxies.ts';
import type { CertificateSource, ReadCertificate } from '../../pipeline/messages/request.ts';

/** Finds where the certificate of the client of a connection is. */
export type FindCertificate = (socket: Socket) => CertificateSource | undefined;

/** Undefined in files by which no client has a certificate: their requests do without this. */
export function compileCertificateSource(
  { listen: { tls, clientCertHeader } }: Pick<Config, 'listen'>,
  { trustedProxies, clock }: { readonly trustedProxies: TrustedProxies | undefined; readonly clock: Clock },
): FindCertificate | undefined {
  const hasHeader = clientCertHeader !== undefined;
  const hasConnection = tls?.clientCa !== undefined;
  if (!hasHeader && !hasConnection) return undefined;
  return (socket) => {
    // The certificate of its connection is the proxy's own.
    if (trustedProxies !== undefined && peerOf(socket).isAmong(trustedProxies))
      return hasHeader ? 'header' : undefined;
    return hasConnection ? certificateOfConnection(socket, clock) : undefined;
  };
}

const READ = Symbol('reads the certificate of the connection');

/** Reads the certificate of a connection when it is first asked for. The connection keeps it. */
function certificateOfConnection(
  socket: Socket & { [READ]?: ReadCertificate },
  clock: Clock,
): ReadCertificate {
  const known = socket[READ];
  if (known !== undefined) return known;
  let certificate: ClientCertificate | undefined;
  let isRead = false;
  const read: ReadCertificate = () => {
    if (!isRead) {
      certificate = readCertificate(socket, clock);
      isRead = true;
    }
    return certificate;
  };
  socket[READ] = read;
  return read;
}

/** `authorized`: Node has verified the chain to `clientCa`. It is also set on a resumed connection without a certificate. */
function readCertificate(socket: Socket, clock: Clock): ClientCertificate | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const certificate = socket.getPeerX509Certificate();
  return certificate && readClientCertificate(certificate.raw, { by: 'handshake', clock });
}
