import { X509Certificate } from 'node:crypto';
import * as fc from 'fast-check';
import t from 'tap';
import { isRefusal } from '../../../src/core/refusals.ts';
import { readAuthorities } from '../../../src/http/certificates/authorities.ts';
import {
  type CertificateHeaderFormat,
  compileCertificateHeader,
} from '../../../src/http/certificates/certificate-header.ts';
import type { ClientCertificate } from '../../../src/http/certificates/client-certificate.ts';

/* What trusted proxies write into the header of the client certificate, and what is none of it. */

/** The certificate of RFC 8705, appendix A, and its `x5t#S256`. */
const OF_RFC_8705 = `-----BEGIN CERTIFICATE-----
MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAx
ODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG
SM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ
/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID
SQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV
bUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=
-----END CERTIFICATE-----
`;
const THUMBPRINT = 'A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0';
const HASH = Buffer.from(THUMBPRINT, 'base64url').toString('hex');

/** The field of RFC 9440, appendix A. */
const OF_RFC_9440 =
  ':MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:';
const HASH_9440 = 'bfaf1f7e070f9fa8dd62905f158da73f84a1136624fbafcc9393c8f7287a69eb';

const OWN = new X509Certificate(OF_RFC_8705);
const DER = OWN.raw;
const BASE64 = DER.toString('base64');
const KEY = OWN.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
const ESCAPED = encodeURIComponent(OF_RFC_8705);
const ONE_LINE = OF_RFC_8705.trim().replaceAll('\n', ' ');
const OTHER = `-----BEGIN CERTIFICATE-----\n${OF_RFC_9440.slice(1, -1)}\n-----END CERTIFICATE-----\n`;
const BOTH = encodeURIComponent(OF_RFC_8705 + OTHER);

function read(format: CertificateHeaderFormat, ...values: string[]): string | undefined {
  const outcome = compileCertificateHeader({ format, authorities: undefined, clock: Date.now })(values);
  return isRefusal(outcome) ? outcome.code : outcome?.sha256;
}

t.test('the certificates of the RFCs have the thumbprints of the RFCs', async (t) => {
  t.equal(read('rfc9440', OF_RFC_9440), HASH_9440);
  const reader = compileCertificateHeader({ format: 'pem', authorities: undefined, clock: Date.now });
  const certificate = reader([ESCAPED]) as ClientCertificate;
  t.equal(certificate.thumbprint, THUMBPRINT);
  t.equal(certificate.sha256, HASH);
  t.equal(certificate.names(), undefined, 'nobody vouches for it');
});

const flipped = Buffer.from(DER);
flipped[1] = 0x80;

type Row = readonly [name: string, value: string, expected: string | undefined];
const BAD = 'bad_request';

const FORMS: Readonly<Record<CertificateHeaderFormat, readonly Row[]>> = {
  rfc9440: [
    ['one byte sequence', `:${BASE64}:`, HASH],
    ['with space around it', ` :${BASE64}: `, HASH],
    ['without padding', `:${BASE64.replace(/=+$/, '')}:`, HASH],
    ['nothing', '', undefined],
    ['white space', ' \t', undefined],
    ['an empty byte sequence', '::', BAD],
    ['no colons', BASE64, BAD],
    ['one colon', `:${BASE64}`, BAD],
    ['a list', `:${BASE64}:, :${BASE64}:`, BAD],
    ['a list with an empty member', `:${BASE64}:,`, BAD],
    ['a parameter', `:${BASE64}:;a=1`, BAD],
    ['a string', `"${BASE64}"`, BAD],
    ['base64url', `:${DER.toString('base64url')}:`, BAD],
    ['white space inside', `:${BASE64.slice(0, 9)} ${BASE64.slice(9)}:`, BAD],
    ['PEM', ESCAPED, BAD],
    ['PEM in a byte sequence', `:${Buffer.from(OF_RFC_8705).toString('base64')}:`, BAD],
    ['a byte behind it', `:${Buffer.concat([DER, Buffer.alloc(1)]).toString('base64')}:`, BAD],
    ['two certificates', `:${Buffer.concat([DER, DER]).toString('base64')}:`, BAD],
    ['cut', `:${DER.subarray(0, -1).toString('base64')}:`, BAD],
    ['an indefinite length', `:${flipped.toString('base64')}:`, BAD],
    ['a key', `:${KEY}:`, BAD],
    ['not base64', ':%:', BAD],
    ['a NUL', `:${BASE64}:\0`, BAD],
  ],
  pem: [
    ['percent-encoded, as nginx writes it', ESCAPED, HASH],
    ['with lower-case escapes', ESCAPED.replace(/%../g, (code) => code.toLowerCase()), HASH],
    ['with what base64 has as it is, as AWS writes it', encodeURI(OF_RFC_8705), HASH],
    ['with CR LF', encodeURIComponent(OF_RFC_8705.replaceAll('\n', '\r\n')), HASH],
    ['spaces for line breaks, as httpd writes it', ONE_LINE, HASH],
    ['tabs for line breaks, as old nginx writes it', OF_RFC_8705.trim().replaceAll('\n', '\t'), HASH],
    ['nothing', '', undefined],
    ['two', BOTH, BAD],
    ['twice the same', encodeURIComponent(OF_RFC_8705 + OF_RFC_8705), BAD],
    ['separated by a comma', `${ESCAPED},${ESCAPED}`, BAD],
    ['text before it', encodeURIComponent(`subject=x\n${OF_RFC_8705}`), BAD],
    ['text behind it', encodeURIComponent(`${OF_RFC_8705}x`), BAD],
    ['encoded twice', encodeURIComponent(ESCAPED), BAD],
    ['a broken escape', `${ESCAPED}%`, BAD],
    ['an escape beyond ASCII', `${ESCAPED}%ff`, BAD],
    ['no end', encodeURIComponent(OF_RFC_8705.slice(0, -8)), BAD],
    ['nothing between the lines', '-----BEGIN CERTIFICATE----- -----END CERTIFICATE-----', BAD],
    ['another label', encodeURIComponent(OF_RFC_8705.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE')), BAD],
    ['base64 alone', BASE64, BAD],
    ['a byte sequence', `:${BASE64}:`, BAD],
    ['what httpd writes without one', '(null)', BAD],
    ['what nginx logs without one', '-', BAD],
    ['a padding too much', encodeURIComponent(OF_RFC_8705.replace('+SY=', '+SY==')), BAD],
  ],
  xfcc: [
    [
      'as Envoy writes it',
      `By=spiffe://a/gw;Hash=${HASH};Cert="${ESCAPED}";Subject="CN=mtls";URI=;DNS=a;DNS=b`,
      HASH,
    ],
    ['the hash alone', `Hash=${HASH}`, HASH],
    ['in upper case', `HASH=${HASH.toUpperCase()}`, HASH],
    ['the certificate alone', `Cert="${ESCAPED}"`, HASH],
    ['the chain alone', `Chain="${BOTH}"`, HASH],
    ['all of them', `Hash=${HASH};Cert="${ESCAPED}";Chain="${BOTH}"`, HASH],
    ['quotes and separators in a subject', `Hash=${HASH};Subject="CN=a\\"\\;Hash=b,O=x"`, HASH],
    ['a subject that ends with a backslash', `Hash=${HASH};Subject="CN=a\\\\"`, HASH],
    ['keys that are not known', `Hash=${HASH};Later=x`, HASH],
    ['nothing', '', undefined],
    ['two elements', `Hash=${HASH},Hash=${HASH}`, BAD],
    ['an empty element', `Hash=${HASH},`, BAD],
    ['an element in a URI', `Hash=${HASH};URI=spiffe://a,Hash=${HASH_9440}`, BAD],
    ['a second hash in a URI', `Hash=${HASH_9440};URI=spiffe://a;Hash=${HASH}`, BAD],
    ['a second certificate in a URI', `Cert="${ESCAPED}";URI=x;Cert="${ESCAPED}"`, BAD],
    ['a second chain', `Chain="${ESCAPED}";URI=x;chain="${ESCAPED}"`, BAD],
    ['a certificate in a URI that is not that of the hash', `Hash=${HASH_9440};URI=x;Cert="${ESCAPED}"`, BAD],
    ['hash and certificate that disagree', `Hash=${HASH_9440};Cert="${ESCAPED}"`, BAD],
    ['chain and certificate that disagree', `Cert="${ESCAPED}";Chain="${encodeURIComponent(OTHER)}"`, BAD],
    ['hash and chain that disagree', `Hash=${HASH};Chain="${encodeURIComponent(OTHER)}"`, BAD],
    ['a short hash', `Hash=${HASH.slice(2)}`, BAD],
    ['an empty hash', 'Hash=', BAD],
    ['a hash in base64', `Hash=${THUMBPRINT}`, BAD],
    ['no hash and no certificate', 'By=spiffe://a;URI=spiffe://b', BAD],
    ['two certificates in one', `Cert="${BOTH}"`, BAD],
    ['a hash beside an unreadable certificate', `Hash=${HASH};Cert="x"`, BAD],
    ['a hash beside an empty certificate', `Hash=${HASH};Cert=""`, BAD],
    ['a hash beside an empty chain', `Hash=${HASH};Chain=""`, BAD],
    ['an open quote', `Hash=${HASH};Subject="CN=a`, BAD],
    ['text behind a quote', `Hash=${HASH};Subject="CN=a"b`, BAD],
    ['a quote in a plain value', `Hash=${HASH};URI=a"b`, BAD],
    ['no value', `Hash=${HASH};URI`, BAD],
    ['no key', `=${HASH}`, BAD],
    ['a separator at the end', `Hash=${HASH};`, BAD],
    ['a space before a key', `Hash=${HASH}; URI=a`, BAD],
    ['text', HASH, BAD],
  ],
};

for (const [format, rows] of Object.entries(FORMS) as [CertificateHeaderFormat, readonly Row[]][]) {
  t.test(`${format}: what is one certificate, none, or unreadable`, async (t) => {
    for (const [name, value, expected] of rows) t.equal(read(format, value), expected, name);
    t.equal(read(format), undefined, 'no field');
    const good = rows[0]?.[1] ?? '';
    t.equal(read(format, good, good), BAD, 'the field twice');
    t.equal(read(format, good, ''), BAD, 'the field twice, once empty');
    t.equal(read(format, '', ''), BAD, 'the field twice, empty');
  });
}

t.test('a reader remembers what it read, and not for ever', async (t) => {
  const reader = compileCertificateHeader({ format: 'xfcc', authorities: undefined, clock: Date.now });
  const first = reader([`Hash=${HASH}`]);
  t.equal(reader([`Hash=${HASH}`]), first);
  const once = reader([`By=once;Hash=${HASH}`]);
  for (let at = 0; at < 5000; at += 1) reader([`Hash=${HASH};By=${at}`]);
  const again = reader([`By=once;Hash=${HASH}`]) as ClientCertificate;
  t.not(again, once);
  t.equal(again.sha256, HASH);
});

t.test('no bytes in the place of a certificate make a reader fail', async (t) => {
  const certificates = [DER, Buffer.from(OF_RFC_9440.slice(1, -1), 'base64')];
  const { authorities } = readAuthorities(Buffer.from(OF_RFC_8705));
  const reader = compileCertificateHeader({ format: 'rfc9440', authorities, clock: Date.now });
  const edit = fc.record({ at: fc.nat(450), byte: fc.nat(255), isCut: fc.boolean() });
  let readable = 0;
  fc.assert(
    fc.property(fc.constantFrom(...certificates), fc.array(edit, { maxLength: 3 }), (der, edits) => {
      let bytes = Buffer.from(der);
      for (const { at, byte, isCut } of edits) {
        if (isCut && edits.length > 2) bytes = bytes.subarray(0, at);
        else if (at < bytes.length) bytes[at] = byte;
      }
      const outcome = reader([`:${bytes.toString('base64')}:`]);
      if (outcome === undefined || isRefusal(outcome)) return;
      readable += 1;
      if (outcome.names() !== undefined) throw new Error('nobody vouches for these');
    }),
    { numRuns: 3000 },
  );
  t.ok(readable > 100, `${readable} could be read`);
});

t.test('of more certificates than are kept, those that come again and again stay kept', async (t) => {
  const reader = compileCertificateHeader({ format: 'rfc9440', authorities: undefined, clock: Date.now });
  const nth = (n: number) => {
    const der = Buffer.from(DER);
    der.writeUInt16BE(n, der.length - 2);
    return reader([`:${der.toString('base64')}:`]);
  };
  const often = nth(0);
  const first = nth(1);
  const hundreds = Array.from({ length: 700 }, (_, n) => nth(n + 2));
  t.ok(hundreds.every((kept, n) => kept === nth(n + 2)));
  for (let n = 1000; n < 5000; n += 1) {
    nth(n);
    if (nth(0) !== often) t.fail(`it was read again after ${n} others`);
  }
  t.not(nth(1), first, 'not all are kept');
});
