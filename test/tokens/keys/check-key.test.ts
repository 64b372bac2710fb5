import { createPublicKey, verify } from 'node:crypto';
import t from 'tap';
import { isRefusal } from '../../../src/core/refusals.ts';
import { findPointFlaw } from '../../../src/tokens/keys/ed25519-point.ts';
import { checkKeys, loadLocalKeySet } from '../../../src/tokens/keys/key-set.ts';
import { freezeTime } from '../../support/core/frozen-time.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';
import { ANY_ISSUER, codeOf, inPlace, verifierOf } from '../../support/tokens/verifier.ts';

const ALL = new Set(['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']);
const ed = signingKey('EdDSA');
const es = signingKey('ES256');
const rs = signingKey('RS256');

const reportOf = (jwk: unknown, accepted: ReadonlySet<string> = ALL) => {
  const [report] = checkKeys([jwk], accepted).reports;
  if (report === undefined) throw new Error('no report');
  return report;
};

/* The curve once more, affine and by its addition law (RFC 8032 §5.1.4), beside the projective doubling of the code. */
const P = 2n ** 255n - 19n;
const mod = (value: bigint): bigint => ((value % P) + P) % P;
const power = (base: bigint, exponent: bigint): bigint => {
  if (exponent === 0n) return 1n;
  const half = power(mod(base * base), exponent >> 1n);
  return exponent % 2n === 1n ? mod(half * base) : half;
};
const invert = (value: bigint): bigint => power(mod(value), P - 2n);
const D = mod(-121665n * invert(121666n));
type Point = readonly [x: bigint, y: bigint];
const IDENTITY: Point = [0n, 1n];
const add = ([x1, y1]: Point, [x2, y2]: Point): Point => {
  const product = mod(D * x1 * x2 * y1 * y2);
  return [mod((x1 * y2 + x2 * y1) * invert(1n + product)), mod((y1 * y2 + x1 * x2) * invert(1n - product))];
};
const times = (count: bigint, point: Point): Point => {
  if (count === 0n) return IDENTITY;
  const half = times(count >> 1n, add(point, point));
  return count % 2n === 1n ? add(half, point) : half;
};
/** x of a point with this y (RFC 8032 §5.1.3); undefined when there is none. */
const solveX = (y: bigint): bigint | undefined => {
  const square = mod((y * y - 1n) * invert(D * y * y + 1n));
  const root = power(square, (P + 3n) / 8n);
  const x = mod(root * root) === square ? root : mod(root * power(2n, (P - 1n) / 4n));
  return mod(x * x) === square ? x : undefined;
};
const encode = (y: bigint, sign: bigint): Buffer => {
  const bytes = Buffer.alloc(32);
  for (let left = y | (sign << 255n), at = 0; at < 32; at += 1, left >>= 8n) bytes[at] = Number(left & 0xffn);
  return bytes;
};
const sameness = ([x, y]: Point): string => `${x},${y}`;

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

/** The eight points whose order divides 8: the multiples of L·Q for a point Q that has all of the torsion. */
function smallOrderPoints(): readonly Point[] {
  for (let y = 2n; ; y += 1n) {
    const x = solveX(y);
    if (x === undefined) continue;
    const generator = times(ORDER, [x, y]);
    const points = [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n].map((count) => times(count, generator));
    if (new Set(points.map(sameness)).size === 8) return points;
  }
}

const withX = (bytes: Buffer) => ({ ...ed.jwk, x: bytes.toString('base64url') });

t.test('the eight Ed25519 points of small order are unusable, in every encoding that OpenSSL takes', (t) => {
  const points = smallOrderPoints();
  t.equal(new Set(points.map(sameness)).size, 8);
  for (const [x, y] of points) {
    t.same(times(8n, [x, y]), IDENTITY, 'its order divides 8');
    const canonical = encode(y, x & 1n);
    t.match(
      reportOf(withX(canonical)),
      { state: 'broken', reason: /small order/ },
      canonical.toString('hex'),
    );
    // The encodings that are left: y + p where 255 bits have room for it, and the sign of an x that has none.
    const others = [x & 1n, 1n - (x & 1n)].flatMap((sign) => (y < 19n ? [encode(y + P, sign)] : []));
    if (x === 0n) others.push(encode(y, 1n));
    for (const bytes of others) {
      t.match(reportOf(withX(bytes)), { state: 'broken', reason: /canonical/ }, bytes.toString('hex'));
    }
  }
  t.end();
});

t.test('every y from p on is not canonical', (t) => {
  for (let y = P; y < 2n ** 255n; y += 1n) {
    for (const sign of [0n, 1n]) t.match(findPointFlaw(encode(y, sign)), /canonical/, `${y - P} + p`);
  }
  t.end();
});

t.test('of all other encodings those that are points pass, and those that are none do not', (t) => {
  let points = 0;
  for (let y = 2n; y < 60n; y += 1n) {
    const isPoint = solveX(y) !== undefined;
    if (isPoint) points += 1;
    for (const sign of [0n, 1n]) {
      t.equal(findPointFlaw(encode(y, sign)), isPoint ? undefined : 'not a point of Ed25519', `y = ${y}`);
    }
  }
  t.ok(points > 10 && points < 50, `${points} of 58`);
  for (const material of ['a', 'b', 'c', 'd'])
    t.equal(reportOf(signingKey('EdDSA', {}, material).jwk).state, 'usable');
  t.end();
});

t.test(
  'a token under a point of small order is refused, even if OpenSSL verifies its signature',
  async (t) => {
    const identity = encode(1n, 0n);
    const forged = Buffer.concat([identity, Buffer.alloc(32)]);
    const publicKey = createPublicKey({ key: withX(identity), format: 'jwk' });
    t.comment(`OpenSSL ${process.versions.openssl}: ${verify(null, Buffer.from('x'), publicKey, forged)}`);
    const time = freezeTime();
    const good = { iss: 'https://corp.example', aud: 'api', exp: time.clock() / 1000 + 300 };
    const jwks = {
      keys: [{ ...withX(identity), kid: 'one' }, { ...withX(encode(1n, 1n)), kid: 'two' }, es.jwk],
    };
    const compiled = checkKeys(jwks.keys, ALL);
    const set = await loadLocalKeySet(compiled);
    for (const alg of ['EdDSA', 'Ed25519'])
      for (const kid of ['one', 'two', undefined]) t.same(set.find(alg, kid), [], `${alg} ${kid}`);
    t.throws(
      () => verifierOf({ corp: { issuer: good.iss, audiences: ['api'], jwks } }, { time }),
      /key 1 is unusable: .*canonical|key 1 is unusable: .*small order/,
    );
  },
);

t.test('an Ed25519 signature has one form', async (t) => {
  const time = freezeTime();
  const iss = 'https://corp.example';
  const verifier = verifierOf({ corp: { issuer: iss, audiences: ['api'], jwks: inPlace(ed) } }, { time });
  await verifier.start();
  const token = mint(ed, { iss, aud: 'api', exp: time.clock() / 1000 + 300 });
  const at = token.lastIndexOf('.') + 1;
  const bytes = Buffer.from(token.slice(at), 'base64url');
  const s = [...bytes.subarray(32)].reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const swap = (r: Buffer, S: bigint) =>
    `${token.slice(0, at)}${Buffer.concat([r, encode(S, 0n)]).toString('base64url')}`;
  const R = bytes.subarray(0, 32);
  t.equal(codeOf(verifier.verify(swap(R, s), ANY_ISSUER)), 'ok');
  t.equal(codeOf(verifier.verify(swap(R, s + ORDER), ANY_ISSUER)), 'signature_invalid', 'S + L');
  for (const r of [encode(P, 0n), encode(P + 1n, 0n), encode(1n, 1n), encode(1n, 0n), encode(0n, 0n)])
    for (const S of [0n, s]) t.equal(codeOf(verifier.verify(swap(r, S), ANY_ISSUER)), 'signature_invalid');
});

t.test('points that are not on their curve, are infinite, or have a wrong length are unusable', (t) => {
  const flip = (text: unknown): string => {
    const bytes = Buffer.from(String(text), 'base64url');
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    return bytes.toString('base64url');
  };
  const zeros = (size: number): string => Buffer.alloc(size).toString('base64url');
  const short = (text: unknown): string =>
    Buffer.from(String(text), 'base64url').subarray(0, -1).toString('base64url');
  const field = Buffer.from('ffffffff00000001000000000000000000000000ffffffffffffffffffffffff', 'hex');
  const rows: readonly [name: string, jwk: Record<string, unknown>][] = [
    ...['ES256', 'ES384', 'ES512'].flatMap((alg): [string, Record<string, unknown>][] => {
      const { jwk } = signingKey(alg);
      return [
        [`${alg}: off the curve`, { ...jwk, y: flip(jwk.y) }],
        [`${alg}: x for y`, { ...jwk, y: jwk.x }],
        [`${alg}: zeros`, { ...jwk, x: zeros(32), y: zeros(32) }],
        [`${alg}: a short x`, { ...jwk, x: short(jwk.x) }],
        [
          `${alg}: the point of another curve`,
          { ...jwk, crv: alg === 'ES256' ? 'P-384' : 'P-256', alg: undefined },
        ],
      ];
    }),
    ['x at the field prime', { ...es.jwk, x: field.toString('base64url') }],
    ['Ed25519 of 31 bytes', { ...ed.jwk, x: short(ed.jwk.x) }],
    ['Ed25519 of 33 bytes', { ...ed.jwk, x: zeros(33) }],
    ['an even RSA modulus', { ...rs.jwk, n: flip(rs.jwk.n) }],
  ];
  for (const [name, jwk] of rows) t.equal(reportOf(jwk).state, 'broken', name);
  t.end();
});

t.test('null and empty members of a key are as good as absent', async (t) => {
  const members = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
  const optional = ['use', 'key_ops', 'alg', 'kid', 'x5c', 'x5t', 'x5u', 'issuer', 'ext', 'nbf'];
  for (const { jwk } of [rs, es, ed]) {
    for (const nothing of [null, '', []]) {
      for (const name of [...members, ...optional]) {
        const checked = checkKeys([{ ...jwk, [name]: nothing }], ALL);
        const label = `${jwk.kty} ${name}: ${JSON.stringify(nothing)}`;
        t.equal(checked.reports[0]?.state, 'usable', label);
        const set = await loadLocalKeySet(checked);
        const kid = name === 'kid' ? undefined : String(jwk.kid);
        t.equal(set.find(String(jwk.alg), kid).length, 1, `${label}: found`);
      }
    }
    const crv = { ...jwk, [jwk.kty === 'RSA' ? 'crv' : 'n']: null };
    t.equal(reportOf(crv).state, 'usable', 'a member of another type');
    for (const value of ['AQ', 0, false, {}, { a: 1 }, ['x']])
      t.match(reportOf({ ...jwk, d: value }), { state: 'broken', reason: /secret/ }, JSON.stringify(value));
  }
  t.match(reportOf({ ...rs.jwk, use: 'enc' }), { state: 'skipped' });
  t.match(reportOf({ ...rs.jwk, key_ops: ['sign'] }), { state: 'skipped' });
  t.match(reportOf({ ...rs.jwk, kty: null }), { state: 'broken', reason: 'no `kty`' });
});

t.test('the reason names the missing members of a key', (t) => {
  const rows: readonly [jwk: Record<string, unknown>, reason: RegExp][] = [
    [
      { kty: 'RSA', kid: 'k', x5c: ['MIIC'] },
      /`n` and `e` are missing: keys are not taken from a certificate/,
    ],
    [{ kty: 'RSA', kid: 'k', x5u: 'https://x' }, /`n` and `e` are missing: .*`x5u`/],
    [{ ...rs.jwk, e: null }, /^`e` is missing$/],
    [{ kty: 'EC' }, /^`crv`, `x` and `y` are missing$/],
    [{ ...es.jwk, y: '' }, /^`y` is missing$/],
    [{ kty: 'OKP', crv: 'Ed25519', x: 7 }, /^`x` is missing$/],
  ];
  for (const [jwk, reason] of rows) t.match(reportOf(jwk), { state: 'broken', reason }, JSON.stringify(jwk));
  t.end();
});

t.test('keys that are not for us are skipped, with the reason', (t) => {
  const rows: readonly [jwk: Record<string, unknown>, reason: RegExp][] = [
    [{ kty: 'OKP', crv: 'Ed448', x: 'AA', alg: 'EdDSA' }, /a curve that is not supported/],
    [{ kty: 'OKP', crv: 'X25519', x: 'AA' }, /a curve that is not supported/],
    [{ ...es.jwk, crv: 'secp256k1', alg: 'ES256K' }, /a curve that is not supported/],
    [{ ...rs.jwk, alg: 'RSA-OAEP' }, /never accepted: "RSA-OAEP"/],
    [{ ...rs.jwk, alg: 'HS256' }, /never accepted: "HS256"/],
    [{ ...rs.jwk, alg: 7 }, /never accepted: "7"/],
    [{ kty: 'AKP', alg: 'ML-DSA-44', pub: 'AA' }, /a key type that is never accepted/],
  ];
  for (const [jwk, reason] of rows) t.match(reportOf(jwk), { state: 'skipped', reason }, JSON.stringify(jwk));
  t.end();
});

t.test('Ed25519 is EdDSA by another name (RFC 9864), in keys, tokens and `algorithms`', async (t) => {
  const time = freezeTime();
  const iss = 'https://corp.example';
  const claims = { iss, aud: 'api', exp: time.clock() / 1000 + 300 };
  const rows: readonly [algorithms: readonly string[] | undefined, tokenAlg: string, code: string][] = [
    [undefined, 'EdDSA', 'ok'],
    [undefined, 'Ed25519', 'ok'],
    [['EdDSA'], 'EdDSA', 'ok'],
    [['EdDSA'], 'Ed25519', 'ok'],
    [['Ed25519'], 'Ed25519', 'ok'],
    [['Ed25519'], 'EdDSA', 'algorithm_not_allowed'],
    [undefined, 'Ed448', 'algorithm_not_allowed'],
    [['RS256', 'EdDSA'], 'ed25519', 'algorithm_not_allowed'],
  ];
  for (const keyAlg of ['EdDSA', 'Ed25519', undefined, null]) {
    const jwks = { keys: [{ ...ed.jwk, alg: keyAlg }, rs.jwk] };
    for (const [algorithms, alg, code] of rows) {
      const corp = { issuer: iss, audiences: ['api'], jwks, ...(algorithms && { algorithms }) };
      const verifier = verifierOf({ corp }, { time });
      await verifier.start();
      for (const header of [{ alg }, { alg, kid: undefined }]) {
        const outcome = verifier.verify(mint(ed, claims, header), ANY_ISSUER);
        t.equal(codeOf(outcome), code, `key ${keyAlg}, algorithms ${algorithms}, token ${alg}`);
      }
    }
  }
  t.equal(reportOf({ ...ed.jwk, alg: 'ES256' }).state, 'broken');
});

t.test('a set without a usable key decides about no token: 503, not 401', async (t) => {
  const time = freezeTime();
  const iss = 'https://corp.example';
  const token = mint(rs, { iss, aud: 'api', exp: time.clock() / 1000 + 300 });
  for (const keys of [[], [null], [{ kty: 'oct', k: 'AA' }], [{ kty: 'RSA', kid: rs.kid, x5c: ['MIIC'] }]]) {
    const verifier = verifierOf(
      { corp: { issuer: iss, audiences: ['api'], jwks: inPlace(rs) } },
      { time, keys },
    );
    await verifier.start();
    const outcome = await verifier.verify(token, ANY_ISSUER);
    t.ok(isRefusal(outcome));
    t.match(
      outcome,
      { code: 'keys_unavailable', reason: /the set has no usable key: / },
      JSON.stringify(keys),
    );
  }
});
