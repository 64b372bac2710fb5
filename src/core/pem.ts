import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';

/** What to report where `holdsCertificates` and `isKeyPair` are false. */
export const NO_CERTIFICATES = 'it holds no PEM certificate that can be read';
export const NO_PAIR = '`cert` and `key` are not a PEM certificate and the key that belongs to it';

/** The first certificate of a PEM file; undefined where it cannot be read. */
export function readCertificate(pem: string | Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

/**
 * Whether a PEM file holds certificates, and each of them can be read. OpenSSL takes a file without any for an empty list of
 * authorities, which trusts nobody and reports nothing.
 */
export function holdsCertificates(pem: string | Buffer): boolean {
  const blocks =
    pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.length > 0 && blocks.every((block) => readCertificate(block) !== undefined);
}

/** Whether these are a PEM certificate and the key that belongs to it. */
export function isKeyPair(pair: {
  readonly cert: string | Buffer | undefined;
  readonly key: string | Buffer | undefined;
}): boolean {
  try {
    createSecureContext({ cert: pair.cert, key: pair.key });
    return true;
  } catch {
    return false;
  }
}
