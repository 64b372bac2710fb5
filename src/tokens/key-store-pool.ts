import type { Dispatcher } from 'undici';
import { type Clock, systemClock } from '../core/clock.ts';
import type { CompiledIssuer } from './compiled-issuer.ts';
import { createKeyStore, type KeyStatus, type KeyStore } from './key-store.ts';
import { createKeyTransport } from './key-transport.ts';
import { createKeyLoader } from './load-keys.ts';
import { type Scheduler, systemScheduler } from './scheduler.ts';
import { createStaticKeyStore } from './static-key-store.ts';

/** What the key stores report, one line at each change of state. Fits a pino logger. */
export interface KeyLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

/** Keeps key stores across reloads of the file, so that keys stay warm. */
export interface KeyStorePool {
  /** Gives the store of this issuer: the one in use where nothing about its keys has changed. Pair with `release`. */
  acquire(issuer: CompiledIssuer): KeyStore;
  /** Closes the store when nobody uses it any more. */
  release(store: KeyStore): void;
}

export interface KeyStorePoolOptions {
  readonly clock?: Clock;
  readonly scheduler?: Scheduler;
  readonly random?: () => number;
  readonly log?: KeyLog;
  /** Where HTTPS_PROXY and NO_PROXY are read from. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

interface Lease {
  readonly key: string;
  readonly store: KeyStore;
  readonly closeTransport: () => void;
  users: number;
}

/** Makes an empty pool. One per process; each generation of the configuration borrows from it. */
export function createKeyStorePool(options: KeyStorePoolOptions = {}): KeyStorePool {
  const { clock = systemClock, scheduler = systemScheduler, random = Math.random, log } = options;
  const leases = new Map<string, Lease>();

  function open(issuer: CompiledIssuer, key: string): Lease {
    const { source } = issuer;
    if (source.kind === 'static') {
      return { key, store: createStaticKeyStore(source.judged), closeTransport: () => {}, users: 0 };
    }
    const dispatcher: Dispatcher = createKeyTransport({
      ca: issuer.keys.ca,
      env: options.env ?? process.env,
    });
    const store = createKeyStore({
      settings: issuer.keys,
      clock,
      scheduler,
      random,
      load: createKeyLoader({ issuer, source, dispatcher, clock }),
      onState: (status) => log && logState(log, issuer.name, status),
    });
    return { key, store, closeTransport: () => void dispatcher.destroy(), users: 0 };
  }

  return {
    acquire(issuer) {
      const key = JSON.stringify([
        issuer.name,
        issuer.issuers,
        issuer.source,
        issuer.keys,
        [...issuer.algorithms],
      ]);
      const lease = leases.get(key) ?? open(issuer, key);
      leases.set(key, lease);
      lease.users += 1;
      return lease.store;
    },
    release(store) {
      const lease = [...leases.values()].find((candidate) => candidate.store === store);
      if (lease === undefined) return;
      lease.users -= 1;
      if (lease.users > 0) return;
      leases.delete(lease.key);
      store.close();
      lease.closeTransport();
    },
  };
}

function logState(log: KeyLog, issuer: string, status: KeyStatus): void {
  const { state, keys, ageMs, lastError } = status;
  const details = { issuer, state, keys, ageMs, lastError };
  if (state === 'fresh') log.info(details, 'keys are fresh');
  else if (state === 'stale') log.warn(details, 'keys cannot be refreshed; the last good ones serve');
  else if (state === 'expired') log.warn(details, 'keys are too old to serve; tokens of this issuer get 503');
  else log.warn(details, 'keys cannot be fetched; tokens of this issuer get 503');
}
