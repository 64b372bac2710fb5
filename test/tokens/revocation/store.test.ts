import { readFileSync } from 'node:fs';
import t from 'tap';
import { systemScheduler } from '../../../src/core/time/scheduler.ts';
import { openRedisRevocationStore } from '../../../src/tokens/revocation/store/redis-revocation-store.ts';
import type { VerifiedToken } from '../../../src/tokens/verified-token.ts';
import { hasRedisServer, startRedisServer } from '../../support/peers/redis-server.ts';
import { startRelay } from '../../support/peers/relay.ts';
import {
  askStore,
  entryOf,
  msUntil,
  type StoreUser,
  useStore,
} from '../../support/tokens/revocation-stores.ts';

const skip = hasRedisServer() ? false : 'redis-server is not installed';
/** A token that no entry is about. */
const other: VerifiedToken = {
  issuer: 'corp',
  header: {},
  claims: { sub: 'somebody' },
  audiences: undefined,
  scopes: [],
  roles: [],
  rejectedFromMs: Number.POSITIVE_INFINITY,
};
/** It takes a second at most; but a machine that is busy has more than this to do. */
const SOON_MS = 5_000;

t.test('what is added at one counts at all, and what is taken back', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const users = [await useStore(t, server.url), await useStore(t, server.url), await useStore(t, server.url)];
  const [one, two, three] = users as [StoreUser, StoreUser, StoreUser];
  const entry = entryOf('a');
  t.equal(await one.add(entry), 'kept');
  t.ok((await msUntil(() => users.every((user) => user.has(entry)))) < SOON_MS);
  t.match(two.revocations.report(), {
    sources: { store: 1 },
    store: { isUp: true, behind: 0, reconnects: 0 },
  });
  const [target] = [entry];
  t.equal(await three.revocations.takeBack([{ target, before: undefined }]), 'kept');
  t.ok((await msUntil(() => users.every((user) => !user.has(entry)))) < SOON_MS);
  t.equal(await two.add(entryOf('a')), 'kept', 'again, in the same second');
  t.ok((await msUntil(() => users.every((user) => user.has(entry)))) < SOON_MS, 'the new one counts');

  const late = await useStore(t, server.url);
  t.ok(late.has(entry), 'one that starts later knows it at once');
  const subject = { kind: 'subject', value: 'u' } as const;
  await one.add(entryOf('', { ...subject, before: 100 }));
  await two.add(entryOf('', { ...subject, before: 200 }), entryOf('', { ...subject, before: 150 }));
  await msUntil(() => [...users, late].every((user) => user.has(entryOf('', { ...subject, before: 200 }))));
  const last = await useStore(t, server.url);
  t.ok(last.has(entryOf('', { ...subject, before: 200 })), 'the later `before` is kept');
  t.notOk(last.has(entryOf('', { ...subject, before: 201 })));
  await last.revocations.takeBack([{ target: { issuer: 'corp', ...subject }, before: 199 }]);
  await one.add(entryOf('b'));
  await msUntil(() => last.has(entryOf('b')));
  t.ok(last.has(entryOf('', { ...subject, before: 200 })), 'not taken back by one that reaches less far');
  const after = await useStore(t, server.url);
  t.ok(after.has(entryOf('', { ...subject, before: 200 })), 'and still in the store');
});

t.test(
  'what a gateway read from a file does not bring back what was taken back since',
  { skip },
  async (t) => {
    const server = await startRedisServer();
    t.teardown(() => server.stop());
    const one = await useStore(t, server.url);
    const entry = entryOf('a');
    await one.add(entry);
    await one.revocations.takeBack([{ target: entry, before: undefined }]);
    const settings = { keepMs: 3_600_000, maxEntries: 100, isClosed: true };
    const place = openRedisRevocationStore(server.url, {
      clock: Date.now,
      scheduler: systemScheduler,
      settings: () => settings,
      onChanges: () => true,
      active: () => [entry],
    });
    t.teardown(() => place.close());
    await place.opened;
    t.equal(await place.keep([{ change: 'added', entry: { ...entry, at: entry.at - 10 } }], 'known'), 'kept');
    t.equal(await place.keep([{ change: 'added', entry: entryOf('b') }], 'new'), 'kept');
    t.ok((await msUntil(() => one.has(entryOf('b')))) < SOON_MS);
    t.notOk(one.has(entry));
    t.notOk((await useStore(t, server.url)).has(entry), 'nor for one that starts later');
  },
);

t.test('a message that is lost is noticed', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const relay = await startRelay(t, server.url);
  const one = await useStore(t, server.url);
  const two = await useStore(t, relay.url);
  const client = await askStore(t, server.url);
  await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']);
  await one.add(entryOf('a'));
  t.ok((await msUntil(() => two.has(entryOf('a')))) < SOON_MS, 'the subscriber was cut off');
  // As if somebody had added it, and nobody had heard of it.
  const now = Math.floor(Date.now() / 1000);
  const field = JSON.stringify(['corp', 'jti', 'quiet']);
  const seq = Number(await client.get('sealgate:revocation:seq')) + 1;
  await client
    .multi()
    .incr('sealgate:revocation:seq')
    .hSet('sealgate:revocation:entries', field, `a ${now + 100} ${now} ${now + 100} -`)
    .zAdd('sealgate:revocation:order', { score: seq, value: field })
    .zAdd('sealgate:revocation:ends', { score: now + 100, value: field })
    .exec();
  t.ok((await msUntil(() => two.has(entryOf('quiet')) && one.has(entryOf('quiet')))) < SOON_MS);
  await one.add(entryOf('b'));
  t.ok((await msUntil(() => two.has(entryOf('b')))) < SOON_MS, 'and what comes after it');
});

t.test('a store that is out of reach: what is added meanwhile arrives later', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const relay = await startRelay(t, server.url);
  const one = await useStore(t, server.url);
  const two = await useStore(t, relay.url, { isClosed: false });
  await one.add(entryOf('before'));
  await msUntil(() => two.has(entryOf('before')));

  relay.cut();
  t.match(await two.add(entryOf('there')), { failed: /reply|clos|store/i }, 'not confirmed');
  t.ok(two.has(entryOf('there')), 'but it counts');
  await one.add(entryOf('here'));
  const [target] = [entryOf('before')];
  await one.revocations.takeBack([{ target, before: undefined }]);
  await msUntil(() => (two.revocations.silentMs() ?? 0) >= 5_000);
  t.notOk(two.has(entryOf('here')));
  t.match(two.revocations.report(), { store: { isUp: false } });
  await msUntil(() => two.lines.length > 0);
  t.match(two.lines, [
    { level: 'warn', message: 'the revocation store is silent', details: { onFailure: 'open' } },
  ]);
  t.equal(one.has(entryOf('there')), false);

  relay.mend();
  const ms = await msUntil(() => two.has(entryOf('here')) && one.has(entryOf('there')) && !two.has(target));
  t.ok(ms < SOON_MS, `both have all after ${Math.round(ms)} ms`);
  await msUntil(() => two.lines.length > 1);
  t.match(two.lines[1], { level: 'info', message: 'the revocation store responds again' });
  t.equal(two.lines.length, 2);
  t.equal(one.lines.length, 0);
});

t.test('a store that stops, and goes on', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const one = await useStore(t, server.url);
  const two = await useStore(t, server.url);
  const token = { ...entryOf('x') };
  server.process.kill('SIGSTOP');
  t.match(await one.add(entryOf('a')), { failed: /reply/ });
  await msUntil(() => (one.revocations.silentMs() ?? 0) >= 5_000);
  await msUntil(() => one.lines.length > 0);
  t.match(one.lines, [{ level: 'error', message: 'the revocation store is silent' }]);
  t.notOk(two.has(token));
  server.process.kill('SIGCONT');
  t.ok((await msUntil(() => two.has(entryOf('a')))) < SOON_MS);
  t.ok((await msUntil(() => (one.revocations.silentMs() ?? 0) < 1_000)) < SOON_MS);
});

t.test('a store that is slow, and one that is too slow', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const relay = await startRelay(t, server.url, 100);
  const one = await useStore(t, server.url);
  const two = await useStore(t, relay.url);
  t.equal(await one.add(entryOf('a')), 'kept');
  t.ok((await msUntil(() => two.has(entryOf('a')))) < SOON_MS);
  t.equal(await two.add(entryOf('b')), 'kept');
  t.ok((await msUntil(() => one.has(entryOf('b')))) < SOON_MS);
  t.equal(two.revocations.refuse(other), undefined, 'it is slow, not silent');

  relay.delay(700);
  t.match(await two.add(entryOf('c')), { failed: /reply/ }, 'not confirmed');
  t.ok(two.has(entryOf('c')), 'but it counts');
  await msUntil(() => two.revocations.refuse(other)?.code === 'revocation_unavailable');
  t.equal(one.revocations.refuse(other), undefined, 'the others have no part in it');

  relay.delay(0);
  t.ok((await msUntil(() => two.revocations.refuse(other) === undefined)) < SOON_MS);
  t.ok((await msUntil(() => one.has(entryOf('c')))) < SOON_MS, 'what was not confirmed is there');
});

for (const what of ['requests', 'replies'] as const) {
  t.test(`a network that loses ${what} alone`, { skip }, async (t) => {
    const server = await startRedisServer();
    t.teardown(() => server.stop());
    const relay = await startRelay(t, server.url);
    const one = await useStore(t, server.url);
    const two = await useStore(t, relay.url);
    relay.lose(what);
    t.match(await two.add(entryOf('there')), { failed: /reply/ });
    t.equal(await one.add(entryOf('here')), 'kept');
    await msUntil(() => two.revocations.refuse(other)?.code === 'revocation_unavailable');
    t.equal(one.revocations.refuse(other), undefined);
    relay.mend();
    const ms = await msUntil(() => two.has(entryOf('here')) && one.has(entryOf('there')));
    t.ok(ms < SOON_MS, `both have all after ${Math.round(ms)} ms`);
    t.ok((await msUntil(() => two.revocations.refuse(other) === undefined)) < SOON_MS);
    t.equal(one.count(), 2, 'once each, however often it was sent');
  });
}

t.test('gateways whose clocks differ by ten minutes', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const ahead = await useStore(t, server.url, { aheadMs: 600_000 });
  const exact = await useStore(t, server.url);
  const behind = await useStore(t, server.url, { aheadMs: -600_000 });
  const users = [ahead, exact, behind];
  for (const [index, user] of users.entries()) {
    const aheadSeconds = [600, 0, -600][index] ?? 0;
    const entry = entryOf(`${index}`);
    t.equal(await user.add({ ...entry, at: entry.at + aheadSeconds }), 'kept');
    t.ok((await msUntil(() => users.every((other) => other.has(entry)))) < SOON_MS, `added at ${index}`);
    const taker = users[(index + 1) % users.length] as StoreUser;
    t.equal(await taker.revocations.takeBack([{ target: entry, before: undefined }]), 'kept');
    t.ok((await msUntil(() => users.every((other) => !other.has(entry)))) < SOON_MS, 'and taken back');
    t.equal(await user.add({ ...entry, at: entry.at + aheadSeconds }), 'kept');
    t.ok((await msUntil(() => users.every((other) => other.has(entry)))) < SOON_MS, 'and added again');
  }
  const soonOver = entryOf('short', { until: Math.floor(Date.now() / 1000) + 60 });
  t.equal(await exact.add(soonOver), 'kept');
  await msUntil(() => behind.has(soonOver));
  t.notOk(ahead.has(soonOver), 'by its own clock it is over there');
});

t.test('a store that has lost what it had gets it back', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const port = Number(new URL(server.url).port);
  const one = await useStore(t, server.url);
  const two = await useStore(t, server.url);
  await one.add(entryOf('a'), entryOf('back'));
  await two.add(entryOf('b'));
  await msUntil(() => one.count() === 3 && two.count() === 3);
  await one.revocations.takeBack([{ target: entryOf('back'), before: undefined }]);
  await msUntil(() => two.count() === 2);

  await server.stop();
  t.match(await two.add(entryOf('c')), { failed: /./ });
  t.same([one.count(), two.count()], [2, 3], 'nobody forgets anything');
  const empty = await startRedisServer(port);
  t.teardown(() => empty.stop());
  await msUntil(() => one.has(entryOf('c')));
  t.match(
    one.lines.map(({ message }) => message),
    ['the revocation store may have lost entries; those that are known here are shared again'],
  );
  const client = await askStore(t, server.url);
  await msUntil(async () => (await client.hLen('sealgate:revocation:entries')) === 4);
  const three = await useStore(t, server.url);
  t.same(
    ['a', 'b', 'c', 'back'].filter((jti) => three.has(entryOf(jti))),
    ['a', 'b', 'c'],
    'what was taken back stays so',
  );

  await client.flushAll();
  await msUntil(async () => (await client.hLen('sealgate:revocation:entries')) === 4);
  await client.del('sealgate:revocation:entries');
  await msUntil(async () => (await client.hLen('sealgate:revocation:entries')) === 4);
  await client.del(['sealgate:revocation:order', 'sealgate:revocation:ends']);
  await msUntil(async () => (await client.zCard('sealgate:revocation:order')) === 4);
  const four = await useStore(t, server.url);
  t.same(
    ['a', 'b', 'c', 'back'].filter((jti) => four.has(entryOf(jti))),
    ['a', 'b', 'c'],
  );
});

t.test(
  'a store that was emptied, and has more than before, while one gateway was away',
  { skip },
  async (t) => {
    const server = await startRedisServer();
    t.teardown(() => server.stop());
    const relay = await startRelay(t, server.url);
    const away = await useStore(t, relay.url);
    const there = await useStore(t, server.url);
    await there.add(entryOf('a'), entryOf('b'), entryOf('c'));
    await msUntil(() => away.count() === 3);
    relay.cut();
    const client = await askStore(t, server.url);
    await client.flushAll();
    // Their numbers are those that the entries before them had.
    await there.add(entryOf('d'), entryOf('e'));
    await msUntil(async () => (await client.zCard('sealgate:revocation:order')) === 5);
    relay.mend();
    t.ok((await msUntil(() => away.has(entryOf('d')) && away.has(entryOf('e')))) < SOON_MS);
    t.equal(await client.zCard('sealgate:revocation:order'), 5);
  },
);

t.test('a change is published, for those who are subscribed', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const one = await useStore(t, server.url);
  const subscriber = await askStore(t, server.url);
  const heard: string[] = [];
  await subscriber.subscribe('sealgate:revocation:changes:0', (message) => void heard.push(message));
  await one.add(entryOf('a'));
  await one.revocations.takeBack([{ target: entryOf('a'), before: undefined }]);
  await msUntil(() => heard.length === 2);
  t.match(heard, [/\na .*\["corp","jti","a"\]$/, /\nr .*\["corp","jti","a"\]$/]);
});

t.test(
  'a gateway without room for what the store has knows that entries are missing',
  { skip },
  async (t) => {
    const server = await startRedisServer();
    t.teardown(() => server.stop());
    const large = await useStore(t, server.url);
    const small = await useStore(t, server.url, { maxEntries: 2 });
    await large.add(entryOf('a'), entryOf('b'), entryOf('c'), entryOf('d'), entryOf('e'));
    await msUntil(() => small.revocations.refuse(other)?.code === 'revocation_unavailable');
    t.equal(large.revocations.refuse(other), undefined);
    t.match(small.lines, [{ level: 'error', message: /maxEntries are active/ }]);
  },
);

t.test('a store from an old snapshot', { skip }, async (t) => {
  const folder = t.testdir();
  const server = await startRedisServer(undefined, folder);
  t.teardown(() => server.stop());
  const port = Number(new URL(server.url).port);
  const one = await useStore(t, server.url);
  const two = await useStore(t, server.url);
  const [old, gone, again] = [entryOf('old'), entryOf('gone'), entryOf('again')];
  await one.add(old, gone, again);
  await msUntil(() => two.count() === 3);
  await one.revocations.takeBack([{ target: again, before: undefined }]);
  await msUntil(() => two.count() === 2);
  const client = await askStore(t, server.url);
  await client.sendCommand(['SAVE']);
  await one.revocations.takeBack([{ target: gone, before: undefined }]);
  await two.add(again, entryOf('new'));
  await msUntil(() => one.count() === 3 && two.count() === 3);
  await server.stop();
  const restored = await startRedisServer(port, folder);
  t.teardown(() => restored.stop());
  const field = JSON.stringify(['corp', 'jti', 'new']);
  const reader = await askStore(t, server.url);
  await msUntil(async () => (await reader.hGet('sealgate:revocation:entries', field)) !== null);
  await msUntil(async () =>
    /^r /.test(
      (await reader.hGet('sealgate:revocation:entries', JSON.stringify(['corp', 'jti', 'gone']))) ?? '',
    ),
  );
  const three = await useStore(t, server.url);
  for (const user of [one, two, three]) {
    t.same(
      ['old', 'gone', 'again', 'new'].filter((jti) => user.has(entryOf(jti))),
      ['old', 'again', 'new'],
      'what was taken back stays so, and what was added after it',
    );
  }
});

t.test(
  'an old snapshot that has grown past what one gateway knew, while it was away',
  { skip },
  async (t) => {
    const folder = t.testdir();
    const server = await startRedisServer(undefined, folder);
    t.teardown(() => server.stop());
    const relay = await startRelay(t, server.url);
    const away = await useStore(t, relay.url);
    const first = await useStore(t, server.url);
    await first.add(entryOf('a'), entryOf('b'));
    await (await askStore(t, server.url)).sendCommand(['SAVE']);
    await first.add(entryOf('c'), entryOf('d'), entryOf('e'));
    await msUntil(() => away.count() === 5);
    await first.revocations.close();
    relay.cut();
    await server.stop();
    const restored = await startRedisServer(Number(new URL(server.url).port), folder);
    t.teardown(() => restored.stop());
    const second = await useStore(t, server.url);
    t.equal(second.count(), 2);
    // These have the numbers of those that are lost, and one more.
    t.equal(await second.add(entryOf('f'), entryOf('g'), entryOf('h'), entryOf('i')), 'kept');
    relay.mend();
    await msUntil(() => away.count() === 9 && second.count() === 9);
  },
);

t.test('a user with few rights, a full store, and what is not of Sealgate', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const client = await askStore(t, server.url);
  const rights = /^user gateway .*$/m.exec(readFileSync('docs/revocation.md', 'utf8'))?.[0] ?? '';
  await client.sendCommand(['ACL', 'SETUSER', ...rights.replace('SECRET', 's:cret').split(' ').slice(1)]);
  const own = new URL(server.url);
  own.username = 'gateway';
  own.password = encodeURIComponent('s:cret');
  own.pathname = '/0';
  await client.hSet('sealgate:revocation:entries', {
    nonsense: 'a 1 2 3 4',
    '["corp","jti"]': 'a 9999999999 1 - -',
    '["corp","jti","huge"]': `a 9999999999 1 - -${' '.repeat(100_000)}`,
    '["corp","subject","u"]': 'a 9999999999 1 - -',
  });
  for (const [score, value] of (await client.hKeys('sealgate:revocation:entries')).entries())
    await client.zAdd('sealgate:revocation:order', { score: score + 1, value });
  await client.set('sealgate:revocation:seq', '4');
  const one = await useStore(t, own.href, { maxEntries: 3 });
  const two = await useStore(t, server.url, { maxEntries: 3 });
  t.equal(await one.add(entryOf('a'), entryOf('b')), 'kept');
  await msUntil(() => two.has(entryOf('b')));
  t.match(one.lines, [{ level: 'warn', message: /are not of Sealgate/, details: { records: 4 } }]);
  t.notMatch(JSON.stringify(one.lines), /cret|sesame/);
  await client.publish('sealgate:revocation:changes:0', 'what is this');
  await client.publish('sealgate:revocation:changes:0', `x y 1 99999\na 9 9 - - ["corp","jti","forged"]`);

  t.equal(await one.add(entryOf('c')), 'kept');
  const room = await useStore(t, server.url);
  t.equal(await room.add(entryOf('d')), 'kept', 'it has room for more');
  const small = await useStore(t, server.url, { maxEntries: 4 });
  await msUntil(() => small.count() === 4);
  await small.revocations.takeBack([{ target: entryOf('a'), before: undefined }]);
  await msUntil(() => room.count() === 3);
  t.equal(await small.add(entryOf('a')), 'kept', 'where one was taken back, there is room');
  await msUntil(() => room.count() === 4);

  const [used] = /used_memory:(\d+)/.exec(await client.info('memory'))?.slice(1) ?? [];
  await client.configSet('maxmemory', String(Number(used) - 10_000));
  t.match(await room.add(entryOf('e')), { failed: /no room/, place: 'store' }, 'out of memory');
  t.ok(room.has(entryOf('e')));
  t.notOk(small.has(entryOf('e')));
  t.ok((room.revocations.silentMs() ?? 9_999) < 2_000, 'it still has word');
  await client.configSet('maxmemory', '0');
  t.ok((await msUntil(() => one.revocations.report().refused.store > 0 || two.has(entryOf('e')))) < 10_000);
});

t.test('a key of another type is no empty store', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const client = await askStore(t, server.url);
  await client.set('sealgate:revocation:order', 'text');
  const one = await useStore(t, server.url);
  t.equal(one.revocations.silentMs(), Number.POSITIVE_INFINITY);
  t.match(await one.add(entryOf('a')), { failed: /WRONGTYPE/ });
  t.match(one.lines, [{ level: 'error', details: { reason: /WRONGTYPE/ } }]);
  await client.del('sealgate:revocation:order');
  await msUntil(() => Number.isFinite(one.revocations.silentMs()));
  await msUntil(async () => (await client.hLen('sealgate:revocation:entries')) === 1);
  await msUntil(() => one.lines.some(({ message }) => message === 'the revocation store responds again'));
});
