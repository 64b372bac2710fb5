import { createPrivateKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { readCertificate } from '../../core/pem.ts';
import type { AssertionAlgorithm, AssertionKey } from './client-credentials.ts';

/** Why a file holds no key for client assertions, with what would help. */
export interface KeyFlaw {
  readonly flaw: string;
  readonly hint?: string;
}

/** Reads the private key of client assertions: a PEM file, or one JSON Web Key. No flaw quotes the file. */
export function readAssertionKey(text: string): AssertionKey | KeyFlaw {
  return text.trimStart().startsWith('{') ? readJwk(text) : readPem(text);
}

const NO_KEY = { flaw: 'it holds no private key that can be read', hint: 'expected PEM, or a JSON Web Key' };

function readPem(text: string): AssertionKey | KeyFlaw {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    return { flaw: 'its key is encrypted', hint: 'decrypt it: openssl pkey -in KEY -out NEW' };
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    return NO_KEY;
  }
  const alg = findAlgorithm(key, undefined);
  if (typeof alg !== 'string') return alg;
  const thumbprint = thumbprintOf(text, key);
  if (thumbprint !== undefined && typeof thumbprint !== 'string') return thumbprint;
  return { key, alg, kid: undefined, thumbprint };
}

/** A certificate beside the key, which some providers find the key by. */
function thumbprintOf(text: string, key: KeyObject): string | KeyFlaw | undefined {
  if (!text.includes('-----BEGIN CERTIFICATE-----')) return undefined;
  const certificate = readCertificate(text);
  if (certificate === undefined) return { flaw: 'its certificate cannot be read' };
  if (!certificate.checkPrivateKey(key)) return { flaw: 'its certificate belongs to another key' };
  return Buffer.from(certificate.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
}

function readJwk(text: string): AssertionKey | KeyFlaw {
  let jwk: JsonWebKey & { readonly kid?: unknown; readonly alg?: unknown; readonly use?: unknown };
  let key: KeyObject;
  try {
    jwk = JSON.parse(text);
    if (Array.isArray((jwk as { keys?: unknown }).keys)) {
      return { flaw: 'it is a key set', hint: 'name a file with the one private key to sign with' };
    }
    key = createPrivateKey({ key: jwk, format: 'jwk' });
  } catch {
    return NO_KEY;
  }
  const { kid, alg, use } = jwk;
  if (use !== undefined && use !== 'sig') return { flaw: 'its key is not for signatures: `use` is not sig' };
  if (kid !== undefined && typeof kid !== 'string') return { flaw: 'its `kid` is not a text' };
  const found = findAlgorithm(key, alg);
  return typeof found === 'string' ? { key, alg: found, kid, thumbprint: undefined } : found;
}

const SMALLEST_RSA_BITS = 2048;

/** The algorithms of a kind of key; the first is what a key is used with that names none. */
const ALGORITHMS: Readonly<Record<string, readonly AssertionAlgorithm[]>> = {
  rsa: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
  // Its older name, which more providers know (RFC 8037).
  ed25519: ['EdDSA', 'Ed25519'],
};

function findAlgorithm(key: KeyObject, named: unknown): AssertionAlgorithm | KeyFlaw {
  const { asymmetricKeyType: type = '', asymmetricKeyDetails: details } = key;
  const kind = type === 'ec' ? (details?.namedCurve ?? '') : type;
  const fitting = Object.hasOwn(ALGORITHMS, kind) ? (ALGORITHMS[kind] as readonly AssertionAlgorithm[]) : [];
  const [usual] = fitting;
  if (usual === undefined) {
    return {
      flaw: 'its key is of a kind that signs no assertions',
      hint: 'use RSA, P-256, P-384, P-521 or Ed25519',
    };
  }
  if (type === 'rsa' && (details?.modulusLength ?? 0) < SMALLEST_RSA_BITS) {
    return { flaw: `its RSA key is shorter than ${SMALLEST_RSA_BITS} bits` };
  }
  if (named === undefined) return usual;
  const alg = fitting.find((name) => name === named);
  return alg ?? { flaw: 'its `alg` does not fit its key', hint: `expected ${fitting.join(', ')}` };
}
