import { createHash, X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { exportJWK, exportPKCS8, generateKeyPair, type JWK } from 'jose';
import type { ClientMetadata, Provider } from 'oidc-provider';
import t, { type Test } from 'tap';
import { Agent, request } from 'undici';
import { stringify } from 'yaml';
import { loadOidcProvider, withoutStartupWarnings } from '../../demo/provider/oidc-provider.ts';
import { startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { startGateway } from '../support/gateway/gateway.ts';
import { hasOpenssl, makeAuthority } from '../support/tls/certificates.ts';

/* The real `oidc-provider`: it issues opaque tokens, and the gateway asks its introspection endpoint as each kind of client. */

const API = 'https://orders.example.com';
const OTHER = 'https://billing.example.com';
const METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'tls_client_auth'] as const;
type Method = (typeof METHODS)[number];

interface Issued {
  readonly access_token: string;
}

async function startProvider(t: Test, tls?: ReturnType<typeof makeAuthority>) {
  const { Provider } = await loadOidcProvider();
  const own = tls?.issue('localhost');
  const server: Server =
    own === undefined
      ? createServer()
      : createTlsServer({ ...own, ca: tls?.cert ?? '', requestCert: true, rejectUnauthorized: false });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const issuer = own === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`;
  const keys = await generateKeyPair('ES256', { extractable: true });
  const publicKey = await exportJWK(keys.publicKey);
  const signing: JWK = {
    ...(await exportJWK((await generateKeyPair('ES256', { extractable: true })).privateKey)),
    alg: 'ES256',
    use: 'sig',
  };
  const provider: Provider = withoutStartupWarnings(
    () =>
      new Provider(issuer, {
        jwks: { keys: [signing] as never },
        clientAuthMethods: [...METHODS],
        clients: [
          clientOf('robot', { client_secret: 'r', grant_types: ['client_credentials'] }),
          clientOf('client_secret_basic', { client_secret: SECRET }),
          clientOf('client_secret_post', {
            client_secret: SECRET,
            token_endpoint_auth_method: 'client_secret_post',
          }),
          clientOf('private_key_jwt', {
            token_endpoint_auth_method: 'private_key_jwt',
            jwks: { keys: [{ ...publicKey, kid: 'gateway' }] as never },
          }),
          clientOf('tls_client_auth', {
            token_endpoint_auth_method: 'tls_client_auth',
            tls_client_auth_san_dns: 'gateway',
          }),
        ],
        scopes: ['read', 'write'],
        ttl: { ClientCredentials: 600 },
        features: {
          devInteractions: { enabled: false },
          clientCredentials: { enabled: true },
          introspection: { enabled: true, allowedPolicy: () => true },
          revocation: { enabled: true, allowedPolicy: () => true },
          mTLS: {
            enabled: true,
            tlsClientAuth: true,
            certificateBoundAccessTokens: true,
            getCertificate: (ctx) => {
              const { raw } = (ctx.socket as TLSSocket).getPeerCertificate?.() ?? {};
              return raw === undefined ? undefined : new X509Certificate(raw);
            },
            certificateAuthorized: (ctx) => (ctx.socket as TLSSocket).authorized,
            certificateSubjectMatches: (ctx, _property, expected) =>
              (ctx.socket as TLSSocket).getPeerCertificate().subjectaltname?.includes(`DNS:${expected}`) ??
              false,
          },
          resourceIndicators: {
            enabled: true,
            defaultResource: () => API,
            getResourceServerInfo: (_ctx, audience) => ({
              scope: 'read write',
              audience,
              accessTokenFormat: 'opaque',
            }),
          },
        },
      }),
  );
  const handle = provider.callback();
  server.on('request', (request, response) => void handle(request, response));

  const dispatcher = new Agent(tls && { connect: { ca: tls.cert } });
  t.teardown(() => dispatcher.destroy());

  async function post(path: string, form: Record<string, string>): Promise<unknown> {
    const { body } = await request(`${issuer}${path}`, {
      method: 'POST',
      dispatcher,
      headers: {
        authorization: `Basic ${btoa('robot:r')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams(form).toString(),
    });
    return body.json().catch(() => ({}));
  }
  return {
    issuer,
    privateKey: JSON.stringify({ ...(await exportJWK(keys.privateKey)), kid: 'gateway' }),
    pem: await exportPKCS8(keys.privateKey),
    issue: async (scope = 'read', resource = API) =>
      ((await post('/token', { grant_type: 'client_credentials', scope, resource })) as Issued).access_token,
    revoke: (token: string) => post('/token/revocation', { token }),
  };
}

const SECRET = 'a secret: with +/&=%-_';

function clientOf(id: string, members: Partial<ClientMetadata>): ClientMetadata {
  return {
    client_id: id,
    redirect_uris: [],
    response_types: [],
    grant_types: [],
    id_token_signed_response_alg: 'ES256',
    ...members,
  };
}

interface GatewayShape {
  readonly issuer: string;
  readonly auths: Readonly<Record<string, unknown>>;
  readonly ca?: string;
}

/** A gateway with an issuer and a route for each way to authenticate, all of one provider. */
async function startIntrospecting(t: Test, { issuer, auths, ca }: GatewayShape) {
  const backend = await startCountingUpstream();
  const gateways = await Promise.all(
    Object.entries(auths).map(async ([name, auth]) => {
      const gateway = await startGateway(
        stringify({
          issuers: {
            corp: {
              issuer,
              audiences: [API],
              jwks: 'none',
              introspection: { auth, cache: { active: '0s', inactive: '0s' } },
              ...(ca && { keys: { ca } }),
            },
          },
          routes: [{ name: 'a', path: '/', upstream: backend.url, access: { scopes: ['read'] } }],
        }),
      );
      return [name, gateway] as const;
    }),
  );
  t.teardown(async () => {
    await Promise.all(gateways.map(([, gateway]) => gateway.close()));
    await backend.close();
  });
  const get = async (name: string, token: string) => {
    const { url } = gateways.find(([one]) => one === name)?.[1] ?? { url: '' };
    const response = await fetch(`${url}/`, { headers: { authorization: `Bearer ${token}` } });
    const body = (await response.json().catch(() => ({}))) as { code?: string };
    return response.status === 200 ? 'allow' : body.code;
  };
  const lines = () => JSON.stringify(gateways.flatMap(([, gateway]) => gateway.lines));
  return { get, backend, lines };
}

t.test('opaque tokens of a real provider, asked about by secret and by key', async (t) => {
  const provider = await startProvider(t);
  const folder = t.testdir({ 'key.json': provider.privateKey, 'key.pem': provider.pem });
  const auths: Record<string, unknown> = {
    client_secret_basic: { clientId: 'client_secret_basic', clientSecret: SECRET },
    client_secret_post: { clientId: 'client_secret_post', clientSecret: SECRET, method: 'post' },
    'private_key_jwt by JWK': { clientId: 'private_key_jwt', privateKey: `${folder}/key.json` },
    'private_key_jwt by PEM': { clientId: 'private_key_jwt', privateKey: `${folder}/key.pem` },
  };
  const wrong = {
    'wrong secret': { clientId: 'client_secret_basic', clientSecret: 'wrong' },
    'unknown client': { clientId: 'nobody', clientSecret: SECRET },
  };
  const { get, backend, lines } = await startIntrospecting(t, {
    issuer: provider.issuer,
    auths: { ...auths, ...wrong },
  });
  for (const name of Object.keys(auths)) {
    const token = await provider.issue();
    t.equal(token.split('.').length, 1, 'the token is opaque');
    t.equal(await get(name, token), 'allow', name);
    t.match(backend.requests.at(-1)?.headers, {
      'x-user-issuer': provider.issuer,
      'x-user-scopes': 'read',
    });
    t.equal(await get(name, await provider.issue('write')), 'insufficient_scope', name);
    t.equal(await get(name, await provider.issue('read', OTHER)), 'audience_mismatch', name);
    t.equal(await get(name, 'never-issued'), 'token_inactive', name);
    await provider.revoke(token);
    t.equal(await get(name, token), 'token_inactive', `${name}: revoked`);
  }
  const token = await provider.issue();
  for (const name of Object.keys(wrong)) t.equal(await get(name, token), 'introspection_unavailable', name);
  const digest = createHash('sha256').update(token).digest('hex');
  for (const secret of [SECRET, token, digest]) t.notOk(lines().includes(secret));
});

t.test('and by a client certificate', { skip: !hasOpenssl() }, async (t) => {
  const authority = makeAuthority('corp');
  const provider = await startProvider(t, authority);
  const own = authority.issue('gateway');
  const stranger = authority.issue('stranger');
  const folder = t.testdir({
    'ca.pem': authority.cert,
    'own.pem': own.cert,
    'own.key': own.key,
    'stranger.pem': stranger.cert,
    'stranger.key': stranger.key,
  });
  const tls = (name: string) => ({ cert: `${folder}/${name}.pem`, key: `${folder}/${name}.key` });
  const clientId: Method = 'tls_client_auth';
  const { get } = await startIntrospecting(t, {
    issuer: provider.issuer,
    ca: `${folder}/ca.pem`,
    auths: { own: { clientId, tls: tls('own') }, stranger: { clientId, tls: tls('stranger') } },
  });
  const token = await provider.issue();
  t.equal(await get('own', token), 'allow');
  t.equal(await get('own', 'never-issued'), 'token_inactive');
  t.equal(await get('stranger', token), 'introspection_unavailable');
});
