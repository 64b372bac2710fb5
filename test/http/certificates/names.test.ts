import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { readAuthorities } from '../../../src/http/certificates/authorities.ts';
import { readClientCertificate } from '../../../src/http/certificates/client-certificate.ts';
import {
  type Certificate,
  type CertificateWishes,
  hasOpenssl,
  makeCertificate,
} from '../../support/tls/certificates.ts';

/* Which names of a certificate count, when, and how they are written. */

const skip = hasOpenssl() ? false : 'openssl is not installed';
const CA = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
const NONE: Certificate = { cert: '', key: '' };
const make = (wishes: CertificateWishes): Certificate => (skip ? NONE : makeCertificate(wishes));
const authority = (subject: string, wishes: Partial<CertificateWishes> = {}) =>
  make({ subject, extensions: CA, days: 10, ...wishes });

const root = authority('/CN=root');
const intermediate = authority('/CN=intermediate', { by: root });
const SAN =
  'subjectAltName=URI:spiffe://example.org/orders,URI:urn:x,DNS:orders.example.org,IP:192.0.2.1,email:a@b.c';
const leaf = (wishes: Partial<CertificateWishes> = {}) =>
  make({ subject: '/CN=orders', extensions: [SAN], by: root, days: 5, ...wishes });

/** The names that count of a certificate. */
function namesOf({ cert }: Certificate, file: string, nowMs = Date.now()) {
  const { authorities } = readAuthorities(Buffer.from(file));
  const der = new X509Certificate(cert).raw;
  return readClientCertificate(der, { by: authorities, clock: () => nowMs })?.names();
}

t.test('what an authority of the file signed has names', { skip }, async (t) => {
  const names = namesOf(leaf(), `a comment\n${intermediate.cert}${root.cert}`);
  t.match(names, {
    subject: 'CN=orders',
    uris: ['spiffe://example.org/orders', 'urn:x'],
    dns: ['orders.example.org'],
  });
  t.match(
    namesOf(leaf({ by: intermediate }), intermediate.cert),
    { subject: 'CN=orders' },
    'an intermediate',
  );
  t.strictSame(namesOf(leaf({ extensions: ['keyUsage=digitalSignature'] }), root.cert)?.uris, []);
});

t.test('what none of them vouches for has none', { skip }, async (t) => {
  const impostor = authority('/CN=root');
  const cases: readonly (readonly [string, Certificate, string])[] = [
    ['signed itself', make({ subject: '/CN=orders', extensions: [SAN] }), root.cert],
    ['signed by one of the same name', leaf({ by: impostor }), root.cert],
    [
      'signed by one of the same name, with no identifier of its key',
      leaf({ by: impostor, extensions: [SAN, 'authorityKeyIdentifier=none'] }),
      root.cert,
    ],
    ['signed by an intermediate that is not in the file', leaf({ by: intermediate }), root.cert],
    ['signed by another certificate of a client', leaf({ by: leaf() }), root.cert],
    ['for servers', leaf({ extensions: [SAN, 'extendedKeyUsage=serverAuth'] }), root.cert],
    ['a key for encryption alone', leaf({ extensions: [SAN, 'keyUsage=keyEncipherment'] }), root.cert],
    [
      'a critical extension that is not known',
      leaf({ extensions: [SAN, '1.2.3.4=critical,DER:0500'] }),
      root.cert,
    ],
    ['SHA-1', leaf({ digest: 'sha1' }), root.cert],
    ['no authority at all', leaf(), ''],
  ];
  for (const [name, certificate, file] of cases) t.equal(namesOf(certificate, file), undefined, name);
  t.match(namesOf(leaf({ extensions: [SAN, 'extendedKeyUsage=clientAuth,serverAuth'] }), root.cert), {
    dns: [/./],
  });
  t.match(namesOf(leaf({ extensions: [SAN, '1.2.3.4=DER:0500'] }), root.cert), { dns: [/./] });
});

t.test(
  'names count while certificate and authority are valid, by the clock of the gateway',
  { skip },
  async (t) => {
    const DAY = 24 * 3600 * 1000;
    const certificate = leaf();
    const { validFrom, validTo } = new X509Certificate(certificate.cert);
    const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
    const isNamed = (nowMs: number, file = root.cert) => namesOf(certificate, file, nowMs) !== undefined;
    t.strictSame(
      [from - 1, from, to, to + 999, to + 1000].map((at) => isNamed(at)),
      [false, true, true, true, false],
    );
    const brief = authority('/CN=brief', { days: 1 });
    const outlives = leaf({ by: brief });
    t.ok(namesOf(outlives, brief.cert));
    t.equal(namesOf(outlives, brief.cert, Date.now() + 2 * DAY), undefined, 'the authority has expired');
  },
);

t.test('files of authorities that cannot vouch are reported', { skip }, async (t) => {
  const faultsOf = (pem: string) => readAuthorities(Buffer.from(pem)).faults;
  t.strictSame(faultsOf(root.cert + intermediate.cert), []);
  t.match(faultsOf(''), [/no PEM certificate/]);
  t.match(faultsOf(root.key), [/no PEM certificate/]);
  t.match(faultsOf(root.cert + leaf().cert), [/certificate 2 .*not that of an authority/]);
  t.match(faultsOf(root.cert.replace(/\n[^\n]{20}/, '\n')), [/cannot be read/]);
  const narrow = authority('/CN=narrow', { extensions: [...CA, 'nameConstraints=permitted;DNS:a.example'] });
  t.match(faultsOf(narrow.cert), [/name constraints/]);
  t.match(faultsOf(authority('/CN=web', { extensions: [...CA, 'extendedKeyUsage=serverAuth'] }).cert), [
    /of clients/,
  ]);
});

t.test('subjects are written as RFC 4514 has them', { skip }, async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['/C=DE/O=Example/OU=Payments/CN=orders', 'CN=orders,OU=Payments,O=Example,C=DE'],
    ['/O=Example, Inc./CN=a', 'CN=a,O=Example\\, Inc.'],
    ['/O="A" <b>;c/CN=a', 'CN=a,O=\\"A\\" \\<b\\>\\;c'],
    ['/CN=#a', 'CN=\\#a'],
    ['/CN= a ', 'CN=\\ a\\ '],
    ['/CN= ', 'CN=\\ '],
    ['/CN=a\\+b', 'CN=a\\+b'],
    ['/CN=a\\\\b', 'CN=a\\\\b'],
    ['/DC=com/DC=example/UID=7', 'UID=7,DC=example,DC=com'],
    ['/CN=Lučić', 'CN=Lučić'],
    ['/CN=a/emailAddress=a@example.org', 'emailAddress=a@example.org,CN=a'],
    ['/CN=a/serialNumber=7', 'serialNumber=7,CN=a'],
    ['/organizationIdentifier=x/CN=a', 'CN=a,2.5.4.97=#0c0178'],
    ['/', ''],
  ];
  for (const [subject, expected] of cases)
    t.equal(namesOf(leaf({ subject }), root.cert)?.subject, expected, subject);
  t.equal(
    namesOf(leaf({ subject: '/CN=a+OU=b' }), root.cert)
      ?.subject.split('+')
      .sort()
      .join('+'),
    'CN=a+OU=b',
  );
});

t.test('an alternative name that is not printable ASCII is left out', { skip }, async (t) => {
  // A sequence of a URI with NUL, another with a space, and one that is fine.
  const names = ['8603610062', '8603612062', '86016a'].join('');
  const value = `30${(names.length / 2).toString(16).padStart(2, '0')}${names}`;
  const odd = leaf({ extensions: [`2.5.29.17=DER:${value}`] });
  t.strictSame(namesOf(odd, root.cert)?.uris, ['j']);
});
