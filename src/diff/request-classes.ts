import { randomUUID } from 'node:crypto';
import { isRefusal } from '../core/refusals.ts';
import { parseTarget, type Target } from '../http/target.ts';
import { findOwnEndpoint } from '../pipeline/own/own-paths.ts';
import type { Route } from '../pipeline/route.ts';
import { matchRoute } from '../pipeline/routing/match-route.ts';
import { type PathSample, samplePaths, showShape, toTarget } from './path-samples.ts';
import type { Side } from './side.ts';

/** Requests that both files give to the same two routes. */
export interface RequestClass {
  /** Undefined where the file has no route for them. */
  readonly routes: readonly [Route | undefined, Route | undefined];
  readonly requests: readonly SampleRequest[];
}

/** Stands for all requests that both files treat like it. */
export interface SampleRequest {
  readonly method: string;
  /** As people read it: one that no route names stands for all of these. */
  readonly methods: string;
  readonly host: string;
  readonly isAnyHost: boolean;
  readonly target: string;
  /** Its path as people read it. */
  readonly path: string;
  /** What it brings to an MCP server, where only some messages are meant. */
  readonly message?: { readonly text: string; readonly shown: string };
}

/** Of these, the first that no route names stands for all others. */
const OTHER_METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'BREW'] as const;

/** By host. */
export type AllPaths = ReadonlyMap<string, readonly string[]>;

/** All classes in which the files' routes can distinguish requests. */
export function classifyRequests(sides: readonly [Side, Side]): {
  readonly classes: readonly RequestClass[];
  /** Every path that was tried, as `SampleRequest` has it, by host; an empty one for any. */
  readonly paths: AllPaths;
  readonly isComplete: boolean;
} {
  const classes = new Map<string, { routes: RequestClass['routes']; requests: SampleRequest[] }>();
  const hosts = new Set(sides.flatMap(({ gate }) => gate.routes.flatMap(({ host }) => host ?? [])));
  const otherHost = sides[0].unusedName('other.example');
  const methods = new Set(
    sides.flatMap(({ gate }) => gate.routes.flatMap((route) => methodsOf(route) ?? [])),
  );
  const otherMethod = OTHER_METHODS.find((name) => !methods.has(name)) ?? randomUUID();
  const paths = new Map<string, readonly string[]>();
  let isComplete = true;
  for (const host of [undefined, ...hosts]) {
    const found = samplePaths(
      sides.map(({ gate }) => ({
        ignoresCase: gate.table.ignoresCase,
        patterns: gate.routes
          .filter((route) => route.host === undefined || route.host === host)
          .map(({ pattern }) => pattern),
      })),
    );
    isComplete &&= found.isComplete;
    paths.set(
      host ?? '',
      found.samples.map(({ shape }) => showShape(shape)),
    );
    for (const sample of found.samples) addSample(sample, host);
  }
  return { classes: [...classes.values()], paths, isComplete };

  function addSample(sample: PathSample, host: string | undefined): void {
    const target = toTarget(sample);
    const places = sides.map(({ gate }) => {
      const parsed = parseTarget(target, gate.allowableSpellings);
      return isRefusal(parsed) ? undefined : { host: host ?? otherHost, target: parsed };
    });
    const match = (at: 0 | 1, method: string): Match => matchAt(sides[at], places[at], method);
    const others = [match(0, otherMethod), match(1, otherMethod)];
    const named = new Set(others.flatMap(({ named: names }) => names));
    for (const method of new Set([otherMethod, ...named])) {
      const [older, newer] = [match(0, method).route, match(1, method).route];
      if (older === undefined && newer === undefined) continue;
      const key = `${older?.index ?? ''}/${newer?.index ?? ''}`;
      const one = classes.get(key) ?? { routes: [older, newer] as const, requests: [] };
      classes.set(key, one);
      one.requests.push({
        method,
        methods: method !== otherMethod ? method : named.size === 0 ? 'any method' : 'other methods',
        host: host ?? otherHost,
        isAnyHost: host === undefined,
        target,
        path: showShape(sample.shape),
      });
    }
  }
}

interface Match {
  readonly route: Route | undefined;
  /** Methods that this path distinguishes from others. */
  readonly named: readonly string[];
}

const NO_MATCH: Match = { route: undefined, named: [] };

/** What the gateway serves itself is for no route. */
function matchAt(
  { gate }: Side,
  place: { readonly host: string; readonly target: Target } | undefined,
  method: string,
): Match {
  if (place === undefined) return NO_MATCH;
  const isOwn =
    gate.ownPaths !== undefined &&
    findOwnEndpoint(gate.ownPaths, { path: place.target.path, host: place.host }) !== undefined;
  if (isOwn) return NO_MATCH;
  const found = matchRoute(gate.table, { method, ...place });
  if (isRefusal(found)) return { route: undefined, named: found.allow ?? [] };
  const { route } = found;
  const named = methodsOf(route) ?? [];
  return { route: route.mcp === undefined || named.includes(method) ? route : undefined, named };
}

/** Undefined where the route takes all of them. */
function methodsOf({ mcp, config }: Route): readonly string[] | undefined {
  return mcp?.methodsOfHttp ?? config.methods;
}
