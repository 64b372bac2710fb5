import { createHash, randomUUID } from 'node:crypto';
import { encode, mintText, type SigningKey } from './mint.ts';

/** The public part of a key as proofs carry it. */
export function publicJwk({ jwk }: SigningKey): Record<string, unknown> {
  const { kid: _kid, use: _use, alg: _alg, ...members } = jwk;
  return members;
}

/** RFC 7638, by its letter. */
export function thumbprint(key: SigningKey): string {
  const { kty, crv, x, y, n, e } = key.jwk as Record<string, string>;
  const members = kty === 'RSA' ? { e, kty, n } : kty === 'EC' ? { crv, kty, x, y } : { crv, kty, x };
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url');
}

/** `ath` of a token (RFC 9449 §4.2). */
export function hashOfToken(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

/** Changes to a proof; undefined members are left out. */
export interface ProofChanges {
  readonly header?: Record<string, unknown>;
  readonly claims?: Record<string, unknown>;
}

/** A proof for one request, made at this moment unless `claims` has another `iat`. */
export function makeProof(
  key: SigningKey,
  { method, uri, token }: { readonly method: string; readonly uri: string; readonly token: string },
  { header = {}, claims = {} }: ProofChanges = {},
): string {
  return mintText(
    key,
    JSON.stringify({ typ: 'dpop+jwt', alg: key.alg, jwk: publicJwk(key), ...header }),
    JSON.stringify({
      jti: randomUUID(),
      htm: method,
      htu: uri,
      iat: Math.floor(Date.now() / 1000),
      ath: hashOfToken(token),
      ...claims,
    }),
  );
}

/** A proof with another part in place of one. */
export function withPart(proof: string, at: 0 | 1 | 2, part: string | Buffer): string {
  return proof
    .split('.')
    .map((own, index) => (index === at ? (typeof part === 'string' ? part : encode(part)) : own))
    .join('.');
}
