import type { Test } from 'tap';
import { type BoundFile, type BoundGateway, send, startBoundGateway } from './bound-gateway.ts';

/* Routes of a file with three issuers, two of which take proofs, and the challenges that their clients get. */

export const REALM = 'realm="api.example.com"';
/** The algorithms for proofs: of issuer `corp`, of `other`, and of both. */
export const CORP = 'algs="ES256"';
export const OTHER = 'algs="EdDSA"';
export const ALL = 'algs="ES256 EdDSA"';
/** Claims that make a token one of issuer `other`, or of `plain`, which takes no proofs; those of `corp` need none. */
export const OTHER_ISSUER = { iss: 'https://other.example' };
export const PLAIN_ISSUER = { iss: 'https://plain.example' };

/** `listen` of files whose clients can show certificates. */
export const CERTIFICATES = {
  trustedProxies: ['127.0.0.1'],
  clientCertHeader: { name: 'client-cert', format: 'rfc9440' },
};

const HOST = ['host', 'api.example.com'];
const MCP_HEADERS = ['content-type', 'application/json', 'mcp-protocol-version', '2025-06-18'];

export interface Asking {
  /** Undefined: without a token. */
  readonly claims?: Record<string, unknown>;
  /** Whether the token is bound to a key, and comes with its proof. */
  readonly isBound?: boolean;
  /** The tool that is called. */
  readonly tool?: string;
}

export interface ChallengeGateway extends BoundGateway {
  /** Without the description of the error. */
  challengeOf(path: string, asking?: Asking): Promise<string>;
  metadataOf(path: string): Promise<Readonly<Record<string, unknown>>>;
}

/** Serves these routes, by path. */
export async function startChallengeGateway(
  t: Test,
  routes: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  { listen = {}, policies = {} }: Partial<Pick<BoundFile, 'listen' | 'policies'>> = {},
): Promise<ChallengeGateway> {
  const served = await startBoundGateway(t, {
    dpop: { algorithms: ['ES256'] },
    change: (file) => {
      const upstream = file.routes[0]?.upstream;
      const { corp } = file.issuers;
      file.issuers.other = { ...corp, issuer: OTHER_ISSUER.iss, dpop: { algorithms: ['EdDSA'] } };
      Object.assign(file, { defaults: { issuers: ['corp', 'plain', 'other'] } });
      Object.assign(file.listen, listen);
      Object.assign(file.policies, policies);
      file.routes.length = 0;
      for (const [name, route] of Object.entries(routes))
        file.routes.push({ name, path: `/${name}`, upstream, ...route });
    },
  });
  const { gateway, ask, token, boundToken } = served;
  const reply = ({ claims, isBound, tool }: Asking, path: string) => {
    const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool } };
    const sent =
      tool === undefined
        ? { method: 'GET', path, headers: [] }
        : { method: 'POST', path, headers: MCP_HEADERS, body: JSON.stringify(message) };
    if (claims === undefined) return send(gateway.url, { ...sent, headers: [...HOST, ...sent.headers] });
    if (isBound === true) return ask({ ...sent, token: boundToken(claims) });
    return ask({ ...sent, token: token(claims), scheme: 'Bearer', proofs: [] });
  };
  return {
    ...served,
    async challengeOf(name, asking = {}) {
      const { challenge } = await reply(asking, `/${name}`);
      return challenge.replace(/, error_description="[^"]*"/, '');
    },
    async metadataOf(name) {
      const path = `/.well-known/oauth-protected-resource/${name}`;
      return JSON.parse((await send(gateway.url, { method: 'GET', path, headers: HOST })).body);
    },
  };
}
