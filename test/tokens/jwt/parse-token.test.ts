import fc from 'fast-check';
import t from 'tap';
import { isRefusal } from '../../../src/core/refusals.ts';
import { decodeBase64Url, decodeBase64UrlText, parseToken } from '../../../src/tokens/jwt/parse-token.ts';
import { encode, mint, signingKey } from '../../support/tokens/mint.ts';
import { ANY_ISSUER, codeOf, inPlace, verifierOf } from '../../support/tokens/verifier.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** By the letter of RFC 4648 §5 and §3.5, slowly: what encodes back to itself. */
function isCanonical(part: string): boolean {
  const isInAlphabet = [...part].every((character) => character.length === 1 && ALPHABET.includes(character));
  return isInAlphabet && Buffer.from(part, 'base64url').toString('base64url') === part;
}

t.test('a part is decoded exactly where its text is the only spelling of its bytes', (t) => {
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

t.test('wide characters whose low byte is in the alphabet are another spelling', async (t) => {
  const key = signingKey('ES256');
  const verifier = verifierOf({
    corp: { issuer: 'https://corp.example', audiences: ['api'], jwks: inPlace(key) },
  });
  await verifier.start();
  const raw = mint(key, { iss: 'https://corp.example', exp: 9_999_999_999 });
  t.equal(codeOf(verifier.verify(raw, ANY_ISSUER)), 'ok');
  for (let at = 0; at < raw.length; at += 1) {
    const wide = String.fromCharCode(raw.charCodeAt(at) + 0x100);
    const spelled = `${raw.slice(0, at)}${wide}${raw.slice(at + 1)}`;
    if (codeOf(verifier.verify(spelled, ANY_ISSUER)) !== 'token_malformed') t.fail(`character ${at}`);
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

t.test('tokens with the same header text share a header, and others do not', (t) => {
  const headerOf = (encoded: string) => {
    const token = parseToken(`${encoded}.${encode('{"iss":"x"}')}.AAAA`, 16 * 1024);
    if (isRefusal(token)) throw new Error(token.reason);
    return token.header;
  };
  const encoded = encode('{"alg":"RS256","kid":"k"}');
  const first = headerOf(encoded);
  t.strictSame(first, { alg: 'RS256', kid: 'k' });
  t.equal(headerOf(encoded), first, 'the same object');
  t.ok(Object.isFrozen(first));
  for (const text of ['{"alg":"RS256", "kid":"k"}', '{"alg":"RS384","kid":"k"}', '{"alg":"RS256"}']) {
    t.strictSame(headerOf(encode(text)), JSON.parse(text));
    t.not(headerOf(encode(text)), first);
  }
  const long = encode(`{"alg":"RS256","x":"${'x'.repeat(1_024)}"}`);
  t.not(headerOf(long), headerOf(long), 'a long one is not kept');
  const others = Array.from({ length: 5_000 }, (_, index) => encode(`{"alg":"RS256","kid":"k${index}"}`));
  for (const [index, other] of others.entries()) {
    if (headerOf(other).kid !== `k${index}`) t.fail('each has its own header');
  }
  t.not(headerOf(encoded), first, 'the oldest are forgotten');
  t.end();
});
