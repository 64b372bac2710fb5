import type { Route } from '../../pipeline/route.ts';
import type { RequestClass } from '../request-classes.ts';
import type { KeyChange } from './compare-keys.ts';

/**
 * Each route counts by itself: where one with a `rateLimit` becomes several, each of them lets through as much as it did, and where several
 * become one, it lets through less than they did.
 */
export function compareLimits(classes: readonly RequestClass[]): (one: RequestClass) => readonly KeyChange[] {
  const counterparts = new Map<Route, Set<Route>>();
  const add = (of: Route, other: Route): void => {
    const known = counterparts.get(of) ?? new Set<Route>();
    counterparts.set(of, known.add(other));
  };
  for (const { routes } of classes) {
    if (!areLimited(routes)) continue;
    add(routes[0], routes[1]);
    add(routes[1], routes[0]);
  }
  const hasSeveral = (route: Route): boolean => (counterparts.get(route)?.size ?? 0) > 1;
  return ({ routes }) => {
    if (!areLimited(routes)) return [];
    const [isSplit, isJoined] = [hasSeveral(routes[0]), hasSeveral(routes[1])];
    if (!isSplit && !isJoined) return [];
    return [{ key: 'rateLimit', effect: isSplit ? (isJoined ? 'unclear' : 'wider') : 'narrower' }];
  };
}

function areLimited(routes: RequestClass['routes']): routes is readonly [Route, Route] {
  return routes.every((route) => route?.config.rateLimit !== undefined);
}
