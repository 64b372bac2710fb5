import t, { type Test } from 'tap';
import type { CompiledEvents } from '../../../src/tokens/events/compile-events.ts';
import { createEventReceiver, type EventRequest } from '../../../src/tokens/events/event-receiver.ts';
import { createSeenEvents } from '../../../src/tokens/events/seen-events.ts';
import { entryFor } from '../../../src/tokens/events/statement.ts';
import type { KeepOutcome, PlaceSettings } from '../../../src/tokens/revocation/revocation-place.ts';
import { createRevocations } from '../../../src/tokens/revocation/revocations.ts';
import { freezeTime } from '../../support/core/frozen-time.ts';

const SOURCE = { issuer: 'corp', kind: 'logout' } as const;

/** A receiver of bodies that are `jti subject`, with a place that keeps what `keep` gives. */
function start(t: Test, { maxEntries = 100, lifeMs = 60_000 } = {}) {
  const time = freezeTime();
  const { clock, scheduler } = time;
  const lines: object[] = [];
  const write = (details: object): void => void lines.push(details);
  const revocations = createRevocations({ clock, scheduler });
  t.teardown(() => revocations.close());
  const keeping: { keep: () => Promise<KeepOutcome> } = { keep: async () => 'kept' };
  const place: PlaceSettings = {
    kind: 'file',
    key: 'place',
    open: () => ({
      opened: Promise.resolve(),
      keep: () => keeping.keep(),
      readAgain() {},
      async close() {},
    }),
  };
  revocations.follow({ keepMs: 3_600_000, maxEntries, places: [place], isClosed: true });
  revocations.events.follow([SOURCE]);
  const receiver = createEventReceiver({
    revocations,
    clock,
    scheduler,
    log: { info: write, warn: write },
  });
  const events: CompiledEvents = {
    sources: [SOURCE],
    find: () => async (token) => {
      const [jti = '', claim] = token.split(' ');
      if (claim === undefined) return { error: 'invalid_request', description: 'it is not one' };
      const target = { issuer: 'corp', kind: 'subject', claim } as const;
      const nowMs = clock();
      const entry = entryFor(target, { before: nowMs / 1000, nowMs });
      return { jti, rejectedFromMs: nowMs + lifeMs, entry };
    },
    start() {},
    async refresh() {},
    close() {},
  };
  const request = (token: string): EventRequest => ({
    ...SOURCE,
    contentType: 'application/x-www-form-urlencoded',
    contentEncoding: undefined,
    body: new URLSearchParams({ logout_token: token }).toString(),
  });
  const receive = async (token: string): Promise<string> =>
    (await receiver.receive(request(token), events)).outcome;
  return { time, revocations, receiver, events, request, receive, keeping, lines };
}

t.test('what was not confirmed may come again', async (t) => {
  const { receive, keeping, revocations } = start(t);
  keeping.keep = async () => ({ failed: 'the disk is full' });
  t.equal(await receive('a alice'), 'unavailable');
  keeping.keep = async () => 'full';
  t.equal(await receive('a alice'), 'unavailable', 'the entry counts, but a place has not kept it');
  keeping.keep = async () => 'kept';
  t.equal(await receive('a alice'), 'accepted');
  t.equal(await receive('a alice'), 'repeated');
  t.same(revocations.report().events, [
    {
      ...SOURCE,
      outcomes: { accepted: 1, repeated: 1, ignored: 0, invalid: 0, full: 0, unavailable: 2 },
    },
  ]);
});

t.test('two of the same id take turns', async (t) => {
  const { receive, keeping } = start(t);
  const settle: ((outcome: KeepOutcome) => void)[] = [];
  keeping.keep = () => new Promise((resolve) => settle.push(resolve));
  const outcomes = [receive('a alice'), receive('a alice'), receive('a alice')];
  const turn = async (outcome: KeepOutcome): Promise<void> => {
    while (settle.length === 0) await new Promise((next) => setImmediate(next));
    settle.shift()?.(outcome);
  };
  await turn({ failed: 'the disk is full' });
  await turn('kept');
  t.same(await Promise.all(outcomes), ['unavailable', 'accepted', 'repeated']);
  t.equal(settle.length, 0);
});

t.test('no room for an entry', async (t) => {
  const { receive } = start(t, { maxEntries: 1 });
  t.equal(await receive('a alice'), 'accepted');
  t.equal(await receive('b bob'), 'full');
  t.equal(await receive('b bob'), 'full', 'its id is not taken');
  t.equal(await receive('c alice'), 'accepted', 'one that is there needs no room');
});

t.test('ids are remembered as long as their tokens count, by both clocks', async (t) => {
  const { clock, scheduler, ...time } = freezeTime();
  const seen = createSeenEvents({ clock, scheduler, maxEntries: 3 });
  const end = clock() + 60_000;
  for (const jti of ['a', 'b', 'c']) seen.add(jti, end);
  t.notOk(seen.hasRoom(), 'none makes way for another');
  time.jump(120_000);
  t.notOk(seen.hasRoom(), 'a clock that jumps ahead forgets nothing');
  t.ok(seen.has('a'));
  time.jump(-120_000);
  time.advance(59_000);
  t.notOk(seen.hasRoom());
  time.advance(1_000);
  t.ok(seen.hasRoom());
  t.notOk(seen.has('a'));
});

t.test('a line of each kind in ten seconds, with how many there were', async (t) => {
  const { receive, lines, time } = start(t);
  for (let sent = 0; sent < 1_000; sent++) await receive('garbage');
  await receive('a alice');
  await receive('a alice');
  t.match(lines, [
    { ...SOURCE, outcome: 'invalid', why: 'it is not one' },
    { ...SOURCE, outcome: 'repeated', why: 'its `jti` was received before' },
  ]);
  t.equal(lines.length, 2);
  time.advance(10_000);
  await receive('garbage');
  t.match(lines.at(-1), { outcome: 'invalid', more: 999 });
  t.notMatch(JSON.stringify(lines), /alice|garbage/);
});

t.test('a source that has left the file', async (t) => {
  const { receiver, request, events } = start(t);
  const reply = await receiver.receive(request('a alice'), { ...events, find: () => undefined });
  t.equal(reply.outcome, 'unavailable', 'a reload may be on its way to this process');
});
