import { createServer } from 'node:http';
import * as DPoP from 'dpop';
import { exportJWK, generateKeyPair } from 'jose';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { listen } from '../../demo/process/listen.ts';
import { loadOidcProvider, withoutStartupWarnings } from '../../demo/provider/oidc-provider.ts';
import { startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { freePorts } from '../support/backends/ports.ts';
import { startGateway } from '../support/gateway/gateway.ts';

/* A real provider binds tokens to keys (RFC 9449); clients that are not ours obtain and use them. */

const API = 'https://api.example.com';
const CLIENT: oauth.Client & { client_id: string } = { client_id: 'robot' };
const SECRET = 'robot-secret';
const INSECURE = { [oauth.allowInsecureRequests]: true };

/** Its tokens are bound to the key of the proof that comes with the token request, which needs a nonce of its own. */
async function startProvider(t: Test): Promise<string> {
  const { Provider } = await loadOidcProvider();
  const server = createServer();
  const { url, close } = await listen(server, {});
  t.teardown(close);
  const signing = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(signing.privateKey)), alg: 'ES256', use: 'sig', kid: 'p1' };
  const provider = withoutStartupWarnings(
    () =>
      new Provider(url, {
        jwks: { keys: [jwk] },
        clients: [
          {
            client_id: 'robot',
            client_secret: SECRET,
            redirect_uris: [],
            response_types: [],
            grant_types: ['client_credentials'],
            id_token_signed_response_alg: 'ES256',
          },
        ],
        scopes: ['orders'],
        ttl: { ClientCredentials: 600 },
        features: {
          devInteractions: { enabled: false },
          clientCredentials: { enabled: true },
          dPoP: { enabled: true, requireNonce: () => true, nonceSecret: Buffer.alloc(32, 7) },
          resourceIndicators: {
            enabled: true,
            defaultResource: () => API,
            getResourceServerInfo: () => ({
              scope: 'orders',
              audience: API,
              accessTokenFormat: 'jwt' as const,
              jwt: { sign: { alg: 'ES256' as const } },
            }),
          },
        },
      }),
  );
  const handle = provider.callback();
  server.on('request', (request, response) => void handle(request, response));
  return url;
}

async function startAll(t: Test, dpop: Record<string, unknown>) {
  const issuer = await startProvider(t);
  const upstream = await startCountingUpstream();
  t.teardown(() => upstream.close());
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const gateway = await startGateway(
    stringify({
      listen: { publicUrl: url },
      issuers: { corp: { issuer, audiences: [API], dpop } },
      routes: [
        {
          name: 'orders',
          path: '/orders',
          upstream: upstream.url,
          access: { scopes: ['orders'], binding: 'dpop' },
        },
      ],
    }),
    { port },
  );
  t.teardown(() => gateway.close());
  return { issuer, upstream, url, gateway };
}

/** A token that the provider binds to these keys, by oauth4webapi. */
async function obtainToken(issuer: string, keys: oauth.CryptoKeyPair) {
  const found = await oauth.discoveryRequest(new URL(issuer), INSECURE);
  const provider = await oauth.processDiscoveryResponse(new URL(issuer), found);
  const proofs = oauth.DPoP(CLIENT, keys);
  const request = async () => {
    const response = await oauth.clientCredentialsGrantRequest(
      provider,
      CLIENT,
      oauth.ClientSecretBasic(SECRET),
      new URLSearchParams({ scope: 'orders', resource: API }),
      { ...INSECURE, DPoP: proofs },
    );
    return oauth.processClientCredentialsResponse(provider, CLIENT, response);
  };
  const issued = await request().catch((error: unknown) => {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return request();
  });
  return { token: issued.access_token, type: issued.token_type, proofs };
}

for (const alg of ['ES256', 'Ed25519'] as const) {
  t.test(`oauth4webapi with ${alg}, and nonces of provider and gateway`, async (t) => {
    const { issuer, url, upstream } = await startAll(t, {
      nonce: 'required',
      algorithms: ['ES256', 'EdDSA'],
    });
    const keys = await oauth.generateKeyPair(alg, { extractable: false });
    const { token, type, proofs } = await obtainToken(issuer, keys);
    t.equal(type, 'dpop');
    const ask = (method: string, path: string) =>
      oauth.protectedResourceRequest(token, method, new URL(path, url), undefined, undefined, {
        ...INSECURE,
        DPoP: proofs,
      });
    const nonces: boolean[] = [];
    const first = await ask('GET', '/orders/7?a=1').catch((error: unknown) => {
      nonces.push(oauth.isDPoPNonceError(error));
      return ask('GET', '/orders/7?a=1');
    });
    t.strictSame(nonces, [true], 'the client takes the challenge for what it is');
    t.equal(first.status, 200);
    await first.text();
    for (const method of ['GET', 'POST', 'DELETE']) {
      const response = await ask(method, '/orders/7');
      t.equal(response.status, 200, `${method}: the client has kept the nonce`);
      await response.text();
    }
    t.equal(upstream.requests.length, 4);
    t.match(upstream.requests[0]?.headers, { 'x-user-issuer': issuer, 'x-user-scopes': 'orders' });
    t.notOk(upstream.requests.some(({ headers }) => 'dpop' in headers || 'authorization' in headers));

    const stolen = await fetch(`${url}/orders`, { headers: { authorization: `Bearer ${token}` } });
    t.match(await stolen.json(), { status: 401, code: 'token_bound' });
    const other = oauth.DPoP(CLIENT, await oauth.generateKeyPair('ES256'));
    const thief = oauth.protectedResourceRequest(
      token,
      'GET',
      new URL('/orders', url),
      undefined,
      undefined,
      {
        ...INSECURE,
        DPoP: other,
      },
    );
    await t.rejects(thief, { cause: [{ scheme: 'dpop', parameters: { error: 'invalid_dpop_proof' } }] });
  });
}

t.test('openid-client', async (t) => {
  const { issuer, url } = await startAll(t, { nonce: 'required' });
  const config = await openid.discovery(new URL(issuer), 'robot', SECRET, openid.ClientSecretBasic(SECRET), {
    execute: [openid.allowInsecureRequests],
  });
  const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair('ES256'));
  const parameters = { scope: 'orders', resource: API };
  const issued = await openid.clientCredentialsGrant(config, parameters, { DPoP });
  for (const path of ['/orders', '/orders/1', '/orders/1']) {
    const response = await openid.fetchProtectedResource(
      config,
      issued.access_token,
      new URL(path, url),
      'GET',
      null,
      undefined,
      { DPoP },
    );
    t.equal(response.status, 200, 'it repeats the request with the nonce by itself');
    await response.text();
  }
});

t.test('dpop, without nonces', async (t) => {
  const { issuer, url, upstream } = await startAll(t, {});
  const keys = await DPoP.generateKeyPair('ES256', { extractable: false });
  const { token } = await obtainToken(issuer, keys as oauth.CryptoKeyPair);
  const ask = async (proof: string) => {
    const headers = { authorization: `DPoP ${token}`, dpop: proof };
    const response = await fetch(`${url}/orders/7?x=y`, { headers });
    return { status: response.status, code: ((await response.json()) as { code?: string }).code };
  };
  const proof = await DPoP.generateProof(keys, `${url}/orders/7`, 'GET', undefined, token);
  t.match(await ask(proof), { status: 200 });
  t.match(await ask(proof), { status: 401, code: 'dpop_proof_invalid' }, 'good once');
  t.match(await ask(await DPoP.generateProof(keys, `${url}/orders/7`, 'GET')), {
    code: 'dpop_proof_invalid',
  });
  t.equal(upstream.requests.length, 1);
});
