import t, { type Test } from 'tap';
import { createRevocationFeed, followRevocations } from '../../../src/gateway/cluster/revocation-feed.ts';
import type { Rpc } from '../../../src/gateway/cluster/rpc.ts';
import type { RevocationNews } from '../../../src/gateway/cluster/worker-messages.ts';
import type { RevocationReplica } from '../../../src/tokens/revocation/revocation-replica.ts';
import { createRevocations, type RevocationSettings } from '../../../src/tokens/revocation/revocations.ts';
import { freezeTime } from '../../support/core/frozen-time.ts';

const SETTINGS: RevocationSettings = { keepMs: 60_000, maxEntries: 100_000, places: [], isClosed: true };

/** A primary, and workers that follow it without processes. */
function start(t: Test) {
  const time = freezeTime();
  const { clock, scheduler } = time;
  const revocations = createRevocations({ clock, scheduler });
  revocations.follow(SETTINGS);
  const feed = createRevocationFeed(revocations);
  t.teardown(async () => {
    feed.stop();
    await revocations.close();
  });
  const now = clock() / 1000;
  const entry = (value: string, at = now) => ({
    ...({ issuer: 'corp', kind: 'jti', value, at, before: undefined, until: undefined } as const),
  });
  /** Between two of its pages, `between` runs. */
  const follow = async (between: (page: number) => Promise<unknown> = async () => {}) => {
    let replica: RevocationReplica | undefined;
    const rpc: Rpc = {
      async ask<Reply>(request: unknown) {
        const news = request as RevocationNews;
        if (news.ask === 'revocations') replica?.apply(news.changes);
        return undefined as Reply;
      },
      close() {},
    };
    replica = followRevocations(clock, async <Reply>(request: unknown) => {
      const { page } = request as { readonly page: number };
      if (page > 0) await between(page);
      return feed.page(rpc, page) as Reply;
    });
    replica.follow(SETTINGS);
    await replica.opened();
    t.teardown(() => replica.close());
    return replica;
  };
  const isRevoked = (of: Pick<RevocationReplica, 'refuse'>, jti: string) =>
    of.refuse({ issuer: 'corp', claims: { jti } } as never) !== undefined;
  return { time, now, revocations, entry, follow, isRevoked };
}

t.test('what is taken back while a worker begins does not come back with a later page', async (t) => {
  const { revocations, entry, follow, isRevoked } = start(t);
  await revocations.add(
    Array.from({ length: 12_000 }, (_, at) => entry(`t${at}`)),
    'admin',
  );
  const replica = await follow(async (page) => {
    if (page !== 1) return;
    await revocations.takeBack([{ target: entry('t11999'), before: undefined }]);
    await revocations.add([entry('new')], 'admin');
  });
  t.notOk(isRevoked(replica, 't11999'));
  for (const jti of ['t0', 't5000', 't11998', 'new']) t.ok(isRevoked(replica, jti), jti);
});

t.test('the primary alone decides when an entry ends', async (t) => {
  const { time, now, revocations, entry, follow, isRevoked } = start(t);
  const replica = await follow();
  await revocations.add([entry('first')], 'admin');
  // The primary has the new file before its workers.
  revocations.follow({ ...SETTINGS, keepMs: 3_600_000 });
  await revocations.add([entry('old', now - 600)], 'file');
  t.ok(isRevoked(replica, 'old'), 'over by the old `keep`');
  time.advance(120_000);
  t.ok(isRevoked(replica, 'first'), 'it ends later now');
  t.ok(isRevoked(revocations, 'first'));
  time.advance(3_600_000);
  t.notOk(isRevoked(revocations, 'first'));
});

t.test('an entry that a clock keeps active is active in a worker that starts then', async (t) => {
  const { time, revocations, entry, follow, isRevoked } = start(t);
  await revocations.add([entry('a')], 'admin');
  time.jump(3_600_000);
  t.ok(isRevoked(revocations, 'a'), 'the wall clock was set ahead');
  t.ok(isRevoked(await follow(), 'a'));
});
