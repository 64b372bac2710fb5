import t from 'tap';
import { createSieveCache } from '../../src/tokens/sieve-cache.ts';
import { freezeTime } from '../support/frozen-time.ts';
import { encode, mint, signingKey } from '../support/mint.ts';
import { codeOf, inPlace, verifierOf } from '../support/verifier.ts';

const ISS = 'https://corp.example';
const key = signingKey('ES256');

async function rigOf(shape = {}, more = {}) {
  const time = freezeTime();
  const verifier = verifierOf(
    { corp: { issuer: ISS, audiences: ['api'], jwks: inPlace(key), ...more } },
    { time, ...shape },
  );
  await verifier.start();
  const now = time.clock() / 1000;
  const token = (claims = {}) => mint(key, { iss: ISS, iat: now, exp: now + 60, ...claims });
  const code = (raw: string) => codeOf(verifier.verify(raw, undefined));
  return { time, verifier, token, code, now };
}

t.test('J20 a remembered token dies at its exp to the moment, and stays dead', async (t) => {
  const { time, token, code } = await rigOf();
  const raw = token();
  t.equal(code(raw), 'ok');
  time.advance(89_999);
  t.equal(code(raw), 'ok');
  time.advance(1);
  t.equal(code(raw), 'token_expired');
  t.equal(code(raw), 'token_expired');
  time.jump(-1);
  t.equal(code(raw), 'ok', 'O13 unless the clock was wrong');
});

t.test('J20 maxTokenAge and nbf are judged at each use', async (t) => {
  const aged = await rigOf({}, { maxTokenAge: '10s' });
  const old = aged.token();
  t.equal(aged.code(old), 'ok');
  aged.time.advance(40_000);
  t.equal(aged.code(old), 'token_too_old');
  const { time, token, code, now } = await rigOf();
  const early = token({ nbf: now + 60, exp: now + 600 });
  t.equal(code(early), 'token_not_yet_valid');
  time.advance(30_000);
  t.equal(code(early), 'ok', 'what was too early is not held against it');
  time.jump(-60_000);
  t.equal(code(early), 'token_not_yet_valid', 'O13 the clock is set back');
});

t.test('the cache can be off', async (t) => {
  const { verifier, token, code } = await rigOf({ cacheBytes: 0 });
  const raw = token();
  t.equal(code(raw), 'ok');
  t.equal(code(raw), 'ok');
  t.not(verifier.verify(raw, undefined), verifier.verify(raw, undefined), 'verified anew');
  t.equal(verifier.cacheStats(), undefined);
});

t.test('a remembered token is the same object, and costs no signature check', async (t) => {
  const { verifier, token } = await rigOf();
  const raw = token();
  t.equal(verifier.verify(raw, undefined), verifier.verify(raw, undefined));
});

t.test('a flood of forged tokens drives out no good one', async (t) => {
  const { verifier, token, code } = await rigOf({ cacheBytes: 64 * 1024 });
  const raw = token();
  const first = verifier.verify(raw, undefined);
  const [head, body] = token({ jti: 'x' }).split('.');
  for (let index = 0; index < 2_000; index += 1) {
    const signature = Buffer.alloc(64, 1);
    signature.writeUInt32BE(index + 1);
    t.equal(code(`${head}.${body}.${encode(signature)}`), 'signature_invalid');
  }
  t.equal(verifier.verify(raw, undefined), first, 'still the same object');
  const { rejected } = verifier.cacheStats() ?? {};
  t.ok((rejected?.bytes ?? 0) <= 4 * 1024, 'the bad ones stay in their own bounds');
});

t.test('a flood of good tokens that come once leaves those that come again', async (t) => {
  const { verifier, token } = await rigOf({ cacheBytes: 64 * 1024 });
  const raw = token();
  const first = verifier.verify(raw, undefined);
  for (let index = 0; index < 300; index += 1) {
    verifier.verify(token({ jti: index }), undefined);
    if (index % 10 === 0) verifier.verify(raw, undefined);
  }
  t.equal(verifier.verify(raw, undefined), first);
  const { accepted } = verifier.cacheStats() ?? {};
  t.ok((accepted?.bytes ?? Number.NaN) <= 64 * 1024);
  t.ok((accepted?.evictions ?? 0) > 200);
});

t.test('the sieve keeps its books', async (t) => {
  const cache = createSieveCache<number>(100);
  for (let index = 0; index < 10; index += 1) cache.set(`k${index}`, index, 10);
  t.same(cache.stats(), { entries: 10, bytes: 100, evictions: 0 });
  cache.get('k0');
  cache.set('k10', 10, 10);
  t.equal(cache.get('k0'), 0, 'asked for, so it stays');
  t.equal(cache.get('k1'), undefined, 'the oldest that nobody asked for goes');
  cache.set('k0', 100, 20);
  t.equal(cache.get('k0'), 100, 'replaced');
  t.ok(cache.stats().bytes <= 100);
  cache.set('huge', 1, 101);
  t.equal(cache.get('huge'), undefined, 'what does not fit at all is not kept');
  for (let index = 0; index <= 10; index += 1) cache.delete(`k${index}`);
  cache.delete('k3');
  t.same([cache.stats().entries, cache.stats().bytes], [0, 0]);
  for (let round = 0; round < 1_000; round += 1) {
    cache.set(`r${round % 37}`, round, 1 + (round % 13));
    if (round % 3 === 0) cache.get(`r${(round * 7) % 37}`);
    if (round % 11 === 0) cache.delete(`r${(round * 5) % 37}`);
    if (cache.stats().bytes > 100) t.fail('over its bounds');
  }
});
