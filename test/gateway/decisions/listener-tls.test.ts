import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { type HarnessOptions, startHarness } from '../../support/gateway/gateway-harness.ts';
import {
  ASKED_CLIENT,
  askOnce,
  connectAsking,
  HTTP_WAYS,
  QUESTIONS,
} from '../../support/gateway/questions.ts';
import { hasOpenssl, makeAuthority } from '../../support/tls/certificates.ts';

/* TLS where other proxies ask, which is that of the listener for clients. */

const skip = hasOpenssl() ? false : 'openssl is not installed';
const authority = skip ? undefined : makeAuthority('test-ca');
const stranger = skip ? undefined : makeAuthority('stranger-ca');
const own = authority?.issue('localhost');
const CLIENT: ConnectionOptions = { ca: authority?.cert, servername: 'localhost' };

const ROUTES = [
  { name: 'public', path: '/public', upstream: 'none', access: 'public' },
  { name: 'asked', path: '/asked', host: 'api.example.com', upstream: 'none', access: 'authenticated' },
];

function startTls(t: Test, tls: Readonly<Record<string, unknown>> = {}, options: HarnessOptions = {}) {
  return startHarness(t, {
    ...options,
    routes: ROUTES,
    file: { decisions: { port: 0, tls: { cert: 'tls.crt', key: 'tls.key', ...tls } } },
    files: { 'tls.crt': own?.cert ?? '', 'tls.key': own?.key ?? '', 'ca.pem': authority?.cert ?? '' },
  });
}

/** The status of a question over a fresh connection, or `closed`. */
async function statusOver(
  port: number | undefined,
  options: ConnectionOptions = {},
): Promise<number | 'closed'> {
  const response = await askOnce(port as number, QUESTIONS['forward-auth']('/public'), {
    ...CLIENT,
    ...options,
  }).catch(() => undefined);
  return response?.status ?? 'closed';
}

t.test('asks over TLS in every way, with the versions of the file and nothing older', { skip }, async (t) => {
  const { decisionsPort, port } = await startTls(t, { minVersion: 'TLSv1.3' });
  for (const way of HTTP_WAYS)
    t.equal((await askOnce(decisionsPort as number, QUESTIONS[way]('/public'), CLIENT))?.status, 200, way);
  t.equal(await statusOver(decisionsPort, { maxVersion: 'TLSv1.2' }), 'closed');
  t.equal(
    await askOnce(decisionsPort as number, QUESTIONS['ext-authz']('/public')),
    undefined,
    'not without TLS',
  );
  t.not(
    (await askOnce(port, QUESTIONS['ext-authz']('/public')))?.status,
    200,
    'nor where clients are served',
  );
});

t.test(
  'certificates of asking proxies: required ones must hold, optional ones if they are shown',
  { skip },
  async (t) => {
    const good = authority?.issue('nginx');
    const cases = [
      ['none', undefined, 'closed', 200],
      ['a good one', good, 200, 200],
      ['one of a stranger', stranger?.issue('nginx'), 'closed', 'closed'],
      ['an expired one', authority?.issue('nginx', -1), 'closed', 'closed'],
      ['one that signed itself', stranger, 'closed', 'closed'],
    ] as const;
    const required = await startTls(t, { clientCa: 'ca.pem' });
    const optional = await startTls(t, { clientCa: 'ca.pem', clientCert: 'optional' });
    for (const [name, certificate, whenRequired, whenOptional] of cases) {
      const shown = certificate === undefined ? {} : { cert: certificate.cert, key: certificate.key };
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        t.equal(
          await statusOver(required.decisionsPort, { ...shown, maxVersion }),
          whenRequired,
          `${name}, required`,
        );
        t.equal(
          await statusOver(optional.decisionsPort, { ...shown, maxVersion }),
          whenOptional,
          `${name}, optional`,
        );
      }
    }
    t.equal(required.lines.filter(({ status }) => status !== 200).length, 0);
    t.strictSame(required.warnings, []);
  },
);

t.test('a good certificate does not make a proxy trusted', { skip }, async (t) => {
  const harness = await startHarness(t, {
    routes: ROUTES,
    file: {
      decisions: {
        port: 0,
        trustedProxies: ['192.0.2.1'],
        tls: { cert: 'tls.crt', key: 'tls.key', clientCa: 'ca.pem' },
      },
    },
    files: { 'tls.crt': own?.cert ?? '', 'tls.key': own?.key ?? '', 'ca.pem': authority?.cert ?? '' },
  });
  const good = authority?.issue('nginx');
  t.equal(await statusOver(harness.decisionsPort, { cert: good?.cert, key: good?.key }), 403);
});

interface Http2Response {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Sends questions over one HTTP/2 connection, all at once. */
async function askHttp2(
  t: Test,
  port: number | undefined,
  questions: readonly OutgoingHttpHeaders[],
): Promise<Http2Response[]> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: authority?.cert, servername: 'localhost' });
  t.teardown(() => session.destroy());
  const responses = questions.map(async (fields) => {
    const stream = session.request(fields);
    let body = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    if (!stream.readableEnded) await once(stream, 'end');
    return { headers, body };
  });
  const all = await Promise.all(responses);
  session.close();
  return all;
}

t.test('over HTTP/2 the same questions get the same replies', { skip }, async (t) => {
  const harness = await startTls(t);
  const bearer = { authorization: `Bearer ${await harness.issuer.token({ sub: 'ann' })}` };
  const forwarded = {
    ':path': '/forward-auth',
    'x-forwarded-method': 'GET',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'api.example.com',
    'x-forwarded-uri': '/asked',
    'x-forwarded-for': ASKED_CLIENT,
  };
  const original = {
    ':path': '/auth-request',
    'x-original-method': 'GET',
    'x-original-url': 'https://api.example.com/asked',
    'x-forwarded-for': ASKED_CLIENT,
  };
  const envoy = {
    ':path': '/ext-authz/asked',
    ':authority': 'api.example.com',
    'x-forwarded-proto': 'https',
    'x-forwarded-for': ASKED_CLIENT,
  };
  const rows: readonly (readonly [
    name: string,
    fields: OutgoingHttpHeaders,
    status: number,
    code?: string,
  ])[] = [
    ['forward-auth', { ...forwarded, ...bearer }, 200],
    ['auth-request', { ...original, ...bearer }, 200],
    ['ext-authz', { ...envoy, ...bearer }, 200],
    ['forward-auth, without a token', forwarded, 401, 'token_missing'],
    [
      'auth-request, a path with two readings',
      { ...original, 'x-original-url': 'https://api.example.com/asked/..' },
      403,
      'ambiguous_path',
    ],
    [
      'ext-authz, another host',
      { ...envoy, ...bearer, ':authority': 'other.example.com' },
      404,
      'route_unknown',
    ],
    [
      'ext-authz, a method of its own',
      { ...envoy, ':method': 'POST', 'content-type': 'application/grpc' },
      401,
      'token_missing',
    ],
    ['ext-authz, HEAD', { ...envoy, ...bearer, ':method': 'HEAD' }, 200],
    [
      'a name that nobody asks by',
      { ...envoy, ':path': '/ext-authz', 'content-type': 'application/grpc' },
      404,
      'route_unknown',
    ],
    ['an identity header in disguise', { ...forwarded, ...bearer, x_user_id: 'mallory' }, 400, 'bad_request'],
  ];
  const responses = await askHttp2(
    t,
    harness.decisionsPort,
    rows.map(([, fields]) => fields),
  );
  for (const [at, [name, fields, status, code]] of rows.entries()) {
    const { headers, body } = responses[at] as Http2Response;
    t.equal(headers[':status'], status, name);
    if (code !== undefined) t.equal(JSON.parse(body).code, code, name);
    else if (fields[':method'] !== 'HEAD') t.equal(body, '', name);
    t.equal(headers['x-user-id'], status === 200 ? 'ann' : undefined, name);
    t.equal(headers['cache-control'], 'no-store', name);
  }
  t.match(harness.lines.map(({ via }) => via).sort(), ['auth-request', 'auth-request', 'ext-authz']);
});

t.test('a host and an authority that differ name no host', { skip }, async (t) => {
  const harness = await startTls(t);
  const [response] = await askHttp2(t, harness.decisionsPort, [
    {
      ':path': '/ext-authz/public',
      ':authority': 'api.example.com',
      host: 'other.example.com',
      'x-forwarded-proto': 'https',
      'x-forwarded-for': ASKED_CLIENT,
    },
  ]);
  t.equal(response?.headers[':status'], 400);
});

t.test('without http2 nobody is offered it', { skip }, async (t) => {
  const { decisionsPort } = await startTls(t, { http2: false });
  const connection = await connectAsking(decisionsPort as number, {
    ...CLIENT,
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  t.equal((connection.socket as TLSSocket).alpnProtocol, 'http/1.1');
  connection.destroy();
});

t.test('renewed files are used for new connections, and open ones are not disturbed', { skip }, async (t) => {
  const harness = await startTls(t, {}, { reloads: true });
  const port = harness.decisionsPort as number;
  const serialOf = async (): Promise<string> => {
    const socket = connect({ port, host: '127.0.0.1', ...CLIENT });
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const replace = (name: string, text: string | undefined): void => {
    writeFileSync(join(harness.folder, 'new'), text ?? '');
    renameSync(join(harness.folder, 'new'), join(harness.folder, name));
  };
  const standing = await connectAsking(port, CLIENT);
  t.teardown(() => standing.destroy());
  const before = await serialOf();
  const renewed = authority?.issue('localhost');
  replace('tls.crt', renewed?.cert);
  replace('tls.key', renewed?.key);
  await harness.reload();
  t.not(await serialOf(), before);
  standing.send(QUESTIONS['forward-auth']('/public'));
  t.equal((await standing.read())?.status, 200);

  replace('tls.key', own?.key);
  t.equal(await harness.reload(), 'refused', 'a key of another certificate');
  t.equal(await statusOver(port), 200, 'the one before stays active');
});

t.test('files that do not fit stop the start', { skip }, async (t) => {
  const unfit: readonly (readonly [files: Readonly<Record<string, string>>, message: RegExp])[] = [
    [{ 'tls.crt': 'no PEM' }, /decisions\.tls\.key|not a PEM certificate and the key/],
    [{ 'tls.key': stranger?.key ?? '' }, /not a PEM certificate and the key/],
  ];
  for (const [files, message] of unfit) {
    await t.rejects(
      startHarness(t, {
        routes: ROUTES,
        file: { decisions: { port: 0, tls: { cert: 'tls.crt', key: 'tls.key' } } },
        files: { 'tls.crt': own?.cert ?? '', 'tls.key': own?.key ?? '', ...files },
      }),
      { message },
    );
  }
});

t.test('a handshake that never ends is ended', { skip }, async (t) => {
  const harness = await startHarness(t, {
    routes: ROUTES,
    listen: { limits: { headerTimeout: '500ms' } },
    file: { decisions: { port: 0, tls: { cert: 'tls.crt', key: 'tls.key' } } },
    files: { 'tls.crt': own?.cert ?? '', 'tls.key': own?.key ?? '' },
  });
  const connection = await connectAsking(harness.decisionsPort as number);
  connection.send('\x16\x03\x01');
  t.equal(await connection.closed(4000), true);
});
