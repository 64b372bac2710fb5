import t from 'tap';
import type { Cause } from '../../../src/core/causes.ts';
import { refuse } from '../../../src/core/refusals.ts';
import { createCallGate } from '../../../src/tokens/endpoints/call-gate.ts';
import { createTokenExchanger } from '../../../src/tokens/exchange/token-exchanger.ts';
import { freezeTime } from '../../support/core/frozen-time.ts';

/** The token of a caller. */
const callers = (
  rawToken: string,
  rejectedFromMs: number,
  { issuer = 'corp', clientAddress = '192.0.2.1' } = {},
) => ({ rawToken, token: { issuer, rejectedFromMs }, clientAddress });

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
    gate: createCallGate(64),
    maxBytes: 1024 ** 2,
    clock: time.clock,
    scheduler: time.scheduler,
  });
  const endsAtMs = time.clock() + endsInMs;
  const get = async (rawToken = 'caller') =>
    (await exchanger.exchange(callers(rawToken, endsAtMs))) as readonly string[];
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
  await exchanger.exchange(callers('caller', endsAtMs));
  time.advance(9_999);
  t.notOk(exchanger.exchange(callers('caller', endsAtMs)) instanceof Promise);
  time.advance(1);
  t.ok(exchanger.exchange(callers('caller', endsAtMs)) instanceof Promise);
});

t.test('a hit is no promise, and every token has an entry of its own', async (t) => {
  const { exchanger, get, asked } = exchangerOf();
  const tokens = ['caller', 'Caller', 'caller ', 'caller\u0000', 'calle', 'caller.'];
  const first: unknown[] = [];
  for (const token of tokens) first.push(await get(token));
  t.equal(asked(), tokens.length);
  tokens.forEach((token, at) => {
    t.equal(exchanger.exchange(callers(token, Infinity)), first[at]);
  });
  t.match(exchanger.stats(), { entries: tokens.length, hits: tokens.length, misses: tokens.length });
});

/** An exchanger whose endpoint refuses everybody, for one cause. */
function refusing(cause: Cause, { maxBytes = 1024 ** 2 } = {}) {
  const time = freezeTime();
  let asked = 0;
  const exchanger = createTokenExchanger({
    ask: async () => {
      asked += 1;
      return refuse(cause, 'no');
    },
    gate: createCallGate(64),
    maxBytes,
    clock: time.clock,
    scheduler: time.scheduler,
  });
  const get = (rawToken = 'caller') => exchanger.exchange(callers(rawToken, Infinity));
  return { time, exchanger, get, asked: () => asked };
}

t.test('neither a refusal nor a failure is kept', async (t) => {
  for (const cause of [
    'exchange_refused',
    'exchange_consent_missing',
    'insufficient_claims',
    'exchange_failed',
    'exchange_client_refused',
  ] as const) {
    const { get, asked, exchanger } = refusing(cause);
    await get();
    await get();
    t.equal(asked(), 2, cause);
    t.equal(exchanger.stats().entries, 0);
  }
});

t.test('one opaque text of two issuers is two tokens', async (t) => {
  const { exchanger, asked } = exchangerOf();
  const first = await exchanger.exchange(callers('same', Infinity, { issuer: 'a' }));
  const second = await exchanger.exchange(callers('same', Infinity, { issuer: 'b' }));
  t.not(first, second);
  t.equal(asked(), 2);
  t.equal(exchanger.exchange(callers('same', Infinity, { issuer: 'a' })), first);
});

t.test('a place at the endpoint is free again however the exchange ends', async (t) => {
  const time = freezeTime();
  const exchanger = createTokenExchanger({
    ask: async (rawToken) =>
      rawToken.endsWith('1') ? refuse('exchange_failed', 'no') : { accessToken: 't', lifetimeSeconds: 90 },
    gate: createCallGate(1),
    maxBytes: 1024 ** 2,
    clock: time.clock,
    scheduler: time.scheduler,
  });
  for (let at = 0; at < 4; at += 1) {
    const running = exchanger.exchange(callers(`t${at}`, Infinity));
    t.match(exchanger.exchange(callers('late', Infinity)), { code: 'overloaded', cause: 'exchange_full' });
    await running;
  }
});
