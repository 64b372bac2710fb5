import type { PathProblem } from '../config/problem.ts';
import { isForDecisionsOnly } from '../config/routes/no-upstream.ts';
import { allAlternatives } from '../config/routes/route-access.ts';
import type { Config, RouteConfig } from '../config/schema/config.ts';
import { parseRouteHost } from '../core/network/host.ts';
import { type Clock, systemClock } from '../core/time/clock.ts';
import type { CertificateHeaderReader } from '../http/certificates/certificate-header.ts';
import { type ChallengeHeads, challengeHeads } from '../http/challenge.ts';
import { SPELLINGS } from '../http/target.ts';
import type { CompiledIssuer } from '../tokens/compiled-issuer.ts';
import type { IssuerProofs } from '../tokens/dpop/issuer-proofs.ts';
import type { TokenExchanger } from '../tokens/exchange/token-exchanger.ts';
import type { RevocationCheck } from '../tokens/revocation/revocation-check.ts';
import type { TokenVerifier } from '../tokens/verifier.ts';
import { type ConditionCompiler, loadConditionCompiler } from './access/cel/condition.ts';
import {
  compileChallenge,
  NO_RESOURCE,
  type ResourceChallenge,
  type RouteChallenge,
} from './access/challenge.ts';
import { type AccessRules, type AccessSurroundings, compileAccess } from './access/compile-access.ts';
import { createDpopChallenges, type DpopChallenges } from './access/dpop-challenge.ts';
import { compileRouteProofs } from './binding/route-proofs.ts';
import { compileCors } from './cors/cors.ts';
import { compileTokenSources } from './credentials/token-sources.ts';
import type { Gate } from './gate.ts';
import { type AssertionSigner, keysEndpoint } from './identity/assertion/assertion.ts';
import { compileIdentity } from './identity/identity-rules.ts';
import { compileMcp } from './mcp/compile-mcp.ts';
import type { OwnEndpoint } from './messages/direct-response.ts';
import {
  compileRequestHeaderFilter,
  isLookedAt,
  type RequestHeaderFilter,
} from './messages/request-header-filter.ts';
import { eventEndpoints } from './own/event-endpoints.ts';
import { frontEndpoints } from './own/front-endpoints.ts';
import { compileOwnPaths, hideOwn } from './own/own-paths.ts';
import { createMemoryLimitStore, type LimitStore } from './rate-limit/limit-store.ts';
import { compileRateLimits } from './rate-limit/rate-limit.ts';
import { type CompiledResources, compileResources } from './resource/compile-resources.ts';
import type { Route, RoutePolicy } from './route.ts';
import { compileRouteTable } from './routing/match-route.ts';
import { type PathPattern, parsePathPattern } from './routing/path-pattern.ts';

export interface CompiledGate {
  /** Decides on what the gateway forwards. */
  readonly gate: Gate;
  /** Decides on what other proxies forward: it has the routes without an upstream, and serves nothing itself. */
  readonly askedGate: Gate;
  /** Decides on requests that nobody sent: it has all routes, and counts nothing. */
  readonly simulatedGate: Gate;
  readonly problems: readonly PathProblem[];
}

export interface GateOptions {
  readonly config: Config;
  /** The issuers of the file with their presets, as the verifier has them. */
  readonly issuers: readonly CompiledIssuer[];
  readonly verifier: TokenVerifier;
  /** Default: none. */
  readonly assertion?: AssertionSigner | undefined;
  /** By upstream; those without one get no token in place of the caller's. Default: none. */
  readonly exchangers?: ReadonlyMap<string, TokenExchanger>;
  /** What else the gateway serves itself. Default: nothing. */
  readonly ownEndpoints?: readonly OwnEndpoint[];
  /** Reads the header of `listen.clientCertHeader`. Default: none. */
  readonly certificateHeader?: CertificateHeaderReader | undefined;
  /** Outlives the gate, so that a reload resets no count. Default: one in memory. */
  readonly limitStore?: LimitStore;
  /** Default: nothing is revoked. */
  readonly revocations?: RevocationCheck | undefined;
  /** Default: CEL, for files that have any. */
  readonly conditions?: ConditionCompiler | undefined;
  /** For rules that depend on the time. Default: that of the system. */
  readonly clock?: Clock;
  /** By issuer with `dpop`. Default: none. */
  readonly proofs?: ReadonlyMap<string, IssuerProofs>;
}

/**
 * Compiles the rules of a file once, so that nothing of it is read or resolved during a request. A gate with a problem
 * of severity `error` must not serve.
 */
export async function compileGate(options: GateOptions): Promise<CompiledGate> {
  const { config, verifier } = options;
  const issuers = new Map(options.issuers.map((issuer) => [issuer.name, issuer]));
  const compiler: RouteCompiler = {
    config,
    issuers,
    conditions: options.conditions ?? (hasConditions(config) ? await loadConditionCompiler() : undefined),
    limitStore: options.limitStore ?? createMemoryLimitStore(),
    clock: options.clock ?? systemClock,
    identity: compileIdentity(config.identity, undefined, []),
    proofs: options.proofs ?? new Map(),
    policies: new Map(),
    challengeHeads: challengeHeads(realmOf(config)),
    challenges: new Map(),
    dpopChallenges: createDpopChallenges(options.issuers),
    resources: compileResources({ config, issuers }),
    exchangers: options.exchangers ?? new Map(),
  };
  const compiled = config.routes.map((route, at) => compileRoute(compiler, route, at));
  const routes = compiled.map(({ route }) => route);
  const ignoresCase = config.matching.case === 'insensitive';
  const table = compileRouteTable(routes, { ignoresCase });
  const isHidden = ({ config }: Route): boolean => isForDecisionsOnly(config);
  const headerFilter = compileRequestHeaderFilter(
    config,
    routes.flatMap(credentialHeaders),
    config.listen.clientCertHeader?.name,
  );
  const { assertion, certificateHeader, revocations, ownEndpoints = [] } = options;
  const own = [
    ...(assertion === undefined ? [] : [keysEndpoint(assertion)]),
    ...compiler.resources.endpoints,
    ...frontEndpoints(config, compiler.limitStore),
    ...eventEndpoints(config),
    ...ownEndpoints,
  ];
  const gate: Gate = {
    table: routes.some(isHidden) ? compileRouteTable(routes, { ignoresCase, hides: isHidden }) : table,
    ownPaths: compileOwnPaths(own),
    routes,
    headerFilter,
    verifier,
    certificateHeader,
    revocations,
    assertion,
    proofs: compiler.proofs.size > 0 ? 'used' : undefined,
    exchanges: compiler.exchangers.size > 0 ? 'requested' : undefined,
    appliesLimits: true,
    allowableSpellings: routes.reduce((bits, route) => bits | route.allowedSpellings, 0),
  };
  const problems = [
    ...compiled.flatMap(({ problems }) => problems),
    ...compiler.resources.problems,
    ...config.routes.flatMap((route, at) =>
      unseenTokenHeaders(headerFilter, route, ['routes', at, 'tokenFrom']),
    ),
  ];
  return {
    gate,
    askedGate: { ...gate, table, ownPaths: compileOwnPaths(own.map(hideOwn)) },
    simulatedGate: {
      ...gate,
      table,
      revocations: undefined,
      appliesLimits: false,
      proofs: gate.proofs && 'simulated',
      exchanges: gate.exchanges && 'simulated',
    },
    problems: withoutRepeats(problems),
  };
}

interface RouteCompiler extends Pick<AccessSurroundings, 'config' | 'issuers' | 'conditions' | 'clock'> {
  readonly limitStore: LimitStore;
  readonly proofs: ReadonlyMap<string, IssuerProofs>;
  /** Of the file, for routes that add nothing to it. */
  readonly identity: ReturnType<typeof compileIdentity>;
  /** Policies without a problem, by the text of what they were compiled from. */
  readonly policies: Map<string, RoutePolicy>;
  readonly challengeHeads: ChallengeHeads;
  readonly dpopChallenges: DpopChallenges;
  /** Of routes that belong to no protected resource. */
  readonly challenges: Map<AccessRules, RouteChallenge | undefined>;
  readonly resources: CompiledResources;
  readonly exchangers: ReadonlyMap<string, TokenExchanger>;
}

const NO_PATTERN: PathPattern = { segments: [], parameters: [] };

function compileRoute(
  compiler: RouteCompiler,
  route: RouteConfig,
  index: number,
): { readonly route: Route; readonly problems: readonly PathProblem[] } {
  const { config, limitStore } = compiler;
  const place = ['routes', index] as const;
  const problems: PathProblem[] = [];
  const parsed = parsePathPattern(route.path);
  const pattern = 'message' in parsed ? NO_PATTERN : parsed;
  if ('message' in parsed) problems.push({ severity: 'error', path: [...place, 'path'], ...parsed });
  const host = route.host === undefined ? undefined : parseRouteHost(route.host);
  if (route.host !== undefined && host === undefined) {
    problems.push({
      severity: 'error',
      path: [...place, 'host'],
      message: 'expected a host name or address',
    });
  }
  const parameters = pattern.parameters.map(({ name }) => name);
  const { policy, problems: ruled } = compileRoutePolicy(compiler, route, { parameters, place });
  const { access, identity } = policy;
  const mcp =
    route.mcp === undefined
      ? undefined
      : compileMcp({ ...route, mcp: route.mcp }, { ...compiler, parameters, place });
  problems.push(...ruled, ...(mcp?.problems ?? []));
  const resource = compiler.resources.ofRoutes.get(index);
  const accepted = new Set(access.blocks.flatMap(({ issuers }) => [...issuers.keys()]));
  const proofs = compileRouteProofs(route, { config, accepted, proofs: compiler.proofs });

  const compiled: Route = {
    index,
    name: route.name,
    config: route,
    host,
    pattern,
    hasParameters: parameters.length > 0,
    passesAuthorization: route.passAuthorization,
    depth: pattern.segments.length,
    allowedSpellings: (route.allow ?? []).reduce((bits, spelling) => bits | SPELLINGS[spelling], 0),
    policy,
    access,
    reportsOnly: (route.mode ?? config.mode) === 'report',
    exposesReports: config.reportHeader,
    tokenSources: compileTokenSources(
      route.tokenFrom ?? [],
      providerHeaders(compiler, accepted),
      proofs !== undefined,
    ),
    proofs,
    identity,
    resource,
    challenge: challengeOf(compiler, access, resource ?? NO_RESOURCE),
    cors:
      route.cors === undefined
        ? undefined
        : compileCors(route.cors, mcp?.rules.methodsOfHttp ?? route.methods, {
            forMcp: mcp !== undefined,
            forDpop: proofs !== undefined,
          }),
    limits:
      route.rateLimit === undefined
        ? undefined
        : compileRateLimits(route.rateLimit, { routeName: route.name, store: limitStore }),
    mcp: mcp?.rules,
    exchanger: compiler.exchangers.get(route.upstream),
  };
  return { route: compiled, problems };
}

/** Equal routes share one policy (docs/performance.md: equal routes share a policy). */
function compileRoutePolicy(
  compiler: RouteCompiler,
  route: RouteConfig,
  { parameters, place }: Pick<AccessSurroundings, 'parameters' | 'place'>,
): { readonly policy: RoutePolicy; readonly problems: readonly PathProblem[] } {
  const text = JSON.stringify([route.access, route.identity ?? null, parameters]);
  const present = compiler.policies.get(text);
  if (present !== undefined) return { policy: present, problems: [] };
  const identity =
    route.identity === undefined
      ? compiler.identity
      : compileIdentity(compiler.config.identity, route.identity, place);
  const { access, problems } = compileAccess(route, { ...compiler, parameters, place });
  const policy: RoutePolicy = { access, identity: identity.rules };
  // Each route reports a problem at its own lines.
  if (identity.problems.length === 0 && problems.length === 0) compiler.policies.set(text, policy);
  return { policy, problems: [...identity.problems, ...problems] };
}

/** Routes with equal access share their challenges, unless each names its own resource. */
function challengeOf(
  { challengeHeads: heads, dpopChallenges: dpop, challenges }: RouteCompiler,
  access: AccessRules,
  resource: ResourceChallenge,
): RouteChallenge | undefined {
  const compiled = () => compileChallenge(access, { heads, resource, dpop });
  if (resource !== NO_RESOURCE) return compiled();
  const challenge = challenges.get(access) ?? compiled();
  challenges.set(access, challenge);
  return challenge;
}

function realmOf({ listen }: Config): string {
  return listen.publicUrl === undefined ? 'sealgate' : new URL(listen.publicUrl).host;
}

/** The headers in which the providers of the accepted issuers send tokens. */
function providerHeaders({ issuers }: RouteCompiler, accepted: ReadonlySet<string>): readonly string[] {
  return [...accepted].flatMap((name) => issuers.get(name)?.tokenHeaders ?? []);
}

function credentialHeaders({ tokenSources }: Route): readonly string[] {
  return tokenSources.places.filter(({ kind }) => kind === 'header').map(({ name }) => name);
}

/** A token in a header that the header filter removes is never found. */
function unseenTokenHeaders(
  headerFilter: RequestHeaderFilter,
  { tokenFrom = [] }: RouteConfig,
  place: PathProblem['path'],
): readonly PathProblem[] {
  return tokenFrom.flatMap((entry, at) =>
    !('header' in entry) || isLookedAt(headerFilter, entry.header)
      ? []
      : [
          {
            severity: 'error',
            path: [...place, at, 'header'],
            message: `\`${entry.header}\` is removed from every request, so no token is ever found in it`,
            hint: 'it is an identity header of the file, or one that the gateway sets or never passes on',
          } as const,
        ],
  );
}

function hasConditions(config: Config): boolean {
  return (
    Object.values(config.policies).some(({ when }) => when !== undefined) ||
    allAlternatives(config).some(({ block }) => block.when !== undefined)
  );
}

/** A policy is compiled for every route that uses it; its problems are reported once. */
function withoutRepeats<T>(entries: readonly T[]): readonly T[] {
  return [...new Map(entries.map((entry) => [JSON.stringify(entry), entry])).values()];
}
