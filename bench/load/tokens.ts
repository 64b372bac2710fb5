import { createPrivateKey, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const ISSUER = 'https://issuer.bench.test';
export const AUDIENCE = 'api://bench';

const ALGORITHMS = {
  RS256: {
    hash: 'sha256',
    generate: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
    // Signatures differ in length; the padding makes every token about 800 bytes long.
    padding: 90,
  },
  ES256: {
    hash: 'sha256',
    generate: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
    padding: 280,
  },
  EdDSA: { hash: null, generate: () => generateKeyPairSync('ed25519').privateKey, padding: 280 },
} as const;

export type Algorithm = keyof typeof ALGORITHMS;
export const ALGORITHM_NAMES = Object.keys(ALGORITHMS) as Algorithm[];

export interface SigningKey {
  readonly algorithm: Algorithm;
  readonly kid: string;
  readonly privateKey: KeyObject;
}

interface Wanted {
  readonly issuer?: string;
  readonly audience?: string;
  readonly lifetimeSeconds?: number;
  readonly claims?: Readonly<Record<string, unknown>>;
}

const signAsync = promisify(sign) as unknown as (
  hash: string | null,
  data: Buffer,
  key: unknown,
) => Promise<Buffer>;

/** A typical provider's token: some ten claims, about 800 bytes, each with its own `jti`. */
export async function mintToken(
  { algorithm, kid, privateKey }: SigningKey,
  wanted: Wanted = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const header = { alg: algorithm, typ: 'at+jwt', kid };
  const payload = {
    iss: wanted.issuer ?? ISSUER,
    sub: 'auth0|64b7f0c2a1d3e4f5a6b7c8d9',
    aud: wanted.audience ?? AUDIENCE,
    iat: now,
    exp: now + (wanted.lifetimeSeconds ?? 86_400),
    jti: randomUUID(),
    client_id: 'bench-client',
    scope: 'openid profile orders:read orders:write',
    roles: ['reader', 'orders-clerk'],
    note: 'p'.repeat(ALGORITHMS[algorithm].padding),
    ...wanted.claims,
  };
  const signed = `${encode(header)}.${encode(payload)}`;
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' };
  const signature = await signAsync(ALGORITHMS[algorithm].hash, Buffer.from(signed), key);
  return `${signed}.${signature.toString('base64url')}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** The same token with an invalid signature, in the right form and with the right key id. */
export function forge(token: string): string {
  const at = token.lastIndexOf('.') + 10;
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
}

export interface Pool {
  readonly key: SigningKey;
  readonly tokens: readonly string[];
}

const REUSE_FOR_MS = 12 * 3_600_000;

/**
 * Distinct good tokens of one algorithm. RSA signatures cost 0.2 ms each, so the pool is kept in the
 * user's temporary folder, with its throwaway key, and minted again after twelve hours.
 */
export async function tokenPool(algorithm: Algorithm, size: number): Promise<Pool> {
  const folder = join(tmpdir(), `sealgate-bench-tokens-${userInfo().uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${algorithm}-${size}.txt`);
  const kept = readPool(file, algorithm);
  if (kept !== undefined) return kept;

  const privateKey = ALGORITHMS[algorithm].generate();
  const key: SigningKey = { algorithm, kid: `bench-${algorithm.toLowerCase()}`, privateKey };
  const tokens: string[] = [];
  while (tokens.length < size) {
    const batch = Math.min(512, size - tokens.length);
    tokens.push(...(await Promise.all(Array.from({ length: batch }, () => mintToken(key)))));
  }
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  writeFileSync(file, `${pem.trim().replaceAll('\n', '|')}\n${tokens.join('\n')}\n`, { mode: 0o600 });
  return { key, tokens };
}

function readPool(file: string, algorithm: Algorithm): Pool | undefined {
  try {
    if (Date.now() - statSync(file).mtimeMs > REUSE_FOR_MS) return undefined;
    const [pem = '', ...tokens] = readFileSync(file, 'latin1').trim().split('\n');
    const privateKey = createPrivateKey(pem.replaceAll('|', '\n'));
    return { key: { algorithm, kid: `bench-${algorithm.toLowerCase()}`, privateKey }, tokens };
  } catch {
    return undefined;
  }
}
