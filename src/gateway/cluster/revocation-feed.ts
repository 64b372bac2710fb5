import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../core/time/clock.ts';
import {
  createRevocationReplica,
  type RevocationReplica,
} from '../../tokens/revocation/revocation-replica.ts';
import type { KnownChange, Revocations } from '../../tokens/revocation/revocations.ts';
import type { Rpc } from './rpc.ts';
import type { PrimaryRequest, RevocationPage, WorkerRequest } from './worker-messages.ts';

/** Sends workers what is revoked. */
export interface RevocationFeed {
  /** A page of the active entries. With the first one a worker begins to get what changes. */
  page(worker: Rpc, page: number): RevocationPage;
  leave(worker: Rpc): void;
  /** Resolves once what has changed until now counts in every worker that responds. */
  delivered(): Promise<void>;
  stop(): void;
}

const PAGE_ENTRIES = 5_000;
/** Well below the silence after which entries count as missing. */
const WORD_MS = 1_000;
const LONGEST_DELIVERY_MS = 1_000;

/** Makes the feed of the primary. Changes and pages go the same way in order, and changes may come twice. */
export function createRevocationFeed(revocations: Revocations): RevocationFeed {
  const workers = new Map<Rpc, readonly KnownChange[]>();

  let confirmed: Promise<unknown> = Promise.resolve();

  function send(request: WorkerRequest): Promise<unknown>[] {
    return [...workers.keys()].map((worker) => worker.ask(request).catch(() => undefined));
  }

  revocations.onChanges((changes) => {
    const sent: Promise<unknown>[] = [confirmed];
    for (let from = 0; from < changes.length; from += PAGE_ENTRIES) {
      sent.push(...send({ ask: 'revocations', changes: changes.slice(from, from + PAGE_ENTRIES) }));
    }
    confirmed = Promise.all(sent);
  });
  const word = setInterval(() => {
    send({ ask: 'revocationsComplete', silentMs: revocations.silentMs() });
  }, WORD_MS);
  word.unref();

  return {
    page(worker, page) {
      const known = page === 0 ? revocations.active() : (workers.get(worker) ?? []);
      const from = page * PAGE_ENTRIES;
      const isLast = from + PAGE_ENTRIES >= known.length;
      workers.set(worker, isLast ? [] : known);
      // What was taken back since the first page must not come back with a later one.
      const changes = known
        .slice(from, from + PAGE_ENTRIES)
        .filter(({ change }) => change.change === 'added' && revocations.isActive(change.entry));
      return { changes, isLast, silentMs: revocations.silentMs() };
    },
    leave: (worker) => void workers.delete(worker),
    async delivered() {
      // One that hangs serves nobody either.
      await Promise.race([confirmed, delay(LONGEST_DELIVERY_MS, undefined, { ref: false })]);
    },
    stop: () => clearInterval(word),
  };
}

/** What the primary feeds, as a worker knows it. */
export function followRevocations(
  clock: Clock,
  ask: <Reply>(request: PrimaryRequest) => Promise<Reply>,
): RevocationReplica {
  return createRevocationReplica({
    clock,
    async load(replica) {
      for (let page = 0; ; page += 1) {
        const { changes, isLast, silentMs } = await ask<RevocationPage>({ ask: 'revocationsFrom', page });
        replica.apply(changes);
        replica.heard(silentMs);
        if (isLast) return;
      }
    },
  });
}
