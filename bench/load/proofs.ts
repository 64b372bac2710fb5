import { createHash, createPublicKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { ISSUER, mintToken, type SigningKey } from './tokens.ts';

/** A route that only accepts tokens bound to a key of their client, with a proof for each request (RFC 9449). */
export const BOUND_PATH = '/bound';
export const BOUND_HOST = 'api.bench.test';
export const BOUND_ISSUER = `${ISSUER}/bound`;

/** One bound token and as many proofs for it: each is good once. */
export interface Proofs {
  readonly token: string;
  readonly proofs: readonly string[];
}

const signAsync = promisify(sign) as unknown as (
  hash: string | null,
  data: Buffer,
  key: unknown,
) => Promise<Buffer>;

export async function makeProofs(issuer: SigningKey, count: number): Promise<Proofs> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { kty, crv, x, y } = createPublicKey(privateKey).export({ format: 'jwk' });
  const jkt = hashOf(JSON.stringify({ crv, kty, x, y }));
  const token = await mintToken(issuer, { issuer: BOUND_ISSUER, claims: { cnf: { jkt } } });
  const header = encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } });
  const known = { htm: 'GET', htu: `https://${BOUND_HOST}${BOUND_PATH}`, ath: hashOf(token) };
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' };
  const make = async () => {
    const iat = Math.floor(Date.now() / 1000);
    const signed = `${header}.${encode({ ...known, jti: randomUUID(), iat })}`;
    return `${signed}.${(await signAsync('sha256', Buffer.from(signed), key)).toString('base64url')}`;
  };
  const proofs: string[] = [];
  while (proofs.length < count) {
    proofs.push(...(await Promise.all(Array.from({ length: Math.min(512, count - proofs.length) }, make))));
  }
  return { token, proofs };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
