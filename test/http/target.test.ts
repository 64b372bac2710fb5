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
    ['/a%253Fb', '/a%253Fb', '', ['a%3Fb']],
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
  t.strictSame(read('/a%2Fb', SPELLINGS.encodedSlash), ['a/b', 'a|b', 'a/b', 'a|b', 'a|b']);
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
      if (decoded.slice(1) !== target.segments.join('/')) throw new Error('decode-then-split differs');
      if (/\/\/|[;\\]|\/\.\.?(?:\/|$)/.test(decoded)) throw new Error('a decoder finds another path');
      if (/%(?:2[ef]|5c|00)/i.test(decoded)) throw new Error('a second decoding finds another path');
    }),
    { numRuns: 5000 },
  );
});

t.test('a long hostile target is refused', async (t) => {
  for (const raw of [`/${'a/'.repeat(8000)}#`, `/${'%25'.repeat(5000)}2e`, `/${'.'.repeat(16000)};`]) {
    t.match(parseTarget(raw, 0), { refused: true, code: 'ambiguous_path' });
  }
});
