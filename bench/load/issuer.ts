import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { SigningKey } from './tokens.ts';

/** The issuer's addresses and keys for the peers. */
export interface IssuerFacts {
  /** Serves the key set at any path that ends in `/jwks.json`. */
  readonly origin: string;
  readonly jwksUri: string;
  /** PEM of the RS256 key, for peers that fetch nothing. */
  readonly publicKeyFile: string;
}

export interface RunningIssuer extends IssuerFacts {
  close(): void;
}

/** Serves the public halves of the keys on loopback. */
export async function startIssuer(keys: readonly SigningKey[], folder: string): Promise<RunningIssuer> {
  const set = keys.map(({ algorithm, kid, privateKey }) => ({
    ...createPublicKey(privateKey).export({ format: 'jwk' }),
    kid,
    alg: algorithm,
    use: 'sig',
  }));
  const body = JSON.stringify({ keys: set });
  const server = createServer((request, response) => {
    const found = request.url?.endsWith('/jwks.json');
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
    response.end(found ? body : '{}');
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
