import { type Refusal, refuse } from '../../core/refusals.ts';
import { createSieveCache, type SieveEntry, UNLINKED } from '../../core/sieve-cache.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { Authorities } from './authorities.ts';
import {
  type ClientCertificate,
  certificateOfFingerprint,
  readClientCertificate,
} from './client-certificate.ts';
import { readEncodedPem } from './pem-text.ts';
import { parseXfcc } from './xfcc.ts';

export type CertificateHeaderFormat = 'rfc9440' | 'xfcc' | 'pem';

/** Reads the certificate that a trusted proxy saw, from the values of the field in which it passes it on. */
export type CertificateHeaderReader = (values: readonly string[]) => ClientCertificate | Refusal | undefined;

/** For results that are kept: clients send the same certificate with each request. A thousand or so fit. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

/** What a result costs beside its value, and what it costs per character of it (measured). */
const RESULT_BYTES = 1500;
const BYTES_PER_CHARACTER = 2;

interface Result extends SieveEntry {
  readonly certificate: ClientCertificate | Refusal;
}

interface ReaderOptions {
  readonly format: CertificateHeaderFormat;
  readonly authorities: Authorities | undefined;
  readonly clock: Clock;
}

/**
 * Makes the reader of a format. An empty field is that of a client without a certificate; a field that comes twice, several certificates
 * and whatever cannot be read are `bad_request`.
 */
export function compileCertificateHeader({
  format,
  authorities,
  clock,
}: ReaderOptions): CertificateHeaderReader {
  const parse = FORMATS[format];
  const vouching = authorities && { by: authorities, clock };
  const read = (der: Buffer) => readClientCertificate(der, vouching);
  const kept = createSieveCache<Result>(MAX_KEPT_BYTES);
  return (values) => {
    if (values.length === 0) return undefined;
    if (values.length > 1) return TWICE;
    const value = (values[0] as string).trim();
    if (value === '') return undefined;
    const known = kept.get(value);
    if (known !== undefined) return known.certificate;
    const certificate = parse(value, read) ?? UNREADABLE[format];
    const bytes = RESULT_BYTES + value.length * BYTES_PER_CHARACTER;
    kept.add({ key: value, bytes, certificate, ...UNLINKED });
    return certificate;
  };
}

const TWICE = refuse('client_certificate_field', 'the field with the client certificate comes twice');

const UNREADABLE: Readonly<Record<CertificateHeaderFormat, Refusal>> = {
  rfc9440: refuse(
    'client_certificate_field',
    'the field with the client certificate is not one certificate between colons (RFC 9440)',
  ),
  xfcc: refuse(
    'client_certificate_field',
    'the field with the client certificate is not one element of x-forwarded-client-cert with a Hash, a Cert or both that agree',
  ),
  pem: refuse(
    'client_certificate_field',
    'the field with the client certificate is not one certificate in PEM, percent-encoded or as it is',
  ),
};

type Read = (der: Buffer) => ClientCertificate | undefined;

const FORMATS: Readonly<
  Record<CertificateHeaderFormat, (value: string, read: Read) => ClientCertificate | undefined>
> = { rfc9440: fromByteSequence, xfcc: fromXfcc, pem: fromPem };

/** A byte sequence of RFC 8941 §3.3.5, whose padding may be left out. RFC 9440 §2.2 gives it no parameters. */
const BYTE_SEQUENCE = /^:([A-Za-z0-9+/]+={0,2}):$/;

function fromByteSequence(value: string, read: Read): ClientCertificate | undefined {
  const base64 = BYTE_SEQUENCE.exec(value)?.[1];
  return base64 === undefined ? undefined : read(Buffer.from(base64, 'base64'));
}

function fromPem(value: string, read: Read): ClientCertificate | undefined {
  const [der, ...others] = readEncodedPem(value) ?? [];
  return der === undefined || others.length > 0 ? undefined : read(der);
}

const SHA_256 = /^[0-9a-f]{64}$/i;

/** `Chain` begins with the certificate itself. Whatever is there must agree. */
function fromXfcc(value: string, read: Read): ClientCertificate | undefined {
  const element = parseXfcc(value);
  if (element === undefined) return undefined;
  const { hash, cert, chain } = element;
  if (hash !== undefined && !SHA_256.test(hash)) return undefined;
  const first = chain === undefined ? undefined : readEncodedPem(chain)?.[0];
  const fromChain = first && read(first);
  if (chain !== undefined && fromChain === undefined) return undefined;
  const certificate = cert === undefined ? fromChain : fromPem(cert, read);
  if (cert !== undefined && certificate === undefined) return undefined;
  if (certificate === undefined) return hash === undefined ? undefined : certificateOfFingerprint(hash);
  const agree =
    (fromChain === undefined || fromChain.sha256 === certificate.sha256) &&
    (hash === undefined || hash.toLowerCase() === certificate.sha256);
  return agree ? certificate : undefined;
}
