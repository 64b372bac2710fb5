import type { TokenSchemes } from '../../core/refusals.ts';
import { certificateSource } from '../client-certificates.ts';
import { MCP_MAPS, type McpMap } from '../mcp/mcp-methods.ts';
import type { PlacedValue } from '../places.ts';
import type { ConfigPath } from '../problem.ts';
import type {
  AccessBlockConfig,
  AccessConfig,
  ClaimName,
  Config,
  PolicyConfig,
  RouteConfig,
} from '../schema/config.ts';

/** One alternative of an access rule, and its place in the file. */
export interface AccessAlternative {
  readonly block: AccessBlockConfig;
  readonly path: ConfigPath;
}

/** The blocks of which one must hold: one without rules for `optional` and `authenticated`, none for `public`. */
export function accessAlternatives(access: AccessConfig, path: ConfigPath): readonly AccessAlternative[] {
  if (access === 'public') return [];
  if (access === 'optional' || access === 'authenticated') return [{ block: {}, path }];
  if (Array.isArray(access)) return access.map((block, index) => ({ block, path: [...path, index] }));
  return [{ block: access as AccessBlockConfig, path }];
}

const known = new WeakMap<Config['routes'], readonly AccessAlternative[]>();

/** Every alternative of every route, and every block under `mcp`. Listed once for a file, which may have 10,000 routes. */
export function allAlternatives(config: Config): readonly AccessAlternative[] {
  const { routes } = config;
  const listed =
    known.get(routes) ??
    routes.flatMap((route, index) => [
      ...accessAlternatives(route.access, ['routes', index, 'access']),
      ...(route.mcp === undefined ? [] : mcpAlternatives(route, config, ['routes', index])),
    ]);
  known.set(routes, listed);
  return listed;
}

/** Those of the routes alone, which admit callers. */
export function admittingAlternatives({ routes }: Config): readonly AccessAlternative[] {
  return routes.flatMap(({ access }, index) => accessAlternatives(access, ['routes', index, 'access']));
}

/** A block of rules under `mcp`, which holds together with the access of its route. */
export interface McpAlternative extends AccessAlternative {
  readonly map: McpMap;
  readonly pattern: string;
}

/** The blocks of rules under the `mcp` of a route. Where one names no issuers, it has those of the route. */
export function mcpAlternatives(
  { mcp, access }: RouteConfig,
  config: Config,
  place: ConfigPath,
): readonly McpAlternative[] {
  const accepted = new Set(
    accessAlternatives(access, []).flatMap(({ block }) => acceptedIssuers(block, config)),
  );
  const issuers = Object.keys(config.issuers).filter((name) => accepted.has(name));
  return MCP_MAPS.flatMap((map) =>
    Object.entries(mcp?.[map] ?? {}).flatMap(([pattern, rule]) => {
      if (typeof rule === 'string') return [];
      const names = rule.issuers ?? policyOf(rule, config)?.issuers;
      const block = names === undefined ? { ...rule, issuers } : rule;
      return [{ map, pattern, block, path: [...place, 'mcp', map, pattern] }];
    }),
  );
}

/** Every set of rules in the file: alternatives of routes, and policies. */
export function allRules(
  config: Config,
): readonly { readonly rules: PolicyConfig; readonly path: ConfigPath }[] {
  return [
    ...Object.entries(config.policies).map(([name, rules]) => ({ rules, path: ['policies', name] })),
    ...allAlternatives(config).map(({ block, path }) => ({ rules: block, path })),
  ];
}

/** What a rule wants of one claim, in either form of `claims`. */
export interface ClaimRequirement {
  readonly claim: ClaimName;
  readonly form: 'mapping' | 'list';
  readonly path: ConfigPath;
  readonly values: readonly PlacedValue[];
}

/** The entries of `claims`, with each value that a claim is compared with. */
export function claimRequirements(
  claims: PolicyConfig['claims'],
  path: ConfigPath,
): readonly ClaimRequirement[] {
  if (claims === undefined) return [];
  if (!Array.isArray(claims)) {
    return Object.entries(claims).map(([claim, value]) => {
      const place = [...path, claim];
      return { claim, form: 'mapping', path: place, values: placeEach(value, place) };
    });
  }
  return claims.map(({ claim, ...wanted }, index) => ({
    claim,
    form: 'list',
    path: [...path, index],
    values: (['equals', 'any', 'all'] as const).flatMap((key) =>
      placeEach(wanted[key], [...path, index, key]),
    ),
  }));
}

function placeEach(value: unknown, path: ConfigPath): readonly PlacedValue[] {
  if (Array.isArray(value)) return value.map((each, index) => ({ value: each, path: [...path, index] }));
  return value === undefined ? [] : [{ value, path }];
}

/** The policy of a block; undefined when it names none, or one that the file does not have. */
export function policyOf(block: AccessBlockConfig, config: Config): PolicyConfig | undefined {
  return block.policy !== undefined && Object.hasOwn(config.policies, block.policy)
    ? config.policies[block.policy]
    : undefined;
}

/** Whether the block, its policy or the defaults of the file name the issuers it accepts. */
export function namesIssuers(block: AccessBlockConfig, config: Config): boolean {
  return (block.issuers ?? policyOf(block, config)?.issuers ?? config.defaults.issuers) !== undefined;
}

/**
 * The configured names of the issuers that an alternative accepts: those that it and its policy have in common; those of the default
 * where neither names any; else all of the file.
 */
export function acceptedIssuers(block: AccessBlockConfig, config: Config): readonly string[] {
  const named = [block.issuers, policyOf(block, config)?.issuers].filter((names) => names !== undefined);
  const [first, ...rest] = named.length > 0 ? named : [config.defaults.issuers ?? 'any'];
  const names = first === undefined || first === 'any' ? Object.keys(config.issuers) : first;
  return names.filter((name) => rest.every((others) => others === 'any' || others.includes(name)));
}

/** What a rule and its policy want a token to be bound to: all of them. */
export function bindingsOf(block: AccessBlockConfig, config: Config): readonly Binding[] {
  return [policyOf(block, config)?.binding, block.binding].filter((binding) => binding !== undefined);
}

type Binding = NonNullable<PolicyConfig['binding']>;

/** Whether tokens that are bound in this way, and no other, can have all of these bindings; or whether this is one of them. */
export function takesBound(bindings: readonly Binding[], way: 'dpop' | 'mtls'): boolean {
  return bindings.includes(way) || bindings.every((binding) => binding === 'any');
}

/** The schemes that tokens with all of these bindings come under. Where no client shows a certificate, `any` leaves keys alone. */
export function schemesOf(
  bindings: readonly Binding[],
  config: Pick<Config, 'listen' | 'decisions'>,
): TokenSchemes {
  if (!takesBound(bindings, 'dpop')) return 'Bearer';
  if (bindings.includes('dpop')) return 'DPoP';
  return bindings.includes('any') && certificateSource(config) === 'none' ? 'DPoP' : 'both';
}
