import { type Clock, systemClock } from '../../core/time/clock.ts';
import { createMemoryReplayStore, type MemoryReplayStore } from './memory-replay-store.ts';
import type { StoreState } from './redis-replay-store.ts';
import { isForgotten, NOTHING_FORGOTTEN, nextPast, type Past } from './replay-past.ts';
import type { ReplayStats, ReplayStore } from './replay-store.ts';

/** Where the proofs for the tokens of one issuer are remembered. */
export interface ReplaySettings {
  /** As the file calls it, for the log. */
  readonly issuer: string;
  /** Each exact `iss`, the first of which names its memory: what the file calls it may change. */
  readonly issuers: readonly [string, ...string[]];
  readonly memory: ReplayMemory;
  readonly maxAgeMs: number;
  readonly clockToleranceMs: number;
}

export type ReplayMemory =
  | { readonly kind: 'memory'; readonly maxEntries: number }
  | { readonly kind: 'redis'; readonly url: string };

/** Keeps the memory of proofs across reloads of the file. One per process. */
export interface ReplayStorePool {
  /** Gives the store that the issuer has, also from before a reload. Does not wait for a store that is down. */
  acquire(settings: ReplaySettings): Promise<ReplayStore>;
  /** Makes settings count: call it when the configuration becomes active. Until then nothing that runs changes. */
  activate(store: ReplayStore): void;
  /** Closes a shared store after its last user. Memory stays: it forgets by itself. */
  release(store: ReplayStore): void;
  /** The memory of an `iss` in this process, for other processes; undefined where there is none. */
  memoryOf(iss: string): ReplayStore | undefined;
  /** Of each memory in this process, by `iss`. */
  stats(): ReadonlyMap<string, ReplayStats>;
}

export interface ReplayLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface ReplayStorePoolOptions {
  readonly clock?: Clock;
  readonly log?: ReplayLog | undefined;
  /** Gives the memory of an `iss` where another process holds it. */
  readonly remote?: ((iss: string) => ReplayStore) | undefined;
}

interface Shared {
  readonly url: string;
  readonly store: ReplayStore;
  /** Differs when the same one is opened again: what it has lost meanwhile, nobody has seen. */
  readonly place: string;
  toleranceMs: number;
  users: number;
}

/** What one configuration has acquired for one issuer. */
interface Held {
  readonly settings: ReplaySettings;
  readonly place: string;
  readonly memory?: MemoryReplayStore;
  readonly shared?: Shared;
  past: Past;
}

/** Makes an empty pool; each generation of the configuration acquires its stores from it. */
export function createReplayStorePool({
  clock = systemClock,
  log,
  remote,
}: ReplayStorePoolOptions = {}): ReplayStorePool {
  const memories = new Map<string, MemoryReplayStore>();
  const shared = new Map<string, Shared>();
  const held = new Map<ReplayStore, Held>();
  /** What the active configuration uses, by the first `iss`. */
  const active = new Map<string, ReplayStore>();
  const pasts = new Map<string, Past>();
  let opened = 0;

  function openMemory(iss: string, maxEntries: number): MemoryReplayStore {
    const known = memories.get(iss);
    if (known !== undefined) return known;
    const made = createMemoryReplayStore({ clock, maxEntries });
    memories.set(iss, made);
    return made;
  }

  async function openShared(url: string, toleranceMs: number): Promise<Shared> {
    // Loaded only where it is asked for.
    const { createRedisReplayStore } = await import('./redis-replay-store.ts');
    const known = shared.get(url);
    if (known !== undefined) {
      known.users += 1;
      known.toleranceMs = Math.max(known.toleranceMs, toleranceMs);
      return known;
    }
    opened += 1;
    const entry: Shared = {
      url,
      store: createRedisReplayStore(url, {
        clock,
        toleranceMs: () => entry.toleranceMs,
        onState: (...state) => report(log, ...state),
      }),
      place: `${url} ${opened}`,
      toleranceMs,
      users: 1,
    };
    shared.set(url, entry);
    return entry;
  }

  function hold(inner: ReplayStore, entry: Held): ReplayStore {
    const store: ReplayStore = {
      ...inner,
      use: (use) => (isForgotten(use, entry.past, clock()) ? 'down' : inner.use(use)),
    };
    held.set(store, entry);
    return store;
  }

  return {
    async acquire(settings) {
      const { memory, issuers, clockToleranceMs } = settings;
      const past = NOTHING_FORGOTTEN;
      if (memory.kind === 'redis') {
        const entry = await openShared(memory.url, clockToleranceMs);
        return hold(entry.store, { settings, place: entry.place, shared: entry, past });
      }
      const place = `memory ${issuers[0]}`;
      if (remote !== undefined) return hold(remote(issuers[0]), { settings, place, past });
      const own = openMemory(issuers[0], memory.maxEntries);
      return hold(own, { settings, place, memory: own, past });
    },
    activate(store) {
      const entry = held.get(store);
      if (entry === undefined) return;
      const { settings, place, memory } = entry;
      const before = settings.issuers.flatMap((iss) => pasts.get(iss) ?? []);
      entry.past = nextPast(before, { ...settings, place }, clock());
      for (const iss of settings.issuers) pasts.set(iss, entry.past);
      active.set(settings.issuers[0], store);
      if (settings.memory.kind === 'memory') memory?.resize(settings.memory.maxEntries);
      if (before.some((past) => past.place !== place)) log?.info({ issuer: settings.issuer }, MOVED);
    },
    release(store) {
      const entry = held.get(store)?.shared;
      held.delete(store);
      if (entry === undefined) return;
      entry.users -= 1;
      if (entry.users > 0) return;
      shared.delete(entry.url);
      entry.store.close();
    },
    memoryOf: (iss) => (memories.has(iss) ? active.get(iss) : undefined),
    stats: () => new Map([...memories].map(([iss, store]) => [iss, store.stats() as ReplayStats] as const)),
  };
}

const MOVED = 'used proofs of an issuer are remembered elsewhere from now on; proofs from before are refused';

function report(log: ReplayLog | undefined, state: StoreState, error?: Error): void {
  const level = state === 'up' ? 'info' : 'warn';
  log?.[level](error === undefined ? {} : { reason: error.message }, MESSAGES[state]);
}

const MESSAGES: Readonly<Record<StoreState, string>> = {
  up: 'the replay store of dpop responds again',
  down: 'the replay store of dpop does not respond',
  emptied: 'the replay store of dpop has lost its entries; proofs from before are refused',
  evicts: 'the replay store of dpop may evict entries: set its maxmemory-policy to noeviction',
};
