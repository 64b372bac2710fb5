import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import type { RevocationChange, RevocationEntry } from '../../../src/tokens/revocation/entry.ts';
import { readChange, readEntry, writeChange } from '../../../src/tokens/revocation/entry-json.ts';
import type { PlaceContext } from '../../../src/tokens/revocation/revocation-place.ts';
import {
  createRevocations,
  type RevocationSettings,
  type Revocations,
} from '../../../src/tokens/revocation/revocations.ts';
import type { VerifiedToken } from '../../../src/tokens/verified-token.ts';
import { type FrozenTime, freezeTime } from '../../support/core/frozen-time.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const HOUR = 3_600;
const SETTINGS: RevocationSettings = {
  keepMs: 24 * HOUR * 1000,
  maxEntries: 100,
  places: [],
  isClosed: true,
};

interface Started {
  readonly time: FrozenTime;
  readonly now: number;
  readonly revocations: Revocations;
}

function start(t: Test, settings: Partial<RevocationSettings> = {}): Started {
  const time = freezeTime();
  const { clock, scheduler } = time;
  const revocations = createRevocations({ clock, scheduler });
  revocations.follow({ ...SETTINGS, ...settings });
  t.teardown(() => revocations.close());
  return { time, now: clock() / 1000, revocations };
}

function tokenWith(claims: Readonly<Record<string, unknown>>, issuer = 'corp'): VerifiedToken {
  return {
    issuer,
    header: {},
    claims,
    audiences: undefined,
    scopes: [],
    roles: [],
    rejectedFromMs: Number.POSITIVE_INFINITY,
  };
}

function entry(json: object, now: number): RevocationEntry {
  const read = readEntry({ issuer: 'corp', ...json }, { now, isNew: true });
  if (typeof read === 'string') throw new Error(read);
  return read;
}

t.test('what an entry revokes', async (t) => {
  const { revocations, now } = start(t);
  const rows: readonly (readonly [string, object, Readonly<Record<string, unknown>>, boolean])[] = [
    ['its jti', { jti: 'a' }, { jti: 'a' }, true],
    ['another jti', { jti: 'a' }, { jti: 'A' }, false],
    ['a jti that is a sid', { jti: 'a' }, { sid: 'a' }, false],
    ['a jti that is no text', { jti: '1' }, { jti: 1 }, false],
    ['its sid', { sid: 's' }, { sid: 's', jti: 'b', iat: now + HOUR }, true],
    ['its subject, issued before', { subject: 'u', before: now }, { sub: 'u', iat: now - 1 }, true],
    ['its subject, issued then', { subject: 'u', before: now }, { sub: 'u', iat: now }, true],
    ['its subject, in the same second', { subject: 'u', before: now }, { sub: 'u', iat: now + 0.9 }, true],
    ['its subject, issued later', { subject: 'u', before: now }, { sub: 'u', iat: now + 1 }, false],
    ['its subject, without iat', { subject: 'u', before: now }, { sub: 'u' }, true],
    ['its subject, with an iat that is no number', { subject: 'u' }, { sub: 'u', iat: 'later' }, true],
    ['another subject', { subject: 'u' }, { sub: 'v', iat: 0 }, false],
    ['a very long jti', { jti: 'j'.repeat(9_000) }, { jti: 'j'.repeat(9_000) }, true],
    ['another very long jti', { jti: 'j'.repeat(9_000) }, { jti: `${'j'.repeat(8_999)}k` }, false],
    ['a name of an object', { jti: '__proto__' }, { jti: '__proto__' }, true],
  ];
  for (const [what, json, claims, isRevoked] of rows) {
    const added = entry(json, now);
    t.equal(await revocations.add([added], 'admin'), 'kept');
    const refusal = revocations.refuse(tokenWith(claims));
    t.equal(refusal?.code, isRevoked ? 'token_revoked' : undefined, what);
    t.equal(revocations.refuse(tokenWith(claims, 'other'))?.code, undefined, `${what}, of another issuer`);
    t.notMatch(refusal?.reason ?? '', /jjj|"u"/, 'no values');
    await revocations.takeBack([{ target: added, before: undefined }]);
    t.equal(revocations.refuse(tokenWith(claims)), undefined, `${what}, taken back`);
  }
  t.equal(revocations.report().entries, 0);
});

t.test('for how long', async (t) => {
  const { revocations, time, now } = start(t);
  await revocations.add(
    [entry({ jti: 'kept' }, now), entry({ jti: 'short', until: now + 60 }, now)],
    'admin',
  );
  const state = () =>
    ['kept', 'short'].filter((jti) => revocations.refuse(tokenWith({ jti })) !== undefined).join();
  t.equal(state(), 'kept,short');
  time.advance(59_000);
  t.equal(state(), 'kept,short');
  time.advance(1_000);
  t.equal(state(), 'kept');
  time.advance((24 * HOUR - 61) * 1000);
  t.equal(state(), 'kept');
  time.advance(1_000);
  t.equal(state(), '');
  time.advance(120_000);
  t.equal(revocations.report().entries, 0, 'and forgotten');
});

t.test('a clock that jumps revives nothing', async (t) => {
  const { revocations, time, now } = start(t);
  await revocations.add([entry({ jti: 'a' }, now)], 'admin');
  const isRevoked = () => revocations.refuse(tokenWith({ jti: 'a' })) !== undefined;
  time.jump(48 * HOUR * 1000);
  time.advance(120_000);
  t.ok(isRevoked(), 'ahead');
  time.jump(-48 * HOUR * 1000);
  t.ok(isRevoked(), 'and back');
  time.jump(-48 * HOUR * 1000);
  time.advance(30 * HOUR * 1000);
  t.ok(isRevoked(), 'back: a token that had expired counts again by this clock');
  time.advance(48 * HOUR * 1000);
  t.notOk(isRevoked());
  time.advance(120_000);
  t.equal(revocations.report().entries, 0);
});

t.test('two entries with one target', async (t) => {
  const { revocations, time, now } = start(t);
  const add = (json: object) => revocations.add([entry({ subject: 'u', ...json }, now)], 'admin');
  const isRevoked = (iat: number) => revocations.refuse(tokenWith({ sub: 'u', iat })) !== undefined;
  await add({ before: now - 100, until: now + 1_000 });
  await add({ before: now, until: now + 10 });
  t.ok(isRevoked(now), 'the later `before` counts');
  time.advance(500_000);
  t.ok(isRevoked(now), 'until the later end');
  const { issuer, kind, value } = entry({ subject: 'u' }, now);
  await revocations.takeBack([{ target: { issuer, kind, value }, before: now - 50 }]);
  t.ok(isRevoked(now), 'an entry that reaches further is not taken back with a lesser one');
  await revocations.takeBack([{ target: { issuer, kind, value }, before: now }]);
  t.notOk(isRevoked(now));
});

t.test('no room', async (t) => {
  const { revocations, now, time } = start(t, { maxEntries: 2 });
  t.equal(await revocations.add([entry({ jti: 'a' }, now)], 'admin'), 'kept');
  const two = [entry({ jti: 'b', until: now + 60 }, now), entry({ jti: 'c' }, now)];
  t.equal(await revocations.add(two, 'logout'), 'full', 'all or none');
  t.equal(revocations.refuse(tokenWith({ jti: 'b' })), undefined);
  t.equal(await revocations.add(two.slice(0, 1), 'logout'), 'kept');
  t.equal(await revocations.add(two.slice(0, 1), 'logout'), 'kept', 'one that is there needs no room');
  t.equal(await revocations.add(two.slice(1), 'logout'), 'full');
  t.match(revocations.refuse(tokenWith({ jti: 'a' })), { code: 'token_revoked' }, 'no active one is dropped');
  t.match(revocations.report(), {
    entries: 2,
    maxEntries: 2,
    refused: { logout: 3 },
    sources: { logout: 1 },
  });
  time.advance(180_000);
  t.equal(await revocations.add(two.slice(1), 'logout'), 'kept', 'where one has ended, there is room');
});

t.test('what was taken back leaves nothing behind', async (t) => {
  const { revocations, now } = start(t, { maxEntries: 20_000 });
  const heapMiB = (): number => {
    collectGarbage();
    return process.memoryUsage().heapUsed / 2 ** 20;
  };
  const addAndTakeBack = async (round: number): Promise<void> => {
    const entries = Array.from({ length: 10_000 }, (_, index) =>
      entry({ jti: `${round}-${index}`.padEnd(100, '.') }, now),
    );
    t.equal(await revocations.add(entries, 'admin'), 'kept');
    await revocations.takeBack(entries.map((target) => ({ target, before: undefined })));
  };
  await addAndTakeBack(0);
  const before = heapMiB();
  for (let round = 1; round <= 30; round += 1) await addAndTakeBack(round);
  t.ok(heapMiB() - before < 15, `${(heapMiB() - before).toFixed(1)} MiB for 300,000 entries`);
});

t.test('an entry that is strengthened again and again still ends', async (t) => {
  const { revocations, now, time } = start(t);
  for (let second = 1; second <= 5_000; second += 1) {
    const outcome = await revocations.add(
      [entry({ subject: 'a', before: now, until: now + 60 + second }, now)],
      'logout',
    );
    if (outcome !== 'kept') t.fail(outcome as string);
  }
  time.advance(5_000_000);
  t.match(revocations.refuse(tokenWith({ sub: 'a', iat: now })), { code: 'token_revoked' });
  time.advance(200_000);
  t.equal(revocations.refuse(tokenWith({ sub: 'a', iat: now })), undefined);
  t.equal(revocations.report().entries, 0, 'and is forgotten');
});

/** A place that a test speaks for. */
function place(kind: 'file' | 'store') {
  const kept: RevocationChange[] = [];
  const state = { silentMs: 0, outcome: 'kept' as 'kept' | 'full' | { failed: string }, again: 0 };
  let context: PlaceContext | undefined;
  return {
    kept,
    state,
    bring: (changes: readonly RevocationChange[]) => context?.onChanges(changes),
    settings: {
      kind,
      key: kind,
      open(opened: PlaceContext) {
        context = opened;
        return {
          opened: Promise.resolve(),
          async keep(changes: readonly RevocationChange[]) {
            kept.push(...changes);
            return state.outcome;
          },
          readAgain: () => {
            state.again += 1;
          },
          ...(kind === 'store' && { silentMs: () => state.silentMs }),
          close: async () => undefined,
        };
      },
    },
  };
}

t.test('file and store', async (t) => {
  const file = place('file');
  const store = place('store');
  const { revocations, now, time } = start(t, { places: [file.settings, store.settings] });
  const a = entry({ jti: 'a' }, now);
  t.equal(await revocations.add([a], 'admin'), 'kept');
  t.same([file.kept.length, store.kept.length], [1, 1], 'each keeps it');
  file.bring([{ change: 'added', entry: entry({ jti: 'b' }, now) }]);
  t.same([file.kept.length, store.kept.length], [1, 2], 'what the file brings goes to the store');
  store.bring([{ change: 'added', entry: entry({ jti: 'c' }, now) }]);
  t.same([file.kept.length, store.kept.length], [1, 2], 'what the store brings has its place');
  t.match(revocations.report().sources, { admin: 1, file: 1, store: 1 });
  store.state.outcome = { failed: 'down' };
  t.same(await revocations.add([entry({ jti: 'd' }, now)], 'admin'), { failed: 'down', place: 'store' });
  t.match(
    revocations.refuse(tokenWith({ jti: 'd' })),
    { code: 'token_revoked' },
    'it counts here all the same',
  );
  time.jump(60_000);
  time.advance(1_000);
  t.same([file.state.again, store.state.again], [1, 1], 'a jump of the clock makes both read again');
});

t.test('a store that is silent', async (t) => {
  const store = place('store');
  const { revocations, now } = start(t, { places: [store.settings] });
  await revocations.add([entry({ jti: 'a' }, now)], 'admin');
  store.state.silentMs = 4_999;
  t.equal(revocations.refuse(tokenWith({ jti: 'b' })), undefined);
  store.state.silentMs = 5_000;
  t.match(revocations.refuse(tokenWith({ jti: 'b' })), {
    code: 'revocation_unavailable',
    retryAfterSeconds: 1,
    issuer: 'corp',
  });
  t.match(revocations.refuse(tokenWith({ jti: 'a' })), { code: 'token_revoked' }, 'what is known is certain');
  t.equal(revocations.refuseRevoked(tokenWith({ jti: 'b' })), undefined, 'nothing open is ended for it');
  revocations.follow({ ...SETTINGS, places: [store.settings], isClosed: false });
  t.equal(revocations.refuse(tokenWith({ jti: 'b' })), undefined, 'open');
});

t.test('the form of entries', async (t) => {
  const now = 1_800_000_000;
  const reading = { now, issuers: ['corp', 'other'], isNew: true };
  const bad: readonly (readonly [unknown, RegExp])[] = [
    [null, /JSON object/],
    [[], /JSON object/],
    ['a', /JSON object/],
    [{ issuer: 'corp' }, /exactly one/],
    [{ issuer: 'corp', jti: 'a', sid: 'b' }, /exactly one/],
    [{ jti: 'a' }, /name the `issuer`: corp or other/],
    [{ issuer: 'none', jti: 'a' }, /no such `issuer`; it has corp, other/],
    [{ issuer: 1, jti: 'a' }, /name of an issuer/],
    [{ issuer: 'corp', jti: '' }, /not empty/],
    [{ issuer: 'corp', jti: 1 }, /text/],
    [{ issuer: 'corp', jti: 'a', before: 1 }, /for a `subject` alone/],
    [{ issuer: 'corp', subject: 'a', before: Date.now() }, /milliseconds/],
    [{ issuer: 'corp', subject: 'a', before: -1 }, /seconds/],
    [{ issuer: 'corp', subject: 'a', before: '1' }, /seconds/],
    [{ issuer: 'corp', jti: 'a', until: null }, /seconds/],
    [{ issuer: 'corp', jti: 'a', untill: 1 }, /`untill` is no member/],
  ];
  for (const [json, why] of bad) t.match(readEntry(json, reading), why, JSON.stringify(json));
  t.same(readEntry({ subject: 'a' }, { now, issuers: ['corp'], isNew: true }), {
    ...{ issuer: 'corp', kind: 'subject', value: 'a', before: now, at: now, until: undefined },
  });
  t.match(readEntry({ issuer: 'corp', subject: 'a' }, { now, isNew: false }), /needs `before` or `at`/);
  const changes: readonly RevocationChange[] = [
    { change: 'added', entry: entry({ jti: 'a', until: now + 5 }, now) },
    { change: 'added', entry: entry({ subject: 'j'.repeat(500), before: 5, at: 7 }, now) },
    { change: 'takenBack', target: { issuer: 'corp', kind: 'sid', value: 's' }, before: undefined, at: now },
    { change: 'takenBack', target: { issuer: 'corp', kind: 'subject', value: 's' }, before: 9, at: now },
  ];
  for (const change of changes) {
    t.same(readChange(JSON.parse(writeChange(change, now)), { now: now + 9, isNew: false }), change);
  }
});
