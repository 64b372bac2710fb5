import type { Clock } from '../../core/time/clock.ts';
import type { CallStats } from '../endpoints/call-stats.ts';
import type { EndpointPool } from '../endpoints/endpoint-pool.ts';
import type { EndpointSettings, ProviderEndpoint } from '../endpoints/provider-endpoint.ts';
import { askForToken } from './ask-for-token.ts';
import type { ExchangeRequestSettings } from './exchange-parameters.ts';
import { createTokenExchanger, type TokenExchanger } from './token-exchanger.ts';

/** Everything that a token for the backend depends on, beside the token of the caller. */
export interface ExchangeSettings extends ExchangeRequestSettings {
  readonly endpoint: EndpointSettings;
  /** Of the cache. */
  readonly maxBytes: number;
}

/**
 * Keeps exchangers across reloads of the file, with the tokens they have. A reload that changes anything about an exchange begins with
 * none. One per process.
 */
export interface ExchangerPool {
  /** Gives the exchanger in use where nothing about it has changed. Pair with `release`. */
  acquire(settings: ExchangeSettings): TokenExchanger;
  /** Gets its endpoint ready, so that the first caller waits for nothing else. */
  start(exchanger: TokenExchanger): void;
  /** Forgets the exchanger and its tokens after its last user; requests that are running can go on with it. */
  release(exchanger: TokenExchanger): void;
  /** The calls for an upstream, whatever its settings were. */
  calls(upstream: string): CallStats;
}

interface Shared {
  readonly exchanger: TokenExchanger;
  /** Without the endpoint: the pool of endpoints gives the same one for equal settings. */
  readonly text: string;
  readonly endpoint: ProviderEndpoint;
  users: number;
}

/** So many tokens are exchanged at once for an upstream, so that a slow endpoint holds no more requests than these. */
const MAX_RUNNING = 128;
/** One client address has half of them: many callers may share one, and none takes all. */
const PART_OF_ADDRESS = 1 / 2;

/** Makes an empty pool; each generation of the configuration acquires its exchangers from it. */
export function createExchangerPool({
  endpoints,
  clock,
}: {
  readonly endpoints: EndpointPool;
  readonly clock: Clock;
}): ExchangerPool {
  const pool = new Set<Shared>();

  return {
    acquire({ endpoint: settings, maxBytes, ...request }) {
      const endpoint = endpoints.acquire(settings);
      const text = JSON.stringify([maxBytes, request]);
      const known = [...pool].find((shared) => shared.endpoint === endpoint && shared.text === text);
      if (known !== undefined) {
        endpoints.release(endpoint);
        known.users += 1;
        return known.exchanger;
      }
      const exchanger = createTokenExchanger({
        ask: askForToken(endpoint, request),
        // The same one across reloads.
        gate: endpoints.gate(settings, MAX_RUNNING, PART_OF_ADDRESS),
        maxBytes,
        clock,
        scheduler: endpoints.scheduler,
      });
      pool.add({ exchanger, text, endpoint, users: 1 });
      return exchanger;
    },
    start(exchanger) {
      [...pool].find((shared) => shared.exchanger === exchanger)?.endpoint.start();
    },
    release(exchanger) {
      const shared = [...pool].find((candidate) => candidate.exchanger === exchanger);
      if (shared === undefined) return;
      shared.users -= 1;
      if (shared.users > 0) return;
      pool.delete(shared);
      endpoints.release(shared.endpoint);
    },
    calls: (name) => endpoints.stats({ endpoint: 'token', name }),
  };
}
