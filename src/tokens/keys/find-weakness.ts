import type { KeyObject } from 'node:crypto';
import { findPointFlaw } from './ed25519-point.ts';

const MIN_RSA_BITS = 2048;
/** Beyond, one check costs more than a request is worth. */
const MAX_RSA_BITS = 8192;
/** Beyond, the public operation becomes as dear as a private one. */
const MAX_RSA_EXPONENT = 2n ** 32n;

/** What makes a key unsafe that OpenSSL takes; undefined when nothing does. It checks itself that points of the NIST curves lie on them. */
export function findWeakness(key: KeyObject): string | undefined {
  if (key.asymmetricKeyType === 'rsa') return findRsaWeakness(key);
  if (key.asymmetricKeyType === 'ed25519') return findPointFlaw(memberOf(key, 'x'));
  return undefined;
}

function findRsaWeakness(key: KeyObject): string | undefined {
  const { modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {};
  if (modulusLength === undefined || publicExponent === undefined) return 'not a valid key of its type';
  if (modulusLength < MIN_RSA_BITS) return `RSA of ${modulusLength} bits is below ${MIN_RSA_BITS}`;
  if (modulusLength > MAX_RSA_BITS) return `RSA of ${modulusLength} bits is above ${MAX_RSA_BITS}`;
  if (publicExponent < 3n || publicExponent % 2n === 0n || publicExponent > MAX_RSA_EXPONENT) {
    return 'an RSA exponent that is even, below 3 or above 2^32';
  }
  const lowest = memberOf(key, 'n').at(-1) ?? 0;
  return lowest % 2 === 0 ? 'an RSA modulus that is even' : undefined;
}

/** As OpenSSL has read it, whatever the spelling in the key set. */
function memberOf(key: KeyObject, name: 'n' | 'x'): Buffer {
  return Buffer.from(key.export({ format: 'jwk' })[name] ?? '', 'base64url');
}
