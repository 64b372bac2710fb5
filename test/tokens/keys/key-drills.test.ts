import { chmod, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { isRefusal, type Refusal } from '../../../src/core/refusals.ts';
import type { TokenOutcome } from '../../../src/tokens/verify-token.ts';
import { type FrozenTime, freezeTime, until } from '../../support/core/frozen-time.ts';
import { createKeyServer, type KeyServer, type Mode } from '../../support/tokens/key-server.ts';
import { encode, mint, type SigningKey, signingKey } from '../../support/tokens/mint.ts';
import { ANY_ISSUER, codeOf, countChecks, verifierOf } from '../../support/tokens/verifier.ts';

const one = signingKey('ES256', { kid: 'one' });
const two = signingKey('ES256', { kid: 'two' }, 'second');
const HOUR = 3_600_000;
const COOLDOWN = 30_000;

interface Rig {
  readonly server: KeyServer;
  readonly time: FrozenTime;
  readonly lines: { readonly details: Record<string, unknown>; readonly message: string }[];
  readonly verifier: ReturnType<typeof verifierOf>;
  /** A token of now, good for a long while. */
  token(key: SigningKey, more?: Record<string, unknown>): string;
  /** Of a new token; fails when it would have had to wait. */
  code(key: SigningKey): string;
  /** Of a new token that may wait for keys. */
  lateCode(key: SigningKey): Promise<string>;
  /** Moves time on, and waits until the fetch that this sets off has ended. */
  pass(ms: number): Promise<void>;
}

async function rigOf(
  t: Test,
  keys: Record<string, unknown> = {},
  prepare: (server: KeyServer) => unknown = () => {},
): Promise<Rig> {
  const server = await createKeyServer();
  t.teardown(() => server.close());
  server.publish(one);
  await prepare(server);
  const time = freezeTime();
  const lines: { details: Record<string, unknown>; message: string }[] = [];
  const add = (details: object, message: string) =>
    void lines.push({ details: details as Record<string, unknown>, message });
  const { folder = '/nowhere', ...rest } = keys as { folder?: string };
  const verifier = verifierOf(
    { corp: { issuer: 'https://corp.example', audiences: ['api'], jwksUri: server.jwksUri, keys: rest } },
    { time, log: { debug: () => {}, info: add, warn: add }, folder },
  );
  t.teardown(() => verifier.close());
  const token = (key: SigningKey, more = {}) => {
    const now = time.clock() / 1000;
    return mint(key, { iss: 'https://corp.example', aud: 'api', exp: now + 100 * 3600, ...more });
  };
  return {
    server,
    time,
    lines,
    verifier,
    token,
    code: (key) => codeOf(verifier.verify(token(key), ANY_ISSUER)),
    lateCode: async (key) => codeOf(await verifier.verify(token(key), ANY_ISSUER)),
    async pass(ms) {
      for (let left = ms; left >= 0; ) {
        const step = Math.min(left, time.nextTimer() ?? left);
        time.advance(step);
        left -= step;
        await until(() => statusOf(verifier).nextRefreshMs !== undefined);
        if (left === 0) return;
      }
    },
  };
}

function statusOf(verifier: Rig['verifier']) {
  const [status] = verifier.status();
  if (status === undefined) throw new Error('no issuer');
  return status;
}

function asRefusal(outcome: TokenOutcome): Refusal {
  if (!isRefusal(outcome)) throw new Error('expected a refusal');
  return outcome;
}

/** A token with this key id and a signature of the right size that is none. */
function forged(kid: string, iss = 'https://corp.example'): string {
  const header = encode(JSON.stringify({ alg: 'ES256', kid }));
  const body = encode(JSON.stringify({ iss, aud: 'api', exp: 4e9 }));
  return `${header}.${body}.${encode(Buffer.alloc(64, 1))}`;
}

t.test('down at start, then up', async (t) => {
  const { verifier, server, code, pass, lines, token } = await rigOf(t, {}, (server) => server.down());
  await verifier.start();
  t.match(statusOf(verifier), { state: 'waiting', keys: 0, nextRefreshMs: COOLDOWN });
  const refusal = asRefusal((await verifier.verify(token(one), ANY_ISSUER)) as TokenOutcome);
  t.match(refusal, { code: 'keys_unavailable', retryAfterSeconds: 30, issuer: 'corp' });
  t.match(refusal.reason, /ECONNREFUSED/, 'the log line has the cause');
  await pass(COOLDOWN);
  t.equal(code(one), 'keys_unavailable', 'still down');
  await server.up();
  await pass(COOLDOWN - 1);
  t.equal(server.fetches(), 0, 'not before the cooldown is over');
  await pass(1);
  t.equal(code(one), 'ok');
  t.match(statusOf(verifier), { state: 'fresh', keys: 1, lastError: undefined });
  t.same(
    lines.map(({ message }) => message),
    ['keys cannot be fetched; tokens of this issuer get 503', 'keys have changed', 'keys are fresh'],
    'one line for each change',
  );
});

t.test('down for 23 hours: served; for 25 hours with maxStale 24h: 503; up again: served', async (t) => {
  const { verifier, server, code, pass, time, token } = await rigOf(t, { refresh: '1h', cooldown: '10m' });
  await verifier.start();
  const early = token(one);
  const remembered = token(one, { jti: 'thrice' });
  for (let use = 0; use < 3; use += 1) t.equal(codeOf(verifier.verify(remembered, ANY_ISSUER)), 'ok');
  t.equal(codeOf(verifier.verify(early, ANY_ISSUER)), 'ok');
  server.mode = 'error';
  for (let hour = 0; hour < 23; hour += 1) {
    await pass(HOUR);
    t.equal(code(one), 'ok', `hour ${hour + 1}`);
  }
  t.match(statusOf(verifier), { state: 'stale', keys: 1 });
  await pass(2 * HOUR);
  const expired = asRefusal(verifier.verify(token(one), ANY_ISSUER) as TokenOutcome);
  t.equal(expired.code, 'keys_unavailable');
  t.ok(Number(expired.retryAfterSeconds) <= 600, 'until the next attempt');
  t.equal(
    codeOf(verifier.verify(early, ANY_ISSUER)),
    'keys_unavailable',
    'also for a token that came before',
  );
  for (let use = 0; use < 3; use += 1)
    t.equal(
      codeOf(verifier.verify(remembered, ANY_ISSUER)),
      'keys_unavailable',
      'and for one that is remembered',
    );
  t.equal(statusOf(verifier).state, 'expired');
  server.mode = 'good';
  await pass(600_000);
  t.equal(codeOf(verifier.verify(early, ANY_ISSUER)), 'ok');
  t.equal(codeOf(verifier.verify(remembered, ANY_ISSUER)), 'ok');
  t.ok(time.nextTimer(), 'and refreshed further on');
});

t.test('remembered tokens and refusals end with maxStale by either clock', async (t) => {
  for (const clock of ['wall', 'monotonic'] as const) {
    const { verifier, server, time, token } = await rigOf(t, { refresh: '1h', maxStale: '2h' });
    await verifier.start();
    server.mode = 'error';
    const good = token(one);
    const forged = token(signingKey('ES256', { kid: 'one' }, 'forger'));
    const codes = async () => [
      codeOf(await verifier.verify(good, ANY_ISSUER)),
      codeOf(await verifier.verify(forged, ANY_ISSUER)),
    ];
    for (let use = 0; use < 3; use += 1) t.strictSame(await codes(), ['ok', 'signature_invalid']);
    const move = (ms: number) => {
      if (clock === 'monotonic') time.advance(ms);
      time.jump(clock === 'monotonic' ? -ms : ms);
    };
    move(2 * HOUR);
    t.strictSame(await codes(), ['ok', 'signature_invalid'], `${clock}: to the moment`);
    move(1);
    for (let use = 0; use < 3; use += 1)
      t.strictSame(await codes(), ['keys_unavailable', 'keys_unavailable'], `${clock}: and no longer`);
  }
});

t.test('that keys are missing is not remembered of a token', async (t) => {
  const { verifier, server, pass, token } = await rigOf(t, {}, (server) => server.down());
  await verifier.start();
  const raw = token(two);
  for (let use = 0; use < 4; use += 1) t.equal(codeOf(verifier.verify(raw, ANY_ISSUER)), 'keys_unavailable');
  await server.up();
  server.mode = 'good';
  await pass(COOLDOWN);
  for (let use = 0; use < 4; use += 1) t.equal(codeOf(verifier.verify(raw, ANY_ISSUER)), 'key_unknown');
  server.publish(one, two);
  await pass(COOLDOWN);
  for (let use = 0; use < 3; use += 1) t.equal(codeOf(await verifier.verify(raw, ANY_ISSUER)), 'ok');
});

const BAD_MODES: readonly (readonly [mode: Mode, error: RegExp])[] = [
  ['reset', /./],
  ['error', /responded with 500 instead of 200/],
  ['redirect', /responded with 302; redirects are refused/],
  ['html', /not a JSON object/],
  ['empty', /no usable key: it is empty/],
  ['garbage', /not a JSON object/],
  ['list', /not a JSON object/],
  ['huge', /longer than 1048576 bytes/],
  ['huge-announced', /longer than 1048576 bytes/],
  ['compressed', /compressed/],
  ['cut', /./],
];

for (const [mode, error] of BAD_MODES) {
  t.test(`a response that is no key set never replaces good keys: ${mode}`, async (t) => {
    const { verifier, server, code, pass, lines } = await rigOf(t);
    await verifier.start();
    server.mode = mode;
    const before = process.memoryUsage().rss;
    await pass(600_000);
    const grown = (process.memoryUsage().rss - before) / 1024 ** 2;
    t.ok(grown < 16, `memory stays where it was (${grown.toFixed(1)} MiB)`);
    t.equal(code(one), 'ok');
    t.match(statusOf(verifier), { state: 'stale', lastError: error, nextRefreshMs: COOLDOWN });
    const { failures } = statusOf(verifier);
    for (let round = 0; round < 3; round += 1) await pass(COOLDOWN);
    t.equal(
      statusOf(verifier).failures - failures,
      3,
      'tried again after each cooldown, without growing back-off',
    );
    t.equal(lines.length, 3, 'a line for the change of state, not for every failure');
    server.mode = 'good';
    await pass(COOLDOWN);
    t.equal(statusOf(verifier).state, 'fresh');
  });
}

const weak = signingKey('RS256', { kid: 'weak', bits: 1024 }).jwk;
const useless: readonly (readonly [name: string, keys: readonly unknown[], reason: RegExp])[] = [
  ['for encryption', [{ ...one.jwk, use: 'enc' }], /key "one": not for signatures/],
  ['too weak', [weak], /key "weak": RSA of 1024 bits/],
  ['private', [{ ...one.jwk, d: 'AQ' }], /its secret part is published/],
  ['symmetric', [{ kty: 'oct', kid: 'one', alg: 'HS256' }], /a key type that is never accepted/],
  ['certificates alone', [{ kty: 'RSA', kid: 'one', x5c: ['MIIC'] }], /`n` and `e` are missing/],
  [
    'Ed25519 of small order',
    [{ kty: 'OKP', crv: 'Ed25519', kid: 'one', x: `AQ${'A'.repeat(41)}` }],
    /small order/,
  ],
  ['null', [null, null], /a key without key id: not an object/],
];

for (const [name, keys, reason] of useless) {
  t.test(`a set without a usable key is 503, and never replaces good keys: ${name}`, async (t) => {
    const { verifier, server, code, pass } = await rigOf(t);
    await verifier.start();
    server.keys = keys;
    await pass(600_000);
    t.equal(code(one), 'ok', 'the last good keys serve');
    t.match(statusOf(verifier), { state: 'stale', keys: 1, lastError: reason });

    const fresh = await rigOf(t, {}, (server) => {
      server.keys = keys;
    });
    await fresh.verifier.start();
    const refusal = asRefusal(await fresh.verifier.verify(fresh.token(one), ANY_ISSUER));
    t.match(refusal, { code: 'keys_unavailable', reason });
    t.match(statusOf(fresh.verifier), { state: 'waiting', keys: 0 });
  });
}

for (const mode of ['hang', 'drip'] as const) {
  t.test(`a server that never comes to an end is given up after the time-out: ${mode}`, async (t) => {
    const { verifier, server, time, token } = await rigOf(t, { timeout: '5s' }, (server) => {
      server.mode = mode;
    });
    const started = verifier.start();
    await until(() => server.fetches() === 1);
    const waiting = verifier.verify(token(one), ANY_ISSUER);
    t.type(waiting, Promise, 'who joins the fetch waits for it');
    time.advance(4_999);
    const joined = verifier.verify(forged('x'), ANY_ISSUER);
    time.advance(1);
    await started;
    t.match(await waiting, { code: 'keys_unavailable', retryAfterSeconds: 30 });
    t.match(await joined, { code: 'keys_unavailable' });
    t.match(statusOf(verifier), { lastError: /no complete response/ });
    t.equal(server.fetches(), 1, 'one fetch for all of them');
    server.mode = 'good';
    time.advance(COOLDOWN);
    await until(() => statusOf(verifier).state === 'fresh');
    t.equal(codeOf(verifier.verify(token(one), ANY_ISSUER)), 'ok');
  });
}

t.test('keys that vanish and come back', async (t) => {
  const { verifier, server, code, lateCode, pass } = await rigOf(t, {}, (server) => server.publish(one, two));
  await verifier.start();
  for (let round = 0; round < 3; round += 1) {
    server.publish(one);
    await pass(600_000);
    t.equal(code(one), 'ok');
    t.equal(await lateCode(two), 'key_unknown', 'gone');
    server.publish(one, two);
    await pass(600_000);
    t.equal(code(two), 'ok', 'back again');
  }
});

t.test('100,000 tokens with random key ids during an outage', async (t) => {
  const { verifier, server, time, pass, token } = await rigOf(t);
  await verifier.start();
  await pass(COOLDOWN);
  await server.down();
  const good = token(one);
  const before = statusOf(verifier).fetches;
  const codes = new Map<string, number>();
  let pending: Promise<void>[] = [];
  let checked = 0;
  const count = (code: string) => {
    codes.set(code, (codes.get(code) ?? 0) + 1);
  };
  for (let index = 0; index < 100_000; index += 1) {
    const outcome = verifier.verify(forged(`kid-${Math.random()}`), ANY_ISSUER);
    if (outcome instanceof Promise) pending.push(outcome.then((late) => count(asRefusal(late).code)));
    else count(asRefusal(outcome).code);
    if (index % 100 === 0) {
      const fresh = index % 1000 === 0 ? token(one, { jti: index }) : good;
      if (codeOf(verifier.verify(fresh, ANY_ISSUER)) !== 'ok')
        throw new Error('a good token was refused or waited');
      checked += 1;
    }
    // 100 seconds of outage go by meanwhile.
    if (index % 1000 === 999) {
      time.advance(1_000);
      await Promise.all(pending);
      pending = [];
    }
  }
  const attempts = statusOf(verifier).fetches - before;
  t.ok(attempts <= 1 + 100_000 / COOLDOWN, `at most one attempt per cooldown (${attempts})`);
  t.same([...codes.keys()], ['keys_unavailable'], 'while it is down, an unknown key cannot be checked');
  t.equal(checked, 1_000, 'good tokens meanwhile, verified at once');
});

t.test('a flood of unknown key ids while the provider is well', async (t) => {
  const { verifier, server, pass } = await rigOf(t);
  await verifier.start();
  for (let index = 0; index < 1_000; index += 1) {
    t.equal(codeOf(verifier.verify(forged(`kid-${index}`), ANY_ISSUER)), 'key_unknown');
  }
  t.equal(server.fetches(), 1, 'within the cooldown nothing is fetched');
  await pass(COOLDOWN);
  const flood = Array.from({ length: 1_000 }, (_, index) =>
    verifier.verify(forged(`kid-${index}`), ANY_ISSUER),
  );
  t.ok(
    flood.every((outcome) => outcome instanceof Promise),
    'all join one fetch',
  );
  for (const outcome of await Promise.all(flood)) t.match(outcome, { code: 'key_unknown' });
  t.equal(server.fetches(), 2);
  t.equal(codeOf(verifier.verify(forged('kid-1'), ANY_ISSUER)), 'key_unknown', 'then known to be unknown');
});

t.test('200 issuers of which 50 are dead: only theirs get 503, and nobody waits for them', async (t) => {
  const server = await createKeyServer();
  const dead = await createKeyServer();
  t.teardown(() => Promise.all([server.close(), dead.close()]));
  server.publish(one);
  dead.mode = 'hang';
  const time = freezeTime();
  const issuers: Record<string, unknown> = {};
  for (let index = 0; index < 200; index += 1) {
    const { origin } = index % 4 === 0 ? dead : server;
    issuers[`i${index}`] = {
      issuer: `https://i${index}.example`,
      audiences: ['a'],
      jwksUri: `${origin}/${index}`,
    };
  }
  const verifier = verifierOf(issuers, { time });
  t.teardown(() => verifier.close());
  const started = verifier.start();
  await until(() => verifier.status().filter(({ state }) => state === 'fresh').length === 150);
  const exp = time.clock() / 1000 + 60;
  const outcomeOf = (index: number) =>
    verifier.verify(mint(one, { iss: `https://i${index}.example`, exp }), ANY_ISSUER);
  for (let index = 0; index < 200; index += 1) {
    if (index % 4 !== 0) t.equal(codeOf(outcomeOf(index)), 'ok', `issuer ${index}`);
  }
  time.advance(5_000);
  await started;
  for (let index = 0; index < 200; index += 4)
    t.equal(codeOf(outcomeOf(index)), 'keys_unavailable', `issuer ${index}`);
  t.ok(server.fetches() === 150 && dead.fetches() === 50, 'one fetch each');
});

t.test(
  'a key that is removed stops verifying at the next refresh, also for tokens that verified before',
  async (t) => {
    const { verifier, server, pass, token } = await rigOf(t, {}, (server) => server.publish(one, two));
    await verifier.start();
    const old = [1, 2, 3].map((uses) => ({ uses, raw: token(two, { jti: uses }) }));
    for (const { uses, raw } of old) {
      for (let use = 0; use < uses; use += 1) t.equal(codeOf(verifier.verify(raw, ANY_ISSUER)), 'ok');
    }
    server.publish(one);
    await pass(300_000);
    t.equal(codeOf(verifier.verify(token(two), ANY_ISSUER)), 'ok', 'until then');
    await pass(300_000);
    for (const { uses, raw } of old)
      t.equal(codeOf(await verifier.verify(raw, ANY_ISSUER)), 'key_unknown', `after ${uses} uses`);
  },
);

t.test('a key id whose material is replaced', async (t) => {
  const swapped = signingKey('ES256', { kid: 'one' }, 'swapped');
  for (const uses of [1, 2, 3]) {
    const { verifier, server, pass, token, code } = await rigOf(t);
    await verifier.start();
    const [old, early] = [token(one), token(swapped)];
    for (let use = 0; use < uses; use += 1) {
      t.equal(codeOf(verifier.verify(old, ANY_ISSUER)), 'ok');
      t.equal(codeOf(verifier.verify(early, ANY_ISSUER)), 'signature_invalid');
    }
    server.publish(swapped);
    await pass(600_000);
    for (const again of ['once', 'twice', 'thrice']) {
      t.equal(codeOf(verifier.verify(old, ANY_ISSUER)), 'signature_invalid', `seen ${uses} times, ${again}`);
      t.equal(
        codeOf(verifier.verify(early, ANY_ISSUER)),
        'ok',
        'results of the old key do not count for the new one',
      );
    }
    t.equal(code(swapped), 'ok');
  }
});

t.test(
  'a result is on one key of one generation: after a refresh the signature is checked again',
  async (t) => {
    const { verifier, server, pass, token } = await rigOf(t);
    await verifier.start();
    const raw = token(one);
    const checks = countChecks(t);
    t.equal(codeOf(verifier.verify(raw, ANY_ISSUER)), 'ok');
    server.publish(one, two);
    await pass(600_000);
    for (const use of ['second', 'third']) t.equal(codeOf(verifier.verify(raw, ANY_ISSUER)), 'ok', use);
    t.equal(checks(), 2);
  },
);

t.test(
  'rotation under load: no good token is refused from one cooldown after its key is published',
  async (t) => {
    const { verifier, server, time, pass, token } = await rigOf(t);
    await verifier.start();
    await pass(5_000);
    server.publish(one, two);
    const published = time.clock();
    const refused: number[] = [];
    for (let second = 0; second < 60; second += 1) {
      const outcomes = await Promise.all(
        [token(one), token(two), token(two)].map((raw) => verifier.verify(raw, ANY_ISSUER)),
      );
      outcomes.forEach((outcome, index) => {
        if (isRefusal(outcome) && index > 0) refused.push(time.clock() - published);
        if (index === 0) t.notOk(isRefusal(outcome), 'the old key goes on');
      });
      await pass(1_000);
    }
    t.ok(Math.max(...refused) < COOLDOWN, `the last refusal came after ${Math.max(...refused)} ms`);
    t.equal(server.fetches(), 2);
  },
);

t.test('tokens without key id: one that nothing verifies asks for new keys as well', async (t) => {
  const bare = signingKey('ES256', { kid: undefined });
  const next = signingKey('ES256', { kid: undefined }, 'second');
  const { verifier, server, pass, token } = await rigOf(t, {}, (server) => server.publish(bare));
  await verifier.start();
  t.equal(codeOf(verifier.verify(token(bare), ANY_ISSUER)), 'ok');
  server.publish(next);
  t.equal(codeOf(verifier.verify(token(next), ANY_ISSUER)), 'signature_invalid', 'within the cooldown');
  await pass(COOLDOWN);
  const late = await verifier.verify(token(next), ANY_ISSUER);
  t.notOk(isRefusal(late));
  t.equal(server.fetches(), 2);
  await server.down();
  await pass(COOLDOWN);
  t.match(
    await verifier.verify(token(bare), ANY_ISSUER),
    { code: 'keys_unavailable' },
    'it may have become good since',
  );
});

t.test('concurrent first uses of a token while its key is fetched take one signature check', async (t) => {
  const { verifier, server, pass, token } = await rigOf(t);
  await verifier.start();
  await pass(COOLDOWN);
  server.publish(one, two);
  const raw = token(two);
  const checks = countChecks(t);
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => verifier.verify(raw, ANY_ISSUER)));
  t.equal(checks(), 1);
  t.ok(outcomes.every((outcome) => codeOf(outcome) === 'ok'));
  t.equal(server.fetches(), 2);
});

t.test('max-age counts between one minute and refresh, and refreshes come before it is over', async (t) => {
  const rows: readonly [cacheControl: string, refresh: string, lifetimeMs: number][] = [
    ['max-age=300', '10m', 300_000],
    ['public, max-age=15', '10m', 60_000],
    ['max-age=3888000', '10m', 600_000],
    ['no-store', '10m', 60_000],
    ['max-age=15', '20s', 20_000],
    ['max-age=0', '1s', 1_000],
    ['nonsense', '10m', 600_000],
  ];
  for (const [cacheControl, refresh, lifetimeMs] of rows) {
    const { verifier } = await rigOf(t, { refresh }, (server) => {
      server.headers = { 'cache-control': cacheControl };
    });
    await verifier.start();
    const { nextRefreshMs = 0 } = statusOf(verifier);
    t.ok(
      nextRefreshMs <= lifetimeMs && nextRefreshMs >= Math.max(1_000, lifetimeMs * 0.8),
      `${cacheControl} ${refresh}`,
    );
  }
  const aged = await rigOf(t, {}, (server) => {
    server.headers = { 'cache-control': 'max-age=400', age: '100' };
  });
  await aged.verifier.start();
  t.ok(
    (statusOf(aged.verifier).nextRefreshMs ?? 0) <= 300_000,
    'what a cache on the way has used up is gone',
  );
});

t.test('the clock jumps', async (t) => {
  const { verifier, server, time, code, token } = await rigOf(t, { refresh: '1h' });
  await verifier.start();
  time.jump(-48 * HOUR);
  t.equal(code(one), 'ok', 'back: the keys are not from the future');
  time.jump(48 * HOUR + 25 * HOUR);
  const outcome = verifier.verify(token(one), ANY_ISSUER);
  t.equal(codeOf(outcome), 'keys_unavailable', 'on, past maxStale, within the cooldown');
  time.advance(COOLDOWN);
  const late = await verifier.verify(token(one), ANY_ISSUER);
  t.notOk(isRefusal(late), 'then the next token fetches them');
  t.equal(server.fetches(), 2);
});

t.test('a key that is published and unfit is refused with 401, also during an outage', async (t) => {
  const weak = signingKey('RS256', { kid: 'weak', bits: 1024 });
  const { verifier, server, pass, token } = await rigOf(t, {}, (server) => server.publish(one, weak));
  await verifier.start();
  await server.down();
  await pass(600_000);
  t.equal(statusOf(verifier).state, 'stale');
  const outcome = asRefusal(verifier.verify(token(weak), ANY_ISSUER) as TokenOutcome);
  t.match(outcome, { code: 'key_unknown', reason: /"weak" is published but not used: RSA of 1024 bits/ });
});

t.test('refresh on demand', async (t) => {
  const { verifier, server, code } = await rigOf(t);
  await verifier.start();
  server.publish(one, two);
  await Promise.all([verifier.refresh('corp'), verifier.refresh(), verifier.refresh('nobody')]);
  t.equal(server.fetches(), 2, 'one in flight at a time');
  t.equal(code(two), 'ok');
  server.mode = 'error';
  await verifier.refresh();
  t.equal(code(one), 'ok');
  t.equal(statusOf(verifier).state, 'stale');
});

t.test('a restart during an outage serves from the snapshot at once', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sealgate-'));
  const file = join(folder, 'corp.jwks.json');
  const keys = { snapshot: 'corp.jwks.json', folder };
  const secret = { ...one.jwk, d: one.privateKey.export({ format: 'jwk' }).d, kid: 'leaked' };
  const first = await rigOf(t, keys, (server) => {
    server.keys = [one.jwk, secret];
  });
  await first.verifier.start();
  await until(() => readdirNow(folder).includes('corp.jwks.json'));
  t.equal((await stat(file)).mode & 0o777, 0o600);
  const text = await readFile(file, 'utf8');
  t.notMatch(text, /"d"|leaked/, 'public keys only');
  t.same(await readdir(folder), ['corp.jwks.json'], 'nothing is left lying about');

  const config = (uri: string) => ({
    corp: {
      issuer: 'https://corp.example',
      audiences: ['api'],
      jwksUri: uri,
      keys: { snapshot: 'corp.jwks.json' },
    },
  });
  const restart = async (uri: string, time: FrozenTime) => {
    const lines: string[] = [];
    const reasons: unknown[] = [];
    const add = (details: object, message: string) => {
      lines.push(message);
      reasons.push((details as { reason?: unknown }).reason);
    };
    const verifier = verifierOf(config(uri), {
      time,
      folder,
      log: { debug: () => {}, info: add, warn: add },
    });
    t.teardown(() => verifier.close());
    await verifier.start();
    const outcome = await verifier.verify(first.token(one), ANY_ISSUER);
    return { outcome: codeOf(outcome), verifier, lines, reasons };
  };
  await first.server.down();
  const uri = first.server.jwksUri;
  t.equal((await restart(uri, freezeTime())).outcome, 'ok');

  const later = freezeTime();
  later.advance(23 * HOUR);
  const aged = await restart(uri, later);
  t.equal(aged.outcome, 'ok');
  await until(() => statusOf(aged.verifier).failures === 1);
  later.advance(2 * HOUR);
  const expired = await aged.verifier.verify(first.token(one), ANY_ISSUER);
  t.equal(codeOf(expired), 'keys_unavailable', 'it ages from its fetch');

  const tooLate = freezeTime();
  tooLate.advance(25 * HOUR);
  const old = await restart(uri, tooLate);
  t.equal(old.outcome, 'keys_unavailable', 'too old');
  t.match(old.lines, ['the snapshot of the keys is not used']);
  t.equal(
    (await restart(`${uri}/elsewhere`, freezeTime())).outcome,
    'keys_unavailable',
    'bound to its place',
  );
  const future = freezeTime(Date.parse('2025-01-01'));
  t.equal((await restart(uri, future)).outcome, 'keys_unavailable', 'from the future');
  for (const [place, mode] of [
    [file, 0o666],
    [folder, 0o777],
  ] as const) {
    const before = (await stat(place)).mode & 0o777;
    await chmod(place, mode);
    const exposed = await restart(uri, freezeTime());
    t.equal(exposed.outcome, 'keys_unavailable', `${mode.toString(8)}: others may have written it`);
    t.match(exposed.lines, ['the snapshot of the keys is not used']);
    t.match(exposed.reasons, [/others may write .*: run chmod/]);
    await chmod(place, before);
  }
  t.equal((await restart(uri, freezeTime())).outcome, 'ok');
  for (const damaged of ['', '{', text.slice(0, -20), '[]', '{"keys":[]}', text.replace('corp', 'evil')]) {
    await writeFile(file, damaged);
    t.equal(
      (await restart(uri, freezeTime())).outcome,
      'keys_unavailable',
      JSON.stringify(damaged.slice(0, 20)),
    );
  }
});

t.test('a snapshot that cannot be written is reported once, and nothing else fails', async (t) => {
  const { verifier, pass, lines, code } = await rigOf(t, {
    snapshot: 'no/such/folder/keys.json',
    folder: tmpdir(),
  });
  await verifier.start();
  await until(() => lines.some(({ message }) => message === 'the keys are not kept on disk'));
  await pass(600_000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(lines.filter(({ message }) => message === 'the keys are not kept on disk').length, 1);
  t.equal(code(one), 'ok');
});

function readdirNow(folder: string): string[] {
  return (process.getBuiltinModule('node:fs') as typeof import('node:fs')).readdirSync(folder);
}
