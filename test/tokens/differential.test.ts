import { createLocalJWKSet, jwtVerify } from 'jose';
import t from 'tap';
import { isRefusal } from '../../src/core/refusals.ts';
import { freezeTime } from '../support/core/frozen-time.ts';
import { encode, mint, mintText, signingKey } from '../support/tokens/mint.ts';
import { ANY_ISSUER, inPlace, verifierOf } from '../support/tokens/verifier.ts';

const ISS = 'https://corp.example';
const time = freezeTime();
const now = time.clock() / 1000;
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const keys = ALGORITHMS.map((alg) => signingKey(alg, { kid: alg }));
const strangers = ALGORITHMS.map((alg) => signingKey(alg, { kid: alg }, 'stranger'));
const good = { iss: ISS, aud: 'api', sub: 'u', iat: now, exp: now + 300 };

/** What jose makes of a token under the same rules, as far as it has them. */
async function josesResult(token: string): Promise<boolean> {
  try {
    await jwtVerify(token, createLocalJWKSet({ keys: keys.map(({ jwk }) => jwk) as never }), {
      issuer: ISS,
      algorithms: ALGORITHMS,
      clockTolerance: 30,
      currentDate: new Date(time.clock()),
      requiredClaims: ['exp'],
    });
    return true;
  } catch {
    return false;
  }
}

function variants(): string[] {
  const tokens: string[] = [];
  for (const [index, key] of keys.entries()) {
    const token = mint(key, good);
    const stranger = strangers[index] ?? key;
    const [head = '', body = '', signature = ''] = token.split('.');
    const bytes = Buffer.from(signature, 'base64url');
    tokens.push(
      token,
      mint(stranger, good),
      mint(key, good, { kid: undefined }),
      mint(key, good, { kid: 'none' }),
    );
    for (const exp of [now - 31, now - 30, now - 29, now, 0, -1, now + 0.5, '1', null])
      tokens.push(mint(key, { ...good, exp }));
    for (const nbf of [now + 29, now + 30, now + 31, '1', null]) tokens.push(mint(key, { ...good, nbf }));
    for (const iss of ['x', null, [ISS], `${ISS}/`]) tokens.push(mint(key, { ...good, iss }));
    for (const alg of [...ALGORITHMS, 'none', 'HS256', 'ES256K', 'Ed25519'])
      tokens.push(mint(key, good, { alg }));
    for (const at of [0, 1, bytes.length >> 1, bytes.length - 1]) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      tokens.push(`${head}.${body}.${encode(flipped)}`);
    }
    tokens.push(
      `${head}.${body}.${encode(bytes.subarray(1))}`,
      `${head}.${body}.${encode(Buffer.concat([bytes, Buffer.from([0])]))}`,
      `${head}.${body}.${encode(Buffer.alloc(bytes.length))}`,
      `${head}.${body}.${encode(Buffer.alloc(bytes.length, 0xff))}`,
      `${head}.${encode(JSON.stringify({ ...good, sub: 'root' }))}.${signature}`,
      mintText(key, JSON.stringify({ alg: key.alg, kid: key.kid }), '[]'),
      mintText(key, JSON.stringify({ alg: key.alg, kid: key.kid }), 'null'),
      mintText(key, JSON.stringify({ alg: key.alg, kid: key.kid, crit: ['x'], x: 1 }), JSON.stringify(good)),
    );
  }
  return tokens;
}

/**
 * jose leaves it to the caller to try several keys for a token without key id, takes one name of Ed25519 for each key, and takes
 * null for a value of the wrong type.
 */
function isStatedDifference(
  { kid, alg }: { readonly kid?: string; readonly alg: string },
  token: string,
): boolean {
  const { nbf } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  return kid === undefined || (kid === 'EdDSA' && alg === 'Ed25519') || nbf === null;
}

t.test(
  'whatever jose refuses is refused, and what it accepts is refused only for a stated reason',
  async (t) => {
    const verifier = verifierOf(
      { corp: { issuer: ISS, audiences: ['api'], jwks: inPlace(...keys) } },
      { time },
    );
    await verifier.start();
    let accepted = 0;
    for (const token of variants()) {
      const [result, outcome] = [await josesResult(token), await verifier.verify(token, ANY_ISSUER)];
      const ours = !isRefusal(outcome);
      if (ours) accepted += 1;
      if (ours === result) continue;
      const header = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
      t.ok(
        ours && isStatedDifference(header, token),
        `jose: ${result}, ours: ${isRefusal(outcome) ? outcome.code : 'ok'} for ${JSON.stringify(header)}`,
      );
    }
    t.ok(accepted > 40, `${accepted} good ones among them`);
  },
);

t.test('random damage to a good token never makes another good one', async (t) => {
  const verifier = verifierOf(
    { corp: { issuer: ISS, audiences: ['api'], jwks: inPlace(...keys) } },
    { time },
  );
  await verifier.start();
  const alphabet = 'ABCabc012-_.=+/ \n';
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % below;
  };
  for (const key of keys) {
    const token = mint(key, good);
    for (let round = 0; round < 200; round += 1) {
      const at = random(token.length);
      const letter = alphabet[random(alphabet.length)] ?? 'A';
      const damaged = [
        token.slice(0, at) + letter + token.slice(at + 1),
        token.slice(0, at) + letter + token.slice(at),
        token.slice(0, at) + token.slice(at + 1),
        token.slice(0, at),
      ][random(4)] as string;
      if (damaged === token) continue;
      if (!isRefusal(await verifier.verify(damaged, ANY_ISSUER))) t.fail(`accepted: ${damaged}`);
    }
  }
  t.pass('none of 2,000 did');
});
