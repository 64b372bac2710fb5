import type { PathProblem } from '../config/problem.ts';
import type { Config, RouteConfig } from '../config/schema.ts';
import { normalizeHost } from '../http/host.ts';
import { SPELLINGS } from '../http/target.ts';
import type { TokenVerifier } from '../tokens/verifier.ts';
import { compileAccess } from './access-rules.ts';
import { compileCors } from './cors.ts';
import type { Gate } from './decide.ts';
import { compileFirewall } from './firewall.ts';
import { compileIdentity } from './identity-rules.ts';
import { createMemoryLimitStore, type LimitStore } from './limit-store.ts';
import { compileRouteTable, type RouteConflict } from './match-route.ts';
import { parsePathPattern } from './path-pattern.ts';
import { compileRateLimits } from './rate-limit.ts';
import type { Route } from './route.ts';

export interface CompiledGate {
  readonly gate: Gate;
  readonly problems: readonly PathProblem[];
}

/**
 * Compiles the rules of a file once, so that nothing of it is read or resolved during a request. A gate with a problem
 * of severity `error` must not serve.
 */
export async function compileGate({
  config,
  verifier,
  limitStore = createMemoryLimitStore(),
}: {
  readonly config: Config;
  readonly verifier: TokenVerifier;
  /** Outlives the gate, so that a reload forgives nobody. */
  readonly limitStore?: LimitStore;
}): Promise<CompiledGate> {
  const problems: PathProblem[] = [];
  const routes: Route[] = [];
  for (const [at, route] of config.routes.entries()) {
    const compiled = compileRoute(config, route, { at, index: routes.length, limitStore });
    problems.push(...compiled.problems);
    if (compiled.route !== undefined) routes.push(compiled.route);
  }
  const ignoresCase = config.matching.case === 'insensitive';
  const { table, conflicts } = compileRouteTable(routes, { ignoresCase });
  problems.push(...conflicts.map((conflict) => describeConflict(config, conflict)));
  const gate: Gate = {
    table,
    routes,
    firewall: compileFirewall(config),
    verifier,
    allowableSpellings: routes.reduce((bits, route) => bits | route.allowedSpellings, 0),
  };
  return { gate, problems };
}

function compileRoute(
  config: Config,
  route: RouteConfig,
  { at, index, limitStore }: { readonly at: number; readonly index: number; readonly limitStore: LimitStore },
): { readonly route?: Route; readonly problems: readonly PathProblem[] } {
  const place = ['routes', at] as const;
  const pattern = parsePathPattern(route.path);
  const host = route.host === undefined ? undefined : normalizeHost(route.host);
  const identity = compileIdentity(config.identity, route.identity, place);
  const problems: PathProblem[] = [...identity.problems];
  if (route.host !== undefined && host === undefined) {
    problems.push({
      severity: 'error',
      path: [...place, 'host'],
      message: 'expected a host name or address',
    });
  }
  if ('fault' in pattern) {
    problems.push({ severity: 'error', path: [...place, 'path'], message: pattern.fault });
    return { problems };
  }
  const compiled: Route = {
    index,
    name: route.name,
    config: route,
    host,
    pattern,
    depth: pattern.segments.length,
    allowedSpellings: (route.allow ?? []).reduce((bits, spelling) => bits | SPELLINGS[spelling], 0),
    access: compileAccess(config, route),
    identity: identity.rules,
    cors: route.cors === undefined ? undefined : compileCors(route.cors),
    limits:
      route.rateLimit === undefined
        ? undefined
        : compileRateLimits(route.rateLimit, { routeName: route.name, store: limitStore }),
    judgements: new WeakMap(),
  };
  return { route: compiled, problems };
}

function describeConflict(config: Config, { route, other, methods }: RouteConflict): PathProblem {
  const wanted = methods === 'all' ? 'all methods' : methods.join(', ');
  return {
    severity: 'error',
    path: ['routes', config.routes.indexOf(route.config), 'path'],
    message: `route "${route.name}" and route "${other.name}" both want ${wanted} of the same host and path`,
    hint: 'give them disjoint `methods`, another `host`, or another `path`',
  };
}
