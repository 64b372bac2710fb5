import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type SigningKey, signingKey } from '../tokens/mint.ts';

/** A request that a provider got. */
export interface ProviderCall {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** An authorization server that responds as a test has it. */
export interface ScriptedProvider {
  readonly url: string;
  readonly key: SigningKey;
  /** Laid over the metadata; undefined takes a member away. */
  metadata: Record<string, unknown>;
  /** What happens to requests for metadata. */
  metadataMode: 'good' | 'hang' | 'error';
  /** Responds to a token request. */
  onToken: (call: ProviderCall, response: ServerResponse) => void;
  /** All that was asked, in order, keys aside. */
  readonly calls: ProviderCall[];
  /** Those of the token endpoint. */
  tokenCalls(): readonly ProviderCall[];
  /** How often metadata was asked for. */
  metadataCalls(): number;
  /** Refuses connections until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
}

export const TOKENS = {
  access_token: 'access-1',
  token_type: 'Bearer',
  expires_in: 3599,
  refresh_token: 'refresh-1',
  scope: 'mcp:use',
} as const;

/** Responds as a token endpoint does. */
export function respondWith(
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): ScriptedProvider['onToken'] {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof value === 'string' ? value : JSON.stringify(value));
  };
}

/** Starts it; it ends with the test. */
export async function startScriptedProvider(t: {
  teardown(undo: () => void | Promise<void>): unknown;
}): Promise<ScriptedProvider> {
  const server = createServer((request, response) => void reply(request, response));
  const listen = (port: number) => new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  const stop = () =>
    new Promise<void>((done) => {
      if (!server.listening) done();
      server.close(() => done());
      server.closeAllConnections();
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  t.teardown(stop);

  const provider: ScriptedProvider = {
    url,
    key: signingKey('ES256'),
    metadata: {},
    metadataMode: 'good',
    onToken: respondWith(200, TOKENS),
    calls: [],
    tokenCalls: () => provider.calls.filter(({ path }) => path === '/token'),
    metadataCalls: () => provider.calls.filter(({ path }) => path.includes('/.well-known/')).length,
    down: stop,
    up: () => listen(port),
  };

  async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers, rawHeaders } = request;
    if (path === '/keys') {
      respondWith(200, { keys: [provider.key.jwk] })({} as ProviderCall, response);
      return;
    }
    const call: ProviderCall = { method, path, headers, rawHeaders, body: await text(request) };
    provider.calls.push(call);
    if (path === '/token') provider.onToken(call, response);
    else if (provider.metadataMode === 'error') response.writeHead(500).end();
    else if (provider.metadataMode === 'good') respondWith(200, document())(call, response);
  }

  function document(): Record<string, unknown> {
    return {
      issuer: url,
      authorization_endpoint: `${url}/authorize`,
      token_endpoint: `${url}/token`,
      jwks_uri: `${url}/keys`,
      scopes_supported: ['openid', 'mcp:use'],
      registration_endpoint: `${url}/register`,
      response_types_supported: ['code', 'token', 'id_token'],
      token_endpoint_auth_methods_supported: ['client_secret_basic'],
      revocation_endpoint: `${url}/revoke`,
      ...provider.metadata,
    };
  }
  return provider;
}
