import t from 'tap';
import {
  compileUpstreamPath,
  pathPrefix,
  takenPrefix,
  upstreamPath,
} from '../../../src/proxy/upstream/upstream-path.ts';

interface Case {
  readonly rewrite?: string;
  readonly depth: number;
  readonly raw: string;
  readonly forwarded: string;
}

const CASES: Case[] = [
  // Without a rewrite nothing changes, not even odd spellings.
  { depth: 1, raw: '/orders', forwarded: '/orders' },
  { depth: 0, raw: '/', forwarded: '/' },
  { depth: 1, raw: '/%61dmin/%25zz/', forwarded: '/%61dmin/%25zz/' },
  // The route's own path is replaced, what follows stays byte for byte.
  { rewrite: '/v2/orders', depth: 1, raw: '/orders', forwarded: '/v2/orders' },
  { rewrite: '/v2/orders', depth: 1, raw: '/orders/', forwarded: '/v2/orders/' },
  { rewrite: '/v2/orders', depth: 1, raw: '/orders/7', forwarded: '/v2/orders/7' },
  { rewrite: '/v2/orders', depth: 1, raw: '/%6frders/%37%2c', forwarded: '/v2/orders/%37%2c' },
  { rewrite: '/orders', depth: 3, raw: '/users/a%20b/orders/7', forwarded: '/orders/7' },
  { rewrite: '/orders', depth: 3, raw: '/users/a%2Fb/orders', forwarded: '/orders' },
  // The root as rewrite strips.
  { rewrite: '/', depth: 1, raw: '/orders', forwarded: '/' },
  { rewrite: '/', depth: 1, raw: '/orders/', forwarded: '/' },
  { rewrite: '/', depth: 1, raw: '/orders/7', forwarded: '/7' },
  { rewrite: '/', depth: 1, raw: '/orders/7/', forwarded: '/7/' },
  { rewrite: '/', depth: 0, raw: '/', forwarded: '/' },
  { rewrite: '/', depth: 0, raw: '/a', forwarded: '/a' },
  // Stripping never makes a path that reads as an authority.
  { rewrite: '/', depth: 1, raw: '/orders//evil.example', forwarded: '/evil.example' },
  { rewrite: '/v2', depth: 1, raw: '/orders//7', forwarded: '/v2//7' },
  // The root as route prefixes.
  { rewrite: '/v2', depth: 0, raw: '/', forwarded: '/v2/' },
  { rewrite: '/v2', depth: 0, raw: '/a/b', forwarded: '/v2/a/b' },
  // A final slash of the rewrite neither doubles nor gets lost.
  { rewrite: '/v2/', depth: 1, raw: '/orders', forwarded: '/v2/' },
  { rewrite: '/v2/', depth: 1, raw: '/orders/', forwarded: '/v2/' },
  { rewrite: '/v2/', depth: 1, raw: '/orders/7', forwarded: '/v2/7' },
  { rewrite: '/v2/', depth: 0, raw: '/', forwarded: '/v2/' },
];

t.test('a rewrite replaces the path of the route and nothing else', async (t) => {
  for (const { rewrite, depth, raw, forwarded } of CASES) {
    const got = upstreamPath(compileUpstreamPath(rewrite, depth), raw);
    t.equal(got, forwarded, `${raw} with rewrite ${rewrite} of ${depth} segments`);
  }
});

t.test('the path of an upstream URL is put in front without doubling slashes', async (t) => {
  for (const [urlPath, prefix] of [
    ['/', ''],
    ['/base', '/base'],
    ['/base/', '/base'],
    ['/a/b/', '/a/b'],
  ] as const) {
    t.equal(pathPrefix(urlPath), prefix);
  }
});

t.test('the prefix that a backend gets makes its paths those of the client, or there is none', async (t) => {
  for (const [outside, inside, taken] of [
    ['/shop', '', '/shop'],
    ['/api/v2', '/v2', '/api'],
    ['/shop', '/shop', ''],
    ['', '', ''],
    ['', '/v2', ''],
    ['/orders', '/v2/orders', ''],
    ['/a', '/b', ''],
    ['/workshop', '/shop', ''],
    ['/a/%73hop', '/shop', ''],
    ['/tenants/a%20b', '', '/tenants/a%20b'],
    ['/tenants/a,b', '', '/tenants/a%2Cb'],
  ] as const) {
    t.equal(takenPrefix(outside, inside), taken, `${outside} in place of ${inside}`);
  }
});
