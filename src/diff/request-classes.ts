import { randomUUID } from 'node:crypto';
import { isRefusal } from '../core/refusals.ts';
import { parseTarget } from '../http/target.ts';
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
}

/** Of these, the first that no route names stands for all others. */
const OTHER_METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'BREW'] as const;
const OTHER_HOST = 'other.example';

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
  const methods = new Set(
    sides.flatMap(({ gate }) => gate.routes.flatMap(({ config }) => config.methods ?? [])),
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
    const targets = sides.map(({ gate }) => parseTarget(target, gate.allowableSpellings));
    const match = (at: 0 | 1, method: string) => {
      const parsed = targets[at];
      if (parsed === undefined || isRefusal(parsed)) return undefined;
      const found = matchRoute(sides[at].gate.table, { method, host: host ?? OTHER_HOST, target: parsed });
      return found;
    };
    const others = [match(0, otherMethod), match(1, otherMethod)];
    const named = others.flatMap((one) => (one !== undefined && isRefusal(one) ? (one.allow ?? []) : []));
    for (const method of new Set([otherMethod, ...named])) {
      const [older, newer] = ([0, 1] as const).map((at) => {
        const found = match(at, method);
        return found === undefined || isRefusal(found) ? undefined : found.route;
      });
      if (older === undefined && newer === undefined) continue;
      const key = `${older?.index ?? ''}/${newer?.index ?? ''}`;
      const one = classes.get(key) ?? { routes: [older, newer] as const, requests: [] };
      classes.set(key, one);
      one.requests.push({
        method,
        methods: method !== otherMethod ? method : named.length === 0 ? 'any method' : 'other methods',
        host: host ?? OTHER_HOST,
        isAnyHost: host === undefined,
        target,
        path: showShape(sample.shape),
      });
    }
  }
}
