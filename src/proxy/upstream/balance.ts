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

/**
 * Chooses among the endpoints of a backend. Those that fail their health check are never chosen. Those
 * that were ejected for failing requests are chosen when no other is left: a wrong guess must not cause an outage.
 */
export function createBalance({
  endpoints,
  balance,
  maxRunning = Number.POSITIVE_INFINITY,
}: BalanceOptions): PickEndpoint {
  let turn = -1;
  const isFree = (endpoint: UpstreamEndpoint): boolean => endpoint.running < maxRunning;

  return (tried = []) => {
    turn = (turn + 1) % endpoints.length;
    const healthy = endpoints.filter((endpoint) => endpoint.healthy !== false);
    if (healthy.length === 0) return UNHEALTHY;
    const free = healthy.filter(isFree);
    if (free.length === 0) return FULL;
    const preferred = firstNonEmpty(
      free.filter((endpoint) => !endpoint.isEjected && !tried.includes(endpoint)),
      free.filter((endpoint) => !tried.includes(endpoint)),
      free,
    );
    const chosen = CHOICES[balance](preferred, turn);
    chosen.running++;
    return chosen;
  };
}

const CHOICES = {
  roundRobin: (endpoints, turn) => endpoints[turn % endpoints.length] as UpstreamEndpoint,
  // Ties go round, so that idle endpoints share the load.
  leastConnections: (endpoints, turn) => {
    const least = Math.min(...endpoints.map(({ running }) => running));
    const idlest = endpoints.filter(({ running }) => running === least);
    return idlest[turn % idlest.length] as UpstreamEndpoint;
  },
} as const satisfies Record<
  BalanceName,
  (endpoints: readonly UpstreamEndpoint[], turn: number) => UpstreamEndpoint
>;

function firstNonEmpty(...lists: readonly (readonly UpstreamEndpoint[])[]): readonly UpstreamEndpoint[] {
  return lists.find((list) => list.length > 0) ?? [];
}
