import type { IdentitySource } from '../config/schema/config.ts';
import type { Route } from '../pipeline/route.ts';
import { type Caller, type CallerClaim, leastCallers } from './callers.ts';
import { compareKeys, type KeyChange } from './compare-keys.ts';
import { callersWithValues } from './condition-values.ts';
import type { RequestClass, SampleRequest } from './request-classes.ts';
import { factsOf, identitySources, type RouteFacts } from './route-facts.ts';
import type { Side } from './side.ts';
import { createTrial, type Outcome } from './trial.ts';

/** How two routes differ for the requests that one file gives to the one and the other file to the other. */
export interface RouteDifference {
  readonly callers: readonly CallerDifference[];
  readonly keys: readonly KeyChange[];
  /** Why not all callers were compared; empty where they were. */
  readonly doubts: readonly string[];
}

export interface CallerDifference {
  readonly kind: 'gains' | 'loses' | 'identity';
  readonly caller: Caller;
  readonly outcomes: readonly [Outcome, Outcome];
  /** The caller with values for which the conditions of both files decide like that; undefined where none was found. */
  readonly example: Caller | undefined;
}

const NO_DIFFERENCE: RouteDifference = { callers: [], keys: [], doubts: [] };

/** Compares routes; those that do the same under other names are compared once. */
export function createRouteComparison(sides: readonly [Side, Side]) {
  const trial = createTrial(sides);
  const facts = new Map<Route, RouteFacts>();
  const known = new Map<string, Promise<RouteDifference>>();

  function factsAt(route: Route | undefined, at: 0 | 1): RouteFacts | undefined {
    if (route === undefined) return undefined;
    const found = facts.get(route) ?? factsOf(route, sides[at]);
    facts.set(route, found);
    return found;
  }

  return {
    compare({ routes, requests }: RequestClass): Promise<RouteDifference> {
      const both = [factsAt(routes[0], 0), factsAt(routes[1], 1)] as const;
      const texts = both.map((one) => JSON.stringify(one ?? null));
      if (texts[0] === texts[1]) return Promise.resolve(NO_DIFFERENCE);
      const key = texts.join('\n');
      const found = known.get(key) ?? differ(routes, both, requests[0] as SampleRequest);
      known.set(key, found);
      return found;
    },
  };

  async function differ(
    routes: RequestClass['routes'],
    facts: readonly [RouteFacts | undefined, RouteFacts | undefined],
    request: SampleRequest,
  ): Promise<RouteDifference> {
    const [older, newer] = facts;
    const keys = older === undefined || newer === undefined ? [] : compareKeys(older, newer);
    if (older?.access === newer?.access && older?.identity === newer?.identity)
      return { callers: [], keys, doubts: [] };
    const comparesBinding = facts.some(
      (one) => one !== undefined && /"bindings":\["/.test(one.access.replaceAll('\\', '')),
    );
    const comparesIdentity =
      older?.identity !== newer?.identity || routes[0]?.access.token !== routes[1]?.access.token;
    const differences: CallerDifference[] = [];
    const doubts = new Set<string>();
    const seen = new Set<string>();
    for (const by of [0, 1] as const) {
      const route = routes[by];
      if (route === undefined) continue;
      const { callers, isComplete } = leastCallers(route, sides[by], comparesBinding);
      if (!isComplete) doubts.add('too many kinds of callers to compare all');
      for (const least of callers) {
        const caller = withClaims(least, requiredClaims(route, sides[by]));
        const text = JSON.stringify(caller);
        if (seen.has(text)) continue;
        seen.add(text);
        const outcomes = await trial.ask(caller, by, request);
        const own = outcomes[by].code;
        if (own !== 'allow') {
          // A bound token of an issuer that accepts none is no caller of this route.
          if (caller.token?.bound === undefined)
            doubts.add(`a caller that ${route.name} should let in gets ${own}`);
          continue;
        }
        if (outcomes[0].code !== outcomes[1].code) {
          const example = await exampleOf(caller, by, outcomes);
          differences.push({ kind: by === 0 ? 'loses' : 'gains', caller, outcomes, example });
        } else if (comparesIdentity) differences.push(...(await identityOf(caller, by)));
      }
    }
    return { callers: differences, keys, doubts: [...doubts] };

    /** Files without conditions decide on the caller as it is. */
    async function exampleOf(
      caller: Caller,
      by: 0 | 1,
      outcomes: CallerDifference['outcomes'],
    ): Promise<Caller | undefined> {
      const sources = routes.flatMap((route) => (route === undefined ? [] : conditionsOf(route)));
      if (sources.length === 0) return caller;
      const wanted = outcomes.map(({ code }) => code === 'allow').join();
      for (const example of [caller, ...callersWithValues(caller, sources, request)]) {
        const exact = await trial.askExactly(example, by, request);
        if (exact.map(({ code }) => code === 'allow').join() === wanted) return example;
      }
      return undefined;
    }

    /** What backends learn of a caller that has everything they could learn. */
    async function identityOf(caller: Caller, by: 0 | 1): Promise<readonly CallerDifference[]> {
      if (caller.token === undefined) return [];
      const claims = routes.flatMap((route, at) =>
        route === undefined ? [] : learntClaims(route, sides[at as 0 | 1]),
      );
      const rich = withClaims(caller, claims);
      const outcomes = await trial.ask(rich, by, request);
      const [before, after] = outcomes.map(({ code, identity }) =>
        JSON.stringify([code, Object.entries(identity).sort()]),
      );
      return before === after
        ? []
        : [
            {
              kind: 'identity',
              caller: rich,
              outcomes,
              example: rich.token?.conditions.length === 0 ? rich : undefined,
            },
          ];
    }
  }
}

function conditionsOf({ access }: Route): readonly string[] {
  return access.blocks.flatMap(({ conditions }) => conditions.map(({ source }) => source));
}

const SOME_VALUE = 'some-value';

function withClaims(caller: Caller, paths: readonly (readonly string[])[]): Caller {
  const { token } = caller;
  if (token === undefined) return caller;
  const has = (path: readonly string[]): boolean => {
    const text = JSON.stringify(path);
    return token.claims.some((claim) => JSON.stringify(claim.path) === text);
  };
  const missing = paths.filter((path) => !has(path) && !isStandard(path));
  const added = new Map(
    missing.map((path): [string, CallerClaim] => [JSON.stringify(path), { path, values: [SOME_VALUE] }]),
  );
  return added.size === 0 ? caller : { token: { ...token, claims: [...token.claims, ...added.values()] } };
}

/** Every token of a comparison has these. */
function isStandard(path: readonly string[]): boolean {
  return path.length === 1 && ['iss', 'sub', 'iat', 'exp', 'aud'].includes(path[0] as string);
}

function requiredClaims(route: Route, side: Side): readonly (readonly string[])[] {
  return Object.values(identitySources(route.config, side.config)).flatMap((source) =>
    isRequired(source) ? claimsIn(source) : [],
  );
}

function learntClaims(route: Route, side: Side): readonly (readonly string[])[] {
  return [
    ...Object.values(identitySources(route.config, side.config)).flatMap(claimsIn),
    ...(side.config.identity.assertion?.claims ?? []).map((name) => [name]),
  ];
}

function isRequired(source: IdentitySource): boolean {
  return typeof source === 'object' && source !== null && !Array.isArray(source) && source.required === true;
}

/** The paths of the claims that a header is made of. */
function claimsIn(source: IdentitySource): readonly (readonly string[])[] {
  if (source === null) return [];
  if (Array.isArray(source)) return [source];
  if (typeof source === 'string') return /[{}]/.test(source) ? inTemplate(source) : named(source);
  if (source.template !== undefined) return inTemplate(source.template);
  const { claim } = source;
  if (claim === undefined) return [];
  return typeof claim === 'string' ? named(claim) : [claim];
}

function named(claim: string): readonly (readonly string[])[] {
  if (!claim.startsWith('$')) return [[claim]];
  return claim === '$client' ? [['client_id']] : [];
}

function inTemplate(template: string): readonly (readonly string[])[] {
  return [...template.matchAll(/\{([^{}]+)\}/g)].map(([, name]) => [name as string]);
}
