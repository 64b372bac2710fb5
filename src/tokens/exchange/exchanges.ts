import type { CallCacheStats, CallStats } from '../endpoints/call-stats.ts';
import type { ExchangerPool, ExchangeSettings } from './exchanger-pool.ts';
import type { TokenExchanger } from './token-exchanger.ts';

/** The exchangers of one configuration. */
export interface Exchanges {
  /** By upstream. */
  readonly exchangers: ReadonlyMap<string, TokenExchanger>;
  /** Gets ready for the first caller. Asks nobody. */
  start(): void;
  stats(): readonly ExchangeStats[];
  /** Lets go of those that no later configuration uses. Requests that are still running can go on. */
  close(): void;
}

/** What one exchange did so far. */
export interface ExchangeStats {
  readonly calls: CallStats;
  readonly cache: CallCacheStats;
}

/** Takes the exchangers of a configuration from the pool. */
export function acquireExchanges(
  settings: ReadonlyMap<string, ExchangeSettings>,
  pool: ExchangerPool,
): Exchanges {
  const exchangers = new Map([...settings].map(([name, own]) => [name, pool.acquire(own)]));
  let closed = false;
  return {
    exchangers,
    start() {
      for (const exchanger of exchangers.values()) pool.start(exchanger);
    },
    stats: () =>
      [...exchangers].map(([name, exchanger]) => ({ calls: pool.calls(name), cache: exchanger.stats() })),
    close() {
      if (closed) return;
      closed = true;
      for (const exchanger of exchangers.values()) pool.release(exchanger);
    },
  };
}
