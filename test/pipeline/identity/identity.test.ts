import fc from 'fast-check';
import t from 'tap';
import { configSchema } from '../../../src/config/schema/config.ts';
import { isRefusal } from '../../../src/core/refusals.ts';
import { composeIdentity } from '../../../src/pipeline/identity/identity.ts';
import { compileIdentity } from '../../../src/pipeline/identity/identity-rules.ts';
import type { Claims, VerifiedToken } from '../../../src/tokens/verified-token.ts';
import { type ConfigInput, fileWith, tokenOf } from '../../support/pipeline/gate.ts';

type Headers = NonNullable<NonNullable<ConfigInput['identity']>['headers']>;

const UNSET = { 'x-user-id': null, 'x-user-issuer': null, 'x-user-scopes': null };

function compile(headers: Headers, file: ConfigInput['identity'] = {}) {
  const config = configSchema.parse(fileWith([{ identity: { headers } }], { identity: file }));
  return compileIdentity(config.identity, config.routes[0]?.identity, ['routes', 0]);
}

function compose(headers: Headers, token: VerifiedToken, file?: ConfigInput['identity']) {
  const outcome = composeIdentity(compile(headers, file).rules, {
    token,
    request: { certificate: undefined },
  });
  return isRefusal(outcome) ? outcome.code : outcome;
}

/** The value of one header made of `source`. */
function headerFor(source: Headers[string], claims: Claims, rest: Partial<VerifiedToken> = {}) {
  const pairs = compose({ ...UNSET, 'X-One': source }, tokenOf(claims, rest));
  return typeof pairs === 'string'
    ? pairs
    : pairs.length === 0
      ? undefined
      : pairs.length === 2
        ? pairs[1]
        : pairs;
}

t.test('three headers by default; null unsets; the route\u2019s are laid over the file\u2019s', async (t) => {
  const token = tokenOf({ sub: 's', iss: 'i', tenant: 'acme' }, { scopes: ['a', 'b'], roles: ['r'] });
  t.strictSame(compose({}, token), ['x-user-id', 's', 'x-user-issuer', 'i', 'x-user-scopes', 'a b']);
  t.strictSame(compose(UNSET, token), []);
  const file = { headers: { 'X-User-Id': 'tenant', 'x-roles': '$roles', 'x-user-scopes': null } };
  t.strictSame(compose({ 'x-ROLES': null, 'x-user-issuer': '$issuerName' }, token, file), [
    'x-user-id',
    'acme',
    'x-user-issuer',
    'corp',
  ]);
});

t.test('any claim type anywhere: never a broken header, never a cut value, never two', async (t) => {
  const plain = (value: unknown) => headerFor('v', { v: value });
  const table: [unknown, string | undefined][] = [
    ['alice', 'alice'],
    ['a b', 'a%20b'],
    ['100%', '100%25'],
    ['a;b=d"e\\', 'a;b=d"e\\'],
    ['a,b', 'a%2Cb'],
    ['a\r\nX-Admin: 1', 'a%0D%0AX-Admin:%201'],
    ['\u0000\t\u007f', '%00%09%7F'],
    ['caf\u00e9', 'caf%C3%A9'],
    ['\u{1f600}', '%F0%9F%98%80'],
    ['\ud800', undefined],
    ['a\udc00b', undefined],
    ['', undefined],
    [' ', '%20'],
    [7, '7'],
    [-1.5, '-1.5'],
    [0, '0'],
    [-0, undefined],
    [2 ** 53, undefined],
    [1e21, undefined],
    [Number.POSITIVE_INFINITY, undefined],
    [true, 'true'],
    [false, 'false'],
    [null, undefined],
    [undefined, undefined],
    [{}, undefined],
    [{ a: 1 }, undefined],
    [[], undefined],
    [['a', 'b'], 'a,b'],
    [['a,b', 'c'], 'a%2Cb,c'],
    [['a', 1, true], 'a,1,true'],
    [['a', ''], undefined],
    [['a', null], undefined],
    [['a', ['b']], undefined],
    [['a', { b: 1 }], undefined],
    [['a', 2 ** 53], undefined],
  ];
  for (const [value, expected] of table) t.equal(plain(value), expected, JSON.stringify(value));
});

t.test('formats', async (t) => {
  const table: [Headers[string], unknown, unknown][] = [
    [{ claim: 'v', format: 'csv' }, 'a,b', 'a%2Cb'],
    [{ claim: 'v', format: 'csv' }, ['a', 'b c'], 'a,b%20c'],
    [{ claim: 'v', format: 'space' }, ['a', 'b,c'], 'a b,c'],
    [{ claim: 'v', format: 'space' }, ['a b', 'c'], 'a%20b c'],
    [{ claim: 'v', format: 'repeat' }, ['a', 'b,c'], ['x-one', 'a', 'x-one', 'b%2Cc']],
    [{ claim: 'v', format: 'repeat' }, 'a', 'a'],
    [{ claim: 'v', format: 'repeat' }, [], undefined],
    [{ claim: 'v', format: 'json' }, { a: [1, 'x y'], b: null }, '{"a":[1,"x%20y"],"b":null}'],
    [{ claim: 'v', format: 'json' }, ['a', 'b'], '["a","b"]'],
    [{ claim: 'v', format: 'json' }, 'a"\n', '"a\\"\\n"'],
    [{ claim: 'v', format: 'json' }, '\u00e9', '"%C3%A9"'],
    [{ claim: 'v', format: 'json' }, { a: 2 ** 60 }, undefined],
    [{ claim: 'v', format: 'json' }, [], undefined],
    [{ claim: 'v', format: 'json' }, {}, '{}'],
    [{ claim: 'v', format: 'base64' }, 'caf\u00e9\n', 'Y2Fmw6kK'],
    [{ claim: 'v', format: 'base64' }, ['a'], 'WyJhIl0='],
    [{ claim: 'v', format: 'base64' }, '', undefined],
    [{ claim: 'v', format: 'base64' }, '\ud800', undefined],
    [{ claim: ['v', 'w'] }, { w: 'deep' }, 'deep'],
    [['v', 'w'], { w: 'deep' }, 'deep'],
    ['v.w', { w: 'deep' }, undefined],
    [{ claim: 'v', filter: '^orders-' }, ['orders-a', 'other', 7, 'orders-b'], 'orders-a,orders-b'],
    [{ claim: 'v', filter: '^orders-' }, ['other'], undefined],
    [{ claim: 'v', filter: '^orders-' }, 'orders-a', 'orders-a'],
    [{ claim: 'v', filter: '^orders-' }, 'other', undefined],
    [{ claim: 'v', filter: '^(a+)+$' }, `${'a'.repeat(40)}!`, undefined],
  ];
  for (const [source, value, expected] of table) {
    t.strictSame(headerFor(source, { v: value }), expected, JSON.stringify([source, value]));
  }
});

t.test('facts of the token that are not one claim', async (t) => {
  t.equal(headerFor('$scopes', {}, { scopes: ['a', 'b c'] }), 'a b%20c');
  t.equal(headerFor({ claim: '$scopes', format: 'csv' }, {}, { scopes: ['a', 'b'] }), 'a,b');
  t.equal(headerFor('$roles', {}, { roles: ['a', 'b'] }), 'a,b');
  t.equal(headerFor('$roles', {}), undefined);
  t.equal(headerFor('$issuerName', {}), 'corp');
  t.equal(headerFor('$client', { azp: 'second', client_id: 'first' }), 'first');
  t.equal(headerFor('$client', { client_id: 7, azp: 'second' }), 'second');
  t.equal(headerFor('$client', {}), undefined);
});

t.test('templates: all claims or none, and no two pairs read the same', async (t) => {
  t.equal(headerFor('{tid}/{sub}', { tid: 't', sub: 's' }), 't/s');
  t.equal(headerFor({ template: 'user:{sub}' }, { sub: 'a:b' }), 'user:a:b');
  t.equal(headerFor('{tid}/{sub}', { tid: 'a/b', sub: 'c' }), 'a%2Fb/c');
  t.equal(headerFor('{tid}/{sub}', { tid: 'a', sub: 'b/c' }), 'a/b%2Fc');
  t.equal(headerFor('{tid}/{sub}', { tid: 't' }), undefined);
  t.equal(headerFor('{tid}/{sub}', { tid: 't', sub: '' }), undefined);
  t.equal(headerFor('{tid}/{sub}', { tid: 't', sub: ['s'] }), undefined);
  t.equal(headerFor({ template: '{tid}/{sub}', required: true }, { tid: 't' }), 'identity_incomplete');
  t.equal(headerFor({ template: '{sub}', filter: '^a$' }, { sub: 'b' }), undefined);
});

t.test('a required header that cannot be set refuses, whatever the reason', async (t) => {
  const source = { claim: 'v', required: true };
  for (const value of [undefined, null, '', [], {}, 2 ** 53, '\ud800', ['a', {}]]) {
    t.equal(headerFor(source, { v: value }), 'identity_incomplete', JSON.stringify(value));
  }
  t.equal(headerFor(source, { v: 'x' }), 'x');
});

t.test('a header over its bytes, or all over the budget, refuses and is never cut', async (t) => {
  const source = { claim: 'v', maxBytes: '10B' };
  t.equal(headerFor(source, { v: 'x'.repeat(10) }), 'x'.repeat(10));
  t.equal(headerFor(source, { v: 'x'.repeat(11) }), 'identity_too_large');
  t.equal(headerFor(source, { v: '\u00e9'.repeat(2) }), 'identity_too_large', 'counted as sent');
  t.equal(headerFor({ ...source, format: 'repeat' }, { v: ['123456', '123456'] }), 'identity_too_large');
  t.equal(headerFor('v', { v: 'x'.repeat(8 * 1024) }), 'identity_too_large');
  t.equal((headerFor('v', { v: 'x'.repeat(8 * 1024 - 20) }) as string).length, 8 * 1024 - 20);
  t.equal(compose({}, tokenOf({ sub: 'x'.repeat(50) }), { maxBytes: '40B' }), 'identity_too_large');
  t.equal(headerFor({ claim: 'v', format: 'repeat' }, { v: Array(3000).fill('') }), undefined);
});

t.test('sources that make no sense are problems at their place in the file', async (t) => {
  const sources: Headers[string][] = [
    '$nothing',
    '{sub',
    'sub}',
    '{a}{b}',
    '{a}x{b}',
    '{a}%{b}',
    '{a}\u00e9',
    { claim: 'a', template: '{b}' },
    { format: 'csv' },
    { template: '{a}', format: 'csv' },
    { claim: 'a', filter: '(' },
    { claim: 'a', filter: '(?=x)' },
    { claim: 'a', filter: '(x)\\1' },
  ];
  for (const source of sources) {
    t.match(
      compile({ 'x-one': source }).problems,
      [{ severity: 'error', path: ['routes', 0, 'identity', 'headers', 'x-one'] }],
      JSON.stringify(source),
    );
  }
});

t.test('a filter is bounded by the size of its program, which counts multiply', async (t) => {
  const problemsOf = (filter: string) => compile({ 'x-a': { claim: 'g', filter } }).problems;
  t.same(problemsOf(`^(?:${Array.from({ length: 100 }, (_, at) => `group-${at}`).join('|')})$`), []);
  for (const filter of ['(?:a{1000}){3}', '((a{0,35}){0,35})$', 'x'.repeat(5000)]) {
    t.match(
      problemsOf(filter),
      [{ severity: 'error', message: /too large|not a regular/ }],
      filter.slice(0, 20),
    );
  }
  t.match(problemsOf('x'.repeat(5000)), [{ message: /^the filter is too large: 5002 instructions/ }]);
});

t.test('whatever the claims, each header is one printable line that decodes to its value', async () => {
  const rules = compile({
    'x-v': 'v',
    'x-list': { claim: 'w', format: 'csv' },
    'x-json': { claim: 'x', format: 'json' },
  }).rules;
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(text, fc.array(text, { minLength: 1, maxLength: 5 }), fc.jsonValue(), (v, w, x) => {
      const pairs = composeIdentity(rules, {
        token: tokenOf({ v, w, x }),
        request: { certificate: undefined },
      });
      if (isRefusal(pairs)) throw new Error(pairs.code);
      const fields = new Map<string, string>();
      for (let at = 0; at < pairs.length; at += 2) {
        const name = pairs[at] as string;
        const value = pairs[at + 1] as string;
        if (fields.has(name)) throw new Error('two headers');
        if (!/^[!-~]+$/.test(value)) throw new Error('not printable');
        fields.set(name, value);
      }
      if (fields.has('x-v') && decodeURIComponent(fields.get('x-v') as string) !== v) throw new Error('v');
      const list = fields.get('x-list')?.split(',').map(decodeURIComponent);
      if (list !== undefined && JSON.stringify(list) !== JSON.stringify(w)) throw new Error('w');
      const json = fields.get('x-json');
      if (json !== undefined && decodeURIComponent(json) !== JSON.stringify(x)) throw new Error('x');
    }),
    { numRuns: 500 },
  );
});

t.test('a text never gives the header that a list gives, joined or not', async (t) => {
  const texts = ['a,b', 'a, b', 'a b', 'a%2Cb', 'a,', ',a', 'a', 'a%20b'];
  const lists = [
    ['a', 'b'],
    ['a', ' b'],
    ['a', 'b', 'c'],
    ['a,b', 'c'],
    ['a b', 'c'],
  ];
  for (const format of [undefined, 'csv', 'space', 'repeat', 'json'] as const) {
    const source = format === undefined ? 'v' : ({ claim: 'v', format } as const);
    const read = (v: unknown) => {
      const header = headerFor(source, { v });
      return Array.isArray(header) ? header.filter((_, at) => at % 2 === 1).join(',') : header;
    };
    const ofLists = new Set(lists.map(read));
    t.equal(ofLists.size, lists.length, 'nor two lists one');
    for (const text of texts) t.notOk(ofLists.has(read(text)), `${format}: ${text}`);
    t.equal(new Set(texts.map(read)).size, texts.length);
  }
});
