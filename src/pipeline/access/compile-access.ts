import {
  CERTIFICATE_HINT,
  type CertificateSource,
  certificateSource,
} from '../../config/client-certificates.ts';
import type { PathProblem } from '../../config/problem.ts';
import {
  type AccessAlternative,
  acceptedIssuers,
  accessAlternatives,
  bindingsOf,
  policyOf,
  schemesOf,
} from '../../config/routes/route-access.ts';
import type { Config, PolicyConfig, RouteConfig } from '../../config/schema/config.ts';
import type { TokenSchemes } from '../../core/refusals.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { CompiledIssuer } from '../../tokens/compiled-issuer.ts';
import { nameClaim, type Scalar, toClaimPath } from '../../tokens/jwt/claim-values.ts';
import type { RequiredBinding } from '../binding/check-binding.ts';
import type { Condition, ConditionCompiler } from './cel/condition.ts';
import { compileStepUp, type StepUp } from './step-up.ts';

/** The access rules of a route, compiled. */
export interface AccessRules {
  /** `public`: the token is not verified; `optional`: a request without one passes, one that is present must hold; `required`: one must hold. */
  readonly token: 'public' | 'optional' | 'required';
  /** Issuers that any block accepts, for the verifier; undefined stands for all of the file. */
  readonly accepts: ReadonlySet<string> | undefined;
  /** Alternatives, of which one must hold. */
  readonly blocks: readonly AccessBlock[];
  /** Whether requests with one token can differ in the result: a condition reads more than the token, or it depends on the time. */
  readonly varies: boolean;
}

/** One alternative, with the rules of its policy: all must hold. */
export interface AccessBlock {
  /** By configured name of each accepted issuer: what counts for its tokens. */
  readonly issuers: ReadonlyMap<string, AcceptedIssuer>;
  /** What the token must be bound to: all of them. */
  readonly bindings: readonly RequiredBinding[];
  /** Those that such tokens come under. */
  readonly schemes: TokenSchemes;
  readonly scopes: readonly Wanted[];
  /** What a client requests to have the scopes: all of `all`, and the first of each `any`. */
  readonly neededScopes: readonly string[];
  readonly roles: readonly Wanted[];
  readonly claims: readonly ClaimRule[];
  readonly conditions: readonly Condition[];
  /** Undefined where nothing is asked of how and when the user authenticated. */
  readonly stepUp: StepUp | undefined;
}

export interface AcceptedIssuer {
  readonly audiences: ReadonlySet<string> | 'any';
  /** Added to the reason when no audience matches, where a habit of the provider explains it. */
  readonly audienceHint: string | undefined;
  /** Stands before scopes that clients request of it. */
  readonly scopePrefix: string | undefined;
  /** Where its tokens have their scopes and roles, for the reason of a refusal. */
  readonly scopeClaims: readonly (readonly string[])[];
  readonly roleClaims: readonly (readonly string[])[];
  readonly clockToleranceMs: number;
}

/** Names of which all, and of `any` at least one, must be there. */
export interface Wanted {
  readonly all: readonly string[];
  readonly any: readonly string[];
}

export interface ClaimRule {
  readonly path: readonly string[];
  readonly label: string;
  readonly quantifier: 'any' | 'all';
  readonly values: readonly Scalar[];
}

/** What the access of a route is compiled against. */
export interface AccessSurroundings {
  readonly config: Config;
  readonly issuers: ReadonlyMap<string, CompiledIssuer>;
  /** Undefined in files without a condition. */
  readonly conditions: ConditionCompiler | undefined;
  readonly clock: Clock;
  /** The names of the route's path parameters, for its conditions. */
  readonly parameters: readonly string[];
  /** Where the route stands in the file. */
  readonly place: readonly (string | number)[];
}

/** Compiles the access of one route; all names are resolved. */
export function compileAccess(
  route: RouteConfig,
  surroundings: AccessSurroundings,
): { readonly access: AccessRules; readonly problems: readonly PathProblem[] } {
  const problems: PathProblem[] = [];
  const alternatives = accessAlternatives(route.access, [...surroundings.place, 'access']);
  const blocks = alternatives.map((alternative) => compileBlock(alternative, surroundings, problems));
  const accepted = new Set(blocks.flatMap(({ issuers }) => [...issuers.keys()]));
  const acceptsAll = Object.keys(surroundings.config.issuers).every((name) => accepted.has(name));
  const access: AccessRules = {
    token: route.access === 'public' || route.access === 'optional' ? route.access : 'required',
    accepts: acceptsAll && route.access !== 'public' ? undefined : accepted,
    blocks,
    varies: blocks.some(
      ({ conditions, stepUp }) =>
        conditions.some(({ asksRequest }) => asksRequest) || stepUp?.maxAgeMs !== undefined,
    ),
  };
  return { access, problems };
}

function compileBlock(
  { block, path }: AccessAlternative,
  { config, issuers, conditions, clock, parameters }: AccessSurroundings,
  problems: PathProblem[],
): AccessBlock {
  const policy = policyOf(block, config);
  const parts: readonly { rules: PolicyConfig; place: AccessAlternative['path'] }[] = [
    ...(policy === undefined ? [] : [{ rules: policy, place: ['policies', block.policy as string] }]),
    { rules: block, place: path },
  ];
  const ownAudiences = block.audiences ?? policy?.audiences;
  const accepted = acceptedIssuers(block, config).map((name): [string, AcceptedIssuer] => {
    const {
      audiences = [],
      audienceHint,
      scopePrefix,
      scopeClaims = [],
      roleClaims = [],
      clockToleranceMs = 0,
    } = issuers.get(name) ?? {};
    const wanted = ownAudiences ?? audiences;
    return [
      name,
      {
        audiences: wanted === 'any' ? wanted : new Set(wanted),
        audienceHint,
        scopePrefix,
        scopeClaims,
        roleClaims,
        clockToleranceMs,
      },
    ];
  });
  const scopes = parts.flatMap(({ rules }) => compileWanted(rules.scopes));
  const bindings = bindingsOf(block, config);
  return {
    issuers: new Map(accepted),
    bindings,
    schemes: schemesOf(bindings, config),
    scopes,
    neededScopes: neededScopes(scopes),
    roles: parts.flatMap(({ rules }) => compileWanted(rules.roles)),
    claims: parts.flatMap(({ rules }) => compileClaims(rules.claims)),
    conditions: parts.flatMap(({ rules, place }) => {
      if (rules.when === undefined) return [];
      const compiled = conditions?.compile(rules.when, parameters);
      for (const problem of compiled?.problems ?? []) problems.push({ ...problem, path: [...place, 'when'] });
      const message = whyNoCertificate(compiled?.condition?.asksCertificate, certificateSource(config));
      if (message !== undefined)
        problems.push({ severity: 'error', path: [...place, 'when'], message, hint: CERTIFICATE_HINT });
      return compiled?.condition ?? NEVER;
    }),
    stepUp: compileStepUp(
      parts.map(({ rules }) => rules),
      clock,
    ),
  };
}

function whyNoCertificate(
  asked: Condition['asksCertificate'],
  source: CertificateSource,
): string | undefined {
  if (asked === undefined || source === 'names') return undefined;
  if (source === 'none') return '`request.certificate` is never there: no client shows a certificate';
  return asked === 'names'
    ? '`request.certificate` never has more than `sha256`: no authority vouches for the names in certificates'
    : undefined;
}

/** Replaces a condition that could not be compiled; a file with that error does not serve. */
const NEVER: Condition = {
  source: 'false',
  asksRequest: false,
  asksCertificate: undefined,
  evaluate: () => ({ kind: 'false' }),
  show: () => ({}),
};

function compileWanted(wanted: PolicyConfig['scopes']): readonly Wanted[] {
  if (wanted === undefined) return [];
  if (Array.isArray(wanted)) return [{ all: wanted, any: [] }];
  return [{ all: wanted.all ?? [], any: wanted.any ?? [] }];
}

/** The scopes with which all of them are held, each once. */
function neededScopes(scopes: readonly Wanted[]): readonly string[] {
  return [...new Set(scopes.flatMap(({ all, any }) => [...all, ...any.slice(0, 1)]))];
}

function compileClaims(claims: PolicyConfig['claims']): readonly ClaimRule[] {
  if (claims === undefined) return [];
  if (!Array.isArray(claims)) {
    return Object.entries(claims).map(([name, values]) => makeRule([name], 'any', [values].flat()));
  }
  return claims.map(({ claim, equals, any, all }) => {
    const path = toClaimPath(claim);
    if (all !== undefined) return makeRule(path, 'all', all);
    return makeRule(path, 'any', equals === undefined ? (any ?? []) : [equals]);
  });
}

function makeRule(
  path: readonly string[],
  quantifier: ClaimRule['quantifier'],
  values: readonly Scalar[],
): ClaimRule {
  return { path, label: nameClaim(path), quantifier, values };
}
