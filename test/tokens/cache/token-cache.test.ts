import t from 'tap';
import { isRefusal } from '../../../src/core/refusals.ts';
import type { VerifiedToken } from '../../../src/tokens/verified-token.ts';
import { freezeTime } from '../../support/core/frozen-time.ts';
import { encode, mint, signingKey } from '../../support/tokens/mint.ts';
import { ANY_ISSUER, codeOf, countChecks, inPlace, verifierOf } from '../../support/tokens/verifier.ts';

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
  const code = (raw: string) => codeOf(verifier.verify(raw, ANY_ISSUER));
  return { time, verifier, token, code, now };
}

t.test('a remembered token dies at its exp to the moment, and stays dead', async (t) => {
  const { time, token, code } = await rigOf();
  const raw = token();
  t.equal(code(raw), 'ok');
  time.advance(89_999);
  t.equal(code(raw), 'ok');
  time.advance(1);
  t.equal(code(raw), 'token_expired');
  t.equal(code(raw), 'token_expired');
  time.jump(-1);
  t.equal(code(raw), 'ok', 'unless the clock was wrong');
});

t.test('maxTokenAge and nbf are checked at each use', async (t) => {
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
  t.equal(code(early), 'token_not_yet_valid', 'the clock is set back');
});

t.test('the cache can be off', async (t) => {
  const { verifier, token, code } = await rigOf({ cacheBytes: 0 });
  const raw = token();
  t.equal(code(raw), 'ok');
  t.equal(code(raw), 'ok');
  t.not(verifier.verify(raw, ANY_ISSUER), verifier.verify(raw, ANY_ISSUER), 'verified anew');
  t.equal(verifier.cacheStats(), undefined);
});

t.test('the first sight leaves a result, the second the token: the signature is checked once', async (t) => {
  const { verifier, token } = await rigOf();
  const checks = countChecks(t);
  const raw = token();
  const [first, second, third] = [1, 2, 3].map(() => verifier.verify(raw, ANY_ISSUER) as VerifiedToken);
  t.equal(checks(), 1);
  t.notOk(isRefusal(first) || isRefusal(second));
  t.not(first, second, 'of the first sight nothing large is kept');
  t.equal(second, third, 'the same object from the second on');
  t.strictSame(first, second, 'with the same content');
  t.match(verifier.cacheStats(), { accepted: { entries: 1 }, hits: 1, misses: 2 });
});

t.test('one bit of difference is another token, however well the rest is known', async (t) => {
  const { token, code } = await rigOf();
  const checks = countChecks(t);
  const raw = token();
  const [head = '', body = '', signature = ''] = raw.split('.');
  const swap = (text: string, at: number) =>
    `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
  const bytes = Buffer.from(body, 'base64url');
  bytes[bytes.indexOf('6')] = 0x37;
  for (const round of ['first', 'second', 'third']) {
    t.equal(code(raw), 'ok', round);
    t.equal(code(`${head}.${body}.${swap(signature, 3)}`), 'signature_invalid', round);
    t.equal(code(`${head}.${bytes.toString('base64url')}.${signature}`), 'signature_invalid', round);
    t.equal(code(`${swap(head, 0)}.${body}.${signature}`), 'token_malformed', round);
    t.equal(code(`${head}.${body}.${signature}A`), 'signature_invalid', round);
  }
  t.equal(checks(), 3, 'one for each signature that is looked at');
});

t.test('what was seen once is checked in full at the second use', async (t) => {
  await t.test('its exp has passed meanwhile', async (t) => {
    const { time, token, code } = await rigOf();
    const checks = countChecks(t);
    const raw = token();
    t.equal(code(raw), 'ok');
    time.advance(90_000);
    for (const use of ['second', 'third']) t.equal(code(raw), 'token_expired', use);
    t.equal(checks(), 1);
  });
  await t.test('its nbf has come meanwhile', async (t) => {
    const { time, token, code, now } = await rigOf();
    const checks = countChecks(t);
    const early = token({ nbf: now + 60, exp: now + 600 });
    for (const use of ['first', 'second', 'third']) t.equal(code(early), 'token_not_yet_valid', use);
    time.advance(30_000);
    for (const use of ['fourth', 'fifth']) t.equal(code(early), 'ok', use);
    time.jump(-30_000);
    t.equal(code(early), 'token_not_yet_valid');
    t.equal(checks(), 1);
  });
  await t.test('another route does not accept its issuer', async (t) => {
    const { verifier, token, code } = await rigOf();
    const raw = token();
    const elsewhere = () => codeOf(verifier.verify(raw, { ...ANY_ISSUER, accepts: new Set(['other']) }));
    t.equal(elsewhere(), 'issuer_not_allowed');
    t.equal(code(raw), 'ok');
    t.equal(elsewhere(), 'issuer_not_allowed');
    t.equal(code(raw), 'ok');
    t.equal(elsewhere(), 'issuer_not_allowed');
  });
  await t.test('another configuration remembers nothing of it', async (t) => {
    const first = await rigOf();
    const raw = first.token();
    for (const use of ['first', 'second']) t.equal(first.code(raw), 'ok', use);
    const narrowed = await rigOf({}, { requiredClaims: ['tenant'] });
    const checks = countChecks(t);
    t.equal(narrowed.code(raw), 'claim_missing');
    t.equal(checks(), 1);
  });
});

t.test('a trace looks at everything, and leaves nothing behind', async (t) => {
  const { verifier, token, code } = await rigOf();
  const checks = countChecks(t);
  const raw = token();
  const trace = { showClaims: false, add: () => {} };
  for (let use = 0; use < 3; use += 1) verifier.verify(raw, { ...ANY_ISSUER, trace });
  t.equal(checks(), 3);
  t.equal(code(raw), 'ok');
  t.equal(checks(), 4);
  t.match(verifier.cacheStats(), { accepted: { entries: 0 }, hits: 0, misses: 1 });
});

t.test('a token that is refused is checked once as well, with or without key id', async (t) => {
  const { verifier, token, code } = await rigOf();
  const checks = countChecks(t);
  const [head = '', body = ''] = token().split('.');
  const forged = `${head}.${body}.${encode(Buffer.alloc(64, 1))}`;
  const nameless = mint({ ...key, kid: undefined }, { iss: ISS, exp: 1 });
  for (const use of ['first', 'second', 'third', 'fourth']) {
    t.equal(code(forged), 'signature_invalid', use);
    t.equal(code(nameless), 'token_expired', use);
  }
  t.equal(checks(), 2);
  t.match(verifier.cacheStats(), { accepted: { entries: 0 }, rejected: { entries: 2 }, hits: 4, misses: 4 });
});

t.test('a flood of forged tokens drives out no good one, seen twice or once', async (t) => {
  const { verifier, token, code } = await rigOf({ cacheBytes: 64 * 1024 });
  const [raw, once] = [token(), token({ jti: 'once' })];
  code(raw);
  const kept = verifier.verify(raw, ANY_ISSUER);
  code(once);
  const [head, body] = token({ jti: 'x' }).split('.');
  for (let index = 0; index < 2_000; index += 1) {
    const signature = Buffer.alloc(64, 1);
    signature.writeUInt32BE((index >> 1) + 1);
    t.equal(code(`${head}.${body}.${encode(signature)}`), 'signature_invalid');
  }
  const checks = countChecks(t);
  t.equal(verifier.verify(raw, ANY_ISSUER), kept, 'still the same object');
  t.equal(code(once), 'ok');
  t.equal(checks(), 0, 'nor is what was seen once forgotten');
  const { rejected } = verifier.cacheStats() ?? {};
  t.ok((rejected?.bytes ?? 0) <= 4 * 1024, 'the bad ones stay in their own bounds');
});

t.test('a flood of good tokens leaves those that come again', async (t) => {
  const { verifier, token } = await rigOf({ cacheBytes: 64 * 1024 });
  const raw = token();
  verifier.verify(raw, ANY_ISSUER);
  const kept = verifier.verify(raw, ANY_ISSUER);
  for (let index = 0; index < 300; index += 1) {
    verifier.verify(token({ jti: index }), ANY_ISSUER);
    if (index % 10 === 0) verifier.verify(raw, ANY_ISSUER);
  }
  t.match(verifier.cacheStats(), { accepted: { entries: 1, evictions: 0 } }, 'what comes once takes no room');
  for (let index = 0; index < 300; index += 1) {
    const twice = token({ jti: `twice ${index}` });
    verifier.verify(twice, ANY_ISSUER);
    verifier.verify(twice, ANY_ISSUER);
    if (index % 10 === 0) verifier.verify(raw, ANY_ISSUER);
  }
  t.equal(verifier.verify(raw, ANY_ISSUER), kept);
  const { accepted } = verifier.cacheStats() ?? {};
  t.ok((accepted?.bytes ?? Number.NaN) <= 64 * 1024);
  t.ok((accepted?.evictions ?? 0) > 200);
});
