import fc from 'fast-check';
import t from 'tap';
import { isRefusal } from '../../../src/core/refusals.ts';
import { decodeBase64Url, decodeBase64UrlText } from '../../../src/tokens/jwt/base64url.ts';
import { createHeaderCache } from '../../../src/tokens/jwt/header-cache.ts';
import { parseToken } from '../../../src/tokens/jwt/parse-token.ts';
import { encode, mint, signingKey } from '../../support/tokens/mint.ts';
import { codeOf, inPlace, verifierOf } from '../../support/tokens/verifier.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** By the letter of RFC 4648 §5 and §3.5, slowly: what encodes back to itself. */
function isCanonical(part: string): boolean {
  const isInAlphabet = [...part].every((character) => character.length === 1 && ALPHABET.includes(character));
  return isInAlphabet && Buffer.from(part, 'base64url').toString('base64url') === part;
}

t.test('J17 a part is decoded exactly where its text is the only spelling of its bytes', (t) => {
  const character = fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom(...ALPHABET) },
    { weight: 1, arbitrary: fc.constantFrom(...'+/=. \t\r\n\0~%Aé\u0141\u012d\u{1f511}\ud800') },
  );
  fc.assert(
    fc.property(fc.string({ unit: character, maxLength: 40 }), (part) => {
      const expected = isCanonical(part);
      return (
        (decodeBase64Url(part) !== undefined) === expected &&
        (decodeBase64UrlText(part) === undefined || expected)
      );
    }),
    { numRuns: 20_000, seed: 3 },
  );
  for (const bytes of [1, 2, 3, 300, 9_000]) {
    const text = 'x'.repeat(bytes);
    t.equal(decodeBase64UrlText(encode(text)), text, `${bytes} bytes`);
    t.equal(decodeBase64UrlText(`${encode(text)}=`), undefined);
    t.equal(decodeBase64UrlText(`${encode(text)}\n`), undefined);
  }
  t.equal(decodeBase64UrlText(Buffer.from([0xff, 0xfe]).toString('base64url')), undefined, 'not UTF-8');
  t.equal(decodeBase64UrlText(encode('\ufffd')), '\ufffd', 'a replacement character that is really there');
  t.end();
});

t.test('J17 wide characters whose low byte is in the alphabet are another spelling', async (t) => {
  const key = signingKey('ES256');
  const verifier = verifierOf({
    corp: { issuer: 'https://corp.example', audiences: ['api'], jwks: inPlace(key) },
  });
  await verifier.start();
  const raw = mint(key, { iss: 'https://corp.example', exp: 9_999_999_999 });
  t.equal(codeOf(verifier.verify(raw, undefined)), 'ok');
  for (let at = 0; at < raw.length; at += 1) {
    const wide = String.fromCharCode(raw.charCodeAt(at) + 0x100);
    const spelled = `${raw.slice(0, at)}${wide}${raw.slice(at + 1)}`;
    if (codeOf(verifier.verify(spelled, undefined)) !== 'token_malformed') t.fail(`character ${at}`);
  }
});

t.test('the empty signature of an unsecured token is good form', (t) => {
  const unsecured = parseToken(`${encode('{"alg":"none"}')}.${encode('{}')}.`, 16 * 1024);
  t.match(unsecured, { header: { alg: 'none' }, signature: Buffer.alloc(0) });
  t.end();
});

t.test('forms that are no signed token', (t) => {
  const rows: readonly [raw: string, reason: RegExp][] = [
    ['', /opaque/],
    ['opaque', /opaque/],
    ['.', /three parts/],
    ['a.b', /three parts/],
    ['..', /empty/],
    ['.b.c', /empty/],
    ['a..c', /empty/],
    ['a.b.', /no signature/],
    [`${encode('{"alg":"RS256"}')}.${encode('{}')}.`, /empty/],
    ['a.b.c.d', /three parts/],
    ['a.b.c.d.e', /JWE/],
    ['.'.repeat(10_000), /three parts/],
    [`${encode('{"alg":"RS256"}')}.${encode('{}')}.A`, /canonical/],
    [`${encode('{"alg":"RS256"}')}.${encode('{}')} .AAAA`, /canonical/],
    [`${encode('{"alg":"RS256","alg":"none"}')}.${encode('{}')}.AAAA`, /header is refused: duplicate/],
    [`${encode('{"alg":"RS256"}')}.${encode('{"a":1,"a":2}')}.AAAA`, /payload is refused: duplicate/],
  ];
  for (const [raw, reason] of rows) {
    const outcome = parseToken(raw, 16 * 1024);
    t.match(outcome, { code: 'token_malformed', reason }, raw.slice(0, 40));
  }
  t.end();
});

t.test('a header that is known is read by its exact text', (t) => {
  const known = createHeaderCache();
  const header = encode('{"alg":"RS256","kid":"k"}');
  const rest = `.${encode('{"iss":"x"}')}.AAAA`;
  const first = parseToken(header + rest, 1_024, known);
  if (isRefusal(first)) throw new Error(first.reason);
  t.equal(first.newHeader, header);
  known.learn(header, first.header);
  const second = parseToken(header + rest, 1_024, known);
  t.match(second, { newHeader: undefined, header: { alg: 'RS256', kid: 'k' } });
  t.equal((second as typeof first).header, first.header, 'the same object');
  t.ok(Object.isFrozen(first.header), 'which nobody can change');
  for (const text of ['{"alg":"RS256", "kid":"k"}', '{"alg":"RS384","kid":"k"}', '{"alg":"RS256"}']) {
    const other = parseToken(encode(text) + rest, 1_024, known);
    t.match(other, { newHeader: encode(text) }, text);
    t.strictSame((other as typeof first).header, JSON.parse(text));
  }
  t.end();
});

t.test('known headers are bounded, in number and in length', (t) => {
  const known = createHeaderCache();
  for (let index = 0; index < 5_000; index += 1) known.learn(`h${index}`, { alg: 'RS256', kid: `k${index}` });
  const left = Array.from({ length: 5_000 }, (_, index) => known.find(`h${index}`));
  t.ok(left.filter((header) => header !== undefined).length <= 1_024);
  t.ok(
    left.every((header, index) => header === undefined || header.kid === `k${index}`),
    'each under its own text',
  );
  known.learn('x'.repeat(1_025), { alg: 'RS256' });
  t.equal(known.find('x'.repeat(1_025)), undefined);
  t.end();
});
