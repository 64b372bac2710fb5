import { createPublicKey, generateKeyPair, type KeyObject, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { SignJWT } from 'jose';
import type { CompiledIssuer } from '../tokens/compiled-issuer.ts';
import { readProofJwk, type ThumbprintMembers, thumbprintOf } from '../tokens/dpop/proof-key.ts';
import { digestOf } from '../tokens/replay/replay-store.ts';

/** A client with a throw-away key, to which the token of a test is bound. */
export interface TestClient {
  /** For `cnf.jkt`. */
  readonly thumbprint: string;
  /** A proof for one request (RFC 9449 §4.2). */
  prove(request: ProvenRequest): Promise<string>;
}

interface ProvenRequest {
  readonly method: string;
  readonly uri: string;
  readonly token: string;
  readonly nowMs: number;
}

/** On the thread pool: a gateway that reloads a file keeps serving. */
const generate = promisify(generateKeyPair);

/** Makes a client that signs by the first algorithm the issuer accepts proofs with. */
export async function makeTestClient({ dpop }: CompiledIssuer): Promise<TestClient> {
  const alg = dpop?.advertised[0] ?? 'ES256';
  const privateKey = await makeKey(alg);
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  return {
    thumbprint: thumbprintOf(readProofJwk(jwk) as ThumbprintMembers),
    prove: ({ method, uri, token, nowMs }) =>
      new SignJWT({
        jti: randomUUID(),
        htm: method,
        htu: uri,
        iat: Math.floor(nowMs / 1000),
        ath: digestOf(token),
      })
        .setProtectedHeader({ typ: 'dpop+jwt', alg, jwk })
        .sign(privateKey),
  };
}

async function makeKey(alg: string): Promise<KeyObject> {
  if (alg.startsWith('Ed')) return (await generate('ed25519')).privateKey;
  if (!alg.startsWith('ES')) return (await generate('rsa', { modulusLength: 2048 })).privateKey;
  const namedCurve = alg === 'ES512' ? 'P-521' : `P-${alg.slice(2)}`;
  return (await generate('ec', { namedCurve })).privateKey;
}
