import { X509Certificate } from 'node:crypto';
import { type CertificateFields, type Period, readCertificateFields } from './certificate-fields.ts';
import { splitPem } from './pem-text.ts';

/** The authorities of a file, of which each is trusted with the names in what it issues. */
export interface Authorities {
  /** When the certificate is vouched for: for each authority that signed it, while both are valid. Empty where none did. */
  vouchFor(presented: PresentedCertificate): readonly Period[];
}

export interface PresentedCertificate {
  readonly certificate: X509Certificate;
  readonly fields: CertificateFields;
}

/**
 * Reads a PEM file of authorities. An intermediate counts as one where it is in the file: clients of proxies show no chain. A certificate
 * that cannot vouch for anything is a fault.
 */
export function readAuthorities(pem: Buffer): {
  readonly authorities: Authorities;
  readonly faults: readonly string[];
} {
  const faults: string[] = [];
  const anchors: PresentedCertificate[] = [];
  const blocks = splitPem(pem.toString('latin1'));
  if (blocks.length === 0) faults.push('it holds no PEM certificate that can be read');
  for (const [index, der] of blocks.entries()) {
    const read = readAnchor(der);
    if (typeof read === 'string') faults.push(`certificate ${index + 1} of the file ${read}`);
    else anchors.push(read);
  }
  return { authorities: { vouchFor: (presented) => vouchFor(anchors, presented) }, faults };
}

function readAnchor(der: Buffer): PresentedCertificate | string {
  let anchor: PresentedCertificate;
  try {
    anchor = { certificate: new X509Certificate(der), fields: readCertificateFields(der) };
  } catch {
    return 'cannot be read';
  }
  if (!anchor.certificate.ca) return 'is not that of an authority (basic constraints)';
  if (anchor.fields.hasUncheckedLimits)
    return 'has name constraints or another critical extension that is not checked';
  if (!anchor.fields.isForClients) return 'is of an authority that does not issue certificates of clients';
  return anchor;
}

/** RFC 5280 §6 for chains of two: each authority of the file is an anchor, so no path constraint applies. */
function vouchFor(
  anchors: readonly PresentedCertificate[],
  { certificate, fields }: PresentedCertificate,
): readonly Period[] {
  const { isStronglySigned, isForClients, maySignHandshakes, hasUncheckedLimits } = fields;
  if (!isStronglySigned || !isForClients || !maySignHandshakes || hasUncheckedLimits) return [];
  return anchors
    .filter((anchor) => isIssuedBy(certificate, anchor.certificate))
    .map((anchor) => ({
      notBeforeMs: Math.max(fields.notBeforeMs, anchor.fields.notBeforeMs),
      notAfterMs: Math.min(fields.notAfterMs, anchor.fields.notAfterMs),
    }));
}

/** A signature that cannot be verified, for example of another kind of key, is none. */
export function isIssuedBy(certificate: X509Certificate, anchor: X509Certificate): boolean {
  try {
    return certificate.checkIssued(anchor) && certificate.verify(anchor.publicKey);
  } catch {
    return false;
  }
}
