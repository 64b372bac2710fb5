import { type Clock, systemClock } from '../../core/time/clock.ts';
import { type Scheduler, systemScheduler } from '../../core/time/scheduler.ts';
import type { CompiledIssuer } from '../compiled-issuer.ts';
import { createAbsentKeyStore } from './absent-key-store.ts';
import type { RemoteSource } from './fetch/fetch-keys.ts';
import { createKeyTransport } from './fetch/key-transport.ts';
import { createKeyLoader } from './fetch/load-keys.ts';
import { type LoadedKeys, restoreKeys } from './key-generation.ts';
import { createKeyLog, type KeyLog } from './key-log.ts';
import { createKeySnapshot } from './key-snapshot.ts';
import { createKeyStore, type KeyStore } from './key-store.ts';
import { createStaticKeyStore } from './static-key-store.ts';

/** Keeps key stores across reloads of the file, so that keys stay warm. One per process. */
export interface KeyStorePool {
  /**
   * Gives the store of this issuer: the one in use where nothing about its keys has changed; else a new one, which starts with the
   * keys of the old one where they come from the same place. Pair with `release`.
   */
  acquire(issuer: CompiledIssuer): KeyStore;
  /** Closes the store after its last user. */
  release(store: KeyStore): void;
  /** What the stores measure by. */
  readonly scheduler: Scheduler;
}

export interface KeyStorePoolOptions {
  readonly clock?: Clock;
  readonly scheduler?: Scheduler;
  /** 0 to 1. */
  readonly random?: () => number;
  readonly log?: KeyLog;
  /** Where keys come from instead of the network: the process that fetches for all. Then nothing is written to disk either. */
  readonly load?: (issuer: CompiledIssuer) => Promise<LoadedKeys>;
  /** Called with the name of the issuer after each fetch that succeeded. */
  readonly onLoaded?: (issuer: string) => void;
  /** Where HTTPS_PROXY and NO_PROXY are read from. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

interface SharedStore {
  /** The same for issuers that can share a store. */
  readonly key: string;
  /** The same for issuers whose keys come from the same place. */
  readonly origin: string;
  readonly store: KeyStore;
  readonly closeTransport: () => void;
  users: number;
}

type Opened = Pick<SharedStore, 'store' | 'closeTransport'>;

/** Makes an empty pool; each generation of the configuration acquires its stores from it. */
export function createKeyStorePool(options: KeyStorePoolOptions = {}): KeyStorePool {
  const { clock = systemClock, scheduler = systemScheduler, random = Math.random } = options;
  const sharedStores = new Map<string, SharedStore>();

  function openRemote(issuer: CompiledIssuer, source: RemoteSource, origin: string): Opened {
    const log = createKeyLog(options.log, issuer.name);
    const { ca } = issuer.keys;
    const path = options.load === undefined ? issuer.keys.snapshot : undefined;
    const { load } = options;
    const dispatcher = createKeyTransport({ ca, env: options.env ?? process.env });
    const snapshot =
      path === undefined ? undefined : createKeySnapshot({ path, issuer, onIgnored: log.ignored });

    async function restore(): Promise<LoadedKeys | undefined> {
      const before = [...sharedStores.values()].find(
        (shared) => shared.origin === origin && shared.store !== store,
      );
      const record = before?.store.record() ?? (await snapshot?.read());
      const restored = record && (await restoreKeys(record, issuer, clock));
      if (typeof restored !== 'string') return restored;
      log.ignored(restored);
      return undefined;
    }

    const store = createKeyStore({
      settings: issuer.keys,
      clock,
      scheduler,
      random,
      load:
        load === undefined
          ? createKeyLoader({ issuer, source, dispatcher, clock, scheduler, onFetched: log.fetched })
          : () => load(issuer),
      restore,
      onState: log.state,
      onFailed: log.failed,
      onLoaded: ({ set, fetchedAtMs }) => {
        log.keys(set);
        options.onLoaded?.(issuer.name);
        snapshot?.write({ jwks: set.jwks, fetchedAtMs }).then(log.written, log.unwritten);
      },
    });
    return { store, closeTransport: () => void dispatcher.destroy() };
  }

  function open(issuer: CompiledIssuer, key: string): SharedStore {
    const { source } = issuer;
    const origin = JSON.stringify([issuer.issuers, source]);
    return { ...openSource(), key, origin, users: 0 };

    function openSource(): Opened {
      if (source.kind === 'none') return { store: createAbsentKeyStore(), closeTransport: () => {} };
      if (source.kind !== 'static') return openRemote(issuer, source, origin);
      return { store: createStaticKeyStore(source.checked), closeTransport: () => {} };
    }
  }

  return {
    scheduler,
    acquire(issuer) {
      const { name, issuers, source, keys, algorithms } = issuer;
      const key = JSON.stringify([name, issuers, source, keys, [...algorithms]]);
      const shared = sharedStores.get(key) ?? open(issuer, key);
      sharedStores.set(key, shared);
      shared.users += 1;
      return shared.store;
    },
    release(store) {
      const shared = [...sharedStores.values()].find((candidate) => candidate.store === store);
      if (shared === undefined) return;
      shared.users -= 1;
      if (shared.users > 0) return;
      sharedStores.delete(shared.key);
      store.close();
      shared.closeTransport();
    },
  };
}
