import t from 'tap';
import { loadText } from '../../../support/config/config-text.ts';

/* What a file has of client certificates must be able to come true. */

interface File {
  readonly listen?: string;
  readonly access?: string;
  readonly identity?: string;
  readonly more?: string;
}

const fileOf = ({ listen = '{}', access = 'authenticated', identity = '{}', more = '' }: File): string => `
listen: ${listen}
issuers: { corp: { issuer: https://id.example, audiences: [api] } }
upstreams: { app: { url: http://app.example:3000 } }
identity: ${identity}
routes:
  - { name: r, path: /a, upstream: app, access: ${access}, tokenFrom: [{ header: x-token }] }
${more}`;

const HEADER = 'clientCertHeader: { name: client-cert, format: rfc9440';
const TRUSTED = 'trustedProxies: [192.0.2.1]';
const OWN_TLS = '{ tls: { cert: c, key: k, clientCa: ca } }';
const ASKED = 'decisions: { grpc: 9001 }';
const named = (name: string) => `{ ${TRUSTED}, clientCertHeader: { name: ${name}, format: pem } }`;

const FINE: readonly (readonly [string, File])[] = [
  ['a header and its proxy', { listen: `{ ${TRUSTED}, ${HEADER} } }` }],
  ['a header in questions alone', { listen: `{ ${HEADER} } }`, more: 'decisions: {}' }],
  ['the header of Envoy', { listen: named('X-Forwarded-Client-Cert') }],
  ['that of Traefik', { listen: named('X-Forwarded-Tls-Client-Cert') }],
  ['that of AWS', { listen: named('X-Amzn-Mtls-Clientcert-Leaf') }],
  ['binding by the connection', { listen: OWN_TLS, access: '{ binding: mtls }' }],
  ['binding by the header', { listen: `{ ${TRUSTED}, ${HEADER} } }`, access: '{ binding: mtls }' }],
  ['binding by Checks', { access: '{ binding: any }', more: ASKED }],
  ['names by the connection', { listen: OWN_TLS, identity: '{ headers: { x-uri: $certificateUri } }' }],
  [
    'names by a header with `ca`',
    { listen: `{ ${TRUSTED}, ${HEADER}, ca: a } }`, identity: '{ headers: { x-uri: $certificateSubject } }' },
  ],
  [
    'the fingerprint by a header without',
    { listen: `{ ${TRUSTED}, ${HEADER} } }`, identity: '{ headers: { x-cert: $certificateSha256 } }' },
  ],
];

const WRONG: readonly (readonly [string, File, string, RegExp])[] = [
  ...['0.0.0.0/0', '::/0'].map(
    (range) =>
      [
        `everybody is trusted, as ${range}`,
        { listen: `{ trustedProxies: [192.0.2.1, "${range}"], ${HEADER} } }` },
        'listen/trustedProxies/1',
        /anybody may claim any certificate/,
      ] as const,
  ),
  [
    'everybody is trusted with questions',
    { listen: `{ ${HEADER} } }`, more: 'decisions: { trustedProxies: [0.0.0.0/0] }' },
    'decisions/trustedProxies/0',
    /anybody may claim any certificate/,
  ],
  ['no proxy is trusted', { listen: `{ ${HEADER} } }` }, 'listen/clientCertHeader', /no proxy is trusted/],
  ...[
    ...['authorization', 'Host', 'COOKIE', 'dpop', 'origin', 'content-type', 'connection', 'te', 'forwarded'],
    ...['x-forwarded-for', 'X_Forwarded_Proto', 'x-request-id', 'x-http-method-override', 'x-sealgate-a'],
    ...['x-user-id', 'X_User.Id', 'x-token', 'x-forwarded-access-token', 'sec-websocket-key', 'mcp-name'],
  ].map(
    (name) =>
      [`the name ${name}`, { listen: named(name) }, 'listen/clientCertHeader/name', /cannot hold/] as const,
  ),
  ['binding by nothing', { access: '{ binding: mtls }' }, 'routes/0/access/binding', /no client shows/],
  [
    'any binding by nothing',
    { access: '{ binding: any }' },
    'routes/0/access/binding',
    /no token is accepted/,
  ],
  [
    'DPoP that no issuer has',
    { listen: OWN_TLS, access: '{ binding: dpop }' },
    'routes/0/access/binding',
    /`dpop`/,
  ],
  [
    'binding of a policy',
    { access: '[{ policy: p }]', more: 'policies: { p: { binding: mtls } }' },
    'policies/p/binding',
    /no client shows/,
  ],
  [
    'a source without certificates',
    { identity: '{ headers: { x-cert: $certificateSha256 } }' },
    'identity/headers/x-cert',
    /no client shows/,
  ],
  [
    'names without an authority',
    { listen: `{ ${TRUSTED}, ${HEADER} } }`, identity: '{ headers: { x-uri: { claim: $certificateUri } } }' },
    'identity/headers/x-uri',
    /no authority vouches/,
  ],
  [
    'names from Checks',
    { identity: '{ headers: { x-uri: $certificateUri } }', more: ASKED },
    'identity/headers/x-uri',
    /no authority/,
  ],
  [
    'a misspelt source',
    { identity: '{ headers: { x-uri: $certificateUrl } }' },
    'identity/headers/x-uri',
    /unknown source/,
  ],
  [
    'a form that is none',
    { listen: `{ ${TRUSTED}, clientCertHeader: { name: a, format: der } }` },
    'listen/clientCertHeader/format',
    /rfc9440/,
  ],
  [
    'a header without a name',
    { listen: `{ ${TRUSTED}, clientCertHeader: { format: pem } }` },
    'listen/clientCertHeader/name',
    /missing|mandatory|expected/i,
  ],
];

const UNLIKELY: readonly (readonly [name: string, format: string, usual: string | undefined])[] = [
  ['x-forwarded-client-cert', 'rfc9440', 'xfcc'],
  ['X_Forwarded_Client_Cert', 'pem', 'xfcc'],
  ['client-cert', 'xfcc', 'rfc9440'],
  ['x-amzn-mtls-clientcert-leaf', 'xfcc', 'pem'],
  ['x-forwarded-client-cert', 'xfcc', undefined],
  ['client-cert', 'rfc9440', undefined],
  ['x-client-cert', 'rfc9440', undefined],
];

for (const [name, format, usual] of UNLIKELY) {
  const outcome = usual === undefined ? 'no warning' : 'a warning';
  t.test(`${outcome}: the header ${name} with the format ${format}`, async (t) => {
    const { problems } = loadText(
      fileOf({ listen: `{ ${TRUSTED}, clientCertHeader: { name: ${name}, format: ${format} } }` }),
    );
    const found = problems.filter(({ path }) => path === 'listen.clientCertHeader.format');
    t.strictSame(
      found.map(({ severity, hint }) => [severity, hint?.includes(`format: ${usual}`)]),
      usual === undefined ? [] : [['warning', true]],
    );
  });
}

for (const [name, file] of FINE) {
  t.test(`fine: ${name}`, async (t) => {
    const { problems } = loadText(fileOf(file));
    t.strictSame(
      problems.filter(({ severity }) => severity === 'error'),
      [],
    );
  });
}

for (const [name, file, path, words] of WRONG) {
  t.test(`an error: ${name}`, async (t) => {
    const { problems } = loadText(fileOf(file));
    const errors = problems.filter(({ severity }) => severity === 'error');
    const found = errors.find((problem) =>
      problem.path.replaceAll(/[.[]/g, '/').replaceAll(']', '').startsWith(path),
    );
    t.match(found?.message, words, JSON.stringify(problems));
    t.equal(errors.length, 1);
  });
}
