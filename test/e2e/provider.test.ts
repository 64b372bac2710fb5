import t from 'tap';
import { startBackend } from '../../demo/backend.ts';
import { fetchToken } from '../../demo/provider/client-credentials.ts';
import {
  AUDIENCE,
  CLIENTS,
  OTHER_AUDIENCE,
  type RunningProvider,
  startProvider,
} from '../../demo/provider/provider.ts';
import { startGateway } from '../support/gateway/gateway.ts';
import { logIn, refreshTokens } from './user-agent.ts';

const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;

const providers = {} as Record<(typeof ALGORITHMS)[number], RunningProvider>;
for (const alg of ALGORITHMS) providers[alg] = await startProvider({ alg });
const stranger = await startProvider();

const seen: string[] = [];
const backend = await startBackend({ log: (line) => seen.push(line) });

const gateway = await startGateway(`
issuers:
  rs256: { issuer: "${providers.RS256.issuer}", audiences: ["${AUDIENCE}"] }
  ps256: { issuer: "${providers.PS256.issuer}", audiences: ["${AUDIENCE}", demo-app], tokenTypes: [at+jwt] }
  es256: { issuer: "${providers.ES256.issuer}", audiences: ["${AUDIENCE}", demo-app], algorithms: [ES256] }
  eddsa: { issuer: "${providers.EdDSA.issuer}", audiences: ["${AUDIENCE}"], algorithms: [EdDSA] }
upstreams:
  orders: { url: "${backend.url}" }
defaults: { issuers: [rs256, ps256, es256, eddsa] }
routes:
  - { name: read, path: /orders, methods: [GET], upstream: orders, access: { scopes: [orders:read] } }
  - { name: write, path: /orders, methods: [POST], upstream: orders, access: { scopes: [orders:write] } }
  - { name: only-es256, path: /es256, upstream: orders, access: { issuers: [es256] } }
`);

t.teardown(async () => {
  await gateway.close();
  await Promise.all([...Object.values(providers), stranger, backend].map((each) => each.close()));
});

interface Reply {
  readonly status: number;
  readonly code?: string;
  readonly headers?: Record<string, string>;
}

async function call(token: string | undefined, { method = 'GET', path = '/orders' } = {}): Promise<Reply> {
  const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
  const response = await fetch(`${gateway.url}${path}`, { method, headers });
  return { ...((await response.json()) as object), status: response.status };
}

t.test('the backend gets the identity of a user who logs in with authorization code and PKCE', async (t) => {
  const { issuer } = providers.RS256;
  const tokens = await logIn(issuer, { login: 'zoë', scope: 'openid orders:read' });

  const reply = await call(tokens.access_token);

  t.equal(reply.status, 200);
  t.match(reply.headers, {
    'x-user-id': 'zo%C3%AB',
    'x-user-issuer': issuer,
    'x-user-scopes': 'orders:read',
  });
  t.notOk(reply.headers?.authorization, 'the token stays at the gateway');

  const refused = await call(tokens.access_token, { method: 'POST' });
  t.match(refused, { status: 403, code: 'insufficient_scope' }, 'what was not consented to is refused');
});

t.test('an access token from a refresh token is accepted', async (t) => {
  const { issuer } = providers.ES256;
  const tokens = await logIn(issuer, { scope: 'openid orders:read orders:write' });
  const refreshed = await refreshTokens(issuer, tokens.refresh_token);

  t.not(refreshed.access_token, tokens.access_token);
  t.equal((await call(refreshed.access_token)).status, 200);
  t.equal((await call(refreshed.access_token, { method: 'POST' })).status, 200);
});

for (const alg of ALGORITHMS) {
  t.test(`a client's own token signed with ${alg} is accepted`, async (t) => {
    const token = await fetchToken(providers[alg].issuer, { scope: 'orders:read' });
    t.equal(JSON.parse(atob(token.split('.')[0] ?? '')).alg, alg);

    const reply = await call(token);

    t.equal(reply.status, 200);
    t.equal(reply.headers?.['x-user-id'], CLIENTS.robot.clientId);
    t.equal(reply.headers?.['x-user-issuer'], providers[alg].issuer);
  });
}

t.test('tokens of the provider for other uses are refused', async (t) => {
  const { issuer } = providers.RS256;
  const tokens = await logIn(issuer);
  const wrongType = await logIn(providers.PS256.issuer);
  const wrongAlgorithm = await logIn(providers.ES256.issuer);
  const elsewhere = await fetchToken(issuer, { resource: OTHER_AUDIENCE, scope: 'billing:read' });
  const good = await fetchToken(issuer, { scope: 'orders:read' });
  const foreign = await fetchToken(stranger.issuer, { scope: 'orders:read' });
  const [header, claims, signature = ''] = good.split('.');
  const [, , foreignSignature] = foreign.split('.');
  const before = seen.length;

  const cases = [
    { what: 'no token', token: undefined, status: 401, code: 'token_missing' },
    { what: 'an ID token', token: tokens.id_token, status: 401, code: 'audience_mismatch' },
    {
      what: 'an ID token whose audience is accepted, by its type',
      token: wrongType.id_token,
      status: 401,
      code: 'type_not_allowed',
    },
    {
      what: 'an ID token whose audience is accepted, by its algorithm',
      token: wrongAlgorithm.id_token,
      status: 401,
      code: 'algorithm_not_allowed',
    },
    { what: 'a refresh token', token: tokens.refresh_token, status: 401, code: 'token_malformed' },
    { what: 'a token for another API', token: elsewhere, status: 401, code: 'audience_mismatch' },
    { what: 'a token of another provider', token: foreign, status: 401, code: 'issuer_unknown' },
    {
      what: "a token with another provider's signature under the same kid",
      token: `${header}.${claims}.${foreignSignature}`,
      status: 401,
      code: 'signature_invalid',
    },
    {
      what: 'a token with one flipped bit',
      token: `${header}.${claims}.${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`,
      status: 401,
      code: 'signature_invalid',
    },
    { what: 'a token without its signature', token: `${header}.${claims}.`, status: 401 },
    {
      what: 'a token of an issuer that this route does not accept',
      token: good,
      path: '/es256',
      status: 401,
      code: 'issuer_not_allowed',
    },
  ];
  for (const { what, token, path, ...expected } of cases)
    t.match(await call(token, { path }), expected, what);

  t.equal(seen.length, before, 'nothing of them reached the backend');
  const lastLine = await gateway.waitForLine(
    ({ msg, code }) => msg === 'request' && code === 'issuer_not_allowed',
  );
  t.match(lastLine, { method: 'GET', path: '/es256', status: 401, route: 'only-es256' });
  const log = JSON.stringify(gateway.lines);
  const pieces = cases.flatMap(({ token }) => token?.split('.') ?? []).filter((piece) => piece !== header);
  t.notOk(
    pieces.some((piece) => piece !== '' && log.includes(piece)),
    'no part of a token is in the log',
  );
});

t.test('the provider requires PKCE with S256 for the public client', async (t) => {
  const { issuer } = providers.RS256;
  const authorize = (pkce: Record<string, string>) => {
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: CLIENTS.app.clientId,
      redirect_uri: CLIENTS.app.redirectUri,
      scope: 'openid',
      ...pkce,
    });
    return fetch(`${issuer}/auth?${query}`, { redirect: 'manual' });
  };
  const plain = await authorize({ code_challenge: 'a'.repeat(43), code_challenge_method: 'plain' });
  const none = await authorize({});

  t.match(plain.headers.get('location'), /error=invalid_request/);
  t.match(none.headers.get('location'), /error=invalid_request/);
});
