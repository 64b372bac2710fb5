import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import type { ClientMetadata, Configuration, Provider } from 'oidc-provider';
import { type ListenOptions, listen } from '../process/listen.ts';
import { handleInteraction } from './interaction.ts';
import { loadOidcProvider, withoutStartupWarnings } from './oidc-provider.ts';

/** The API that the tokens of the demo are for: their `aud`. */
export const AUDIENCE = 'https://api.example.com';

/** Another API of the same provider, whose tokens the gateway must refuse. */
export const OTHER_AUDIENCE = 'https://billing.example.com';

const RESOURCES: Readonly<Record<string, string>> = {
  [AUDIENCE]: 'orders:read orders:write',
  [OTHER_AUDIENCE]: 'billing:read',
};

/** The clients the provider knows. The port of a loopback redirect URI is free (RFC 8252 §7.3). */
export const CLIENTS = {
  /** A public client: authorization code with PKCE, refresh tokens. */
  app: { clientId: 'demo-app', redirectUri: 'http://127.0.0.1/demo' },
  /** A confidential client: client credentials. */
  robot: { clientId: 'demo-robot', clientSecret: 'demo-robot-secret-for-loopback-only' },
  /** A public client of MCP servers: authorization code with PKCE, refresh tokens. */
  mcp: { clientId: 'demo-mcp', redirectUri: 'http://127.0.0.1/callback' },
} as const;

const SIGNING_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;
type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];

interface ProviderOptions extends ListenOptions {
  /** The `iss` of its tokens; default: the address it listens on. */
  readonly issuer?: string;
  /** What access tokens are signed with; the key set holds a key for each algorithm. */
  readonly alg?: SigningAlgorithm;
  readonly accessTokenTtlSeconds?: number;
  /** Further APIs by their identifier (RFC 8707), with their scopes. */
  readonly resources?: Readonly<Record<string, string>>;
  /** Client id metadata documents by their URL. They stand in for the clients' own sites: nothing else is fetched. */
  readonly clientDocuments?: Readonly<Record<string, object>>;
}

export interface RunningProvider {
  readonly issuer: string;
  readonly audience: string;
  readonly clients: typeof CLIENTS;
  close(): Promise<void>;
}

/** Starts a real OpenID provider (`oidc-provider`) with fresh keys; all its state is in memory. */
export async function startProvider(options: ProviderOptions = {}): Promise<RunningProvider> {
  const [{ Provider }, keys] = await Promise.all([loadOidcProvider(), generateSigningKeys()]);
  const server = createServer();
  const { url, close } = await listen(server, options);

  const issuer = options.issuer ?? url;
  const provider: Provider = withoutStartupWarnings(
    () => new Provider(issuer, { ...configuration(options), jwks: { keys } }),
  );
  const handle = provider.callback();
  server.on('request', (req, res) => {
    if (req.url?.startsWith('/interaction/')) void handleInteraction(provider, { req, res });
    else void handle(req, res);
  });

  return { issuer, audience: AUDIENCE, clients: CLIENTS, close };
}

async function generateSigningKeys() {
  return Promise.all(
    SIGNING_ALGORITHMS.map(async (alg) => {
      const { privateKey } = await generateKeyPair(alg, { extractable: true });
      return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: `demo-${alg.toLowerCase()}` };
    }),
  );
}

function configuration({
  alg = 'RS256',
  accessTokenTtlSeconds = 3600,
  resources = {},
  clientDocuments = {},
}: ProviderOptions): Configuration {
  const scopes = new Map(Object.entries({ ...RESOURCES, ...resources }));
  const documents = new Map(Object.entries(clientDocuments));
  return {
    clients: [
      { ...publicClient(CLIENTS.app), client_name: 'Sealgate demo' },
      { ...publicClient(CLIENTS.mcp), client_name: 'MCP client' },
      {
        client_id: CLIENTS.robot.clientId,
        client_secret: CLIENTS.robot.clientSecret,
        token_endpoint_auth_method: 'client_secret_basic',
        redirect_uris: [],
        grant_types: ['client_credentials'],
        response_types: [],
      },
    ],
    pkce: { required: () => true },
    scopes: ['openid', 'offline_access'],
    claims: { openid: ['sub'], profile: ['name'] },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, name: id }) }),
    extraTokenClaims: (_ctx, token) => ({ roles: [token.kind === 'ClientCredentials' ? 'robot' : 'clerk'] }),
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    clientBasedCORS: (_ctx, origin, client) =>
      client.clientAuthMethod === 'none' && /^http:\/\/(127\.0\.0\.1|localhost):\d+$/.test(origin),
    fetch: async (url) => {
      const document = documents.get(String(url));
      return document ? Response.json(document) : new Response(null, { status: 404 });
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      clientIdMetadataDocument: { enabled: documents.size > 0, ack: 'draft-02' },
      clientCredentials: { enabled: true },
      rpInitiatedLogout: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, indicator) => ({
          scope: scopes.get(indicator) ?? '',
          audience: indicator,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg } },
        }),
      },
    },
    ttl: {
      AccessToken: accessTokenTtlSeconds,
      ClientCredentials: accessTokenTtlSeconds,
      AuthorizationCode: 60,
      Grant: 3600,
      IdToken: 3600,
      Interaction: 600,
      RefreshToken: 3600,
      Session: 3600,
    },
    cookies: { keys: [crypto.randomUUID()] },
  };
}

function publicClient({ clientId, redirectUri }: { clientId: string; redirectUri: string }): ClientMetadata {
  return {
    client_id: clientId,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: [redirectUri, redirectUri.replace('127.0.0.1', 'localhost')],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  };
}
