import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { connectRaw, rawRequest } from '../support/clients/raw.ts';
import { type Harness, type HarnessOptions, startHarness } from '../support/gateway/gateway-harness.ts';
import { type Certificate, hasOpenssl, makeAuthority, makeCertificate } from '../support/tls/certificates.ts';

/* Certificates of clients over real connections: what a token is bound to, what rules and backends learn of them. */

const skip = hasOpenssl() ? false : 'openssl is not installed';
const authority = skip ? undefined : makeAuthority('clients-ca');
const server = authority?.issue('localhost');

function clientOf(name: string, by = authority): Certificate {
  if (by === undefined) return { cert: '', key: '' };
  return makeCertificate({
    subject: `/O=Example, Inc./CN=${name}`,
    extensions: [`subjectAltName=URI:spiffe://example.org/${name},DNS:${name}.example.org`],
    by,
  });
}

const alice = clientOf('alice');
const bob = clientOf('bob');

function digestOf({ cert }: Certificate, encoding: 'hex' | 'base64url'): string {
  if (cert === '') return '';
  return Buffer.from(new X509Certificate(cert).fingerprint256.replaceAll(':', ''), 'hex').toString(encoding);
}

const boundTo = (certificate: Certificate) => ({ cnf: { 'x5t#S256': digestOf(certificate, 'base64url') } });

const IDENTITY = {
  headers: {
    'x-cert-uri': '$certificateUri',
    'x-cert-subject': '$certificateSubject',
    'x-cert-sha256': '$certificateSha256',
  },
};

const ROUTES = [
  { name: 'any', path: '/any', upstream: 'backend', access: 'authenticated', websocket: true },
  { name: 'open', path: '/open', upstream: 'backend', access: 'public' },
  { name: 'bound', path: '/bound', upstream: 'backend', access: { binding: 'mtls' } },
  { name: 'reports', path: '/reports', upstream: 'backend', access: { binding: 'any' }, mode: 'report' },
  {
    name: 'when',
    path: '/when',
    upstream: 'backend',
    access: { when: '"spiffe://example.org/alice" in request.certificate.uris' },
  },
];

function startTls(t: Test, { listen, ...options }: HarnessOptions = {}): Promise<Harness> {
  return startHarness(t, {
    routes: ROUTES,
    ...options,
    file: { identity: IDENTITY, ...options.file },
    listen: {
      tls: { cert: 'tls.crt', key: 'tls.key', clientCa: 'ca.pem', clientCert: 'optional' },
      ...listen,
    },
    files: {
      'tls.crt': server?.cert ?? '',
      'tls.key': server?.key ?? '',
      'ca.pem': authority?.cert ?? '',
      'clients.pem': authority?.cert ?? '',
    },
  });
}

const over = (certificate?: Certificate): ConnectionOptions => ({
  ca: authority?.cert,
  servername: 'localhost',
  ...(certificate && { cert: certificate.cert, key: certificate.key }),
});

interface Ask {
  readonly token?: string | undefined;
  readonly fields?: readonly string[];
}

const request = (path: string, { token, fields = [] }: Ask): string =>
  rawRequest(`GET ${path} HTTP/1.1`, [
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ...fields,
  ]);

/** The code of the refusal, or the status, of a request over a connection of its own. */
async function ask(
  port: number,
  path: string,
  { tls, ...sent }: Ask & { readonly tls?: ConnectionOptions | undefined },
): Promise<string | number | undefined> {
  const connection = await connectRaw(port, tls);
  connection.send(request(path, sent));
  const response = await connection.read();
  connection.destroy();
  return response?.code ?? response?.status;
}

t.test('a bound token is good with its certificate alone', { skip }, async (t) => {
  const { port, issuer } = await startTls(t);
  const token = await issuer.token(boundTo(alice));
  const upper = digestOf(alice, 'hex').toUpperCase();
  const cases: readonly (readonly [string, unknown, Certificate | undefined, string | number])[] = [
    ['its own', boundTo(alice), alice, 200],
    ['another of the same authority', boundTo(alice), bob, 'token_bound'],
    ['none', boundTo(alice), undefined, 'token_bound'],
    ['unbound, with a certificate', {}, alice, 200],
    ['unbound, without', {}, undefined, 200],
    ['padded', { cnf: { 'x5t#S256': `${digestOf(alice, 'base64url')}=` } }, alice, 'token_bound'],
    ['in hex', { cnf: { 'x5t#S256': digestOf(alice, 'hex') } }, alice, 'token_bound'],
    ['in upper-case hex', { cnf: { 'x5t#S256': upper } }, alice, 'token_bound'],
    ['empty', { cnf: { 'x5t#S256': '' } }, undefined, 'token_bound'],
    ['null', { cnf: { 'x5t#S256': null } }, undefined, 'token_bound'],
    ['a list', { cnf: { 'x5t#S256': [digestOf(alice, 'base64url')] } }, alice, 'token_bound'],
    ['SHA-1', { cnf: { x5t: digestOf(alice, 'base64url') } }, alice, 'token_bound'],
    ['beside a member that is not known', { cnf: { ...boundTo(alice).cnf, jku: 'x' } }, alice, 200],
    ['beside a key', { cnf: { ...boundTo(alice).cnf, jkt: 'x' } }, alice, 'token_bound'],
    ['at the top', { 'x5t#S256': digestOf(alice, 'base64url'), cnf: {} }, alice, 'token_bound'],
  ];
  for (const [name, claims, certificate, expected] of cases) {
    const own = await issuer.token(claims as Record<string, unknown>);
    t.equal(await ask(port, '/any', { token: own, tls: over(certificate) }), expected, name);
  }
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
    t.equal(await ask(port, '/any', { token, tls: { ...over(alice), maxVersion } }), 200, maxVersion);
});

t.test('the reason shows whether the certificate was missing or another one', { skip }, async (t) => {
  const { port, issuer, lines } = await startTls(t);
  const token = await issuer.token(boundTo(alice));
  await ask(port, '/any', { token, tls: over() });
  await ask(port, '/any', { token, tls: over(bob) });
  const [missing, other] = lines.map(({ reason }) => reason);
  t.match(missing, /came without one/);
  // The causes: certificate_missing, 'certificate_mismatch'
  t.match(other, /another client certificate/);
});

t.test('every request of a kept connection has its certificate, and no other does', { skip }, async (t) => {
  const { port, issuer, upstream } = await startTls(t);
  const ofAlice = await issuer.token(boundTo(alice));
  const ofBob = await issuer.token(boundTo(bob));
  const unbound = await issuer.token();
  const [first, second] = [await connectRaw(port, over(alice)), await connectRaw(port, over(bob))];
  const codes: unknown[] = [];
  for (const [connection, token] of [
    [first, ofAlice],
    [first, ofBob],
    [second, ofAlice],
    [first, ofAlice],
    [second, ofBob],
    // Both send one token, which the cache knows.
    [first, unbound],
    [second, unbound],
    [first, unbound],
  ] as const) {
    connection.send(request('/any', { token }));
    const response = await connection.read();
    codes.push(response?.code ?? response?.status);
  }
  t.strictSame(codes, [200, 'token_bound', 'token_bound', 200, 200, 200, 200, 200]);
  const uris = upstream.requests.slice(-3).map(({ headers }) => headers['x-cert-uri']);
  const [a, b] = ['spiffe://example.org/alice', 'spiffe://example.org/bob'];
  t.strictSame(uris, [a, b, a]);
  first.destroy();
  second.destroy();
});

t.test('backends learn of the certificate, encoded as all identity is', { skip }, async (t) => {
  const { port, issuer, upstream } = await startTls(t);
  const token = await issuer.token();
  await ask(port, '/any', { token, tls: over(alice) });
  await ask(port, '/any', { token, tls: over(), fields: ['X-Cert-Uri: spoof', 'X_Cert_Subject: spoof'] });
  const [shown, hidden] = upstream.requests.map(({ headers }) => headers);
  t.equal(shown?.['x-cert-uri'], 'spiffe://example.org/alice');
  t.equal(decodeURIComponent(String(shown?.['x-cert-subject'])), 'CN=alice,O=Example\\, Inc.');
  t.equal(shown?.['x-cert-sha256'], digestOf(alice, 'hex'));
  t.notMatch(JSON.stringify(hidden), /cert|spoof/i);
});

t.test('conditions ask for it, also with a token that they have seen', { skip }, async (t) => {
  const { port, issuer } = await startTls(t);
  const token = await issuer.token();
  for (const [certificate, expected] of [
    [alice, 200],
    [bob, 'condition_failed'],
    [undefined, 'condition_failed'],
    [alice, 200],
  ] as const)
    t.equal(await ask(port, '/when', { token, tls: over(certificate) }), expected);
});

t.test('binding asks for a bound token, in report mode too', { skip }, async (t) => {
  const { port, issuer } = await startTls(t);
  const bound = await issuer.token(boundTo(alice));
  const unbound = await issuer.token();
  const code = 'binding_required';
  t.equal(await ask(port, '/bound', { token: bound, tls: over(alice) }), 200);
  t.equal(await ask(port, '/bound', { token: bound, tls: over(bob) }), 'token_bound');
  t.equal(await ask(port, '/bound', { token: unbound, tls: over(alice) }), code);
  t.equal(await ask(port, '/reports', { token: unbound, tls: over(alice) }), code);
  t.equal(await ask(port, '/reports', { token: bound, tls: over(alice) }), 200);
  t.equal(await ask(port, '/reports', { token: bound, tls: over() }), 'token_bound');
});

t.test('over HTTP/2 too, for each request of a connection', { skip }, async (t) => {
  const { port, issuer, upstream } = await startTls(t);
  const session = connectHttp2(`https://127.0.0.1:${port}`, over(alice));
  t.teardown(() => session.destroy());
  const statusOf = async (token: string): Promise<number | undefined> => {
    const stream = session.request({ ':path': '/any', authorization: `Bearer ${token}` });
    const [head] = await once(stream, 'response');
    stream.resume();
    await once(stream, 'close');
    return head[':status'];
  };
  t.equal(await statusOf(await issuer.token(boundTo(alice))), 200);
  t.equal(await statusOf(await issuer.token(boundTo(bob))), 401);
  t.equal(await statusOf(await issuer.token(boundTo(alice))), 200);
  t.equal(upstream.requests.at(-1)?.headers['x-cert-sha256'], digestOf(alice, 'hex'));
});

t.test('and for WebSockets', { skip }, async (t) => {
  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(sockets, 'listening');
  t.teardown(() => sockets.close());
  const { port: backend } = sockets.address() as { port: number };
  const { port, issuer } = await startTls(t, {
    file: { identity: IDENTITY, upstreams: { backend: { url: `http://127.0.0.1:${backend}` } } },
  });
  const token = await issuer.token(boundTo(alice));
  const open = async (certificate: Certificate): Promise<string> => {
    const socket = new WebSocket(`wss://127.0.0.1:${port}/any`, {
      ...over(certificate),
      headers: { authorization: `Bearer ${token}`, host: 'localhost' },
    });
    return new Promise((resolve) => {
      socket.on('error', (error) => resolve(error.message));
      socket.on('open', () => {
        resolve('open');
        socket.terminate();
      });
    });
  };
  const seen = once(sockets, 'connection');
  t.equal(await open(alice), 'open');
  const [, handshake] = await seen;
  t.equal(handshake.headers['x-cert-uri'], 'spiffe://example.org/alice');
  t.match(await open(bob), /401/);
});

t.test('no renegotiation replaces the certificate that was verified', { skip }, async (t) => {
  const { port } = await startTls(t);
  const socket = connectTls({ port, host: '127.0.0.1', ...over(alice), maxVersion: 'TLSv1.2' });
  await once(socket, 'secureConnect');
  socket.on('error', () => {});
  const outcome = await new Promise((resolve) => {
    socket.once('close', () => resolve('closed'));
    socket.renegotiate({}, (error) => resolve(error === null ? 'renegotiated' : 'refused'));
    socket.write(request('/open', {}));
  });
  t.not(outcome, 'renegotiated');
  socket.destroy();
});

t.test('a resumed connection has the certificate it began with, or none', { skip }, async (t) => {
  const { port, issuer } = await startTls(t);
  const token = await issuer.token(boundTo(alice));
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const [certificate, expected] of [
      [alice, 200],
      [undefined, 'token_bound'],
    ] as const) {
      let session: Buffer | undefined;
      const first = await connectRaw(port, { ...over(certificate), maxVersion });
      first.socket.on('session', (ticket: Buffer) => {
        session = ticket;
      });
      first.send(request('/open', {}));
      await first.read();
      session ??= (first.socket as TLSSocket).getSession();
      first.destroy();
      const resumed = await connectRaw(port, { ...over(certificate), maxVersion, session });
      t.ok((resumed.socket as TLSSocket).isSessionReused(), maxVersion);
      resumed.send(request('/any', { token }));
      const response = await resumed.read();
      t.equal(response?.code ?? response?.status, expected, `${maxVersion}, ${expected}`);
      resumed.destroy();
    }
  }
});

const encoded = ({ cert }: Certificate): string => encodeURIComponent(cert);

t.test('from a trusted proxy its header alone counts, not its own certificate', { skip }, async (t) => {
  const header = { name: 'X-Client-Cert', format: 'pem', ca: 'clients.pem' };
  const { port, issuer, upstream } = await startTls(t, {
    listen: { clientCertHeader: header, trustedProxies: ['127.0.0.0/8'] },
  });
  const ofAlice = await issuer.token(boundTo(alice));
  const ofBob = await issuer.token(boundTo(bob));
  const field = `X-Client-Cert: ${encoded(alice)}`;
  const cases: readonly (readonly [string, string, readonly string[], string | number])[] = [
    ['the certificate in the header', ofAlice, [field], 200],
    ['the own one of the proxy', ofBob, [field], 'token_bound'],
    ['the own one of the proxy, without the header', ofBob, [], 'token_bound'],
    ['an empty header', ofBob, ['X-Client-Cert:'], 'token_bound'],
    // The cause is 'client_certificate_field'.
    ['twice', ofAlice, [field, field], 'bad_request'],
    ['twice, one of them empty', ofAlice, [field, 'x-client-cert:'], 'bad_request'],
    ['another spelling', ofAlice, [`X_Client_Cert: ${encoded(alice)}`], 'token_bound'],
    ['unreadable', ofAlice, ['X-Client-Cert: (null)'], 'bad_request'],
  ];
  for (const [name, token, fields, expected] of cases)
    t.equal(await ask(port, '/any', { token, fields, tls: over(bob) }), expected, name);
  t.equal(await ask(port, '/open', { fields: [field, 'x_client-cert: a'], tls: over(bob) }), 200);
  t.equal(
    await ask(port, '/open', { fields: ['X-Client-Cert: a'], tls: over(bob) }),
    'bad_request',
    'on any route',
  );
  for (const { rawHeaders } of upstream.requests)
    t.notMatch(rawHeaders.join('\n'), /BEGIN|client.cert/i, 'it never goes up');
});

t.test('from any other peer the header is dropped, and the connection counts', { skip }, async (t) => {
  const header = { name: 'X-Client-Cert', format: 'pem', ca: 'clients.pem' };
  const { port, issuer, upstream } = await startTls(t, {
    listen: { clientCertHeader: header, trustedProxies: ['192.0.2.1'] },
  });
  const token = await issuer.token(boundTo(alice));
  const fields = [`X-Client-Cert: ${encoded(alice)}`];
  t.equal(await ask(port, '/any', { token, fields, tls: over(bob) }), 'token_bound');
  t.equal(await ask(port, '/any', { token, fields: ['X-Client-Cert: a'], tls: over(alice) }), 200);
  t.equal(await ask(port, '/any', { token, fields: [...fields, ...fields], tls: over(alice) }), 200);
  t.equal(await ask(port, '/open', { fields, tls: over() }), 200);
  for (const { rawHeaders } of upstream.requests)
    t.notMatch(rawHeaders.join('\n'), /BEGIN|x-client-cert/i, 'it never goes up');
});

t.test('names that nobody vouches for count nowhere, the fingerprint does', { skip }, async (t) => {
  const stranger = makeAuthority('clients-ca');
  const forged = clientOf('alice', stranger);
  for (const ca of ['clients.pem', undefined]) {
    const header = { name: 'client-cert', format: 'rfc9440', ...(ca && { ca }) };
    const { port, issuer, upstream } = await startHarness(t, {
      listen: { clientCertHeader: header, trustedProxies: ['127.0.0.0/8'] },
      files: { 'clients.pem': authority?.cert ?? '' },
      routes: ROUTES.filter(({ name }) => name !== 'bound' && (name !== 'when' || ca !== undefined)),
      file: {
        identity: ca === undefined ? { headers: { 'x-cert-sha256': '$certificateSha256' } } : IDENTITY,
      },
    });
    const fields = [`Client-Cert: :${new X509Certificate(forged.cert).raw.toString('base64')}:`];
    const token = await issuer.token(boundTo(forged));
    t.equal(await ask(port, '/any', { token, fields }), 200);
    const [seen] = upstream.requests;
    t.equal(seen?.headers['x-cert-sha256'], digestOf(forged, 'hex'));
    t.equal(seen?.headers['x-cert-uri'], undefined);
    t.equal(seen?.headers['x-cert-subject'], undefined);
    if (ca !== undefined) t.equal(await ask(port, '/when', { token, fields }), 'condition_failed');
  }
});

t.test('renewed authorities count from the reload on', { skip }, async (t) => {
  const next = makeAuthority('next-ca');
  const header = { name: 'client-cert', format: 'rfc9440', ca: 'clients.pem' };
  const harness = await startHarness(t, {
    listen: { clientCertHeader: header, trustedProxies: ['127.0.0.0/8'] },
    files: { 'clients.pem': authority?.cert ?? '' },
    routes: ROUTES,
    file: { identity: IDENTITY },
    reloads: true,
  });
  const { writeFileSync } = await import('node:fs');
  const fields = [
    `Client-Cert: :${new X509Certificate(clientOf('alice', next).cert).raw.toString('base64')}:`,
  ];
  const token = await harness.issuer.token();
  t.equal(await ask(harness.port, '/when', { token, fields }), 'condition_failed');
  writeFileSync(`${harness.folder}/clients.pem`, `${authority?.cert}\n${next.cert}`);
  t.equal(await harness.reload(), 'applied');
  t.equal(await ask(harness.port, '/when', { token, fields }), 200);
  writeFileSync(`${harness.folder}/clients.pem`, 'none');
  t.equal(await harness.reload(), 'refused');
});

t.test('a file that holds no such authorities stops the start, at its place', { skip }, async (t) => {
  const header = { name: 'client-cert', format: 'rfc9440', ca: 'clients.pem' };
  const start = (files: Readonly<Record<string, string>>) =>
    startHarness(t, {
      listen: { clientCertHeader: header, trustedProxies: ['127.0.0.0/8'] },
      files,
      routes: ROUTES,
      file: { identity: IDENTITY },
    }).then(
      () => 'started',
      (error: Error) => error.message,
    );
  const place = 'listen.clientCertHeader.ca';
  for (const [files, words] of [
    [{}, /no such file/],
    [{ 'clients.pem': 'none' }, /no PEM certificate/],
    [
      { 'clients.pem': `${authority?.cert}${alice.cert}` },
      /certificate 2 of the file is not that of an authority/,
    ],
  ] as const) {
    const message = await start(files);
    t.match(message, words);
    t.ok(message.includes(place), message);
  }
  t.match(
    await startHarness(t, {
      routes: [{ name: 'a', path: '/a', upstream: 'backend', access: { when: 'has(request.certificate)' } }],
    }).catch((error: Error) => error.message),
    /routes\[0\]\.access\.when.*never there: no client shows a certificate/,
  );
});

t.test('a condition on names that nobody vouches for stops the start, at its place', async (t) => {
  const start = (when: string) =>
    startHarness(t, {
      listen: {
        clientCertHeader: { name: 'client-cert', format: 'rfc9440' },
        trustedProxies: ['127.0.0.0/8'],
      },
      routes: [{ name: 'a', path: '/a', upstream: 'backend', access: { when } }],
    }).then(
      () => 'started',
      (error: Error) => error.message,
    );
  for (const when of [
    '"spiffe://a" in request.certificate.uris',
    'request.certificate.subject == "CN=a"',
    'has(request.certificate) && request["certificate"]["dns"].exists(name, name == "a.example")',
    '[request].exists(one, one.certificate.notAfter > timestamp("2027-01-01T00:00:00Z"))',
  ])
    t.match(await start(when), /routes\[0\]\.access\.when.*never has more than `sha256`: no authority/, when);
  t.equal(await start('has(request.certificate) && request.certificate.sha256 == "ab"'), 'started');
});
