import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
} from 'node:crypto';

/** A key that signs, and its public half as an issuer publishes it. */
export interface SigningKey {
  readonly alg: string;
  readonly kid: string | undefined;
  readonly privateKey: KeyObject;
  readonly jwk: JsonWebKey & Record<string, unknown>;
}

export interface KeyShape {
  readonly kid?: string | undefined;
  readonly bits?: number;
  readonly exponent?: number;
  /** Members over and above those of the key itself; undefined takes one away. */
  readonly members?: Record<string, unknown>;
}

const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };
const pairs = new Map<string, KeyObject>();

/** Makes a key for one algorithm. The material is made once per distinct `material`; RSA takes its time. */
export function signingKey(alg: string, shape: KeyShape = {}, material = 'first'): SigningKey {
  const privateKey = privateKeyOf(alg, shape, material);
  const publicKey = createPublicKey(privateKey);
  const kid = 'kid' in shape ? shape.kid : `${alg}-${material}`;
  const jwk: Record<string, unknown> = {
    ...publicKey.export({ format: 'jwk' }),
    kid,
    alg,
    use: 'sig',
    ...shape.members,
  };
  for (const name of Object.keys(jwk)) if (jwk[name] === undefined) delete jwk[name];
  return { alg, kid, privateKey, jwk };
}

function privateKeyOf(
  alg: string,
  { bits = 2048, exponent = 65_537 }: KeyShape,
  material: string,
): KeyObject {
  const family = /^[RP]S/.test(alg) ? `RSA ${bits} ${exponent}` : alg;
  const name = `${family} ${material}`;
  const known = pairs.get(name);
  if (known !== undefined) return known;
  const made = /^[RP]S/.test(alg)
    ? generateKeyPairSync('rsa', { modulusLength: bits, publicExponent: exponent })
    : alg.startsWith('Ed')
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: CURVES[alg] ?? 'P-256' });
  pairs.set(name, made.privateKey);
  return made.privateKey;
}

/** Signs anything with anything: `alg` decides the form, whatever the header has. */
export function signText(text: string, { alg, privateKey }: Pick<SigningKey, 'alg' | 'privateKey'>): Buffer {
  const digest = alg.startsWith('Ed') ? null : `sha${alg.slice(2)}`;
  const pss = alg.startsWith('PS');
  return sign(digest, Buffer.from(text), {
    key: privateKey,
    dsaEncoding: 'ieee-p1363',
    ...(pss && { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }),
  });
}

export function encode(text: string | Buffer): string {
  return Buffer.from(text).toString('base64url');
}

/** A token with this header and these claims; undefined members are left out. */
export function mint(
  key: SigningKey,
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
): string {
  const named = key.kid === undefined ? {} : { kid: key.kid };
  return mintText(
    key,
    JSON.stringify({ alg: key.alg, typ: 'JWT', ...named, ...header }),
    JSON.stringify(claims),
  );
}

/** A token with exactly these texts as header and payload, properly signed. */
export function mintText(key: SigningKey, header: string, payload: string): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${encode(signText(input, key))}`;
}
