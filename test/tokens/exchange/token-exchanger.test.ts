import t from 'tap';
import { refuse } from '../../../src/core/refusals.ts';
import { createTokenExchanger } from '../../../src/tokens/exchange/token-exchanger.ts';
import { freezeTime } from '../../support/core/frozen-time.ts';

/** An exchanger whose endpoint takes so long to issue tokens of this lifetime. */
function exchangerOf({ lifetimeSeconds = 90, takesMs = 0, endsInMs = 3_600_000 } = {}) {
  const time = freezeTime();
  let asked = 0;
  const exchanger = createTokenExchanger({
    ask: async () => {
      asked += 1;
      time.advance(takesMs);
      return { accessToken: `t${asked}`, lifetimeSeconds };
    },
    maxBytes: 1024 ** 2,
    clock: time.clock,
    scheduler: time.scheduler,
  });
  const endsAtMs = time.clock() + endsInMs;
  const get = async (rawToken = 'caller') =>
    (await exchanger.exchange(rawToken, endsAtMs)) as readonly string[];
  return { time, exchanger, get, asked: () => asked };
}

t.test('a cached token is used until 30 seconds before its end, by either clock', async (t) => {
  for (const move of ['advance', 'jump'] as const) {
    const { time, get, asked } = exchangerOf();
    t.strictSame(await get(), ['authorization', 'Bearer t1']);
    time[move](59_999);
    t.strictSame(await get(), ['authorization', 'Bearer t1'], move);
    time[move](1);
    t.strictSame(await get(), ['authorization', 'Bearer t2'], move);
    t.equal(asked(), 2);
  }
});

t.test('a wall clock that is set back prolongs nothing', async (t) => {
  const { time, get } = exchangerOf();
  await get();
  time.jump(-3_600_000);
  time.advance(60_000);
  t.strictSame(await get(), ['authorization', 'Bearer t2']);
});

t.test('the time that the endpoint took counts', async (t) => {
  const { time, get } = exchangerOf({ takesMs: 4_000 });
  await get();
  time.advance(55_999);
  t.strictSame(await get(), ['authorization', 'Bearer t1']);
  time.advance(1);
  t.strictSame(await get(), ['authorization', 'Bearer t2']);
});

t.test("a cached token ends with the caller's own", async (t) => {
  const { time, exchanger } = exchangerOf({ lifetimeSeconds: 3600 });
  const endsAtMs = time.clock() + 10_000;
  await exchanger.exchange('caller', endsAtMs);
  time.advance(9_999);
  t.notOk(exchanger.exchange('caller', endsAtMs) instanceof Promise);
  time.advance(1);
  t.ok(exchanger.exchange('caller', endsAtMs) instanceof Promise);
});

t.test('a hit is no promise, and every token has an entry of its own', async (t) => {
  const { exchanger, get, asked } = exchangerOf();
  const tokens = ['caller', 'Caller', 'caller ', 'caller\u0000', 'calle', 'caller.'];
  const first: unknown[] = [];
  for (const token of tokens) first.push(await get(token));
  t.equal(asked(), tokens.length);
  tokens.forEach((token, at) => {
    t.equal(exchanger.exchange(token, Number.POSITIVE_INFINITY), first[at]);
  });
  t.match(exchanger.stats(), { entries: tokens.length, hits: tokens.length, misses: tokens.length });
});

t.test('a refusal is for those who waited, and not remembered', async (t) => {
  let asked = 0;
  const time = freezeTime();
  const exchanger = createTokenExchanger({
    ask: async () => {
      asked += 1;
      return refuse('exchange_refused', 'no');
    },
    maxBytes: 1024,
    clock: time.clock,
    scheduler: time.scheduler,
  });
  const waiting = [exchanger.exchange('caller', Infinity), exchanger.exchange('caller', Infinity)];
  t.equal(waiting[0], waiting[1]);
  t.match(await waiting[0], { code: 'exchange_refused' });
  t.equal(asked, 1);
  t.match(await exchanger.exchange('caller', Infinity), { code: 'exchange_refused' });
  t.equal(asked, 2);
});
