import type { Clock } from '../../core/time/clock.ts';
import { type Scheduler, systemScheduler } from '../../core/time/scheduler.ts';
import { refuseRevoked, refuseToken } from './revocation-check.ts';
import { createRevocationIndex } from './revocation-index.ts';
import { type KnownChange, MAX_SILENCE_MS, type ProcessRevocations } from './revocations.ts';

/** What a worker knows of the revocations that the primary keeps. */
export interface RevocationReplica extends ProcessRevocations {
  apply(changes: readonly KnownChange[]): void;
  /** Word of the primary: for how long, in milliseconds, entries may have been missing there; undefined where none can be. */
  heard(silentMs: number | undefined): void;
}

export interface RevocationReplicaOptions {
  readonly clock: Clock;
  readonly scheduler?: Scheduler;
  /** Applies all that the primary knows, before the first request. */
  readonly load: (replica: RevocationReplica) => Promise<void>;
}

const PRUNE_MS = 10_000;

/** Makes the replica of one worker, empty. */
export function createRevocationReplica({
  clock,
  scheduler = systemScheduler,
  load,
}: RevocationReplicaOptions): RevocationReplica {
  // The primary has made room for what it sends.
  const index = createRevocationIndex({
    keepMs: 0,
    maxEntries: Number.POSITIVE_INFINITY,
    clock,
    monotonicMs: scheduler.monotonicMs,
  });
  const listeners: ((changes: readonly KnownChange[]) => void)[] = [];
  let isClosed = true;
  /** On the monotonic clock; undefined where nothing can be missing. */
  let completeAtMs: number | undefined;
  let isIncomplete: (() => boolean) | undefined;
  let revision = 0;
  let cancel = scheduler.after(PRUNE_MS, prune);

  function prune(): void {
    cancel = scheduler.after(PRUNE_MS, prune);
    index.prune();
  }

  function watch(): void {
    isIncomplete =
      isClosed && completeAtMs !== undefined
        ? () => scheduler.monotonicMs() - (completeAtMs as number) >= MAX_SILENCE_MS
        : undefined;
  }

  const replica: RevocationReplica = {
    refuse: (token) => refuseToken({ index, isIncomplete }, token),
    refuseRevoked: (token) => refuseRevoked(index, token),
    get revision() {
      return revision;
    },
    follow(settings) {
      isClosed = settings.isClosed;
      watch();
    },
    opened: () => load(replica),
    onChanges: (listener) => void listeners.push(listener),
    apply(changes) {
      for (const { change, source, ends } of changes) {
        // By the primary: this worker may have the settings of another file at the moment.
        if (change.change === 'added') index.add({ ...change.entry, until: ends }, source);
        else index.remove(change.target, change.before);
      }
      revision += 1;
      for (const listener of listeners) listener(changes);
    },
    heard(silentMs) {
      completeAtMs = silentMs === undefined ? undefined : scheduler.monotonicMs() - silentMs;
      watch();
    },
    async close() {
      cancel();
    },
  };
  return replica;
}
