import { createServer } from 'node:http';
import {
  createLocalJWKSet,
  exportJWK,
  exportPKCS8,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  jwtVerify,
} from 'jose';
import type { ClientMetadata, KoaContextWithOIDC, Provider } from 'oidc-provider';
import { listen } from '../../../demo/process/listen.ts';
import { loadOidcProvider, withoutStartupWarnings } from '../../../demo/provider/oidc-provider.ts';
import { ACCESS_TOKEN_TYPE } from './token-endpoint.ts';

const API = 'https://api.example.com';
const GRANTS = {
  tokenExchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
  jwtBearer: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
} as const;
const EXCHANGES = Object.values(GRANTS);

function clientOf(id: string, grants: readonly string[], members: Partial<ClientMetadata>): ClientMetadata {
  return {
    client_id: id,
    redirect_uris: [],
    response_types: [],
    grant_types: [...grants],
    id_token_signed_response_alg: 'ES256',
    ...members,
  };
}

const resourceOf = (audience: string) => ({
  scope: 'orders:read',
  audience,
  accessTokenFormat: 'jwt' as const,
  jwt: { sign: { alg: 'ES256' as const } },
});

/** A real OpenID provider that exchanges tokens, for the gateway as two clients. */
export interface ExchangingProvider {
  readonly issuer: string;
  readonly tokenUrl: string;
  /** The client `gateway` has this secret, the client `gateway-key` this private key. */
  readonly secret: string;
  readonly privateKey: string;
  /** A token of a robot for the gateway. */
  callerToken(): Promise<string>;
  /** The claims of a token that it issued. */
  claimsOf(token: string): Promise<JWTPayload>;
  /** How often tokens were exchanged. */
  exchanges(): number;
}

/** Starts it; it ends with the test. `oidc-provider` has neither grant, but lets applications add some. */
export async function startExchangingProvider(t: {
  teardown(undo: () => unknown): unknown;
}): Promise<ExchangingProvider> {
  const { Provider, errors } = await loadOidcProvider();
  const server = createServer();
  const { url: issuer, close } = await listen(server, {});
  t.teardown(close);
  const signing = await generateKeyPair('ES256', { extractable: true });
  const client = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(signing.privateKey)), alg: 'ES256', use: 'sig', kid: 'p1' };
  const { d: _, ...published } = jwk as JWK & { d?: string };
  const keys = createLocalJWKSet({ keys: [published] });
  const secret = 's3cret+/ of=the gateway';
  let exchanges = 0;

  const clientKey = await exportJWK(client.publicKey);
  const provider: Provider = withoutStartupWarnings(
    () =>
      new Provider(issuer, {
        jwks: { keys: [jwk] },
        clientAuthMethods: ['client_secret_basic', 'private_key_jwt'],
        clients: [
          clientOf('robot', ['client_credentials'], { client_secret: 'r' }),
          clientOf('gateway', EXCHANGES, { client_secret: secret }),
          clientOf('gateway-key', EXCHANGES, {
            token_endpoint_auth_method: 'private_key_jwt',
            jwks: { keys: [clientKey] },
          }),
        ],
        scopes: ['orders:read'],
        ttl: { ClientCredentials: 600 },
        extraTokenClaims: (ctx) => ({ act_for: ctx.state.subject }),
        features: {
          devInteractions: { enabled: false },
          clientCredentials: { enabled: true },
          resourceIndicators: {
            enabled: true,
            defaultResource: () => API,
            getResourceServerInfo: (_ctx, audience) => resourceOf(audience),
          },
        },
      }),
  );

  async function exchange(ctx: KoaContextWithOIDC, subject: unknown, audience: string): Promise<void> {
    const { client: asking } = ctx.oidc;
    if (asking === undefined) throw new errors.InvalidClient('no client');
    let claims: JWTPayload;
    try {
      claims = (await jwtVerify(String(subject), keys, { issuer, audience: API })).payload;
    } catch {
      throw new errors.InvalidGrant('the token is not valid');
    }
    if (audience !== 'https://orders.example.com') throw new errors.InvalidTarget();
    const token = new provider.ClientCredentials({ client: asking, scope: 'orders:read' });
    ctx.state.subject = claims.sub;
    token.resourceServer = new provider.ResourceServer(audience, resourceOf(audience));
    exchanges += 1;
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: ACCESS_TOKEN_TYPE,
      token_type: 'Bearer',
      expires_in: token.expiration,
    };
  }

  provider.registerGrantType(
    GRANTS.tokenExchange,
    (ctx) => {
      const { subject_token, audience } = ctx.oidc.params ?? {};
      return exchange(ctx, subject_token, String(audience));
    },
    ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'scope'],
  );
  provider.registerGrantType(
    GRANTS.jwtBearer,
    (ctx) => exchange(ctx, ctx.oidc.params?.assertion, 'https://orders.example.com'),
    ['assertion', 'scope'],
  );
  const handle = provider.callback();
  server.on('request', (request, response) => void handle(request, response));

  return {
    issuer,
    tokenUrl: `${issuer}/token`,
    secret,
    privateKey: await exportPKCS8(client.privateKey),
    async callerToken() {
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa('robot:r')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', resource: API }),
      });
      const issued = (await response.json()) as { access_token?: string };
      if (issued.access_token === undefined) throw new Error(JSON.stringify(issued));
      return issued.access_token;
    },
    claimsOf: async (token) => (await jwtVerify(token, keys, { issuer })).payload,
    exchanges: () => exchanges,
  };
}
