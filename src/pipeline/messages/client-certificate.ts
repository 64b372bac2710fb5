import { isRefusal, type Refusal } from '../../core/refusals.ts';
import type { CertificateHeaderReader } from '../../http/certificates/certificate-header.ts';
import type { CertificateSource, ReadCertificate } from './request.ts';
import type { FilteredHeaders } from './request-header-filter.ts';

/**
 * Finds the client's certificate where the file has it. What a trusted proxy passes on must be readable whatever the route: a field that
 * comes twice may be the client's own.
 */
export function findCertificate(
  source: CertificateSource,
  { certificates }: FilteredHeaders,
  readHeader: CertificateHeaderReader | undefined,
): ReadCertificate | undefined | Refusal {
  if (source !== 'header') return source;
  const certificate = readHeader?.(certificates);
  return certificate === undefined || isRefusal(certificate) ? certificate : () => certificate;
}
