import t from 'tap';
import { type Arrival, resolveForwarded } from '../../src/http/forwarded.ts';
import { Peer } from '../../src/http/peer.ts';
import { compileTrustedProxies } from '../../src/http/trusted-proxies.ts';

const peerAt = (address: string): Peer => new Peer({ address, encrypted: false, port: 8080 });

const DIRECT: Arrival = { peer: peerAt('10.0.0.1'), host: 'api.example.com:8080', rawHeaders: [] };

const TRUSTED = compileTrustedProxies(['10.0.0.0/8', '2001:db8::/32']);

const CLAIMS = [
  'X-Forwarded-For',
  '203.0.113.7',
  'X-Forwarded-Proto',
  'https',
  'X-Forwarded-Host',
  'shop.example.com',
  'X-Forwarded-Port',
  '443',
  'X-Forwarded-Prefix',
  '/app',
];

t.test('nothing that an untrusted peer sends counts', async (t) => {
  const arrivals = [
    { peer: '192.0.2.1', trusted: TRUSTED },
    { peer: '10.0.0.1', trusted: undefined },
    { peer: '2001:db9::1', trusted: TRUSTED },
    { peer: '11.0.0.1', trusted: TRUSTED },
    { peer: '', trusted: TRUSTED },
  ];
  for (const { peer, trusted } of arrivals) {
    t.same(resolveForwarded({ ...DIRECT, peer: peerAt(peer), rawHeaders: CLAIMS }, trusted), {
      client: peer,
      chain: peer,
      proto: 'http',
      host: 'api.example.com:8080',
      port: '8080',
      prefix: '',
    });
  }
});

t.test('a trusted proxy speaks for the client and is added to the chain', async (t) => {
  for (const [peer, plain] of [
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['2001:db8::5', '2001:db8::5'],
  ] as const) {
    t.same(resolveForwarded({ ...DIRECT, peer: peerAt(peer), rawHeaders: CLAIMS }, TRUSTED), {
      client: '203.0.113.7',
      chain: `203.0.113.7, ${plain}`,
      proto: 'https',
      host: 'shop.example.com',
      port: '443',
      prefix: '/app',
    });
  }
});

t.test('the client is the first untrusted address from the right', async (t) => {
  const chains: [string, string][] = [
    ['203.0.113.7', '203.0.113.7'],
    ['6.6.6.6, 203.0.113.7', '203.0.113.7'],
    ['6.6.6.6, 203.0.113.7, 10.1.1.1', '203.0.113.7'],
    ['10.9.9.9, 10.1.1.1', '10.9.9.9'],
    ['garbage, 203.0.113.7', '203.0.113.7'],
    ['203.0.113.7, garbage', '10.0.0.1'],
    ['unknown', '10.0.0.1'],
    ['203.0.113.7:4711', '203.0.113.7'],
    ['[2001:db9::1]:4711', '2001:db9::1'],
    ['2001:db9::1', '2001:db9::1'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['203.0.113.7,', '10.0.0.1'],
  ];
  for (const [chain, client] of chains) {
    const resolved = resolveForwarded({ ...DIRECT, rawHeaders: ['x-forwarded-for', chain] }, TRUSTED);
    t.equal(resolved.client, client, chain);
    t.equal(resolved.chain, `${chain}, 10.0.0.1`);
  }
});

t.test('several lines of X-Forwarded-For are one chain', async (t) => {
  const rawHeaders = ['X-Forwarded-For', '6.6.6.6', 'x-forwarded-for', '203.0.113.7'];
  t.match(resolveForwarded({ ...DIRECT, rawHeaders }, TRUSTED), {
    client: '203.0.113.7',
    chain: '6.6.6.6, 203.0.113.7, 10.0.0.1',
  });
});

t.test('two values or nonsense from a trusted proxy give way to what the gateway saw itself', async (t) => {
  const cases: [string[], { proto?: string; host?: string; port?: string }][] = [
    [['X-Forwarded-Proto', 'https, http'], { proto: 'http' }],
    [['X-Forwarded-Proto', 'https', 'X-Forwarded-Proto', 'https'], { proto: 'http' }],
    [['X-Forwarded-Proto', 'gopher'], { proto: 'http' }],
    [['X-Forwarded-Proto', 'HTTPS'], { proto: 'https', port: '443' }],
    [['X-Forwarded-Host', 'a.example, b.example'], { host: 'api.example.com:8080' }],
    [['X-Forwarded-Host', 'a.example/evil'], { host: 'api.example.com:8080' }],
    [['X-Forwarded-Host', 'user@a.example'], { host: 'api.example.com:8080' }],
    [['X-Forwarded-Host', 'a.example:8443'], { host: 'a.example:8443', port: '8443' }],
    [['X-Forwarded-Host', '[2001:db8::1]:8443'], { host: '[2001:db8::1]:8443', port: '8443' }],
    [['X-Forwarded-Port', '0'], { port: '8080' }],
    [['X-Forwarded-Port', '65536'], { port: '8080' }],
    [['X-Forwarded-Port', '80, 443'], { port: '8080' }],
    [['X-Forwarded-Port', '8443'], { port: '8443' }],
  ];
  for (const [rawHeaders, expected] of cases) {
    t.match(resolveForwarded({ ...DIRECT, rawHeaders }, TRUSTED), expected, rawHeaders.join(' '));
  }
});

t.test('no list of proxies trusts nobody', async (t) => {
  t.equal(compileTrustedProxies([]), undefined);
  // More than are kept.
  for (const round of [1, 2])
    for (let last = 0; last < 2_000; last += 1) {
      const host = `${last >> 8}.${last & 255}`;
      if (TRUSTED?.has(`10.0.${host}`) !== true || TRUSTED.has(`11.0.${host}`))
        t.fail(`${host} in round ${round}`);
    }
  t.notOk(TRUSTED?.has('not an address'));
  t.notOk(TRUSTED?.has(''));
});

t.test(
  'prefixes that trusted proxies took off are one path, and none unless each of them is a path',
  async (t) => {
    const cases: [readonly string[], string][] = [
      [['/app'], '/app'],
      [['/app/'], '/app'],
      [['/'], ''],
      [['/a/b-c_d.e~f'], '/a/b-c_d.e~f'],
      [['/a%20b'], '/a%20b'],
      [['/a', '/b'], '/a/b'],
      [['/a, /b/ ,/c'], '/a/b/c'],
      [[''], ''],
      [['app'], ''],
      [['/a, b'], ''],
      [['/a,'], ''],
      [['//evil.example'], ''],
      [['/a//b'], ''],
      [['/a', '//evil.example'], ''],
      [['/\\evil.example'], ''],
      [['/%2Fevil.example'], ''],
      [['/%5cevil.example'], ''],
      [['/..'], ''],
      [['/a/../b'], ''],
      [['/%2e%2e/b'], ''],
      [['/a;b'], ''],
      [['/a?b'], ''],
      [['/a#b'], ''],
      [['/a?'], ''],
      [['/a%3Fb'], ''],
      [['/a%23b'], ''],
      [['/a', '/b%3b'], ''],
      [['https://evil.example/a'], ''],
      [['/a b'], ''],
      [['/a\tb'], ''],
      [['/"><script>'], ''],
      [['/a\u00e9'], ''],
      [['/%0d%0a'], ''],
      [['/%'], ''],
    ];
    for (const [lines, prefix] of cases) {
      const rawHeaders = lines.flatMap((line) => ['X-Forwarded-Prefix', line]);
      t.equal(resolveForwarded({ ...DIRECT, rawHeaders }, TRUSTED).prefix, prefix, JSON.stringify(lines));
    }
  },
);
