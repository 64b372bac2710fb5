import { createHash, randomBytes } from 'node:crypto';
import t from 'tap';
import { startBackend } from '../../demo/backend.ts';
import { AUDIENCE, CLIENTS, startProvider } from '../../demo/provider/provider.ts';
import { freePorts } from '../support/backends/ports.ts';
import { startGateway } from '../support/gateway/gateway.ts';
import { startShim } from '../support/oauth/without-iss.ts';

/* A client that knows nothing but the URL of a resource logs in through the front, at the real `oidc-provider`. */

const shim = await startShim();
const [providerPort = 0] = await freePorts(1);
const provider = await startProvider({ issuer: shim.url, port: providerPort });
shim.leadTo(`http://127.0.0.1:${providerPort}`);
const plain = await startProvider();
const backend = await startBackend({ log: () => {} });
const front = `oauthProxy: { path: /PATH, clientId: ${CLIENTS.app.clientId}, redirectUris: ["http://127.0.0.1/demo"] }`;

const gateway = await startGateway(`
listen: { publicUrl: https://gw.example }
issuers:
  corp:
    issuer: "${provider.issuer}"
    audiences: ["${AUDIENCE}"]
    ${front.replace('PATH', 'oauth')}
  plain:
    issuer: "${plain.issuer}"
    audiences: ["${AUDIENCE}"]
    ${front.replace('PATH', 'plain')}
upstreams:
  orders: { url: "${backend.url}" }
routes:
  - name: read
    path: /orders
    upstream: orders
    resource: { url: "${AUDIENCE}" }
    access: { issuers: [corp], scopes: [orders:read] }
`);
t.teardown(async () => {
  await gateway.close();
  await Promise.all([provider, plain, backend, shim].map((each) => each.close()));
});

/** The gateway's public address is one that only its documents know. */
const local = (url: string): string => url.replace('https://gw.example', gateway.url);
const json = async (url: string, init?: RequestInit) =>
  (await (await fetch(local(url), init)).json()) as Record<string, string & readonly string[]>;

/** Plays a person with a browser, up to the redirect URI of the client. */
async function logIn(start: string): Promise<URL> {
  const cookies = new Map<string, string>();
  let url = start;
  let form: URLSearchParams | undefined;
  for (let step = 0; step < 10; step++) {
    const response = await fetch(url, {
      ...(form && { method: 'POST', body: form }),
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      redirect: 'manual',
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    const location = response.headers.get('location');
    const page = await response.text();
    if (location === null) {
      if (!page.includes('<form method="post">'))
        throw new Error(`the login stopped with ${response.status}: ${page}`);
      form = new URLSearchParams({ login: 'alice', decision: 'allow' });
      continue;
    }
    form = undefined;
    url = new URL(location, url).href;
    if (url.startsWith('http://127.0.0.1:1/demo')) return new URL(url);
  }
  throw new Error('the login goes round in circles');
}

t.test('code and PKCE, a call, a refresh, another call', async (t) => {
  const refused = await fetch(`${gateway.url}/orders`);
  const place = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '')?.[1] ?? '';
  t.ok(place, 'the challenge names the metadata');
  const resource = await json(`${gateway.url}${new URL(place).pathname}`);
  t.strictSame(resource.authorization_servers, ['https://gw.example/oauth'], 'the front, not the provider');
  const [server = ''] = resource.authorization_servers ?? [];
  const { origin, pathname } = new URL(server);
  const metadata = await json(`${origin}/.well-known/oauth-authorization-server${pathname}`);
  t.equal(metadata.issuer, server);

  const redirectUri = 'http://127.0.0.1:1/demo';
  const client = await json(metadata.registration_endpoint ?? '', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      redirect_uris: [redirectUri],
      client_name: 'a client',
      token_endpoint_auth_method: 'none',
    }),
  });
  t.equal(client.client_id, CLIENTS.app.clientId);

  const verifier = randomBytes(32).toString('base64url');
  const authorize = new URL(local(metadata.authorization_endpoint ?? ''));
  authorize.search = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id ?? '',
    redirect_uri: redirectUri,
    scope: 'openid orders:read',
    state: 'the-state',
    resource: AUDIENCE,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString();
  const callback = await logIn(authorize.href);
  t.equal(callback.searchParams.get('state'), 'the-state');
  t.notOk(callback.searchParams.has('iss'));

  const post = (form: Record<string, string>) =>
    fetch(local(metadata.token_endpoint ?? ''), { method: 'POST', body: new URLSearchParams(form) });
  const exchange = {
    grant_type: 'authorization_code',
    code: callback.searchParams.get('code') ?? '',
    redirect_uri: redirectUri,
    client_id: client.client_id ?? '',
    code_verifier: verifier,
    resource: AUDIENCE,
  };
  const stolen = await post({ ...exchange, code_verifier: randomBytes(32).toString('base64url') });
  t.equal(stolen.status, 400, 'the code is worth nothing without its verifier');

  t.comment('the provider ends a code after a wrong attempt, so the client logs in once more');
  const again = await logIn(authorize.href);
  const response = await post({ ...exchange, code: again.searchParams.get('code') ?? '' });
  const tokens = (await response.json()) as Record<string, string>;
  t.equal(response.status, 200, JSON.stringify(tokens.error_description));
  const call = (token = '') =>
    fetch(`${gateway.url}/orders`, { headers: { authorization: `Bearer ${token}` } });
  t.equal((await call(tokens.access_token)).status, 200);
  t.equal((await call(tokens.id_token)).status, 401, 'an ID token is none for APIs');

  const refreshed = await post({
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token ?? '',
    client_id: client.client_id ?? '',
    resource: AUDIENCE,
  });
  const next = (await refreshed.json()) as Record<string, string>;
  t.equal(refreshed.status, 200);
  t.not(next.access_token, tokens.access_token);
  t.equal((await call(next.access_token)).status, 200);
});

t.test('the same provider without the shim names itself in its responses, and is refused', async (t) => {
  const response = await fetch(`${gateway.url}/.well-known/oauth-authorization-server/plain`);
  t.equal(response.status, 502);
  const login = await fetch(`${gateway.url}/plain/authorize?client_id=x`, { redirect: 'manual' });
  t.equal(login.status, 400);
});
