import { isRefusal } from '../../core/refusals.ts';
import type { Target } from '../../http/target.ts';
import { matchRoute, type RouteTable } from '../routing/match-route.ts';
import type { CorsRules } from './cors.ts';

/**
 * The CORS rules for a 405, which is of no route: those of the first route at this place that has any, so that scripts
 * can read what went wrong. `methods` are those that the place accepts.
 */
export function corsOfPath(
  table: RouteTable,
  methods: readonly string[],
  place: { readonly host: string | undefined; readonly target: Target },
): CorsRules | undefined {
  for (const method of methods) {
    const match = matchRoute(table, { method, ...place });
    if (!isRefusal(match) && match.route.cors !== undefined) return match.route.cors;
  }
  return undefined;
}
