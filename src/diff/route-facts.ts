import { DEFAULT_IDENTITY_HEADERS } from '../config/identity-headers.ts';
import { policyOf } from '../config/routes/route-access.ts';
import type {
  AccessBlockConfig,
  Config,
  ExchangeConfig,
  IdentitySource,
  RouteConfig,
} from '../config/schema/config.ts';
import type { AccessBlock } from '../pipeline/access/compile-access.ts';
import type { Route } from '../pipeline/route.ts';
import type { Side } from './side.ts';

/** What a route does, without what its parts are called: equal texts do the same. */
export interface RouteFacts {
  readonly access: string;
  /** Null on public routes, which have none. */
  readonly identity: string;
  /** The rules on messages; null where there are none. */
  readonly messages: string;
  /** By key of the route; null where it is not set. */
  readonly keys: Readonly<Record<FactKey, unknown>>;
}

export type FactKey =
  | 'websocket'
  | 'allow'
  | 'tokenFrom'
  | 'passAuthorization'
  | 'forwardToken'
  | 'rateLimit'
  | 'bodyLimit'
  | 'cors'
  | 'resource'
  | 'mcp'
  | 'filterLists'
  | 'invalidTokens'
  | 'identity.maxBytes'
  | 'identity.assertion'
  | 'backend'
  | 'exchange';

/** Describes a route of one file so that it can be compared with one of the other. */
export function factsOf(route: Route, side: Side): RouteFacts {
  const { config } = side;
  const own = route.config;
  const { exchange, ...backend } = backendOf(own, config);
  const isPublic = route.access.token === 'public';
  return {
    access: JSON.stringify([route.reportsOnly, accessText(route, side)]),
    identity: isPublic ? 'null' : JSON.stringify(identityText(route, side)),
    messages: JSON.stringify(own.mcp === undefined ? null : resolveNames(own.mcp, side)),
    keys: {
      websocket: own.websocket,
      allow: [...(own.allow ?? [])].sort(),
      tokenFrom: (own.tokenFrom ?? []).map((place) => JSON.stringify(place)).sort(),
      passAuthorization: own.passAuthorization,
      forwardToken: route.identity.forwardsToken,
      rateLimit: own.rateLimit === undefined ? null : [own.rateLimit].flat(),
      bodyLimit: own.bodyLimit ?? null,
      cors: own.cors ?? null,
      resource: own.resource ?? null,
      mcp: own.mcp === undefined ? null : true,
      filterLists: route.mcp?.filtersLists ?? null,
      invalidTokens: route.access.token,
      'identity.maxBytes': isPublic ? null : config.identity.maxBytes,
      'identity.assertion': isPublic ? null : (config.identity.assertion ?? null),
      backend: {
        ...backend,
        rewrite: own.rewrite ?? null,
        depth: own.rewrite === undefined ? 0 : route.depth,
      },
      exchange: exchange ?? null,
    },
  };
}

function accessText(route: Route, side: Side): unknown {
  const { token, blocks } = route.access;
  if (token === 'public') return token;
  return [token, blocks.map((block) => JSON.stringify(blockText(block, route, side))).sort()];
}

function blockText(block: AccessBlock, route: Route, side: Side): unknown {
  const { bindings, scopes, roles, claims, conditions, stepUp } = block;
  const issuers = [...block.issuers].map(([name, { audiences, clockToleranceMs }]) => [
    side.issOf.get(name),
    audiences === 'any' ? audiences : [...audiences].sort(),
    clockToleranceMs,
  ]);
  const sorted = (values: readonly unknown[]): readonly string[] =>
    values.map((value) => JSON.stringify(value)).sort();
  return {
    issuers: sorted(issuers),
    bindings: sorted(bindings),
    scopes: sorted(scopes),
    roles: sorted(roles),
    claims: sorted(claims.map(({ path, quantifier, values }) => [path, quantifier, values])),
    conditions: side.conditions?.formulaOf(
      conditions.map(({ source }) => source),
      route,
    ),
    acr: [...(stepUp?.classes ?? ['any'])].sort(),
    maxAuthAge: stepUp?.maxAgeMs ?? null,
  };
}

/** The headers as they are made, and what their issuers are called where backends learn it. */
function identityText({ config: own, access }: Route, { config, issOf }: Side): unknown {
  const sources = identitySources(own, config);
  const names = access.blocks.flatMap(({ issuers }) => [...issuers.keys()]);
  const isNamed = JSON.stringify(sources).includes('$issuerName');
  return [sources, isNamed ? [...new Set(names)].sort().map((name) => [name, issOf.get(name)]) : null];
}

/** What each identity header is made of, the defaults and those of the file included. */
export function identitySources(
  route: RouteConfig,
  { identity }: Config,
): Readonly<Record<string, IdentitySource>> {
  const layers = [DEFAULT_IDENTITY_HEADERS, identity.headers ?? {}, route.identity?.headers ?? {}];
  const merged = layers.flatMap((layer) =>
    Object.entries(layer).map(([name, source]): [string, IdentitySource] => [name.toLowerCase(), source]),
  );
  const sources = [...new Map(merged)].flatMap(([name, source]): [string, IdentitySource][] =>
    source === null ? [] : [[name, toOneForm(source)]],
  );
  return Object.fromEntries(sources.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A source in the longest of the forms that it may be written in. */
function toOneForm(source: NonNullable<IdentitySource>): IdentitySource {
  if (typeof source === 'string') return /[{}]/.test(source) ? { template: source } : { claim: source };
  const { claim, required, ...others } = Array.isArray(source) ? { claim: source } : source;
  const path = Array.isArray(claim) && claim.length === 1 ? claim[0] : claim;
  const entries = { ...others, ...(path !== undefined && { claim: path }), ...(required && { required }) };
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** All blocks of rules of a route: those of its access, and those on its messages. */
export function blocksOf({ access, mcp }: Route): readonly AccessBlock[] {
  const maps = mcp === undefined ? [] : [mcp.methods, ...Object.values(mcp.kinds)];
  const rules = maps.flatMap((map) => [...(map?.exact.values() ?? []), ...(map?.patterns ?? [])]);
  return [...access.blocks, ...rules.flatMap(({ rule }) => (typeof rule === 'string' ? [] : rule.blocks))];
}

/** Where requests go: the addresses and what chooses the server behind them. How long it may take is left out. */
function backendOf(
  { upstream }: RouteConfig,
  { upstreams }: Config,
): { readonly urls: readonly string[]; readonly exchange?: ExchangeConfig | undefined } {
  const named = Object.hasOwn(upstreams, upstream) ? upstreams[upstream] : undefined;
  if (named === undefined) return { urls: [upstream] };
  const { url, urls = [], socket, hostHeader, tls, exchange } = named;
  return {
    urls: [...urls, ...(url === undefined ? [] : [url])].sort(),
    ...(socket !== undefined && { socket }),
    ...(hostHeader !== 'upstream' && { hostHeader }),
    ...(tls !== undefined && { tls }),
    exchange,
  };
}

/** Rules of messages with their policies in place, and issuers by their `iss`. */
function resolveNames(mcp: NonNullable<RouteConfig['mcp']>, { config, issOf }: Side): unknown {
  const isBlock = (rule: unknown): rule is AccessBlockConfig => typeof rule === 'object' && rule !== null;
  const resolve = (rule: unknown): unknown => {
    if (!isBlock(rule)) return rule;
    const { policy: _, ...own } = rule;
    const issuers = (names: AccessBlockConfig['issuers']) =>
      Array.isArray(names) ? names.map((name) => issOf.get(name) ?? name).sort() : (names ?? null);
    const policy = policyOf(rule, config);
    return [
      { ...own, issuers: issuers(own.issuers) },
      policy === undefined ? null : { ...policy, issuers: issuers(policy.issuers) },
    ];
  };
  const { filterLists, ...maps } = mcp;
  const resolved = Object.entries(maps).map(([name, rules]) => [
    name,
    Object.entries(rules ?? {})
      .map(([pattern, rule]) => [pattern, resolve(rule)])
      .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
  ]);
  return [filterLists, resolved.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))];
}
