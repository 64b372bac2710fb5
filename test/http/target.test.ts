import fc from 'fast-check';
import t from 'tap';
import { isRefusal } from '../../src/core/refusals.ts';
import { parseTarget, SPELLINGS } from '../../src/http/target.ts';

const ANY = SPELLINGS.encodedSlash | SPELLINGS.doubleSlash | SPELLINGS.semicolon;

t.test('reads a target with one reading, bytes kept and segments decoded once', async (t) => {
  const table: [string, string, string, string[]][] = [
    ['/', '/', '', ['']],
    ['/orders', '/orders', '', ['orders']],
    ['/orders/', '/orders/', '', ['orders', '']],
    ['/orders/7?a=1&b=..//;x', '/orders/7', '?a=1&b=..//;x', ['orders', '7']],
    ['/a?', '/a', '?', ['a']],
    ['/a?b?c', '/a', '?b?c', ['a']],
    ['/%61dmin', '/%61dmin', '', ['admin']],
    ['/caf%C3%A9', '/caf%C3%A9', '', ['café']],
    ['/a%20b', '/a%20b', '', ['a b']],
    ['/100%25', '/100%25', '', ['100%']],
    ['/a%2541', '/a%2541', '', ['a%41']],
    ['/a%2526b', '/a%2526b', '', ['a%26b']],
    ['/...', '/...', '', ['...']],
    ['/.well-known/x', '/.well-known/x', '', ['.well-known', 'x']],
    ['/a.b/..c', '/a.b/..c', '', ['a.b', '..c']],
    ["/~u/(x)!*'$&+,=:@", "/~u/(x)!*'$&+,=:@", '', ['~u', "(x)!*'$&+,=:@"]],
    ['/a?q={"x":[1|2]}^`\\', '/a', '?q={"x":[1|2]}^`\\', ['a']],
    ['/a?%zz%00', '/a', '?%zz%00', ['a']],
    [`/${'x'.repeat(5000)}`, `/${'x'.repeat(5000)}`, '', ['x'.repeat(5000)]],
  ];
  for (const [raw, path, query, segments] of table) {
    t.match(parseTarget(raw), { path, query, segments }, raw);
  }
});

const AMBIGUOUS = [
  '',
  '*',
  '?a',
  'a',
  'a/b',
  'gw.example:443',
  'http://gw.example/a',
  'HTTP://gw.example',
  '/a#b',
  '/a?b#c',
  '/.',
  '/..',
  '/./a',
  '/a/.',
  '/a/..',
  '/a/../b',
  '/a/..?x',
  '/%2e',
  '/%2E%2e/a',
  '/%2e%2e%3bx/a',
  '/..%3B/a',
  '/a/.%3bx',
  '/a/..%3fx',
  '/a/..%23',
  '/a/.%3Fx/b',
  '/.%2e/a',
  '/%2e./a',
  '/a/%2e%2e',
  '//',
  '//a',
  '/a//b',
  '/a//',
  '/a%2fb',
  '/a%2Fb',
  '/%2f',
  '/a%5cb',
  '/a%5Cb',
  '/a\\b',
  '/a;b',
  '/a;/b',
  '/;',
  '/..;/a',
  '/%00',
  '/a%0d%0ab',
  '/a%1F',
  '/a%7f',
  '/a%252e',
  '/a%252E%252e',
  '/a%252fb',
  '/a%255cb',
  '/a%2500',
  '/a%2523',
  '/a%253F',
  '/a%253bx',
  '/a%25253f',
  '/a%25%33%66',
  '/a%250a',
  '/a%257F',
  '/a%25252f',
  '/%25%32%65',
  '/a/%25%32e%25%32e/b',
  '/a%252%66b',
  '/a%%32%66b',
  '/%',
  '/%2',
  '/%zz',
  '/a%u002e',
  '/%c0%ae',
  '/%c0%af',
  '/%e0%80%af',
  '/%ff',
  '/%ed%a0%80',
  '/%f5%80%80%80',
  '/%c3',
  '/caf\u00e9',
  '/a b',
  '/a\tb',
  '/a\u0000',
  '/a\u007f',
  '/a"b',
  '/a<b',
  '/a>b',
  '/a{b',
  '/a}b',
  '/a|b',
  '/a^b',
  '/a`b',
  '/a?b c',
  '/a?b\u00e9',
  '/a?b\u0001',
  '/a?\u007f',
];

t.test('refuses every target with two readings', async (t) => {
  for (const raw of AMBIGUOUS) {
    t.match(parseTarget(raw), { refused: true, code: 'ambiguous_path' }, JSON.stringify(raw));
  }
});

t.test('no allowed spelling excuses anything else', async (t) => {
  const excusable = /^\/(?:[a;]*\/\/?b?|a\/\/|a%2fb|a%2Fb|%2f|a;b|a;\/b|;|\/a?|a\/\/b)$/;
  for (const raw of AMBIGUOUS.filter((target) => !excusable.test(target))) {
    t.match(parseTarget(raw, ANY), { code: 'ambiguous_path' }, JSON.stringify(raw));
  }
  const hidden = [
    '/a%2f..%2fb',
    '/a%2f.',
    '/..;x/b',
    '/a/.;/b',
    '/%2e%2e;x',
    '/a%2f%2e%2e;p',
    '/a%2f%252e',
    '/a;%5c',
  ];
  for (const raw of hidden) t.match(parseTarget(raw, ANY), { code: 'ambiguous_path' }, raw);
});

t.test('an allowed spelling comes back with every reading', async (t) => {
  const read = (raw: string, allowable: number) => {
    const target = parseTarget(raw, allowable);
    return isRefusal(target) ? target.code : target.ambiguity?.readings.map((segments) => segments.join('|'));
  };
  t.strictSame(new Set(read('/a%2Fb', SPELLINGS.encodedSlash)), new Set(['a/b', 'a|b']));
  t.strictSame(read('/a%2Fb', SPELLINGS.doubleSlash), 'ambiguous_path');
  t.strictSame(
    new Set(read('/a;x%2Fy/b', SPELLINGS.encodedSlash | SPELLINGS.semicolon)),
    new Set(['a;x/y|b', 'a;x|y|b', 'a|b', 'a|y|b']),
  );
  t.strictSame(read('/a;x/b', SPELLINGS.encodedSlash), 'ambiguous_path');
  t.ok(read('/a//b', SPELLINGS.doubleSlash)?.includes('a|b'));
  t.strictSame(
    read('/a%2F%2Fb', SPELLINGS.encodedSlash),
    'ambiguous_path',
    'two encoded slashes need doubleSlash too',
  );
  t.strictSame(
    read('/a/;x/b', SPELLINGS.semicolon),
    'ambiguous_path',
    'a segment of parameters only is empty without them',
  );
});

t.test('an encoded #, ? or ; comes back with every reading, and asks nothing of the route', async (t) => {
  const read = (raw: string) => {
    const target = parseTarget(raw);
    if (isRefusal(target)) return target.cause;
    return [...new Set(target.ambiguity?.readings.map((segments) => segments.join('|')))];
  };
  t.strictSame(read('/tags/c%23'), ['tags|c#', 'tags|c']);
  t.strictSame(read('/admin%3fx/y'), ['admin?x|y', 'admin']);
  t.strictSame(read('/a%3Fb/c%23d'), ['a?b|c#d', 'a', 'a?b|c']);
  t.strictSame(read('/a/%23'), ['a|#', 'a|']);
  t.strictSame(read('/a%3Bx/b'), ['a;x|b', 'a|b']);
  t.strictSame(new Set(read('/a%3Bx%3Fy/b')), new Set(['a;x?y|b', 'a|b', 'a;x']));
  t.equal(read('/a/%3Bx/b'), 'spelling_not_allowed', 'empty without its parameters');
  t.strictSame(read('/a%26%3D%2B'), [], 'others have one reading');
  t.equal(read(`/${'%23'.repeat(17)}`), 'path_marks');
  t.notOk(isRefusal(parseTarget(`/${'%3F'.repeat(16)}`)));
});

t.test('a refusal names the character and what to write in its place', async (t) => {
  const table: [string, string, RegExp][] = [
    ['/a|b', 'path_not_encoded', /"\|".*%7C.*Firefox/],
    ['/a^b', 'path_not_encoded', /"\^".*%5E.*Firefox/],
    ['/a"b', 'path_not_encoded', /'"'.*%22$/],
    ['/a<b', 'path_not_encoded', /"<".*%3C$/],
    ['/a>b', 'path_not_encoded', /">".*%3E$/],
    ['/a{b', 'path_not_encoded', /"\{".*%7B$/],
    ['/a}b', 'path_not_encoded', /"\}".*%7D$/],
    ['/a`b', 'path_not_encoded', /"`".*%60$/],
    ['/a b', 'path_not_encoded', /space: write %20/],
    ['/a\u00e9', 'path_not_encoded', /non-ASCII.*UTF-8/],
    ['/a\tb', 'path_not_encoded', /control/],
    ['/a\\b', 'path_unsafe_character', /backslash/],
    ['/a%5Cb', 'path_unsafe_character', /%5C/],
    ['/a%0ab', 'path_unsafe_character', /encoded control/],
    ['/a#b', 'target_fragment', /fragment/],
    ['/a?b#c', 'query_not_encoded', /query.*"#".*%23/],
    ['/a?b c', 'query_not_encoded', /query.*space/],
    ['/a?b\u00e9', 'query_not_encoded', /query.*non-ASCII/],
    ['*', 'target_form', /"\*"/],
    ['http://gw.example/a', 'target_form', /absolute URL/],
    ['gw.example:443', 'target_form', /slash/],
    ['', 'target_form', /slash/],
    ['/a%', 'path_broken_escape', /broken escape/],
    ['/a%ff', 'path_broken_escape', /UTF-8/],
    ['/a%252f', 'path_encoded_twice', /twice/],
    ['/a/..', 'path_dot_segment', /segment/],
    ['/a//b', 'spelling_not_allowed', /doubleSlash/],
  ];
  for (const [raw, cause, reason] of table) {
    t.match(parseTarget(raw), { code: 'ambiguous_path', cause, reason }, JSON.stringify(raw));
  }
});

t.test('whatever is accepted has no other reading', async () => {
  const piece = fc.constantFrom(
    '/',
    '.',
    '%',
    '2',
    'e',
    'f',
    '5',
    'c',
    '0',
    ';',
    '\\',
    'a',
    '%2e',
    '%2F',
    '%25',
    '%C3%A9',
    '?',
    '#',
    '%3F',
    '%23',
    '%3b',
    ':',
    '\u00e9',
    ' ',
  );
  const targets = fc.array(piece, { maxLength: 14 }).map((pieces) => `/${pieces.join('')}`);
  fc.assert(
    fc.property(targets, (raw) => {
      const target = parseTarget(raw);
      if (isRefusal(target)) return;
      if (target.path + target.query !== raw) throw new Error('bytes were changed');
      const url = new URL(`http://gw.example${raw}`);
      if (url.pathname !== target.path) throw new Error('a URL parser changes the path');
      const decoded = decodeURIComponent(target.path);
      if (/[?#;]/.test(decoded) !== (target.ambiguity !== undefined)) throw new Error('a mark went unseen');
      if (decoded.slice(1) !== target.segments.join('/')) throw new Error('decode-then-split differs');
      if (/\/\/|\\|\/\.\.?(?:[/;?#]|$)/.test(decoded)) throw new Error('a decoder finds another path');
      if (/%(?:2[3ef]|3[bf]|5c|00)/i.test(decoded)) throw new Error('a second decoding finds another path');
    }),
    { numRuns: 5000 },
  );
});

t.test('a long hostile target is refused', async (t) => {
  for (const raw of [`/${'a/'.repeat(8000)}#`, `/${'%25'.repeat(5000)}2e`, `/${'.'.repeat(16000)};`]) {
    t.match(parseTarget(raw, 0), { refused: true, code: 'ambiguous_path' });
  }
});

t.test(
  'a path with an encoded mark has a bounded number of segments, since each cut is one more path',
  async (t) => {
    const read = (raw: string) => parseTarget(raw, 7);
    for (const raw of [
      `${'/a'.repeat(257)}%23`,
      `${'/a'.repeat(12_000)}${'%3F'.repeat(16)}`,
      `/a%3b${'%2F%2f'.repeat(4000)}`,
      `${'//'.repeat(12_000)}${'%23'.repeat(16)}`,
    ]) {
      t.match(read(raw), { refused: true, code: 'ambiguous_path', cause: 'path_marks' }, raw.slice(-20));
    }
    t.notOk(isRefusal(read(`${'/a'.repeat(256)}%23`)));
    t.notOk(isRefusal(read('/a'.repeat(12_000))), 'without such a mark there is no bound');
  },
);
