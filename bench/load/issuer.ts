import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { AUDIENCE, type SigningKey } from './tokens.ts';

/** The issuer's addresses and keys for the peers. */
export interface IssuerFacts {
  /** Serves the key set at any path that ends in `/jwks.json`, exchanges every token at `/token`, and knows every one at `/introspect`. */
  readonly origin: string;
  readonly jwksUri: string;
  /** PEM of the RS256 key, for peers that fetch nothing. */
  readonly publicKeyFile: string;
}

export interface RunningIssuer extends IssuerFacts {
  close(): void;
}

/** What the token endpoint responds (RFC 8693 §2.2.1), with a token of the usual length. */
const EXCHANGED = JSON.stringify({
  access_token: 'e'.repeat(800),
  issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  token_type: 'Bearer',
  expires_in: 86_400,
});

/** What the introspection endpoint responds (RFC 7662 §2.2), with the claims of the tokens that are minted. */
const INTROSPECTED = JSON.stringify({
  active: true,
  token_type: 'Bearer',
  client_id: 'bench',
  sub: 'auth0|64b7f0c2a1d3e4f5a6b7c8d9',
  aud: AUDIENCE,
  scope: 'openid profile email orders:read',
});

/** Serves the public halves of the keys on loopback. */
export async function startIssuer(keys: readonly SigningKey[], folder: string): Promise<RunningIssuer> {
  const set = keys.map(({ algorithm, kid, privateKey }) => ({
    ...createPublicKey(privateKey).export({ format: 'jwk' }),
    kid,
    alg: algorithm,
    use: 'sig',
  }));
  const bodies: Readonly<Record<string, string>> = {
    'jwks.json': JSON.stringify({ keys: set }),
    token: EXCHANGED,
    introspect: INTROSPECTED,
  };
  const server = createServer((request, response) => {
    const body = bodies[request.url?.split('/').at(-1) ?? ''];
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(body ?? '{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const rsa = keys.find((key) => key.algorithm === 'RS256');
  const publicKeyFile = join(folder, 'issuer.pem');
  if (rsa)
    writeFileSync(publicKeyFile, createPublicKey(rsa.privateKey).export({ type: 'spki', format: 'pem' }));
  return {
    origin,
    jwksUri: `${origin}/.well-known/jwks.json`,
    publicKeyFile,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
