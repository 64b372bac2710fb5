import fc from 'fast-check';
import t from 'tap';
import { isRefusal } from '../../../../src/core/refusals.ts';
import { isInexactNumber } from '../../../../src/tokens/jwt/json/inexact-number.ts';
import { parseStrictJson } from '../../../../src/tokens/jwt/json/strict-json.ts';
import { parseToken } from '../../../../src/tokens/jwt/parse-token.ts';
import { encode } from '../../../support/tokens/mint.ts';

t.test('what has two readings is refused', (t) => {
  const rows: readonly [text: string, reason: string][] = [
    ['{"a":1,"a":2}', 'duplicate names'],
    ['{"a":1,"\\u0061":2}', 'duplicate names'],
    ['{"a":{"b":1,"b":2}}', 'duplicate names'],
    ['{"a":[{"b":1},{"b":1,"b":1}]}', 'duplicate names'],
    ['{"__proto__":1,"__proto__":2}', 'duplicate names'],
    ['{"":1,"":2}', 'duplicate names'],
    ['{"a":1e999}', 'a number out of range'],
    ['{"a":-1e999}', 'a number out of range'],
    [`{"a":${'9'.repeat(400)}}`, 'a number out of range'],
    [`{"a":${'['.repeat(32)}${']'.repeat(32)}}`, 'nested too deeply'],
    ['[1]', 'not a JSON object'],
    ['"text"', 'not a JSON object'],
    ['null', 'not a JSON object'],
    ['1', 'not a JSON object'],
    ['', 'not JSON'],
    ['{', 'not JSON'],
    ['{"a":1}}', 'not JSON'],
    ['{"a":1} x', 'not JSON'],
    ['{"a":01}', 'not JSON'],
    ['{"a":1.}', 'not JSON'],
    ['{"a":.5}', 'not JSON'],
    ['{"a":+1}', 'not JSON'],
    ['{"a":0x10}', 'not JSON'],
    ['{"a":1-1}', 'not JSON'],
    ['{"a":NaN}', 'not JSON'],
    ['{"a":Infinity}', 'not JSON'],
    ["{'a':1}", 'not JSON'],
    ['{"a":1,}', 'not JSON'],
    ['{"a" 1}', 'not JSON'],
    ['{1.0:1}', 'not JSON'],
    ['{"a":"\\"}', 'not JSON'],
    ['{"a":"\u0001"}', 'not JSON'],
    ['\uFEFF{}', 'not JSON'],
    ['{"a":"\\x"}', 'not JSON'],
  ];
  for (const [text, reason] of rows) t.equal(parseStrictJson(text), reason, text.slice(0, 60));
  t.end();
});

t.test('what looks odd and has one reading is taken', (t) => {
  const rows = [
    '{}',
    ' {"a" : 1 }\n',
    '{"a":":","b":"{[","c":"\\"","d":"\\\\"}',
    '{"a":{"b":1},"c":{"b":1}}',
    '{"A":1,"a":2}',
    '{"toString":1,"constructor":{"prototype":2},"hasOwnProperty":3}',
    '{"a":[],"b":{},"c":[[]],"d":null,"e":true,"f":"\\ud83d"}',
    `{"a":${'['.repeat(31)}${']'.repeat(31)}}`,
  ];
  for (const text of rows)
    t.equal(JSON.stringify(parseStrictJson(text)), JSON.stringify(JSON.parse(text)), text);
  t.end();
});

t.test('numbers that do not print back as written are objects, and leave no trace in JSON', (t) => {
  for (const literal of [
    '1.0',
    '1e3',
    '1E3',
    '-0',
    '0.10',
    '12345678901234567890',
    '9007199254740993',
    '9007199254740992',
  ]) {
    const claims = parseStrictJson(`{"a":${literal},"b":[${literal}]}`);
    if (typeof claims === 'string') return t.fail(claims);
    const { a } = claims;
    t.ok(isInexactNumber(a) && a.literal === literal && a.value === Number(literal), literal);
    t.equal(JSON.stringify(claims), '{"b":[null]}');
  }
  for (const literal of ['0', '-1', '1.5', '9007199254740991', '1e-7', '1e+30']) {
    const claims = parseStrictJson(`{"a":${literal}}`);
    t.equal(isInexactNumber((claims as { a: unknown }).a), literal === '1e+30', literal);
  }
  return t.end();
});

t.test('no object has a prototype, and __proto__ is a name like any other', (t) => {
  const claims = parseStrictJson('{"__proto__":{"admin":true},"a":[{"__proto__":1.0}]}') as Record<
    string,
    unknown
  >;
  t.equal(Object.getPrototypeOf(claims), null);
  t.equal(claims.admin, undefined);
  t.same(Object.keys(claims), ['__proto__', 'a']);
  t.equal(Object.getPrototypeOf((claims.a as object[])[0] as object), null);
  t.equal(({} as Record<string, unknown>).admin, undefined);
  t.end();
});

t.test('for any object, in any spelling, it agrees with JSON.parse', (t) => {
  const value = fc.object({
    key: fc.string(),
    values: [fc.string(), fc.integer(), fc.boolean(), fc.constant(null)],
  });
  fc.assert(
    fc.property(value, fc.nat(3), (object, indent) => {
      const text = JSON.stringify(object, undefined, indent);
      const parsed = parseStrictJson(text);
      return parsed === 'nested too deeply' || JSON.stringify(parsed) === JSON.stringify(JSON.parse(text));
    }),
    { numRuns: 500, seed: 1 },
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      const parsed = parseStrictJson(text);
      if (typeof parsed === 'string') return true;
      return JSON.stringify(parsed) === JSON.stringify(JSON.parse(text));
    }),
    { numRuns: 2_000, seed: 2 },
  );
  t.pass('2,500 of them');
  t.end();
});

t.test('the worst that fits into 16 KiB is refused, or read', (t) => {
  const size = 12_000;
  const head = encode('{"alg":"RS256"}');
  const rows: Record<string, readonly [payload: string, refused: boolean]> = {
    'open lists': ['['.repeat(size), true],
    'open objects': ['{"a":'.repeat(size / 5), true],
    quotes: ['"'.repeat(size), true],
    'escaped quotes': [`{"a":"${'\\"'.repeat(size / 2)}"}`, false],
    backslashes: [`{"a":"${'\\'.repeat(size)}"}`, false],
    digits: [`{"a":${'1'.repeat(size)}}`, true],
    'many odd numbers': [`{"a":[${'1.0,'.repeat(size / 4)}1]}`, false],
    'many names': [`{${Array.from({ length: 1_500 }, (_, index) => `"${index}":1`).join(',')}}`, false],
    'many equal names': [`{${'"a":1,'.repeat(size / 6)}"b":1}`, true],
    'empty objects': [`{"a":[${'{},'.repeat(size / 3)}1]}`, false],
    exponents: [`{"a":${'1e1'.repeat(size / 3)}}`, true],
    minus: [`{"a":${'-'.repeat(size)}}`, true],
  };
  for (const [name, [payload, refused]] of Object.entries(rows)) {
    const token = `${head}.${encode(payload)}.AAAA`;
    const outcome = parseToken(token, 16 * 1024 + 1_000);
    t.equal(isRefusal(outcome), refused, name);
  }
  t.end();
});
