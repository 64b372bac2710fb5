import { isRefusal } from '../../core/refusals.ts';
import type { Target } from '../../http/target.ts';
import type { Route } from '../route.ts';
import { matchRoute, type RouteTable } from '../routing/match-route.ts';

/** A path whose routes do not take the method of the request. */
export interface PathPlace {
  /** Those that they take. */
  readonly methods: readonly string[];
  readonly host: string | undefined;
  readonly target: Target;
}

/**
 * The first route at this place that `has` something, for a 405, which is of no route: with its CORS rules scripts can read what went
 * wrong.
 */
export function routeOfPath(
  table: RouteTable,
  { methods, host, target }: PathPlace,
  has: (route: Route) => boolean,
): Route | undefined {
  for (const method of methods) {
    const match = matchRoute(table, { method, host, target });
    if (!isRefusal(match) && has(match.route)) return match.route;
  }
  return undefined;
}
