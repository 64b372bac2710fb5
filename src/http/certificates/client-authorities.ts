import { X509Certificate } from 'node:crypto';
import { isIssuedBy } from './authorities.ts';
import { splitPem } from './pem-text.ts';

/** The certificates of `clientCa`, up to which TLS verifies the chains of clients. */
export interface ClientAuthorities {
  readonly certificates: readonly X509Certificate[];
  /** SHA-256, as Node writes it. */
  readonly fingerprints: ReadonlySet<string>;
}

/** Reads a PEM file whose certificates can all be read. What TLS can never verify a client with is a fault. */
export function readClientAuthorities(pem: Buffer): {
  readonly authorities: ClientAuthorities;
  readonly faults: readonly string[];
} {
  const certificates = splitPem(pem.toString('latin1')).map((der) => new X509Certificate(der));
  // A client's certificate that signed itself is verified by being in the file.
  const faults = certificates.flatMap((certificate, index) =>
    certificate.ca || isSelfSigned(certificate)
      ? []
      : [`certificate ${index + 1} of the file is not that of an authority (basic constraints)`],
  );
  if (faults.length === 0 && !certificates.some(isSelfSigned))
    faults.push('it holds intermediates alone: TLS verifies chains up to a root, which signed itself');
  return {
    authorities: {
      certificates,
      fingerprints: new Set(certificates.map(({ fingerprint256 }) => fingerprint256)),
    },
    faults,
  };
}

interface Authorities {
  /** Under which the handshake verified the certificate. */
  readonly before: ClientAuthorities;
  readonly active: ClientAuthorities;
}

/**
 * Whether what a handshake verified holds under the authorities that are active now. Which path it took is not known, nor the intermediates
 * that the client sent: so nothing was removed, or a path through the file holds and everything that could be above the certificate is
 * still there.
 */
export function isStillVerified(certificate: X509Certificate, { before, active }: Authorities): boolean {
  if (before === active) return true;
  const isActive = ({ fingerprint256 }: X509Certificate): boolean => active.fingerprints.has(fingerprint256);
  if (before.certificates.every(isActive)) return true;
  const above = issuersAbove(certificate, before.certificates, (one, issuer) => one.checkIssued(issuer));
  if (!above.every(isActive)) return false;
  return issuersAbove(certificate, above, isIssuedBy).some(isSelfSigned);
}

type IsIssuedBy = (certificate: X509Certificate, issuer: X509Certificate) => boolean;

function issuersAbove(
  certificate: X509Certificate,
  among: readonly X509Certificate[],
  isIssued: IsIssuedBy,
): readonly X509Certificate[] {
  const above = new Set<X509Certificate>();
  const add = (one: X509Certificate): void => {
    for (const issuer of among) {
      if (above.has(issuer) || !isIssued(one, issuer)) continue;
      above.add(issuer);
      add(issuer);
    }
  };
  add(certificate);
  return [...above];
}

function isSelfSigned(certificate: X509Certificate): boolean {
  try {
    return certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey);
  } catch {
    return false;
  }
}
