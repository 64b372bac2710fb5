import t from 'tap';
import { loadText } from '../../../support/config/config-text.ts';

const file = (replay: string, store = ''): string => `
listen: { publicUrl: https://api.example.com }
issuers: { corp: { issuer: https://corp.example, audiences: [api], dpop: { replay: ${replay} } } }
${store}
routes: [{ name: r, path: /, upstream: http://127.0.0.1:3000, access: authenticated, rateLimit: { max: 5, window: 1m, by: ip } }]
`;

const ROWS: readonly (readonly [name: string, url: string, found: RegExp | undefined])[] = [
  ['a server', 'redis://127.0.0.1:6379', undefined],
  ['a server with a slash', 'redis://127.0.0.1/', undefined],
  ['a database', 'rediss://user:pass%40word@redis:6379/3', undefined],
  [
    'a path that is no number',
    'redis://127.0.0.1:6379/abc',
    /the path of the URL is not the number of a database/,
  ],
  ['a path of two parts', 'redis://127.0.0.1:6379/1/2', /not the number of a database/],
  ['a query', 'redis://127.0.0.1?db=3', /has a query or a fragment/],
  ['a fragment', 'redis://127.0.0.1/1#x', /has a query or a fragment/],
  ['a password that is not encoded', "'redis://:S3CR3T%zz@127.0.0.1'", /cannot be percent-decoded/],
];

t.test('the URL of a store names a server and at most a database', async (t) => {
  for (const [name, url, found] of ROWS) {
    for (const [key, text] of [
      ['issuers.corp.dpop.replay', file(url)],
      ['rateLimitStore', file('memory', `rateLimitStore: ${url}`)],
    ] as const) {
      const errors = (await loadText(text)).problems.filter(({ severity }) => severity === 'error');
      const shown = errors.map(({ path, message, hint }) => `${path}: ${message}; ${hint}`);
      if (found === undefined) t.strictSame(shown, [], `${key}: ${name}`);
      else {
        t.equal(shown.length, 1, `${key}: ${name}`);
        t.match(shown[0], found, `${key}: ${name}`);
        t.ok(shown[0]?.startsWith(`${key}: `));
        t.notMatch(shown[0], /S3CR3T/);
      }
    }
  }
});

t.test('a memory for fewer than a hundred proofs is a warning', async (t) => {
  const warnings = async (entries: number) =>
    (await loadText(file(`{ maxEntries: ${entries} }`))).problems.filter(({ message }) =>
      /one proof of each key/.test(message),
    ).length;
  t.equal(await warnings(99), 1);
  t.equal(await warnings(100), 0);
});
