import { request } from 'node:http';
import type { Test } from 'tap';
import { stringify } from 'yaml';
import { type CountingUpstream, startCountingUpstream } from '../backends/counting-upstream.ts';
import { startGateway, type TestGateway } from '../gateway/gateway.ts';
import { mint, type SigningKey, signingKey } from '../tokens/mint.ts';
import { makeProof, type ProofChanges, thumbprint } from '../tokens/proof.ts';
import { inPlace } from '../tokens/verifier.ts';

const ISSUER = 'https://corp.example';
const ISSUER_KEY = signingKey('ES256');
export const CLIENT = signingKey('ES256', {}, 'client');
export const OTHER_CLIENT = signingKey('ES256', {}, 'other client');
export const PUBLIC_URL = 'https://api.example.com';
export const START = Date.parse('2026-01-31T12:00:00Z');

export interface Reply {
  readonly status: number;
  readonly code: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly challenge: string;
  readonly body: string;
}

/** A request as a client with DPoP makes it, and what a test changes about it. */
export interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly token?: string;
  readonly key?: SigningKey;
  readonly scheme?: string;
  readonly uri?: string;
  readonly proof?: ProofChanges;
  /** In place of one good proof. */
  readonly proofs?: readonly string[];
  /** Names and values in turn. */
  readonly headers?: readonly string[];
  readonly body?: string;
}

export interface BoundGateway {
  readonly gateway: TestGateway;
  readonly upstream: CountingUpstream;
  readonly time: { ms: number };
  token(claims?: Record<string, unknown>): string;
  /** A token that is bound to `key`. */
  boundToken(claims?: Record<string, unknown>, key?: SigningKey): string;
  proof(asked?: Asked): string;
  ask(asked?: Asked): Promise<Reply>;
}

/** A file whose issuer takes bound tokens. `change` gets it before it is written. */
export function boundFile(upstream: string, dpop: unknown = {}): Record<string, unknown> & BoundFile {
  return {
    listen: { publicUrl: PUBLIC_URL },
    policies: {},
    issuers: {
      corp: { issuer: ISSUER, audiences: ['api'], jwks: { keys: inPlace(ISSUER_KEY).keys }, dpop },
      plain: {
        issuer: 'https://plain.example',
        audiences: ['api'],
        jwks: { keys: inPlace(ISSUER_KEY).keys },
      },
    },
    routes: [
      { name: 'orders', path: '/orders', upstream, access: { issuers: ['corp'] } },
      { name: 'scoped', path: '/scoped', upstream, access: { issuers: ['corp'], scopes: ['write'] } },
      { name: 'both', path: '/both', upstream, access: { issuers: ['corp', 'plain'] } },
      { name: 'plain', path: '/plain', upstream, access: { issuers: ['plain'] } },
      { name: 'open', path: '/open', upstream, access: 'public' },
    ],
  };
}

export interface BoundFile {
  readonly listen: Record<string, unknown>;
  readonly policies: Record<string, unknown>;
  readonly issuers: Record<string, Record<string, unknown>>;
  readonly routes: Record<string, unknown>[];
}

/** Starts a gateway for bound tokens, with a clock that the test sets; everything ends with the test. */
export async function startBoundGateway(
  t: Test,
  {
    dpop = {},
    change = () => {},
  }: { dpop?: unknown; change?: (file: BoundFile & Record<string, unknown>) => void } = {},
): Promise<BoundGateway> {
  const upstream = await startCountingUpstream();
  t.teardown(() => upstream.close());
  const time = { ms: START };
  const file = boundFile(upstream.url, dpop);
  change(file);
  const gateway = await startGateway(stringify(file), { clock: () => time.ms });
  t.teardown(() => gateway.close());
  return { gateway, upstream, time, ...clientOf(gateway.url, () => time.ms) };
}

/** A client of a gateway that serves `boundFile`. */
export function clientOf(
  url: string,
  now: () => number,
): Pick<BoundGateway, 'token' | 'boundToken' | 'proof' | 'ask'> {
  const seconds = (): number => Math.floor(now() / 1000);
  const issued = seconds();
  // The same for the same claims: signatures of ES256 differ each time.
  const tokens = new Map<string, string>();
  const token = (claims: Record<string, unknown> = {}): string => {
    const all = { iss: ISSUER, aud: 'api', sub: 'alice', iat: issued, exp: issued + 3600, ...claims };
    const name = JSON.stringify(all);
    const made = tokens.get(name) ?? mint(ISSUER_KEY, all);
    tokens.set(name, made);
    return made;
  };
  const boundToken = (claims: Record<string, unknown> = {}, key = CLIENT): string =>
    token({ cnf: { jkt: thumbprint(key) }, ...claims });
  const proof = ({
    path = '/orders',
    method = 'GET',
    token: own = boundToken(),
    key = CLIENT,
    uri = `${PUBLIC_URL}${path.split('?')[0]}`,
    proof: changes = {},
  }: Asked = {}): string =>
    makeProof(
      key,
      { method, uri, token: own },
      { ...changes, claims: { iat: seconds(), ...changes.claims } },
    );
  return {
    token,
    boundToken,
    proof,
    ask(asked = {}) {
      const { path = '/orders', method = 'GET', scheme = 'DPoP', headers = [], body = '' } = asked;
      const own = asked.token ?? boundToken();
      const proofs = asked.proofs ?? [proof({ ...asked, token: own })];
      return send(url, {
        method,
        path,
        body,
        headers: [
          ...['host', 'api.example.com', 'authorization', `${scheme} ${own}`],
          ...proofs.flatMap((text) => ['dpop', text]),
          ...headers,
        ],
      });
    },
  };
}

/** Sends exactly these fields. */
export function send(
  url: string,
  {
    method,
    path,
    headers,
    body: sentBody = '',
  }: { method: string; path: string; headers: readonly string[]; body?: string },
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, path, headers: [...headers], agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', reject);
      response.on('end', () => {
        const body = Buffer.concat(pieces).toString();
        const challenge = response.headers['www-authenticate'] ?? '';
        const status = response.statusCode ?? 0;
        const code = status < 400 ? 'allow' : ((JSON.parse(body) as { code: string }).code ?? '');
        resolve({ status, code, headers: response.headers, challenge: String(challenge), body });
      });
    });
    sent.on('error', reject);
    sent.end(sentBody);
  });
}
