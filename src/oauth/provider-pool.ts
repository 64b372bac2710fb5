import { type Scheduler, systemScheduler } from '../core/time/scheduler.ts';
import type { CompiledIssuer } from '../tokens/compiled-issuer.ts';
import { createKeyTransport } from '../tokens/keys/fetch/key-transport.ts';
import { createProvider, type FrontLog, type Provider } from './provider.ts';

/** Keeps providers across reloads of the file, so that their metadata stays warm. One per process. */
export interface ProviderPool {
  /** Gives the provider in use where nothing about it has changed. Pair with `release`. */
  acquire(issuer: CompiledIssuer): Provider;
  /** Closes the provider after its last user. */
  release(provider: Provider): void;
  readonly scheduler: Scheduler;
}

export interface ProviderPoolOptions {
  readonly scheduler?: Scheduler;
  readonly random?: () => number;
  readonly log?: FrontLog;
  /** Where HTTPS_PROXY and NO_PROXY are read from. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

interface Shared {
  readonly key: string;
  readonly provider: Provider;
  users: number;
}

/** Makes an empty pool; each generation of the configuration acquires its providers from it. */
export function createProviderPool(options: ProviderPoolOptions = {}): ProviderPool {
  const { scheduler = systemScheduler, random = Math.random, log, env = process.env } = options;
  const pool = new Map<string, Shared>();

  function open(issuer: CompiledIssuer, key: string): Shared {
    const dispatcher = createKeyTransport({ ca: issuer.keys.ca, env });
    return { key, provider: createProvider({ issuer, dispatcher, scheduler, random, log }), users: 0 };
  }

  return {
    scheduler,
    acquire(issuer) {
      const { name, issuers, keys, source } = issuer;
      const key = JSON.stringify([name, issuers[0], keys, source.kind === 'url' ? source.url : null]);
      const shared = pool.get(key) ?? open(issuer, key);
      pool.set(key, shared);
      shared.users += 1;
      return shared.provider;
    },
    release(provider) {
      const shared = [...pool.values()].find((candidate) => candidate.provider === provider);
      if (shared === undefined) return;
      shared.users -= 1;
      if (shared.users > 0) return;
      pool.delete(shared.key);
      provider.close();
      // Lets requests that are still running end.
      void provider.dispatcher.close();
    },
  };
}
