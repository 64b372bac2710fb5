import { createHash, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import t from 'tap';
import type { Cause } from '../../../src/core/causes.ts';
import { isRefusal, type Refusal } from '../../../src/core/refusals.ts';
import type { Step } from '../../../src/core/trace.ts';
import type { DpopPolicy } from '../../../src/tokens/dpop/proof-policy.ts';
import { createVerifyProof, type ProofCheck } from '../../../src/tokens/dpop/verify-proof.ts';
import { encode, mintText, type SigningKey, signingKey } from '../../support/tokens/mint.ts';
import {
  hashOfToken,
  makeProof,
  type ProofChanges,
  publicJwk,
  thumbprint,
  withPart,
} from '../../support/tokens/proof.ts';

const KEY = signingKey('ES256');
const OTHER = signingKey('ES256', {}, 'other');
const TOKEN = 'header.payload.signature';
const NOW = Date.parse('2026-01-31T12:00:00Z');
const SECOND = NOW / 1000;
const POLICY: DpopPolicy = {
  name: 'corp',
  maxAgeMs: 60_000,
  clockToleranceMs: 30_000,
  algorithms: new Set(['ES256', 'EdDSA', 'Ed25519']),
  advertised: ['ES256', 'EdDSA'],
  issuers: ['https://corp.example'],
  requiresNonce: false,
  replay: { kind: 'memory', maxEntries: 100 },
};
const REQUEST = { method: 'POST', origin: 'https://api.example.com', path: '/orders/7' };

function proofOf(changes: ProofChanges = {}, key: SigningKey = KEY): string {
  const { method, origin, path } = REQUEST;
  const claims = { iat: SECOND, ...changes.claims };
  return makeProof(
    key,
    { method, uri: origin + path, token: TOKEN },
    { header: changes.header ?? {}, claims },
  );
}

function check(proofs: string | readonly string[], changes: Partial<ProofCheck> = {}) {
  const list = typeof proofs === 'string' ? [proofs] : proofs;
  const own = { policy: POLICY, request: REQUEST, rawToken: TOKEN, nowMs: NOW, jkt: thumbprint(KEY) };
  return createVerifyProof()({ ...own, proofs: list, ...changes });
}

const header = (members: Record<string, unknown>) => proofOf({ header: members });
const claims = (members: Record<string, unknown>) => proofOf({ claims: members });
const jwk = (members: Record<string, unknown>) => header({ jwk: { ...publicJwk(KEY), ...members } });
const text = (headerText: string, claimsText: string) => mintText(KEY, headerText, claimsText);
const goodHeader = JSON.stringify({ typ: 'dpop+jwt', alg: 'ES256', jwk: publicJwk(KEY) });
const goodClaims = (extra = '') =>
  `{"jti":"a","htm":"POST","htu":"https://api.example.com/orders/7","iat":${SECOND},"ath":"${hashOfToken(TOKEN)}"${extra}}`;

const EC = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const WEAK = signingKey('RS256', { bits: 1024 });
const PRIVATE = KEY.privateKey.export({ format: 'jwk' });

/** Proofs that do not hold, by the line of the document that rules them out. */
const BAD: readonly (readonly [string, string | readonly string[], Cause])[] = [
  // RFC 9449 §4.3, in its order
  ['§4.3 item 1: no field', [], 'proof_missing'],
  ['§4.3 item 1: two fields', [proofOf(), proofOf()], 'proof_twice'],
  ['§4.3 item 1: two proofs in one field', `${proofOf()}, ${proofOf()}`, 'proof_twice'],
  ['§4.3 item 2: empty', '', 'proof_malformed'],
  ['§4.3 item 2: two parts', 'e30.e30', 'proof_malformed'],
  ['§4.3 item 2: four parts', `${proofOf()}.e30`, 'proof_malformed'],
  ['§4.3 item 2: a JWE of five parts', 'e30.e30.e30.e30.e30', 'proof_malformed'],
  ['§4.3 item 2: JSON serialization', '{"payload":"e30","signatures":[]}', 'proof_malformed'],
  ['§4.3 item 2: padding', withPart(proofOf(), 2, `${proofOf().split('.')[2]}==`), 'proof_malformed'],
  ['§4.3 item 2: white space', ` ${proofOf()}`, 'proof_malformed'],
  ['§4.3 item 2: header not UTF-8', withPart(proofOf(), 0, Buffer.from([0xff, 0xfe])), 'proof_malformed'],
  ['§4.3 item 2: header not JSON', withPart(proofOf(), 0, encode('no')), 'proof_malformed'],
  ['§4.3 item 2: header a list', withPart(proofOf(), 0, encode('[]')), 'proof_malformed'],
  ['§4.3 item 2: payload a list', text(goodHeader, '[]'), 'proof_malformed'],
  ['§4.3 item 2: 100,000 dots', '.'.repeat(100_000), 'proof_malformed'],
  ['§4.3 item 2: 8 KiB of text', claims({ filler: 'x'.repeat(8192) }), 'proof_malformed'],
  [
    '§4.3 item 2: deep',
    text(goodHeader, goodClaims(`,"a":${'['.repeat(500)}${']'.repeat(500)}`)),
    'proof_malformed',
  ],
  ['§4.3 item 3: no jti', claims({ jti: undefined }), 'proof_identifier'],
  ['§4.3 item 3: empty jti', claims({ jti: '' }), 'proof_identifier'],
  ['§4.3 item 3: jti a number', claims({ jti: 7 }), 'proof_identifier'],
  ['§4.3 item 3: jti null', claims({ jti: null }), 'proof_identifier'],
  ['§4.3 item 3: jti of 257 characters', claims({ jti: 'x'.repeat(257) }), 'proof_identifier'],
  ['§4.3 item 3: no htm', claims({ htm: undefined }), 'proof_method'],
  ['§4.3 item 3: no htu', claims({ htu: undefined }), 'proof_uri'],
  ['§4.3 item 3: no iat', claims({ iat: undefined }), 'proof_undated'],
  ['§4.3 item 3: iat a text', claims({ iat: String(SECOND) }), 'proof_undated'],
  ['§4.3 item 3: iat null', claims({ iat: null }), 'proof_undated'],
  [
    '§4.3 item 3: iat 1e999',
    text(goodHeader, goodClaims().replace(String(SECOND), '1e999')),
    'proof_malformed',
  ],
  ['§4.3 item 4: no typ', header({ typ: undefined }), 'proof_type'],
  ['§4.3 item 4: typ JWT', header({ typ: 'JWT' }), 'proof_type'],
  ['§4.3 item 4: typ at+jwt', header({ typ: 'at+jwt' }), 'proof_type'],
  ['§4.3 item 4: typ a list', header({ typ: ['dpop+jwt'] }), 'proof_type'],
  ['§4.3 item 5: alg none', withPart(header({ alg: 'none' }), 2, ''), 'proof_algorithm'],
  ['§4.3 item 5: alg NoNe', withPart(header({ alg: 'NoNe' }), 2, ''), 'proof_algorithm'],
  ['§4.3 item 5: alg HS256', header({ alg: 'HS256' }), 'proof_algorithm'],
  ['§4.3 item 5: alg not listed', header({ alg: 'ES384' }), 'proof_algorithm'],
  ['§4.3 item 5: alg that the file does not list', proofOf({}, signingKey('RS256')), 'proof_algorithm'],
  ['§4.3 item 5: no alg', header({ alg: undefined }), 'proof_algorithm'],
  ['§4.3 item 5: alg constructor', header({ alg: 'constructor' }), 'proof_algorithm'],
  ['§4.3 item 6: signed by another key', mintText(OTHER, goodHeader, goodClaims()), 'proof_signature'],
  ['§4.3 item 6: no signature', withPart(proofOf(), 2, ''), 'proof_signature'],
  [
    '§4.3 item 6: payload changed',
    withPart(proofOf(), 1, encode(goodClaims(',"more":1'))),
    'proof_signature',
  ],
  ['§4.3 item 6: signature of zeros', withPart(proofOf(), 2, Buffer.alloc(64)), 'proof_signature'],
  [
    '§4.3 item 6: signature in DER',
    withPart(
      proofOf(),
      2,
      sign('sha256', Buffer.from(`${encode(goodHeader)}.${encode(goodClaims())}`), KEY.privateKey),
    ),
    'proof_signature',
  ],
  ['§4.3 item 7: a private key', header({ jwk: PRIVATE }), 'proof_key'],
  ['§4.3 item 7: an empty private part', jwk({ d: '' }), 'proof_key'],
  ['§4.3 item 7: a private part of null', jwk({ d: null }), 'proof_key'],
  ['§4.3 item 8: another method', claims({ htm: 'GET' }), 'proof_method'],
  ['§4.3 item 8: the method in lower case', claims({ htm: 'post' }), 'proof_method'],
  ['§4.3 item 9: another path', claims({ htu: 'https://api.example.com/orders/8' }), 'proof_uri'],
  ['§4.3 item 9: a longer path', claims({ htu: 'https://api.example.com/orders/7/' }), 'proof_uri'],
  ['§4.3 item 9: another host', claims({ htu: 'https://api.example.org/orders/7' }), 'proof_uri'],
  ['§4.3 item 9: another port', claims({ htu: 'https://api.example.com:8443/orders/7' }), 'proof_uri'],
  ['§4.3 item 9: another scheme', claims({ htu: 'http://api.example.com/orders/7' }), 'proof_uri'],
  ['§4.3 item 9: the path alone', claims({ htu: '/orders/7' }), 'proof_uri'],
  [
    '§4.3 item 9: user information',
    claims({ htu: 'https://api.example.com@evil.example/orders/7' }),
    'proof_uri',
  ],
  [
    '§4.3 item 9: user information before it',
    claims({ htu: 'https://a@api.example.com/orders/7' }),
    'proof_uri',
  ],
  ['§4.3 item 9: a backslash', claims({ htu: 'https://api.example.com\\orders\\7' }), 'proof_uri'],
  ['§4.3 item 9: white space', claims({ htu: ' https://api.example.com/orders/7' }), 'proof_uri'],
  ['§4.3 item 9: case of the path', claims({ htu: 'https://api.example.com/Orders/7' }), 'proof_uri'],
  ['§4.3 item 9: an encoded slash', claims({ htu: 'https://api.example.com/orders%2F7' }), 'proof_uri'],
  ['§4.3 item 9: a list', claims({ htu: ['https://api.example.com/orders/7'] }), 'proof_uri'],
  ['§4.3 item 11: older than maxAge', claims({ iat: SECOND - 61 }), 'proof_old'],
  ['§4.3 item 11: ahead of the tolerance', claims({ iat: SECOND + 31 }), 'proof_early'],
  ['§4.3 item 11: in milliseconds', claims({ iat: NOW }), 'proof_early'],
  ['§4.3 item 11: before the epoch', claims({ iat: -SECOND }), 'proof_old'],
  ['§4.3 item 12: no ath', claims({ ath: undefined }), 'proof_token'],
  ['§4.3 item 12: ath of another token', claims({ ath: hashOfToken('other') }), 'proof_token'],
  [
    '§4.3 item 12: ath in hexadecimal',
    claims({ ath: Buffer.from(hashOfToken(TOKEN), 'base64url').toString('hex') }),
    'proof_token',
  ],
  ['§4.3 item 12: ath padded', claims({ ath: `${hashOfToken(TOKEN)}=` }), 'proof_token'],
  ['§4.3 item 12: another key than the one of the token', proofOf({}, OTHER), 'proof_other_key'],

  // RFC 9449 §11
  ['§11.1 a proof that was kept', claims({ iat: SECOND - 3600 }), 'proof_old'],
  ['§11.1 a proof for another method', claims({ htm: 'DELETE' }), 'proof_method'],
  ['§11.1 a proof for another server', claims({ htu: 'https://evil.example/orders/7' }), 'proof_uri'],
  ['§11.2 a proof that was made in advance', claims({ iat: SECOND + 3600 }), 'proof_early'],
  ['§11.2 a proof that was made before the token', claims({ ath: undefined }), 'proof_token'],
  ['§11.5 an access token as proof', header({ typ: 'at+jwt' }), 'proof_type'],
  ['§11.5 an ID token as proof', mintText(KEY, '{"alg":"ES256"}', goodClaims()), 'proof_type'],
  ['§11.6 no algorithm', withPart(header({ alg: 'none' }), 2, ''), 'proof_algorithm'],
  [
    '§11.6 a symmetric algorithm',
    header({ alg: 'HS256', jwk: { kty: 'oct', k: 'c2VjcmV0' } }),
    'proof_algorithm',
  ],
  ['§11.6 a symmetric key', header({ jwk: { kty: 'oct', k: 'c2VjcmV0' } }), 'proof_key'],
  ['§11.6 a symmetric part', jwk({ k: 'c2VjcmV0' }), 'proof_key'],
  ['§11.8 another key than the one in the token', proofOf({}, OTHER), 'proof_other_key'],
  [
    '§11.8 the header names another key than the one that signed',
    proofOf({ header: { jwk: publicJwk(OTHER) } }),
    'proof_other_key',
  ],
  ['§11.8 the hash of no token', claims({ ath: hashOfToken('') }), 'proof_token'],
  [
    '§11.10 ath by another hash',
    claims({ ath: createHash('sha512').update(TOKEN).digest('base64url') }),
    'proof_token',
  ],

  // RFC 8725 §3
  ['8725 §3.1 the algorithm of another key type', header({ alg: 'EdDSA' }), 'proof_key'],
  [
    '8725 §3.1 a key of P-384 under ES256',
    proofOf({ header: { alg: 'ES256' } }, signingKey('ES384')),
    'proof_other_key',
  ],
  ['8725 §3.2 none', withPart(header({ alg: 'none' }), 2, ''), 'proof_algorithm'],
  ['8725 §3.2 an algorithm that the file does not list', proofOf({}, signingKey('RS256')), 'proof_algorithm'],
  ['8725 §3.3 a signature that does not hold', mintText(OTHER, goodHeader, goodClaims()), 'proof_signature'],
  ['8725 §3.4 a point off its curve', jwk({ y: publicJwk(OTHER).y }), 'proof_other_key'],
  ['8725 §3.4 a key without its point', header({ jwk: { kty: 'EC', crv: 'P-256' } }), 'proof_key'],
  ['8725 §3.4 a key that is text', header({ jwk: JSON.stringify(publicJwk(KEY)) }), 'proof_key'],
  ['8725 §3.4 a list of keys', header({ jwk: [publicJwk(KEY)] }), 'proof_key'],
  ['8725 §3.6 compression', header({ zip: 'DEF' }), 'proof_malformed'],
  [
    '8725 §3.7 a payload that is not UTF-8',
    withPart(proofOf(), 1, Buffer.concat([Buffer.from('{"jti":"'), Buffer.from([0xff]), Buffer.from('"}')])),
    'proof_malformed',
  ],
  [
    '8725 §3.7 UTF-16',
    withPart(proofOf(), 1, Buffer.from(`\ufeff${goodClaims()}`, 'utf16le')),
    'proof_malformed',
  ],
  ['8725 §3.8 the key of another client', proofOf({}, OTHER), 'proof_other_key'],
  ['8725 §3.9 for another server', claims({ htu: 'https://api.example.org/orders/7' }), 'proof_uri'],
  ['8725 §3.10 jku', header({ jwk: undefined, jku: 'https://evil.example/k' }), 'proof_key'],
  ['8725 §3.10 x5u', header({ jwk: undefined, x5u: 'https://evil.example/k' }), 'proof_key'],
  ['8725 §3.10 x5c', header({ jwk: undefined, x5c: ['MIIB'] }), 'proof_key'],
  ['8725 §3.11 the type of another JWT', header({ typ: 'secevent+jwt' }), 'proof_type'],
  ['8725 §3.11 no type', header({ typ: undefined }), 'proof_type'],
  ['8725 §3.12 an access token', header({ typ: 'at+jwt' }), 'proof_type'],

  // RFC 7517 to 7519
  ['7515 §4.1.3 no key', header({ jwk: undefined }), 'proof_key'],
  ['7517 §4.2 a key for encryption', jwk({ use: 'enc' }), 'proof_key'],
  ['7517 §4.3 a key for another operation', jwk({ key_ops: ['encrypt'] }), 'proof_key'],
  ['7519 §4.1.4 expired', claims({ exp: SECOND - 31 }), 'proof_old'],
  ['7519 §4.1.4 exp a text', claims({ exp: 'soon' }), 'proof_old'],
  ['7519 §4.1.5 not valid yet', claims({ nbf: SECOND + 31 }), 'proof_early'],

  // RFC 7515
  ['7515 §4.1.11 crit', header({ crit: ['exp'], exp: 1 }), 'proof_malformed'],
  ['7515 §4.1.11 empty crit', header({ crit: [] }), 'proof_malformed'],
  ['7797 b64', header({ b64: false }), 'proof_malformed'],
  [
    '7515 §5.3 names twice in the header',
    text(goodHeader.replace('{', '{"typ":"JWT",'), goodClaims()),
    'proof_malformed',
  ],
  ['7515 §5.3 names twice in the payload', text(goodHeader, goodClaims(',"htm":"GET"')), 'proof_malformed'],
  [
    '7515 §5.3 names twice by an escape',
    text(goodHeader, goodClaims(',"h\\u0074m":"GET"')),
    'proof_malformed',
  ],
  ['7515 §5.3 __proto__', text(goodHeader, '{"__proto__":{"htm":"POST"}}'), 'proof_method'],
];

t.test('proofs that do not hold', async (t) => {
  for (const [name, proof, cause] of BAD) {
    const outcome = check(proof);
    t.match(outcome, { code: 'dpop_proof_invalid', cause, issuer: 'corp' }, name);
    t.notMatch((outcome as Refusal).reason, /[\w-]{43}/, `${name}: nothing of the proof in the reason`);
  }
});

t.test(
  'a key that is bound to the token has to be strong, of one spelling, and for signatures',
  async (t) => {
    const policy = { ...POLICY, algorithms: new Set(['ES256', 'EdDSA', 'Ed25519', 'RS256', 'PS256']) };
    const boundTo = (key: SigningKey, header: Record<string, unknown> = {}) => {
      const jwk = { ...publicJwk(key), ...(header.jwk as object) };
      const own = { ...key, jwk };
      return check(proofOf({ header: { ...header, jwk } }, key), { policy, jkt: thumbprint(own) });
    };
    t.match(boundTo(WEAK), { cause: 'proof_key' }, '8725 §3.5 RSA of 1024 bits');
    t.match(
      boundTo(signingKey('RS256', { exponent: 3 })),
      { jti: /./ },
      'a small odd exponent is weak in other uses',
    );
    t.match(
      boundTo(KEY, { jwk: { y: publicJwk(OTHER).y } }),
      { cause: 'proof_key' },
      '8725 §3.4 a point off its curve, in the token too',
    );
    t.match(boundTo(KEY, { jwk: { x: `${publicJwk(KEY).x}=` } }), { cause: 'proof_key' }, 'padding');
    const rsa = publicJwk(signingKey('RS256'));
    const zeroed = Buffer.concat([Buffer.alloc(1), Buffer.from(String(rsa.n), 'base64url')]).toString(
      'base64url',
    );
    t.match(boundTo(signingKey('RS256'), { jwk: { n: zeroed } }), { cause: 'proof_key' }, 'a leading zero');
    t.match(boundTo(KEY, { jwk: { alg: 'ES384' } }), { cause: 'proof_key' }, 'for another algorithm');
    t.match(boundTo(KEY, { jwk: { use: 'enc' } }), { cause: 'proof_key' }, 'for encryption');
    t.match(
      boundTo(KEY, { jwk: { crv: 'secp256k1' } }),
      { cause: 'proof_key' },
      'a curve that is not supported',
    );
    t.match(
      boundTo(KEY, { jwk: { ...createPublicKey(EC.privateKey).export({ format: 'jwk' }) } }),
      { cause: 'proof_signature' },
      'a key that did not sign',
    );
    const small = { kty: 'OKP', crv: 'Ed25519', x: Buffer.alloc(32).toString('base64url') };
    t.match(
      boundTo(signingKey('EdDSA'), { jwk: small }),
      { cause: 'proof_key' },
      '8725 §3.4 a point of small order',
    );
  },
);

t.test('every algorithm of the file, by each of its names', async (t) => {
  const rows = [
    ['ES256', 'ES256'],
    ['ES384', 'ES384'],
    ['ES512', 'ES512'],
    ['RS256', 'RS256'],
    ['PS256', 'PS256'],
    ['PS512', 'PS512'],
    ['EdDSA', 'EdDSA'],
    ['EdDSA', 'Ed25519'],
  ] as const;
  for (const [alg, name] of rows) {
    const key = signingKey(alg);
    const policy = { ...POLICY, algorithms: new Set<string>([name]) };
    const held = check(proofOf({ header: { alg: name } }, key), { policy, jkt: thumbprint(key) });
    t.match(held, { thumbprint: thumbprint(key) }, name);
  }
});

t.test('proofs that hold though they are spelled in another way', async (t) => {
  const good: readonly (readonly [string, string, Partial<ProofCheck>?])[] = [
    ['a query', claims({ htu: 'https://api.example.com/orders/7?a=1' })],
    ['a fragment', claims({ htu: 'https://api.example.com/orders/7#a' })],
    ['capitals in scheme and host', claims({ htu: 'HTTPS://API.Example.COM/orders/7' })],
    ['the default port', claims({ htu: 'https://api.example.com:443/orders/7' })],
    ['an empty port', claims({ htu: 'https://api.example.com:/orders/7' })],
    ['escapes of unreserved characters', claims({ htu: 'https://api.example.com/%6frders/%37' })],
    ['dot segments', claims({ htu: 'https://api.example.com/a/./../orders/7' })],
    [
      'escapes in small letters',
      claims({ htu: 'https://api.example.com/a%c3%a4' }),
      { request: { ...REQUEST, path: '/a%C3%A4' } },
    ],
    ['no path', claims({ htu: 'https://api.example.com' }), { request: { ...REQUEST, path: '/' } }],
    ['the whole name of the type', header({ typ: 'application/DPoP+jwt' })],
    ['a key id and further members', header({ kid: 'a', jku: 'https://evil.example/k' })],
    ['fractions of a second', text(goodHeader, goodClaims().replace(String(SECOND), `${SECOND - 1}.50`))],
    ['jti of 256 characters', claims({ jti: 'x'.repeat(256) })],
    ['exp and nbf that hold', claims({ exp: SECOND + 60, nbf: SECOND })],
    ['a nonce that nobody asked for', claims({ nonce: 'abc' })],
    ['further members of the key', jwk({ kid: 'a', use: 'sig', key_ops: ['verify'], alg: 'ES256' })],
  ];
  for (const [name, proof, changes] of good)
    t.match(check(proof, changes), { thumbprint: thumbprint(KEY) }, name);
});

t.test('at the edges of its time', async (t) => {
  const proof = proofOf();
  const at = (nowMs: number) => check(proof, { nowMs });
  t.match(at(NOW + 60_000), { lastMs: NOW + 60_000 }, 'the last moment');
  t.match(at(NOW + 60_001), { cause: 'proof_old' });
  t.match(at(NOW - 30_000), { issuedMs: NOW }, 'the first moment');
  t.match(at(NOW - 30_001), { cause: 'proof_early' });
});

t.test('a key that is remembered is checked against each token, issuer and signature', async (t) => {
  const verify = createVerifyProof();
  const own = { policy: POLICY, request: REQUEST, rawToken: TOKEN, nowMs: NOW, jkt: thumbprint(KEY) };
  t.match(verify({ ...own, proofs: [proofOf()] }), { jti: /./ });
  t.match(verify({ ...own, proofs: [proofOf()] }), { jti: /./ }, 'remembered');
  t.match(verify({ ...own, proofs: [proofOf()], jkt: thumbprint(OTHER) }), { cause: 'proof_other_key' });
  const policy = { ...POLICY, algorithms: new Set(['EdDSA']) };
  t.match(verify({ ...own, proofs: [proofOf()], policy }), { cause: 'proof_algorithm' });
  t.match(verify({ ...own, proofs: [mintText(OTHER, goodHeader, goodClaims())] }), {
    cause: 'proof_signature',
  });
  t.match(verify({ ...own, proofs: [claims({ htm: 'GET' })] }), { cause: 'proof_method' });
});

t.test('a memory for keys without room for one changes nothing', async (t) => {
  const verify = createVerifyProof({ maxKeyBytes: 0 });
  const own = { policy: POLICY, request: REQUEST, rawToken: TOKEN, nowMs: NOW, jkt: thumbprint(KEY) };
  for (let i = 0; i < 3; i += 1) t.notOk(isRefusal(verify({ ...own, proofs: [proofOf()] })));
});

t.test('a trace names every step, and what failed last', async (t) => {
  const trace = (proof: string) => {
    const steps: Step[] = [];
    check(proof, { trace: { showClaims: false, add: (step) => steps.push(step) } });
    return steps;
  };
  const names = [
    'proof type',
    'proof algorithm',
    'proof key',
    'proof form',
    'proof method',
    'proof URI',
    'proof time',
    'proof identifier',
    'proof token',
    'proof signature',
  ];
  t.strictSame(
    trace(proofOf()).map(({ step, ok }) => [step, ok]),
    names.map((name) => [name, true]),
  );
  for (const [name, proof] of BAD) {
    if (typeof proof !== 'string') continue;
    const steps = trace(proof);
    t.equal(steps.at(-1)?.ok, false, name);
    t.ok(
      steps.slice(0, -1).every(({ ok }) => ok),
      `${name}: only the last step fails`,
    );
    t.notMatch(JSON.stringify(steps), /evil/, `${name}: nothing of the proof is shown`);
  }
});
