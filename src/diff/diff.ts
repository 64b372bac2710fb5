import { type CallerDifference, createRouteComparison } from './compare-routes.ts';
import { compareSettings, type SettingChange } from './compare-settings.ts';
import type { KeyChange } from './keys/compare-keys.ts';
import { compareLimits } from './keys/compare-limits.ts';
import { type AllPaths, classifyRequests, type RequestClass, type SampleRequest } from './request-classes.ts';
import { compileSides, type Side, type ValidFile } from './side.ts';

/** What the newer of two files changes. */
export interface Diff {
  /** `wider`: somebody gains something, or that cannot be excluded. */
  readonly result: 'equal' | 'narrower' | 'wider';
  readonly callers: readonly CallerChange[];
  readonly routes: readonly RouteChange[];
  readonly settings: readonly SettingChange[];
  /** Why something may have been missed; empty where everything was compared. */
  readonly doubts: readonly string[];
  readonly sides: readonly [Side, Side];
  /** Every path that was tried. */
  readonly paths: AllPaths;
  /** The classes of requests, with what changes for each, for a replay. */
  readonly classes: readonly ComparedClass[];
}

/** Who gains or loses which requests, or is described to backends in another way. */
export interface CallerChange extends CallerDifference {
  readonly requests: readonly SampleRequest[];
  /** The names of the routes that decide on them now; of those before, where there is none now. */
  readonly routes: readonly string[];
}

/** A key of routes that differs for these requests. */
export interface RouteChange extends KeyChange {
  readonly requests: readonly SampleRequest[];
  readonly routes: readonly string[];
}

export interface ComparedClass extends RequestClass {
  readonly differences: readonly CallerDifference[];
  readonly keys: readonly KeyChange[];
}

/** Compares two valid files by deciding with both on requests that stand for all. Close the sides of the result. */
export async function diffFiles(
  files: readonly [ValidFile, ValidFile],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Diff> {
  return compareSides((await compileSides(files, env)) as [Side, Side]);
}

/** Compares two files that were compiled together. */
export async function compareSides(sides: readonly [Side, Side]): Promise<Diff> {
  const { classes, paths, isComplete } = classifyRequests(sides);
  const comparison = createRouteComparison(sides);
  const callers = new Map<string, Gathered<CallerDifference>>();
  const routes = new Map<string, Gathered<KeyChange>>();
  const doubts = new Set<string>(isComplete ? [] : ['too many kinds of paths to compare all']);
  const compared: ComparedClass[] = [];
  const limits = compareLimits(classes);
  for (const one of classes) {
    const difference = await comparison.compare(one);
    const keys = [...difference.keys, ...limits(one)];
    compared.push({ ...one, differences: difference.callers, keys });
    for (const change of difference.callers)
      gather(callers, keyOf(change), change, withMessage(one, change.message));
    for (const change of keys) gather(routes, `${change.key} ${change.effect}`, change, one);
    for (const doubt of difference.doubts) doubts.add(doubt);
  }
  const changes = {
    callers: [...callers.values()].map(({ change, requests, routes: names }) => ({
      ...change,
      requests,
      routes: [...names],
    })),
    routes: [...routes.values()].map(({ change, requests, routes: names }) => ({
      ...change,
      requests,
      routes: [...names],
    })),
    settings: compareSettings(sides),
    doubts: [...doubts],
  };
  return { result: resultOf(changes), ...changes, sides, paths, classes: compared };
}

interface Gathered<Change> {
  readonly change: Change;
  readonly requests: SampleRequest[];
  readonly routes: Set<string>;
}

/** Changes for the same callers are one change, for all requests that it concerns. */
function gather<Change>(
  into: Map<string, Gathered<Change>>,
  key: string,
  change: Change,
  { requests, routes: [older, newer] }: RequestClass,
): void {
  const gathered = into.get(key) ?? { change, requests: [], routes: new Set<string>() };
  into.set(key, gathered);
  gathered.requests.push(...requests);
  const route = newer ?? older;
  if (route !== undefined) gathered.routes.add(route.name);
}

/** The requests that can bring the message. */
function withMessage(one: RequestClass, message: CallerDifference['message']): RequestClass {
  if (message === undefined) return one;
  const requests = one.requests.filter(({ method }) => method === 'POST');
  return { ...one, requests: requests.map((request) => ({ ...request, message })) };
}

function keyOf({ kind, caller, outcomes }: CallerDifference): string {
  const identity = kind === 'identity' ? outcomes.map((one) => one.identity) : [];
  return JSON.stringify([kind, caller, outcomes.map(({ code }) => code), identity]);
}

function resultOf({
  callers,
  routes,
  settings,
  doubts,
}: Pick<Diff, 'callers' | 'routes' | 'settings' | 'doubts'>): Diff['result'] {
  const effects = [...routes, ...settings].map(({ effect }) => effect);
  const isWider =
    doubts.length > 0 ||
    callers.some(({ kind, isCounted = true }) => kind !== 'loses' && isCounted) ||
    effects.some((effect) => effect === 'wider' || effect === 'unclear');
  if (isWider) return 'wider';
  return callers.length > 0 || effects.includes('narrower') ? 'narrower' : 'equal';
}
