import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';

export type AssertionAlgorithm = 'ES256' | 'EdDSA';

/** A key with which the gateway signs. */
export interface AssertionKey {
  readonly kid: string;
  readonly alg: AssertionAlgorithm;
  readonly privateKey: KeyObject;
  /** As it is published (RFC 7517). */
  readonly publicJwk: Readonly<Record<string, unknown>>;
}

/** Makes a fresh key. */
export function makeAssertionKey(alg: AssertionAlgorithm): AssertionKey {
  const { privateKey } =
    alg === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return describeKey(privateKey, alg);
}

/** Reads a private key from PEM or JWK; undefined when it is none, or not one for ES256 or EdDSA. */
export function readAssertionKey(source: string | Record<string, unknown>): AssertionKey | undefined {
  try {
    const privateKey =
      typeof source === 'string'
        ? createPrivateKey(source)
        : createPrivateKey({ key: source as never, format: 'jwk' });
    const alg = algorithmOf(privateKey);
    return alg === undefined ? undefined : describeKey(privateKey, alg);
  } catch {
    return undefined;
  }
}

/** The private key as a JWK, for the file it is kept in. */
export function exportAssertionKey({ privateKey }: AssertionKey): Record<string, unknown> {
  return { ...privateKey.export({ format: 'jwk' }) };
}

function algorithmOf({
  asymmetricKeyType: type,
  asymmetricKeyDetails: details,
}: KeyObject): AssertionAlgorithm | undefined {
  if (type === 'ed25519') return 'EdDSA';
  return type === 'ec' && details?.namedCurve === 'prime256v1' ? 'ES256' : undefined;
}

function describeKey(privateKey: KeyObject, alg: AssertionAlgorithm): AssertionKey {
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  const kid = thumbprint(jwk as Record<string, unknown>);
  return { kid, alg, privateKey, publicJwk: { ...jwk, kid, alg, use: 'sig' } };
}

/** RFC 7638: the required members in the order of their names, so that a key has the same id everywhere. */
function thumbprint({ crv, kty, x, y }: Readonly<Record<string, unknown>>): string {
  const members = y === undefined ? { crv, kty, x } : { crv, kty, x, y };
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url');
}
