import { X509Certificate } from 'node:crypto';
import t, { type Test } from 'tap';
import { startChecks } from '../support/decisions/start-checks.ts';
import { type HarnessOptions, startHarness } from '../support/gateway/gateway-harness.ts';
import { askOnce, HTTP_WAYS, QUESTIONS } from '../support/gateway/questions.ts';
import { type Certificate, hasOpenssl, makeAuthority } from '../support/tls/certificates.ts';

/* Certificates of clients in questions: those that the asking proxy passes on, never its own. */

const skip = hasOpenssl() ? false : 'openssl is not installed';
const authority = skip ? undefined : makeAuthority('clients-ca');
const NONE: Certificate = { cert: '', key: '' };
const alice = authority?.issue('alice', 30, 'URI:spiffe://example.org/alice') ?? NONE;
const proxy = authority?.issue('proxy') ?? NONE;

const digestOf = ({ cert }: Certificate): Buffer =>
  Buffer.from(new X509Certificate(cert).fingerprint256.replaceAll(':', ''), 'hex');
const boundTo = (certificate: Certificate) => ({
  cnf: { 'x5t#S256': digestOf(certificate).toString('base64url') },
});

const OPTIONS: HarnessOptions = {
  routes: [
    { name: 'any', path: '/any', upstream: 'none', access: 'authenticated' },
    { name: 'bound', path: '/bound', upstream: 'none', access: { binding: 'mtls' } },
  ],
  files: {
    'clients.pem': authority?.cert ?? '',
    'tls.crt': proxy.cert,
    'tls.key': proxy.key,
  },
};
const HEADER = { name: 'X-Client-Cert', format: 'pem', ca: 'clients.pem' };

function start(t: Test, decisions: object = {}) {
  return startHarness(t, {
    ...OPTIONS,
    listen: { clientCertHeader: HEADER },
    file: {
      decisions: { port: 0, ...decisions },
      identity: { headers: { 'x-cert-uri': '$certificateUri' } },
    },
  });
}

const FIELD = `X-Client-Cert: ${encodeURIComponent(alice.cert)}`;

t.test('the header counts in questions over HTTP, and nothing else', { skip }, async (t) => {
  const { decisionsPort = 0, issuer } = await start(t);
  const token = `Authorization: Bearer ${await issuer.token(boundTo(alice))}`;
  for (const way of HTTP_WAYS) {
    const ask = (target: string, ...fields: string[]) =>
      askOnce(decisionsPort, QUESTIONS[way](target, [token, ...fields]));
    const allowed = await ask('/bound', FIELD);
    t.equal(allowed?.status, 200, way);
    t.strictSame(allowed?.headers['x-cert-uri'], ['spiffe://example.org/alice'], way);
    t.equal((await ask('/bound'))?.code, 'token_bound', way);
    t.equal((await ask('/bound', 'X-Client-Cert:'))?.code, 'token_bound', way);
    t.equal((await ask('/any', FIELD, FIELD))?.code, 'bad_request', way);
    t.equal((await ask('/any', 'X-Client-Cert: -'))?.code, 'bad_request', way);
    const alias = await ask('/any', FIELD, FIELD.replaceAll('X-Client-Cert', 'X_Client_Cert'));
    t.equal(
      alias?.code ?? alias?.status,
      way === 'ext-authz' ? 200 : 'bad_request',
      `${way}, another spelling`,
    );
    const dropped = allowed?.headers['x-envoy-auth-headers-to-remove']?.join(',').split(',') ?? [];
    if (way === 'ext-authz')
      for (const name of ['x-client-cert', 'x_client_cert'])
        t.ok(dropped.includes(name), `${name} is dropped`);
  }
});

t.test('the certificate of the asking connection is that of the proxy', { skip }, async (t) => {
  const tls = { cert: 'tls.crt', key: 'tls.key', clientCa: 'clients.pem' };
  const { decisionsPort = 0, issuer } = await start(t, { tls });
  const token = `Authorization: Bearer ${await issuer.token(boundTo(proxy))}`;
  const connection = { ca: authority?.cert, servername: 'proxy', cert: proxy.cert, key: proxy.key };
  for (const way of HTTP_WAYS) {
    const response = await askOnce(decisionsPort, QUESTIONS[way]('/any', [token]), connection);
    t.equal(response?.code, 'token_bound', way);
  }
});

t.test('Checks: the header where the file names one, else what Envoy shows', { skip }, async (t) => {
  const shown = { certificate: encodeURIComponent(alice.cert) };
  const plain = await startChecks(t, OPTIONS);
  const token = await plain.issuer.token(boundTo(alice));
  const about = (own: object) => ({
    path: '/bound',
    headers: { authorization: `Bearer ${token}` },
    ...own,
  });
  const statusOf = async (client: typeof plain.client, own: object) =>
    (await client.check(about(own))).response.denied_response?.status?.code ?? 'allowed';
  t.equal(await statusOf(plain.client, { peer: shown }), 'allowed');
  t.equal(await statusOf(plain.client, {}), 401);
  t.equal(await statusOf(plain.client, { peer: { certificate: encodeURIComponent(proxy.cert) } }), 401);
  t.equal(await statusOf(plain.client, { peer: { certificate: 'x' } }), 401);
  t.equal(
    await statusOf(plain.client, { peer: { certificate: encodeURIComponent(alice.cert + alice.cert) } }),
    401,
  );

  const named = await startChecks(t, { ...OPTIONS, listen: { clientCertHeader: HEADER } });
  const own = await named.issuer.token(boundTo(alice));
  const headers = { authorization: `Bearer ${own}` };
  const withHeader = { ...headers, 'x-client-cert': encodeURIComponent(alice.cert) };
  t.equal(await statusOf(named.client, { headers, peer: shown }), 401, 'the header alone counts');
  t.equal(await statusOf(named.client, { headers: withHeader }), 'allowed');
  const { response } = await named.client.check(about({ headers: withHeader }));
  const removed = response.ok_response?.headers_to_remove ?? [];
  for (const name of ['x-client-cert', 'x_client_cert']) t.ok(removed.includes(name), `${name} is dropped`);
});
