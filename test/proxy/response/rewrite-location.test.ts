import t from 'tap';
import { type PrefixChange, rewriteLocation } from '../../../src/proxy/response/rewrite-location.ts';

const ORDERS: PrefixChange = {
  outside: '/orders',
  inside: '/v2/orders',
  before: '',
  announced: '',
  origin: 'http://backend:3000',
  host: 'Api.example.com:8443',
};
const STRIPPED: PrefixChange = { ...ORDERS, inside: '' };
const PREFIXED: PrefixChange = { ...ORDERS, outside: '', inside: '/base' };

const CASES: [string, PrefixChange, string, string][] = [
  ['within the prefix', ORDERS, '/v2/orders/7?a=1#b', '/orders/7?a=1#b'],
  ['the prefix itself', ORDERS, '/v2/orders', '/orders'],
  ['the prefix with a query', ORDERS, '/v2/orders?a=1', '/orders?a=1'],
  ['beyond a segment border', ORDERS, '/v2/orders-old', '/v2/orders-old'],
  ['outside the prefix', ORDERS, '/login?next=/v2/orders', '/login?next=/v2/orders'],
  ['the backend by its origin', ORDERS, 'http://backend:3000/v2/orders/7', '/orders/7'],
  ['the backend in capitals', ORDERS, 'HTTP://BACKEND:3000/v2/orders/7', '/orders/7'],
  ['the backend outside the prefix', ORDERS, 'http://backend:3000/login', 'http://backend:3000/login'],
  [
    'the client host',
    ORDERS,
    'https://api.example.com:8443/v2/orders/7',
    'https://api.example.com:8443/orders/7',
  ],
  ['another host', ORDERS, 'https://login.example.com/v2/orders/7', 'https://login.example.com/v2/orders/7'],
  [
    'another port of the backend',
    ORDERS,
    'http://backend:3001/v2/orders/7',
    'http://backend:3001/v2/orders/7',
  ],
  [
    'a host that begins alike',
    ORDERS,
    'http://backend:3000.evil.example/v2/orders',
    'http://backend:3000.evil.example/v2/orders',
  ],
  [
    'a user at the front',
    ORDERS,
    'http://backend:3000@evil.example/v2/orders',
    'http://backend:3000@evil.example/v2/orders',
  ],
  ['an authority without scheme', ORDERS, '//evil.example/v2/orders', '//evil.example/v2/orders'],
  ['a relative path', ORDERS, '7', '7'],
  ['another scheme', ORDERS, 'mailto:a@b', 'mailto:a@b'],
  ['nothing', ORDERS, '', ''],
  ['a stripped prefix', STRIPPED, '/7', '/orders/7'],
  ['the root of a stripped prefix', STRIPPED, '/', '/orders/'],
  ['an authority below a stripped prefix', STRIPPED, '//evil.example/', '//evil.example/'],
  ['a prefix of the upstream', PREFIXED, '/base/orders/7', '/orders/7'],
  ['the prefix of the upstream itself', PREFIXED, '/base', '/'],
];

t.test('a redirect is led back only within the rewritten prefix', async (t) => {
  for (const [name, change, value, expected] of CASES) {
    t.equal(rewriteLocation(value, change), expected, name);
  }
});

t.test('a backend that puts its X-Forwarded-Prefix before its paths is believed', async (t) => {
  const stripped: PrefixChange = { ...STRIPPED, announced: '/orders' };
  const behind: PrefixChange = { ...stripped, before: '/app', announced: '/app/orders' };
  const partly: PrefixChange = { ...ORDERS, outside: '/shop/api', inside: '/api', announced: '/shop' };
  const other: PrefixChange = { ...ORDERS, before: '/app', announced: '/app' };
  const cases: [string, PrefixChange, string, string][] = [
    ['it was stripped here', stripped, '/orders/7', '/orders/7'],
    ['the prefix alone', stripped, '/orders', '/orders'],
    ['the prefix with a query', stripped, '/orders?a=1', '/orders?a=1'],
    ['on its own origin', stripped, 'http://backend:3000/orders/7', '/orders/7'],
    [
      'on the client host',
      stripped,
      'https://api.example.com:8443/orders/7',
      'https://api.example.com:8443/orders/7',
    ],
    ['a backend that does not heed it', stripped, '/7', '/orders/7'],
    ['beyond a segment border', stripped, '/orders-old', '/orders/orders-old'],
    ['it was stripped here and before', behind, '/app/orders/7', '/app/orders/7'],
    ['one that does not heed either', behind, '/7', '/orders/7'],
    ['a part was taken off', partly, '/shop/api/7', '/shop/api/7'],
    ['a part was taken off, beyond the route', partly, '/shop/login', '/shop/login'],
    ['a part was taken off, not heeded', partly, '/api/7', '/shop/api/7'],
    ['the path was replaced', other, '/app/v2/orders/7', '/app/orders/7'],
    ['the path was replaced, not heeded', other, '/v2/orders/7', '/orders/7'],
    [
      'an authority after it',
      { ...stripped, outside: '', announced: '/x', before: '' },
      '/x//evil.example',
      '/x//evil.example',
    ],
  ];
  for (const [name, change, value, expected] of cases) {
    t.equal(rewriteLocation(value, change), expected, name);
  }
});

t.test('a client that named no host is led back by path and origin only', async (t) => {
  const change = { ...ORDERS, host: undefined };
  t.equal(rewriteLocation('https://x/v2/orders', change), 'https://x/v2/orders');
  t.equal(rewriteLocation('/v2/orders', change), '/orders');
});

t.test('a redirect that stays on the host never comes to lead to another one', async (t) => {
  const change: PrefixChange = {
    outside: '',
    inside: '/v2',
    before: '',
    announced: '',
    origin: 'http://backend:3000',
    host: 'api.example',
  };
  for (const value of [
    '/v2//evil.example',
    '/v2/\\evil.example',
    '/v2/\t/evil.example',
    '/v2//evil.example/v2',
    'http://backend:3000/v2//evil.example',
  ]) {
    t.equal(rewriteLocation(value, change), value);
  }
  t.equal(rewriteLocation('/v2/a//b', change), '/a//b');
});
