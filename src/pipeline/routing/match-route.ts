import { foldCase } from '../../config/routes/route-path.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import type { Target } from '../../http/target.ts';
import type { Route } from '../route.ts';
import type { PathParameters } from './path-pattern.ts';

/** Methods that no route accepts: they act on the connection or echo what the gateway added. */
const NEVER_FORWARDED: ReadonlySet<string> = new Set(['CONNECT', 'TRACE']);
/** What `Allow` lists for a route that accepts all others. */
const USUAL_METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

const OF_DECISIONS = refuse(
  'route_for_decisions',
  'the route has `upstream: none`: other proxies ask about it, and nothing is forwarded',
);

const NO_PARAMETERS: PathParameters = Object.freeze(Object.create(null));

/** The routes of a file as trees of path segments, one per host and one for the rest. */
export interface RouteTable {
  readonly hosts: ReadonlyMap<string, PathNode>;
  readonly anyHost: PathNode;
  readonly ignoresCase: boolean;
}

/** A place in a tree of paths. */
interface PathNode {
  /** By fixed segment. */
  statics: Map<string, PathNode> | undefined;
  parameter: PathNode | undefined;
  exact: RouteEntry | undefined;
  prefix: RouteEntry | undefined;
}

/** The routes of one path on one host; their methods are disjoint. */
interface RouteEntry {
  readonly routes: Route[];
  /** Undefined while no route of it names its methods. */
  byMethod: Map<string, Route> | undefined;
  /** The route for all methods; then there is no other. */
  all: Route | undefined;
}

export interface RouteMatch {
  readonly route: Route;
  readonly parameters: PathParameters;
}

/** Builds the trees. No two routes take the same requests: `routesDoNotConflict` refuses such a file. */
export function compileRouteTable(
  routes: readonly Route[],
  {
    ignoresCase,
    hides = () => false,
  }: {
    readonly ignoresCase: boolean;
    /** Routes that keep their paths from all others, and are not found themselves. */
    readonly hides?: (route: Route) => boolean;
  },
): RouteTable {
  const hosts = new Map<string, PathNode>();
  const anyHost = makeNode();
  for (const route of routes) {
    let node = route.host === undefined ? anyHost : getOrSet(hosts, route.host, makeNode);
    for (const segment of route.pattern.segments) {
      if (segment === null) {
        node.parameter ??= makeNode();
        node = node.parameter;
      } else {
        node.statics ??= new Map();
        node = getOrSet(node.statics, ignoresCase ? foldCase(segment) : segment, makeNode);
      }
    }
    const place = route.config.exact ? 'exact' : 'prefix';
    node[place] ??= { routes: [], byMethod: undefined, all: undefined };
    if (!hides(route)) addToEntry(node[place], route);
  }
  return { hosts, anyHost, ignoresCase };
}

/**
 * Finds the route of a request: the request's host before any, then segment by segment from the left
 * static before parameter, then the longer path, then exact. The path decides before the method. Refuses with `route_unknown`,
 * `method_not_allowed`, or `ambiguous_path` when the target's readings do not all stay in a route that allows its spelling.
 */
export function matchRoute(
  table: RouteTable,
  request: { readonly method: string; readonly host: string | undefined; readonly target: Target },
): RouteMatch | Refusal {
  const { method, host, target } = request;
  const entry = findEntry(table, host, target.segments);
  if (target.ambiguity !== undefined && !staysInOneRoute(table, entry, request)) {
    return target.ambiguity.spellings === 0
      ? refuse(
          'path_cut',
          'the path leads elsewhere for backends that end it at its %23 or %3F, or a name at %3B',
        )
      : refuse('readings_apart', 'the path has readings that the route does not allow');
  }
  if (entry === undefined) {
    if (NEVER_FORWARDED.has(method))
      return refuse('method_never_forwarded', `${method} is never forwarded`, { allow: [] });
    return refuse('route_unknown', 'no route has this host and path');
  }
  if (entry.routes.length === 0) return OF_DECISIONS;
  const route = routeOf(entry, method);
  if (route === undefined) {
    const cause = NEVER_FORWARDED.has(method) ? 'method_never_forwarded' : 'method_not_allowed';
    return refuse(cause, 'the routes of this path do not accept the method', {
      allow: entry.all === undefined ? [...(entry.byMethod?.keys() ?? [])] : USUAL_METHODS,
    });
  }
  return { route, parameters: readParameters(route, target) };
}

/** All routes in the order in which they are tried, for people to read. */
export function listInMatchingOrder(table: RouteTable): readonly Route[] {
  const hosts = [...table.hosts.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, node]) => node);
  return [...hosts, table.anyHost].flatMap(listNode);
}

function listNode(node: PathNode): readonly Route[] {
  const statics = [...(node.statics ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, child]) => child);
  const below = node.parameter === undefined ? statics : [...statics, node.parameter];
  return [...below.flatMap(listNode), ...(node.exact?.routes ?? []), ...(node.prefix?.routes ?? [])];
}

function findEntry(
  table: RouteTable,
  host: string | undefined,
  decoded: readonly string[],
): RouteEntry | undefined {
  const segments = table.ignoresCase ? decoded.map(foldCase) : decoded;
  const ofHost = host === undefined ? undefined : table.hosts.get(host);
  const found = ofHost === undefined ? undefined : findBelow(ofHost, segments, 0);
  return found ?? findBelow(table.anyHost, segments, 0);
}

/** Depth first, static before parameter, so the first endpoint found is the best; no node is visited twice. */
function findBelow(node: PathNode, segments: readonly string[], at: number): RouteEntry | undefined {
  const isLast = at >= segments.length - 1;
  if (at === segments.length || (isLast && segments[at] === '')) return node.exact ?? node.prefix;
  const segment = segments[at] as string;
  const fixed = node.statics?.get(segment);
  if (fixed !== undefined) {
    const found = findBelow(fixed, segments, at + 1);
    if (found !== undefined) return found;
  }
  if (node.parameter !== undefined && segment !== '') {
    const found = findBelow(node.parameter, segments, at + 1);
    if (found !== undefined) return found;
  }
  return node.prefix;
}

function routeOf(entry: RouteEntry, method: string): Route | undefined {
  if (NEVER_FORWARDED.has(method)) return undefined;
  return entry.all ?? entry.byMethod?.get(method);
}

function staysInOneRoute(
  table: RouteTable,
  entry: RouteEntry | undefined,
  {
    method,
    host,
    target,
  }: { readonly method: string; readonly host: string | undefined; readonly target: Target },
): boolean {
  if (target.ambiguity === undefined) return true;
  const { spellings, readings } = target.ambiguity;
  if (spellings !== 0 && !allowsSpellings(entry, method, spellings)) return false;
  return readings.every((segments) => findEntry(table, host, segments) === entry);
}

function allowsSpellings(entry: RouteEntry | undefined, method: string, spellings: number): boolean {
  if (entry === undefined) return false;
  const route = routeOf(entry, method);
  const allows = (candidate: Route) => (candidate.allowedSpellings & spellings) === spellings;
  return route === undefined ? entry.routes.some(allows) : allows(route);
}

/** A parameter that is not the same in every reading of the path is left out: no rule may use it. */
function readParameters(route: Route, target: Target): PathParameters {
  if (!route.hasParameters) return NO_PARAMETERS;
  const { parameters } = route.pattern;
  const values: Record<string, string> = Object.create(null);
  for (const { name, at } of parameters) {
    const value = target.segments[at] as string;
    if (target.ambiguity?.readings.every((segments) => segments[at] === value) ?? true) values[name] = value;
  }
  return values;
}

function addToEntry(entry: RouteEntry, route: Route): void {
  const { methods } = route.config;
  entry.routes.push(route);
  if (methods === undefined) entry.all = route;
  for (const method of methods ?? []) {
    entry.byMethod ??= new Map();
    entry.byMethod.set(method, route);
  }
}

function makeNode(): PathNode {
  return {
    statics: undefined,
    parameter: undefined,
    exact: undefined,
    prefix: undefined,
  };
}

function getOrSet<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const present = map.get(key);
  if (present !== undefined) return present;
  const made = make();
  map.set(key, made);
  return made;
}
