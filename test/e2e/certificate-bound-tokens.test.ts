import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import {
  clientCredentialsGrantRequest,
  customFetch,
  discoveryRequest,
  processClientCredentialsResponse,
  processDiscoveryResponse,
  TlsClientAuth,
} from 'oauth4webapi';
import type { KoaContextWithOIDC } from 'oidc-provider';
import t, { type Test } from 'tap';
import { Agent, fetch } from 'undici';
import { listen } from '../../demo/process/listen.ts';
import { loadOidcProvider, withoutStartupWarnings } from '../../demo/provider/oidc-provider.ts';
import { freePorts } from '../support/backends/ports.ts';
import { type Harness, startHarness } from '../support/gateway/gateway-harness.ts';
import { hasHaproxy, runHaproxy } from '../support/peers/haproxy.ts';
import { hasNginx, startNginx } from '../support/peers/nginx.ts';
import { type Certificate, hasOpenssl, makeAuthority, makeCertificate } from '../support/tls/certificates.ts';

/* A real provider binds tokens to certificates (RFC 8705); a client that is not ours obtains and uses them. */

const skip = hasOpenssl() ? false : 'openssl is not installed';
const API = 'https://api.example.com';
const NONE: Certificate = { cert: '', key: '' };
const authority = skip ? undefined : makeAuthority('example-ca');
const server = authority?.issue('localhost') ?? NONE;
const clientOf = (name: string): Certificate =>
  authority === undefined
    ? NONE
    : makeCertificate({
        subject: `/O=Example/CN=${name}`,
        extensions: [`subjectAltName=URI:spiffe://example.com/${name}`],
        by: authority,
      });
const robot = clientOf('robot');
const thief = clientOf('thief');

const agentOf = (shown?: Certificate): Agent =>
  new Agent({ connect: { ca: authority?.cert ?? '', ...shown, servername: 'localhost' } });

/** Its clients authenticate by certificates, and their tokens are bound to them. Gives its issuer. */
async function startBindingProvider(t: Test): Promise<string> {
  const { Provider } = await loadOidcProvider();
  const own = { cert: server.cert, key: server.key, ca: authority?.cert ?? '' };
  const https = createServer({ ...own, requestCert: true, rejectUnauthorized: false });
  const { url, close } = await listen(https, {});
  t.teardown(close);
  const issuer = url.replace('http://127.0.0.1', 'https://localhost').replace('http://', 'https://');
  const certificateOf = (ctx: KoaContextWithOIDC) =>
    (ctx.socket as TLSSocket).getPeerX509Certificate()?.toString();
  const provider = withoutStartupWarnings(
    () =>
      new Provider(issuer, {
        clientAuthMethods: ['tls_client_auth'],
        clients: [
          {
            client_id: 'robot',
            redirect_uris: [],
            response_types: [],
            grant_types: ['client_credentials'],
            token_endpoint_auth_method: 'tls_client_auth',
            tls_client_auth_san_uri: 'spiffe://example.com/robot',
            tls_client_certificate_bound_access_tokens: true,
          },
        ],
        scopes: ['pay'],
        ttl: { ClientCredentials: 600 },
        features: {
          devInteractions: { enabled: false },
          clientCredentials: { enabled: true },
          mTLS: {
            enabled: true,
            certificateBoundAccessTokens: true,
            tlsClientAuth: true,
            getCertificate: certificateOf,
            certificateAuthorized: (ctx) => (ctx.socket as TLSSocket).authorized,
            certificateSubjectMatches: (ctx, _property, expected) =>
              new X509Certificate(certificateOf(ctx) ?? '').subjectAltName === `URI:${expected}`,
          },
          resourceIndicators: {
            enabled: true,
            defaultResource: () => API,
            getResourceServerInfo: () => ({
              scope: 'pay',
              audience: API,
              accessTokenFormat: 'jwt' as const,
              jwt: { sign: { alg: 'RS256' as const } },
            }),
          },
        },
      }),
  );
  const handle = provider.callback();
  https.on('request', (request, response) => void handle(request, response));
  return issuer;
}

/** A token that the provider binds to the certificate of the client. */
async function obtainToken(issuer: string): Promise<string> {
  const dispatcher = agentOf(robot);
  const options = {
    [customFetch]: (url: string, init: object) =>
      fetch(url, { ...init, dispatcher }) as unknown as Promise<Response>,
  };
  const found = await discoveryRequest(new URL(issuer), options);
  const provider = await processDiscoveryResponse(new URL(issuer), found);
  const client = { client_id: 'robot' };
  const parameters = new URLSearchParams({ scope: 'pay', resource: API });
  const response = await clientCredentialsGrantRequest(
    provider,
    client,
    TlsClientAuth(),
    parameters,
    options,
  );
  const { access_token } = await processClientCredentialsResponse(provider, client, response);
  await dispatcher.close();
  return access_token;
}

const routes = [
  { name: 'pay', path: '/pay', upstream: 'backend', access: { scopes: ['pay'], binding: 'mtls' } },
];

function startInFrontOf(t: Test, issuer: string, own: Readonly<Record<string, unknown>>): Promise<Harness> {
  return startHarness(t, {
    routes,
    listen: own,
    file: {
      issuers: { corp: { issuer, audiences: [API], keys: { ca: 'ca.pem' } } },
      identity: { headers: { 'x-cert-uri': '$certificateUri' } },
    },
    files: { 'ca.pem': authority?.cert ?? '', 'tls.crt': server.cert, 'tls.key': server.key },
  });
}

/** The code of the refusal, or the status. */
async function pay(url: string, token: string, shown?: Certificate): Promise<string | number> {
  const dispatcher = agentOf(shown);
  const headers = {
    authorization: `Bearer ${token}`,
    'x-client-cert': encodeURIComponent(robot.cert),
    'client-cert': `:${new X509Certificate(robot.cert).raw.toString('base64')}:`,
  };
  const response = await fetch(`${url}/pay`, { headers, dispatcher });
  const { code } = (await response.json()) as { code?: string };
  await dispatcher.close();
  return code ?? response.status;
}

t.test(
  'a token of the provider is worth nothing without the certificate of its client',
  { skip },
  async (t) => {
    const issuer = await startBindingProvider(t);
    const tls = { cert: 'tls.crt', key: 'tls.key', clientCa: 'ca.pem', clientCert: 'optional' };
    const { port, upstream } = await startInFrontOf(t, issuer, { tls });
    const token = await obtainToken(issuer);
    const url = `https://127.0.0.1:${port}`;
    t.equal(await pay(url, token, robot), 200);
    t.equal(upstream.requests[0]?.headers['x-cert-uri'], 'spiffe://example.com/robot');
    t.equal(await pay(url, token, thief), 'token_bound');
    t.equal(await pay(url, token), 'token_bound');
    t.equal(upstream.requests.length, 1);
  },
);

interface Front {
  readonly name: string;
  readonly isThere: boolean;
  readonly header: Readonly<Record<string, string>>;
  start(t: Test, ports: { readonly front: number; readonly gateway: number }): Promise<void>;
}

const files = { 'ca.pem': authority?.cert ?? '', 'tls.crt': server.cert, 'tls.key': server.key };

const FRONTS: readonly Front[] = [
  {
    name: 'nginx',
    isThere: hasNginx,
    header: { name: 'x-client-cert', format: 'pem' },
    async start(t, { front, gateway }) {
      const folder = t.testdir(files);
      const nginx = await startNginx(`
    listen 127.0.0.1:${front} ssl;
    ssl_certificate ${folder}/tls.crt;
    ssl_certificate_key ${folder}/tls.key;
    ssl_client_certificate ${folder}/ca.pem;
    ssl_verify_client optional;
    location / {
      proxy_pass http://127.0.0.1:${gateway};
      proxy_set_header X-Client-Cert $ssl_client_escaped_cert;
    }`);
      t.teardown(() => nginx.close());
    },
  },
  {
    name: 'HAProxy',
    isThere: hasHaproxy,
    header: { name: 'client-cert', format: 'rfc9440' },
    async start(t, { front, gateway }) {
      const folder = t.testdir({
        ...files,
        'tls.pem': server.cert + server.key,
        'haproxy.cfg': `
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend clients
  bind 127.0.0.1:${front} ssl crt "\${FOLDER}/tls.pem" ca-file "\${FOLDER}/ca.pem" verify optional
  http-request del-header client-cert
  http-request set-header client-cert :%[ssl_c_der,base64]: if { ssl_c_used }
  default_backend sealgate
backend sealgate
  server gateway 127.0.0.1:${gateway}
`,
      });
      await runHaproxy(t, front, { file: `${folder}/haproxy.cfg`, env: { FOLDER: folder } });
    },
  },
];

for (const { name, isThere, header, start } of FRONTS) {
  t.test(
    `behind ${name}, which passes the certificate on and whose clients cannot`,
    { skip: skip || (isThere ? false : `${name} is not installed`) },
    async (t) => {
      const issuer = await startBindingProvider(t);
      const { port, upstream } = await startInFrontOf(t, issuer, {
        trustedProxies: ['127.0.0.1'],
        clientCertHeader: { ...header, ca: 'ca.pem' },
      });
      const [front = 0] = await freePorts(1);
      await start(t, { front, gateway: port });
      const token = await obtainToken(issuer);
      const url = `https://127.0.0.1:${front}`;
      t.equal(await pay(url, token, robot), 200);
      const [seen] = upstream.requests;
      t.equal(seen?.headers['x-cert-uri'], 'spiffe://example.com/robot');
      t.notMatch(JSON.stringify(seen?.rawHeaders), /client-cert/i);
      t.equal(await pay(url, token, thief), 'token_bound');
      t.equal(await pay(url, token), 'token_bound', 'the header of the client is replaced by none');
      t.equal(upstream.requests.length, 1);
    },
  );
}
