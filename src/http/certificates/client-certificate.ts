import { createHash, X509Certificate } from 'node:crypto';
import type { Clock } from '../../core/time/clock.ts';
import type { Authorities } from './authorities.ts';
import { type CertificateFields, type Period, readCertificateFields } from './certificate-fields.ts';

/** A certificate whose key the client of a request has proven to hold. */
export interface ClientCertificate {
  /** SHA-256 of its DER in lower-case hex. */
  readonly sha256: string;
  /** The same in base64url: `x5t#S256` (RFC 8705 §3.1). */
  readonly thumbprint: string;
  /**
   * Whom it names. Undefined unless an authority that the file names vouches for it and it is valid now: anybody can make a
   * certificate with any names.
   */
  readonly names: () => CertificateNames | undefined;
}

export interface CertificateNames {
  /** As text (RFC 4514); empty where it has alternative names alone. */
  readonly subject: string;
  readonly uris: readonly string[];
  readonly dns: readonly string[];
  readonly notAfterMs: number;
}

/** Who vouches for a certificate: authorities of the file, or TLS, whose handshake verified its chain. */
export interface Vouching {
  readonly by: Authorities | 'handshake';
  readonly clock: Clock;
}

/** Reads a certificate from its DER; undefined where that is not one certificate in one reading. Without `vouching` nobody vouches for it. */
export function readClientCertificate(der: Buffer, vouching?: Vouching): ClientCertificate | undefined {
  let fields: CertificateFields;
  try {
    // It reads PEM too, and what follows the certificate it ignores.
    if (!new X509Certificate(der).raw.equals(der)) return undefined;
    fields = readCertificateFields(der);
  } catch {
    return undefined;
  }
  const { subject, uris, dns, notAfterMs } = fields;
  const names: CertificateNames = { subject, uris, dns, notAfterMs };
  let periods: readonly Period[] | undefined;
  return {
    ...fingerprintOf(der),
    names() {
      if (vouching === undefined) return undefined;
      const { by, clock } = vouching;
      // The certificate is read again rather than kept: it takes several times the memory of all else here.
      periods ??=
        by === 'handshake' ? [fields] : by.vouchFor({ certificate: new X509Certificate(der), fields });
      const nowMs = clock();
      return periods.some((period) => isIn(period, nowMs)) ? names : undefined;
    },
  };
}

/** A certificate of which a proxy reports the fingerprint alone, in hex. */
export function certificateOfFingerprint(hex: string): ClientCertificate {
  const digest = Buffer.from(hex, 'hex');
  return { sha256: digest.toString('hex'), thumbprint: digest.toString('base64url'), names: nobody };
}

const nobody = (): undefined => undefined;

function fingerprintOf(der: Buffer): Pick<ClientCertificate, 'sha256' | 'thumbprint'> {
  const digest = createHash('sha256').update(der).digest();
  return { sha256: digest.toString('hex'), thumbprint: digest.toString('base64url') };
}

function isIn({ notBeforeMs, notAfterMs }: Period, nowMs: number): boolean {
  // Times of certificates are whole seconds.
  return nowMs >= notBeforeMs && nowMs < notAfterMs + 1000;
}
