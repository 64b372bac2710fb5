import type { UpstreamConfig } from '../../config/schema/config.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import type { UpstreamEndpoint } from './upstream-endpoint.ts';

/** The policies that the schema has. */
export type BalanceName = NonNullable<UpstreamConfig['balance']>;

export interface BalanceOptions {
  readonly endpoints: readonly UpstreamEndpoint[];
  readonly balance: BalanceName;
  /** Requests that one address may have at once; undefined is no limit. */
  readonly maxRunning: number | undefined;
}

/** Chooses the address for the next request and counts it as running there; `tried` are only chosen when all others cannot be. */
export type PickEndpoint = (tried?: readonly UpstreamEndpoint[]) => UpstreamEndpoint | Refusal;

const UNHEALTHY = refuse('upstream_unhealthy', 'no address passes its health check');
const FULL = refuse('upstream_full', 'every address has as many requests as it may have', {
  retryAfterSeconds: 1,
});

/** More than the requests that run at any address. */
const RANK = 2 ** 32;

/**
 * Chooses among the endpoints of a backend. Those that fail their health check are never chosen. Those
 * that were ejected for failing requests are chosen when no other is left: a wrong guess must not cause an outage.
 */
export function createBalance({
  endpoints,
  balance,
  maxRunning = Number.POSITIVE_INFINITY,
}: BalanceOptions): PickEndpoint {
  const loadOf = LOADS[balance];
  let turn = -1;

  /** The lower, the better; undefined where it cannot be chosen. */
  const costOf = (endpoint: UpstreamEndpoint, tried: readonly UpstreamEndpoint[]): number | undefined => {
    if (endpoint.healthy === false || endpoint.running >= maxRunning) return undefined;
    const rank = tried.includes(endpoint) ? 2 : endpoint.isEjected ? 1 : 0;
    return rank * RANK + loadOf(endpoint);
  };

  /** The candidate number `skip` among those of this cost, in the order of the file. */
  const nth = (
    cost: number,
    skip: number,
    tried: readonly UpstreamEndpoint[],
  ): UpstreamEndpoint | undefined => {
    let left = skip;
    return endpoints.find((endpoint) => costOf(endpoint, tried) === cost && left-- === 0);
  };

  return (tried = NONE) => {
    turn += 1;
    let chosen: UpstreamEndpoint | undefined;
    let least = Number.POSITIVE_INFINITY;
    let equals = 0;
    for (const endpoint of endpoints) {
      const cost = costOf(endpoint, tried);
      if (cost === undefined || cost > least) continue;
      equals = cost < least ? 1 : equals + 1;
      if (cost < least) chosen = endpoint;
      least = cost;
    }
    // Equals take turns, so that they share the load.
    if (equals > 1) chosen = nth(least, turn % equals, tried) ?? chosen;
    if (chosen === undefined) return endpoints.every(({ healthy }) => healthy === false) ? UNHEALTHY : FULL;
    chosen.running++;
    return chosen;
  };
}

const NONE: readonly UpstreamEndpoint[] = [];

/** What counts against an endpoint beside others that may be chosen as well. */
const LOADS = {
  roundRobin: () => 0,
  leastConnections: ({ running }) => running,
} as const satisfies Record<BalanceName, (endpoint: UpstreamEndpoint) => number>;
