import { type Clock, systemClock } from '../../core/clock.ts';
import { createMemoryReplayStore, type MemoryReplayStore } from './memory-replay-store.ts';
import type { StoreState } from './redis-replay-store.ts';
import type { ReplayStats, ReplayStore } from './replay-store.ts';

/** Where the proofs for the tokens of one issuer are remembered. */
export interface ReplaySettings {
  readonly issuer: string;
  readonly memory: ReplayMemory;
}

export type ReplayMemory =
  | { readonly kind: 'memory'; readonly maxEntries: number }
  | { readonly kind: 'redis'; readonly url: string };

/** Keeps the memory of proofs across reloads of the file. One per process. */
export interface ReplayStorePool {
  /** Gives the store that the issuer has, also from before a reload. Does not wait for a store that is down. */
  acquire(settings: ReplaySettings): Promise<ReplayStore>;
  /** Closes a shared store after its last user. Memory stays: it forgets by itself. */
  release(store: ReplayStore): void;
  /** The memory of an issuer in this process, for other processes; undefined where there is none. */
  memoryOf(issuer: string): ReplayStore | undefined;
  /** Of each memory in this process, by issuer. */
  stats(): ReadonlyMap<string, ReplayStats>;
}

export interface ReplayLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface ReplayStorePoolOptions {
  readonly clock?: Clock;
  readonly log?: ReplayLog | undefined;
  /** Gives the memory of an issuer where another process holds it. */
  readonly remote?: ((issuer: string) => ReplayStore) | undefined;
}

interface Shared {
  readonly url: string;
  readonly store: ReplayStore;
  users: number;
}

/** Makes an empty pool; each generation of the configuration acquires its stores from it. */
export function createReplayStorePool({
  clock = systemClock,
  log,
  remote,
}: ReplayStorePoolOptions = {}): ReplayStorePool {
  const memories = new Map<string, MemoryReplayStore>();
  const shared = new Map<string, Shared>();

  function openMemory(issuer: string, maxEntries: number): ReplayStore {
    const known = memories.get(issuer);
    if (known !== undefined) {
      known.resize(maxEntries);
      return known;
    }
    const made = createMemoryReplayStore({ clock, maxEntries });
    memories.set(issuer, made);
    return made;
  }

  async function openShared(url: string): Promise<ReplayStore> {
    // Loaded only where it is asked for.
    const { createRedisReplayStore } = await import('./redis-replay-store.ts');
    const known = shared.get(url);
    if (known !== undefined) {
      known.users += 1;
      return known.store;
    }
    const store = createRedisReplayStore(url, { clock, onState: (...state) => report(log, ...state) });
    shared.set(url, { url, store, users: 1 });
    return store;
  }

  return {
    async acquire({ issuer, memory }) {
      if (memory.kind === 'redis') return openShared(memory.url);
      return remote === undefined ? openMemory(issuer, memory.maxEntries) : remote(issuer);
    },
    release(store) {
      const entry = [...shared.values()].find((candidate) => candidate.store === store);
      if (entry === undefined) return;
      entry.users -= 1;
      if (entry.users > 0) return;
      shared.delete(entry.url);
      entry.store.close();
    },
    memoryOf: (issuer) => memories.get(issuer),
    stats: () =>
      new Map([...memories].map(([issuer, store]) => [issuer, store.stats() as ReplayStats] as const)),
  };
}

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
