import { contentOf, type DerElement, MalformedDer, membersOf, oidOf, readElements, TAG } from './der.ts';
import { alternativeNames, nameAsText } from './distinguished-name.ts';

/** From when to when a certificate is valid, both included (RFC 5280 §4.1.2.5). */
export interface Period {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** The content of a certificate, read from its DER (RFC 5280 §4.1). Whether it is true, its issuer's signature must show. */
export interface CertificateFields extends Period {
  /** As text (RFC 4514); empty where the certificate names its owner by alternative names alone. */
  readonly subject: string;
  readonly uris: readonly string[];
  readonly dns: readonly string[];
  /** Its signature is of an algorithm that nobody can forge today. */
  readonly isStronglySigned: boolean;
  /** Its purposes, or those of what it issues, include being shown by a client. */
  readonly isForClients: boolean;
  /** Its key may sign what is not a certificate, as clients do in a handshake. */
  readonly maySignHandshakes: boolean;
  /** It limits what an authority may issue in a way that is not checked here, or has another critical extension that is not. */
  readonly hasUncheckedLimits: boolean;
}

/** Reads the fields of a certificate. Throws `MalformedDer` for what RFC 5280 does not allow, such as one extension twice. */
export function readCertificateFields(der: Buffer): CertificateFields {
  const [certificate, ...rest] = readElements(der);
  if (rest.length > 0) throw new MalformedDer('more than one certificate');
  const [tbs, algorithm] = membersOf(certificate, TAG.sequence);
  const [, , , validity, subject, , ...optional] = afterVersion(membersOf(tbs, TAG.sequence));
  const [notBefore, notAfter] = membersOf(validity, TAG.sequence);
  const extensions = readExtensions(optional.find(({ tag }) => tag === EXTENSIONS_TAG));
  const names = extensions.get(OID.subjectAltName);
  return {
    subject: nameAsText(subject),
    ...(names === undefined ? { uris: [], dns: [] } : alternativeNames(names.value)),
    notBeforeMs: timeOf(notBefore),
    notAfterMs: timeOf(notAfter),
    isStronglySigned: isStrong(membersOf(algorithm, TAG.sequence)),
    isForClients: isForClients(extensions),
    maySignHandshakes: maySignHandshakes(extensions),
    hasUncheckedLimits: [...extensions].some(
      ([oid, { isCritical }]) => oid === OID.nameConstraints || (isCritical && !CHECKED.has(oid)),
    ),
  };
}

const OID = {
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  extendedKeyUsage: '2.5.29.37',
  certificatePolicies: '2.5.29.32',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** Extensions that are looked at; policies name what an issuer promises, and limit nothing. */
const CHECKED: ReadonlySet<string> = new Set([
  OID.keyUsage,
  OID.subjectAltName,
  OID.basicConstraints,
  OID.extendedKeyUsage,
  OID.certificatePolicies,
]);

const VERSION_TAG = 0xa0;
const EXTENSIONS_TAG = 0xa3;

/** The fields from the serial number on. */
function afterVersion(fields: readonly DerElement[]): readonly DerElement[] {
  return fields[0]?.tag === VERSION_TAG ? fields.slice(1) : fields;
}

interface Extension {
  readonly isCritical: boolean;
  readonly value: Buffer;
}

function readExtensions(field: DerElement | undefined): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>();
  if (field === undefined) return extensions;
  const [list] = readElements(field.content);
  for (const extension of membersOf(list, TAG.sequence)) {
    const members = membersOf(extension, TAG.sequence);
    const oid = oidOf(members[0]);
    if (extensions.has(oid)) throw new MalformedDer('an extension comes twice');
    const isCritical = members.length === 3 && contentOf(members[1], TAG.boolean)[0] !== 0;
    extensions.set(oid, { isCritical, value: contentOf(members.at(-1), TAG.octetString) });
  }
  return extensions;
}

/** As OpenSSL checks it of TLS clients and their authorities: without the extension any purpose is allowed. */
function isForClients(extensions: ReadonlyMap<string, Extension>): boolean {
  const extended = extensions.get(OID.extendedKeyUsage);
  if (extended === undefined) return true;
  const [purposes] = readElements(extended.value);
  return membersOf(purposes, TAG.sequence).some((purpose) => oidOf(purpose) === OID.clientAuth);
}

const DIGITAL_SIGNATURE = 0x80;
const KEY_AGREEMENT = 0x08;

function maySignHandshakes(extensions: ReadonlyMap<string, Extension>): boolean {
  const usage = extensions.get(OID.keyUsage);
  if (usage === undefined) return true;
  const [bits] = readElements(usage.value);
  // The first byte is the number of unused bits.
  const first = contentOf(bits, TAG.bitString)[1] ?? 0;
  return (first & (DIGITAL_SIGNATURE | KEY_AGREEMENT)) !== 0;
}

const STRONG: ReadonlySet<string> = new Set([
  // RSA and ECDSA with SHA-256, SHA-384, SHA-512
  ...['1.2.840.113549.1.1.11', '1.2.840.113549.1.1.12', '1.2.840.113549.1.1.13'],
  ...['1.2.840.10045.4.3.2', '1.2.840.10045.4.3.3', '1.2.840.10045.4.3.4'],
  // Ed25519, Ed448
  ...['1.3.101.112', '1.3.101.113'],
]);

const RSA_PSS = '1.2.840.113549.1.1.10';
const SHA_2: ReadonlySet<string> = new Set([
  '2.16.840.1.101.3.4.2.1',
  '2.16.840.1.101.3.4.2.2',
  '2.16.840.1.101.3.4.2.3',
]);

/** SHA-1 and MD5 can be made to collide: such a signature may have been made for another certificate. */
function isStrong([algorithm, parameters]: readonly DerElement[]): boolean {
  const oid = oidOf(algorithm);
  if (oid !== RSA_PSS) return STRONG.has(oid);
  // Without parameters RSASSA-PSS is with SHA-1 (RFC 4055 §3.1).
  const [hash] = membersOf(parameters, TAG.sequence);
  if (hash?.tag !== 0xa0) return false;
  const [identifier] = readElements(hash.content);
  return SHA_2.has(oidOf(membersOf(identifier, TAG.sequence)[0]));
}

const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;

/** Years of two digits are those from 1950 to 2049; seconds and `Z` are always there (RFC 5280 §4.1.2.5). */
function timeOf(element: DerElement | undefined): number {
  const text = element?.content.toString('latin1') ?? '';
  const isShort = element?.tag === UTC_TIME && /^\d{12}Z$/.test(text);
  const isLong = element?.tag === GENERALIZED_TIME && /^\d{14}Z$/.test(text);
  if (!isShort && !isLong) throw new MalformedDer('a time of validity has another form');
  const full = isLong ? text : `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}`;
  const time = Date.parse(full.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (Number.isNaN(time)) throw new MalformedDer('a time of validity is none');
  return time;
}
