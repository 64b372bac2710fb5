import t from 'tap';
import { configSchema, type RateLimitConfig } from '../../../src/config/schema/config.ts';
import { networkOf } from '../../../src/core/network/client-network.ts';
import { createMemoryLimitStore, type LimitStore } from '../../../src/pipeline/rate-limit/limit-store.ts';
import {
  compileRateLimits,
  consume,
  type RateLimitResult,
} from '../../../src/pipeline/rate-limit/rate-limit.ts';
import type { VerifiedToken } from '../../../src/tokens/verified-token.ts';

const HOUR = 3_600_000;

function tokenOf(claims: Record<string, unknown>, issuer = 'corp'): VerifiedToken {
  return {
    issuer,
    header: { alg: 'RS256' },
    claims,
    audiences: undefined,
    scopes: [],
    roles: [],
    rejectedFromMs: Number.POSITIVE_INFINITY,
  };
}

function limiter(
  by: RateLimitConfig['by'],
  max = 1,
  store: LimitStore = createMemoryLimitStore({ clock: () => 0 }),
) {
  const limits = compileRateLimits({ max, window: HOUR, by }, { routeName: 'orders', store });
  const all = [...limits.byAddress, ...limits.byToken];
  return (clientAddress: string, token?: VerifiedToken) =>
    consume(all, { clientAddress, token }) as RateLimitResult;
}

t.test('a response has what is left, a refusal when to retry', async (t) => {
  const ask = limiter('ip', 2);
  t.strictSame(ask('192.0.2.1'), {
    refusal: undefined,
    headers: [
      ...['ratelimit-policy', '"ip";q=2;w=3600'],
      ...['ratelimit', '"ip";r=1;t=1800'],
      ...['ratelimit-limit', '2', 'ratelimit-remaining', '1', 'ratelimit-reset', '1800'],
    ],
  });
  ask('192.0.2.1');
  const { refusal, headers } = ask('192.0.2.1');
  t.equal(refusal?.code, 'rate_limited');
  t.equal(refusal?.retryAfterSeconds, 1800);
  t.match(headers, ['ratelimit-policy', /.*/, 'ratelimit', '"ip";r=0;t=3600']);
});

t.test('IPv6 clients are counted by their /64, and an address is one in every spelling', async (t) => {
  for (const [address, network] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8::2:0:0:1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4::/64'],
    ['::5:6:1.2.3.4', '0:0:0:0::/64'],
    ['', ''],
    ['not an address', 'not an address'],
  ] as const) {
    t.equal(networkOf(address), network, address);
  }
  const ask = limiter('ip');
  ask('2001:db8:1:2::1');
  t.equal(ask('2001:db8:1:2:ffff::9').refusal?.code, 'rate_limited');
  t.equal(ask('2001:db8:1:3::1').refusal, undefined);
});

t.test(
  'a subject is counted wherever it comes from, and apart from the same subject of another issuer',
  async (t) => {
    const ask = limiter('subject');
    t.equal(ask('192.0.2.1', tokenOf({ sub: 'alice' })).refusal, undefined);
    t.equal(ask('192.0.2.2', tokenOf({ sub: 'alice' })).refusal?.code, 'rate_limited');
    t.equal(ask('192.0.2.1', tokenOf({ sub: 'bob' })).refusal, undefined);
    t.equal(ask('192.0.2.1', tokenOf({ sub: 'alice' }, 'partner')).refusal, undefined);
  },
);

t.test('a client is counted by the claim its provider names it in', async (t) => {
  const ask = limiter('client');
  ask('192.0.2.1', tokenOf({ azp: 'app' }));
  t.equal(ask('192.0.2.1', tokenOf({ client_id: 'app' })).refusal?.code, 'rate_limited');
});

t.test('a claim is counted by value and type, nested ones by their path', async (t) => {
  const ask = limiter({ claim: ['org', 'id'] });
  t.equal(ask('192.0.2.1', tokenOf({ org: { id: 7 } })).refusal, undefined);
  t.equal(ask('192.0.2.2', tokenOf({ org: { id: 7 } })).refusal?.code, 'rate_limited');
  t.equal(ask('192.0.2.1', tokenOf({ org: { id: '7' } })).refusal, undefined);
  t.equal(ask('192.0.2.1', tokenOf({ org: { id: 8 } })).refusal, undefined);
});

t.test('a token without the claim is counted by address, never left uncounted', async (t) => {
  for (const by of ['subject', 'client', { claim: 'tenant' }] as const) {
    for (const claims of [
      {},
      { sub: '', client_id: '', tenant: '' },
      { sub: null, tenant: { a: 1 } },
      undefined,
    ]) {
      const ask = limiter(by);
      const token = claims === undefined ? undefined : tokenOf(claims);
      t.equal(ask('192.0.2.1', token).refusal, undefined);
      t.equal(ask('192.0.2.1', token).refusal?.code, 'rate_limited', JSON.stringify({ by, claims }));
      t.equal(ask('192.0.2.2', token).refusal, undefined);
    }
  }
});

t.test('no claim value can be chosen so that it counts as somebody else', async (t) => {
  const keys = new Set<string>();
  const store: LimitStore = {
    take(key) {
      keys.add(key);
      return { allowed: true, remaining: 1, resetMs: 0, retryMs: 0 };
    },
    close: async () => {},
  };
  const callers = [
    limiter('subject', 1, store),
    limiter('client', 1, store),
    limiter({ claim: 'sub' }, 1, store),
    limiter('ip', 1, store),
  ];
  const tokens = [
    tokenOf({ sub: '192.0.2.1', client_id: '192.0.2.1' }),
    tokenOf({ sub: '192.0.2.1', client_id: '192.0.2.1' }, 'ip'),
    tokenOf({ sub: 'string 192.0.2.1', client_id: 'string 192.0.2.1' }, 'ip'),
    tokenOf({ sub: '\n192.0.2.1', client_id: '\n192.0.2.1' }, 'ip'),
    tokenOf({ sub: true, client_id: 'true' }),
  ];
  for (const ask of callers) for (const token of tokens) ask('192.0.2.1', token);
  t.equal(keys.size, 3 * tokens.length + 1);
});

t.test('of several limits each holds, and the fields describe the last one checked', async (t) => {
  const store = createMemoryLimitStore({ clock: () => 0 });
  const limits = compileRateLimits(
    [
      { max: 3, window: HOUR, by: 'subject' },
      { max: 1, window: HOUR, by: { claim: 'device' } },
      { max: 9, window: HOUR, by: 'ip' },
    ],
    { routeName: 'orders', store },
  );
  t.equal(limits.byAddress.length, 1);
  const ask = (device: string) =>
    consume(limits.byToken, { clientAddress: '', token: tokenOf({ sub: 'a', device }) }) as RateLimitResult;
  t.match(ask('x').headers[1], '"claim";q=1');
  t.equal(ask('x').refusal?.code, 'rate_limited');
  t.equal(ask('y').refusal, undefined);
  const { refusal, headers } = ask('z');
  t.match(refusal?.reason, /by subject/);
  t.match(headers[1], '"subject";q=3');
});

t.test('two limits that count the same callers have counts of their own', async (t) => {
  const quick = { max: 10, window: 1000, by: 'ip' } as const;
  const slow = { max: 12, window: HOUR, by: 'ip' } as const;
  for (const config of [
    [quick, slow],
    [slow, quick],
  ]) {
    let now = 0;
    const store = createMemoryLimitStore({ clock: () => now });
    const { byAddress } = compileRateLimits(config, { routeName: 'orders', store });
    const allowed = () => {
      const { refusal } = consume(byAddress, { clientAddress: '192.0.2.1' }) as RateLimitResult;
      return refusal === undefined;
    };
    const burst = () => Array.from({ length: 11 }, allowed).filter(Boolean).length;
    t.equal(burst(), 10, 'the quick one ends the first burst');
    now = 1000;
    t.ok(burst() <= 2, 'the slow one remembers it');
  }
});

t.test('a store that is down refuses with 503, and a slow one is waited for', async (t) => {
  const down: LimitStore = { take: async () => undefined, close: async () => {} };
  const consumed = await limiter('ip', 1, down)('192.0.2.1');
  t.match(consumed.refusal, { code: 'overloaded', cause: 'limit_store_down' });
  t.equal(consumed.refusal?.retryAfterSeconds, 1);
});

t.test('a limit without a unit, a maximum or someone to count is an error of the file', async (t) => {
  for (const rateLimit of [
    {},
    { max: 1, window: '1m' },
    { max: 0, window: '1m', by: 'ip' },
    { max: 1.5, window: '1m', by: 'ip' },
    { max: 1, window: 60, by: 'ip' },
    { max: 1, window: '100ms', by: 'ip' },
    { max: 1, window: '1m', by: 'header' },
    { max: 1, window: '1m', by: { claim: [] } },
    { max: 1, window: '1m', by: 'ip', burst: 3 },
    [],
  ]) {
    const route = { name: 'r', path: '/', upstream: 'http://127.0.0.1:1', access: 'public', rateLimit };
    t.equal(configSchema.safeParse({ routes: [route] }).success, false, JSON.stringify(rateLimit));
  }
});
