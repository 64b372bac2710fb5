import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { connectRaw, type RawConnection, rawRequest } from '../../support/clients/raw.ts';
import { type Harness, startHarness } from '../../support/gateway/gateway-harness.ts';
import {
  type Certificate,
  hasOpenssl,
  makeAuthority,
  makeCertificate,
} from '../../support/tls/certificates.ts';

/* What open connections show of their certificates, once a reload has changed the authorities that vouch for them. */

const skip = hasOpenssl() ? false : 'openssl is not installed';
const NOTHING: Certificate = { cert: '', key: '' };
const first = skip ? NOTHING : makeAuthority('clients-ca');
const second = skip ? NOTHING : makeAuthority('other-ca');
/** Another authority with the same name. */
const namesake = skip ? NOTHING : makeAuthority('clients-ca');
const server = skip ? NOTHING : makeCertificate({ subject: '/CN=localhost', by: first });

const URI = 'spiffe://example.org/alice';

function clientOf(by: Certificate): Certificate {
  if (by.cert === '') return NOTHING;
  return makeCertificate({ subject: '/CN=alice', extensions: [`subjectAltName=URI:${URI}`], by });
}

const intermediate = skip
  ? NOTHING
  : makeCertificate({
      subject: '/CN=intermediate',
      extensions: ['basicConstraints=critical,CA:TRUE'],
      by: first,
    });
const alice = clientOf(first);
const deep = clientOf(intermediate);
const withChain = { cert: `${deep.cert}${intermediate.cert}`, key: deep.key };

const pemOf = (...certificates: readonly Certificate[]): string =>
  certificates.map(({ cert }) => cert).join('\n');

const over = ({ cert, key }: Certificate): ConnectionOptions => ({
  ca: first.cert,
  servername: 'localhost',
  cert,
  key,
});

function startTls(t: Test, authorities: string, clientCert = 'optional'): Promise<Harness> {
  return startHarness(t, {
    listen: { tls: { cert: 'tls.crt', key: 'tls.key', clientCa: 'ca.pem', clientCert } },
    files: { 'tls.crt': server.cert, 'tls.key': server.key, 'ca.pem': authorities },
    routes: [
      { name: 'any', path: '/any', upstream: 'backend', access: 'authenticated' },
      {
        name: 'when',
        path: '/when',
        upstream: 'backend',
        access: { when: `"${URI}" in request.certificate.uris` },
      },
    ],
    file: { identity: { headers: { 'x-cert-uri': '$certificateUri', 'x-cert': '$certificateSha256' } } },
    reloads: true,
  });
}

async function renew(t: Test, harness: Harness, ...authorities: readonly Certificate[]): Promise<void> {
  writeFileSync(`${harness.folder}/ca.pem`, pemOf(...authorities));
  t.not(await harness.reload(), 'refused');
}

async function ask(
  connection: RawConnection,
  path: string,
  token: string,
): Promise<string | number | undefined> {
  connection.send(rawRequest(`GET ${path} HTTP/1.1`, [`Authorization: Bearer ${token}`]));
  const response = await connection.read();
  return response?.code ?? response?.status;
}

const boundTo = ({ cert }: Certificate) => ({
  cnf: {
    'x5t#S256': Buffer.from(new X509Certificate(cert).fingerprint256.replaceAll(':', ''), 'hex').toString(
      'base64url',
    ),
  },
});

for (const clientCert of ['optional', 'required']) {
  t.test(
    `an authority that a reload takes out vouches for no open connection (${clientCert})`,
    { skip },
    async (t) => {
      const harness = await startTls(t, pemOf(first), clientCert);
      const { port, issuer, upstream } = harness;
      const token = await issuer.token(boundTo(alice));
      const used = await connectRaw(port, over(alice));
      const unused = await connectRaw(port, over(alice));
      t.teardown(() => [used, unused].map((connection) => connection.destroy()));
      t.equal(await ask(used, '/when', token), 200);
      await renew(t, harness, second);
      for (const connection of [used, unused]) {
        t.equal(await ask(connection, '/when', token), 'condition_failed');
        t.equal(await ask(connection, '/any', token), 200, 'the fingerprint still counts');
        const headers = upstream.requests.at(-1)?.headers;
        t.equal(headers?.['x-cert-uri'], undefined);
        t.type(headers?.['x-cert'], 'string');
      }
      await renew(t, harness, second, first);
      t.equal(await ask(used, '/when', token), 200, 'it is back');
    },
  );
}

t.test('nor for one with HTTP/2', { skip }, async (t) => {
  const harness = await startTls(t, pemOf(first));
  const token = await harness.issuer.token();
  const session = connectHttp2(`https://127.0.0.1:${harness.port}`, over(alice));
  t.teardown(() => session.destroy());
  const statusOf = async (): Promise<number | undefined> => {
    const stream = session.request({ ':path': '/when', authorization: `Bearer ${token}` });
    const [head] = await once(stream, 'response');
    stream.resume();
    await once(stream, 'close');
    return head[':status'];
  };
  t.equal(await statusOf(), 200);
  await renew(t, harness, second);
  t.equal(await statusOf(), 403);
});

t.test('what could have vouched for a certificate must all be left', { skip }, async (t) => {
  const cases: readonly (readonly [
    string,
    Certificate,
    readonly Certificate[],
    readonly Certificate[],
    string | number,
  ])[] = [
    ['the same in another order', alice, [first, second], [second, first], 200],
    ['one more', alice, [first], [second, first], 200],
    ['one more, for a client that sent its intermediate', withChain, [first], [first, second], 200],
    ['another taken out', alice, [first, second], [first], 200],
    ['its own taken out', alice, [first, second], [second], 'condition_failed'],
    ['a namesake put in its place', alice, [first], [namesake], 'condition_failed'],
    ['it taken out, but not its namesake', alice, [first, namesake], [namesake], 'condition_failed'],
    ['another taken out, by intermediate', deep, [first, intermediate, second], [intermediate, first], 200],
    ['the intermediate taken out', deep, [first, intermediate], [first], 'condition_failed'],
    [
      'the root of the intermediate replaced',
      deep,
      [first, intermediate],
      [intermediate, second],
      'condition_failed',
    ],
    // Whether what the client sent still leads to a root is not known.
    ['another taken out, intermediate sent', withChain, [first, second], [first], 'condition_failed'],
  ];
  const harness = await startTls(t, pemOf(namesake, second));
  const token = await harness.issuer.token();
  for (const [name, client, before, after, expected] of cases) {
    await renew(t, harness, ...before);
    const connection = await connectRaw(harness.port, over(client));
    t.equal(await ask(connection, '/when', token), 200, `${name}: before`);
    await renew(t, harness, ...after);
    t.equal(await ask(connection, '/when', token), expected, name);
    connection.destroy();
  }
});

t.test('a session that began under other authorities is not resumed', { skip }, async (t) => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const harness = await startTls(t, pemOf(first));
    const { port, issuer } = harness;
    const token = await issuer.token();
    let session: Buffer | undefined;
    const begun = await connectRaw(port, { ...over(alice), maxVersion });
    begun.socket.on('session', (ticket: Buffer) => {
      session = ticket;
    });
    t.equal(await ask(begun, '/when', token), 200);
    session ??= (begun.socket as TLSSocket).getSession();
    begun.destroy();
    await renew(t, harness, second);
    const outcome = await connectRaw(port, { ...over(alice), maxVersion, session }).then(
      async (resumed) => {
        const code = await ask(resumed, '/when', token).catch(() => 'closed');
        resumed.destroy();
        return code ?? 'closed';
      },
      () => 'closed',
    );
    t.equal(outcome, 'closed', maxVersion);
  }
});

t.test('a file with which TLS could verify nobody stops the start, at its place', { skip }, async (t) => {
  const cases = [
    [pemOf(alice), /certificate 1 of the file is not that of an authority/],
    [pemOf(first, alice), /certificate 2 of the file is not that of an authority/],
    [pemOf(intermediate), /intermediates alone/],
  ] as const;
  for (const [pem, words] of cases) {
    const message = await startTls(t, pem).then(
      () => 'started',
      (error: Error) => error.message,
    );
    t.match(message, words);
    t.match(message, 'listen.tls.clientCa');
  }
});

t.test('a client that signed its own certificate is let in by a file that has it', { skip }, async (t) => {
  const own = makeCertificate({
    subject: '/CN=alice',
    extensions: ['basicConstraints=critical,CA:FALSE', `subjectAltName=URI:${URI}`],
  });
  const { port, issuer } = await startTls(t, pemOf(own), 'required');
  const connection = await connectRaw(port, over(own));
  t.equal(await ask(connection, '/when', await issuer.token()), 200);
  connection.destroy();
});
