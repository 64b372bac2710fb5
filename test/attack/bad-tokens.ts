import { encode, mint, mintText, type SigningKey, signingKey, signText } from '../support/tokens/mint.ts';

/** A token that must be refused, and the code it is refused with. */
export type BadToken = readonly [name: string, token: string, code: string];

/** The keys an issuer publishes for the tokens below. */
export const PUBLISHED = {
  rs: signingKey('RS256'),
  es: signingKey('ES256'),
  ed: signingKey('EdDSA'),
  ps: signingKey('PS256'),
} as const;

/** Attacks on the form, signature and claims of a token, for an issuer that publishes `PUBLISHED` and a clock that shows `now` (in seconds). */
export function badTokens(ISS: string, now: number): readonly BadToken[] {
  const { rs, es } = PUBLISHED;
  const foreign = signingKey('RS256', { kid: rs.kid }, 'foreign');
  const good = { iss: ISS, sub: 'u1', aud: 'api', iat: now, exp: now + 300 };

  const flipped = (token: string): string => {
    const [head, body, signature = ''] = token.split('.');
    const bytes = Buffer.from(signature, 'base64url');
    bytes[10] = (bytes[10] ?? 0) ^ 1;
    return `${head}.${body}.${encode(bytes)}`;
  };
  const withSignature = (token: string, signature: Buffer): string =>
    `${token.slice(0, token.lastIndexOf('.'))}.${encode(signature)}`;
  const header = JSON.stringify({ alg: 'RS256', kid: rs.kid });
  const body = JSON.stringify(good);
  const token = mint(rs, good);
  const parts = token.split('.') as [string, string, string];
  const withHeader = (more: Record<string, unknown>): string => mint(rs, good, more);
  const withClaims = (more: Record<string, unknown>): string => mint(rs, { ...good, ...more });
  const headerText = (text: string): string => mintText(rs, text, body);
  const bodyText = (text: string): string => mintText(rs, header, text);
  const symmetric = (): string => {
    const input = `${encode(JSON.stringify({ alg: 'HS256', kid: rs.kid }))}.${parts[1]}`;
    return `${input}.${encode(Buffer.alloc(32, 7))}`;
  };
  const N256 = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
  const zero = Buffer.alloc(32);
  const one = Buffer.concat([Buffer.alloc(31), Buffer.from([1])]);
  const derOf = (key: SigningKey): Buffer => {
    const raw = signText('x', key);
    return Buffer.concat([
      Buffer.from([0x30, 68, 2, 32]),
      raw.subarray(0, 32),
      Buffer.from([2, 32]),
      raw.subarray(32),
    ]);
  };

  return [
    ['alg none with an empty signature', `${encode('{"alg":"none"}')}.${parts[1]}.`, 'algorithm_not_allowed'],
    ['alg NoNe with an empty signature', `${encode('{"alg":"NoNe"}')}.${parts[1]}.`, 'algorithm_not_allowed'],
    ['alg none with some signature', mint(rs, good, { alg: 'none' }), 'algorithm_not_allowed'],
    ['alg NoNe', mint(rs, good, { alg: 'NoNe' }), 'algorithm_not_allowed'],
    ['an empty signature', `${parts[0]}.${parts[1]}.`, 'token_malformed'],
    ['a public key as HMAC secret', symmetric(), 'algorithm_not_allowed'],
    ['the header has RS256, the signature is ES256', mint(es, good, { alg: 'RS256' }), 'key_unknown'],
    ['ES384 with a P-256 key', mint(es, good, { alg: 'ES384' }), 'key_unknown'],
    ['PS256 with a key published for RS256', mint(rs, good, { alg: 'PS256' }), 'key_unknown'],
    ['an algorithm from the prototype', mint(rs, good, { alg: 'constructor' }), 'algorithm_not_allowed'],
    ['alg as a list', headerText('{"alg":["RS256"]}'), 'token_malformed'],
    ['no alg', headerText('{"typ":"JWT"}'), 'token_malformed'],
    ['an unknown crit', withHeader({ crit: ['x'], x: 1 }), 'token_malformed'],
    ['an empty crit', withHeader({ crit: [] }), 'token_malformed'],
    ['b64: false', withHeader({ b64: false }), 'token_malformed'],
    ['b64: false, critical', withHeader({ b64: false, crit: ['b64'] }), 'token_malformed'],
    ['a detached payload', `${parts[0]}..${parts[2]}`, 'token_malformed'],
    ['kid as a path', withHeader({ kid: '../../dev/null' }), 'key_unknown'],
    ['kid as SQL', withHeader({ kid: "' OR 1=1 --" }), 'key_unknown'],
    ['kid of 8 KiB', withHeader({ kid: 'k'.repeat(8192) }), 'token_malformed'],
    ['kid as a number', withHeader({ kid: 1 }), 'token_malformed'],
    ['kid as an object', withHeader({ kid: {} }), 'token_malformed'],
    ['kid null', withHeader({ kid: null }), 'token_malformed'],
    ['kid __proto__', withHeader({ kid: '__proto__' }), 'key_unknown'],
    ['an empty kid, signed by somebody else', mint(foreign, good, { kid: '' }), 'signature_invalid'],
    ['a key of somebody else under a known kid', mint(foreign, good), 'signature_invalid'],
    ['another iss', withClaims({ iss: 'https://evil.example' }), 'issuer_unknown'],
    ['iss with a slash more', withClaims({ iss: `${ISS}/` }), 'issuer_unknown'],
    ['iss in capitals', withClaims({ iss: ISS.toUpperCase() }), 'issuer_unknown'],
    ['iss as a list', withClaims({ iss: [ISS] }), 'issuer_unknown'],
    ['no iss', withClaims({ iss: undefined }), 'issuer_unknown'],
    ['an ID token by at_hash', withClaims({ at_hash: 'x' }), 'type_not_allowed'],
    ['an ID token by c_hash', withClaims({ c_hash: 'x' }), 'type_not_allowed'],
    ['a logout token by events', withClaims({ events: {} }), 'type_not_allowed'],
    ['a logout token by typ', withHeader({ typ: 'logout+jwt' }), 'type_not_allowed'],
    ['a DPoP proof', withHeader({ typ: 'dpop+jwt' }), 'type_not_allowed'],
    ['a security event', withHeader({ typ: 'secevent+jwt' }), 'type_not_allowed'],
    ['an empty typ', withHeader({ typ: '' }), 'type_not_allowed'],
    ['typ as a number', withHeader({ typ: 1 }), 'token_malformed'],
    ['payload typ ID', withClaims({ typ: 'ID' }), 'type_not_allowed'],
    ['payload typ Refresh', withClaims({ typ: 'Refresh' }), 'type_not_allowed'],
    ['payload typ Logout', withClaims({ typ: 'Logout' }), 'type_not_allowed'],
    ['token_use id', withClaims({ token_use: 'id' }), 'type_not_allowed'],
    ['no exp', withClaims({ exp: undefined }), 'claim_missing'],
    ['exp as a string', withClaims({ exp: String(now + 300) }), 'token_malformed'],
    ['exp null', withClaims({ exp: null }), 'claim_missing'],
    ['exp as a list', withClaims({ exp: [now + 300] }), 'token_malformed'],
    ['exp negative', withClaims({ exp: -1 }), 'token_expired'],
    ['exp 0', withClaims({ exp: 0 }), 'token_expired'],
    ['exp 1e999', bodyText(`{"iss":"${ISS}","aud":"api","exp":1e999}`), 'token_malformed'],
    ['exp in milliseconds', withClaims({ exp: (now + 300) * 1000 }), 'token_malformed'],
    ['exp past by one second more than the tolerance', withClaims({ exp: now - 31 }), 'token_expired'],
    ['exp past by the tolerance to the moment', withClaims({ exp: now - 30 }), 'token_expired'],
    ['nbf in the future', withClaims({ nbf: now + 31 }), 'token_not_yet_valid'],
    ['iat in the future', withClaims({ iat: now + 31 }), 'token_not_yet_valid'],
    ['nbf as a string', withClaims({ nbf: 'x' }), 'token_malformed'],
    ['iat as an object', withClaims({ iat: {} }), 'token_malformed'],
    ['exp twice', bodyText(`{"iss":"${ISS}","exp":1,"exp":${now + 300}}`), 'token_malformed'],
    ['iss and its escaped twin', bodyText(`{"iss":"${ISS}","\\u0069ss":"x","exp":1}`), 'token_malformed'],
    ['alg twice', headerText('{"alg":"RS256","alg":"none"}'), 'token_malformed'],
    ['alg and its escaped twin', headerText('{"alg":"RS256","\\u0061lg":"RS256"}'), 'token_malformed'],
    ['twins deeper down', bodyText(`{"iss":"${ISS}","a":[{"b":1,"b":1}],"exp":9}`), 'token_malformed'],
    ['100,000 dots', '.'.repeat(100_000), 'token_malformed'],
    ['16,000 dots', '.'.repeat(16_000), 'token_malformed'],
    ['5,000 levels', bodyText('['.repeat(5000) + ']'.repeat(5000)), 'token_malformed'],
    ['33 levels', bodyText(`{"a":${'['.repeat(32)}${']'.repeat(32)}}`), 'token_malformed'],
    ['longer than tokenBytes', withClaims({ pad: 'x'.repeat(13_000) }), 'token_malformed'],
    ['an encrypted token', `${parts[0]}.${parts[1]}.${parts[1]}.${parts[1]}.${parts[2]}`, 'token_malformed'],
    ['a token in a token', bodyText(token), 'token_malformed'],
    ['zip', withHeader({ zip: 'DEF' }), 'token_malformed'],
    ['enc beside a signature', withHeader({ enc: 'A128GCM' }), 'token_malformed'],
    ['PBES2', withHeader({ alg: 'PBES2-HS256+A128KW', p2c: 1e9 }), 'algorithm_not_allowed'],
    ['JSON serialization', JSON.stringify({ protected: parts[0], payload: parts[1] }), 'token_malformed'],
    ['r and s zero', withSignature(mint(es, good), Buffer.concat([zero, zero])), 'signature_invalid'],
    ['r zero', withSignature(mint(es, good), Buffer.concat([zero, one])), 'signature_invalid'],
    ['r and s the order', withSignature(mint(es, good), Buffer.concat([N256, N256])), 'signature_invalid'],
    ['r one, s the order', withSignature(mint(es, good), Buffer.concat([one, N256])), 'signature_invalid'],
    ['DER', withSignature(mint(es, good), derOf(es)), 'signature_invalid'],
    [
      'an ECDSA signature of 63 bytes',
      withSignature(mint(es, good), zero.subarray(0, 31)),
      'signature_invalid',
    ],
    ['an RSA signature of 1 byte', withSignature(token, Buffer.from([1])), 'signature_invalid'],
    ['padding', `${parts[0]}==.${parts[1]}.${parts[2]}`, 'token_malformed'],
    ['white space', ` ${token}`, 'token_malformed'],
    ['a line feed at the end', `${token}\n`, 'token_malformed'],
    ['a letter beyond ASCII', `${token}\u00e9`, 'token_malformed'],
    [
      'a letter beyond ASCII within',
      `${parts[0]}.${parts[1].slice(0, -1)}\u00e9.${parts[2]}`,
      'token_malformed',
    ],
    ['+ and /', `${parts[0]}.${parts[1]}.++//`, 'token_malformed'],
    [
      'leftover bits',
      `${parts[0]}.${parts[1]}.${parts[2].slice(0, -1)}${twin(parts[2].slice(-1))}`,
      'token_malformed',
    ],
    ['a part of an impossible length', `${parts[0]}.${parts[1]}.AAAAA`, 'token_malformed'],
    [
      'UTF-8 that is none',
      mintText(rs, header, 'x').replace(/\.[^.]*\./, `.${encode(Buffer.from([0x22, 0xff, 0x22]))}.`),
      'token_malformed',
    ],
    ['a byte order mark', bodyText(`\uFEFF${body}`), 'token_malformed'],
    ['a payload that is a list', bodyText('[1]'), 'token_malformed'],
    ['a payload that is text', bodyText('hello'), 'token_malformed'],
    ['a payload that is null', bodyText('null'), 'token_malformed'],
    ['an empty payload', `${parts[0]}.${encode('')}.${parts[2]}`, 'token_malformed'],
    ['an opaque token', 'mF_9.B5f-4.1JqM'.replaceAll('.', ''), 'token_malformed'],
    ['an empty text', '', 'token_malformed'],
    ['a flipped bit in the signature', flipped(token), 'signature_invalid'],
    [
      'a changed payload',
      `${parts[0]}.${encode(JSON.stringify({ ...good, sub: 'root' }))}.${parts[2]}`,
      'signature_invalid',
    ],
  ];
}

/** Tokens that hold, but are bound to a key: refused once their audience has passed. */
export function boundTokens(ISS: string, now: number): readonly BadToken[] {
  const good = { iss: ISS, sub: 'u1', aud: 'api', iat: now, exp: now + 300 };
  const bound = (cnf: unknown): string => mint(PUBLISHED.rs, { ...good, cnf });
  return [
    ['a token bound to a certificate', bound({ 'x5t#S256': 'x' }), 'token_bound'],
    ['a token bound to a key', bound({ jkt: 'x' }), 'token_bound'],
    ['cnf of nothing', bound({}), 'token_bound'],
  ];
}

function twin(last: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet[alphabet.indexOf(last) + 1] as string;
}
