import { isRefusal, type Refusal, refuse } from '../../core/refusals.ts';
import type { RouteMatch } from '../routing/match-route.ts';

/** A preflight without a `cors` to respond is an OPTIONS request like any other; its refusal names the preflight. */
export function explainPreflight(
  asked: string | undefined,
  match: RouteMatch | Refusal,
): RouteMatch | Refusal {
  if (asked === undefined || !isRefusal(match) || match.cause !== 'method_not_allowed') return match;
  const { allow = [] } = match;
  return allow.includes(asked)
    ? refuse('preflight_not_routed', 'a CORS preflight, and no `cors` on the routes of this path', { allow })
    : refuse('preflight_method', 'a CORS preflight for a method that the routes of this path do not accept', {
        allow,
      });
}
