import { createPublicKey, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import type { CompiledIssuer } from '../tokens/compiled-issuer.ts';
import { readProofJwk, type ThumbprintMembers, thumbprintOf } from '../tokens/dpop/proof-key.ts';
import { digestOf } from '../tokens/replay/replay-store.ts';
import { generateTestKey } from './mint-test-token.ts';

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

/** Makes a client that signs by the first algorithm the issuer accepts proofs with. */
export async function makeTestClient({ dpop }: CompiledIssuer): Promise<TestClient> {
  const [wanted = 'ES256'] = dpop?.advertised ?? [];
  const made = await generateTestKey(new Set([wanted]));
  if (made === undefined) throw new Error(`no key for proofs by ${wanted} can be made`);
  const { alg, privateKey } = made;
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
