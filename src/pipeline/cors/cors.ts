import type { CorsConfig } from '../../config/schema/config.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import type { DirectResponse } from '../messages/direct-response.ts';

/** The cross-origin rules of one route, compiled: what depends on the file alone is rendered once. */
export interface CorsRules {
  /** Listed origin → the fields that every response to it carries. */
  readonly exact: ReadonlyMap<string, readonly string[]>;
  readonly wildcards: readonly WildcardOrigin[];
  /** Set when any origin may read responses; then all get the same fields, without credentials. */
  readonly any: readonly string[] | undefined;
  readonly credentials: boolean;
  /** Fields of a preflight response beside the origin: names and values in turn. */
  readonly preflight: readonly string[];
  /** Whether scripts may send any field of MCP. */
  readonly forMcp: boolean;
  /** Fields of other responses beside the origin: names and values in turn. */
  readonly exposed: readonly string[];
}

/** `https://*.example.com`: an origin that begins and ends so, with whole labels between. */
interface WildcardOrigin {
  readonly prefix: string;
  readonly suffix: string;
}

/** Of every response that differs by origin. */
export const VARY_BY_ORIGIN: readonly string[] = ['vary', 'Origin'];
const VARY_PREFLIGHT = [
  'vary',
  'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
] as const;
const LABELS = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
/** Longer than any DNS name. */
const LONGEST_ORIGIN = 300;

const ALLOW_HEADERS = 'access-control-allow-headers';

/** What clients of MCP send and read (MCP, "Streamable HTTP", also before 2026-07-28). */
const MCP_HEADERS = [
  'MCP-Protocol-Version',
  'Mcp-Session-Id',
  'Mcp-Method',
  'Mcp-Name',
  'Last-Event-ID',
] as const;
const MCP_REQUEST_HEADERS = ['Authorization', 'Content-Type', ...MCP_HEADERS] as const;
/** What clients with DPoP send and read (RFC 9449 §7.1, §8.2). */
const DPOP_REQUEST_HEADERS = ['Authorization', 'DPoP'] as const;
const DPOP_RESPONSE_HEADERS = ['DPoP-Nonce'] as const;
/** Servers choose the names of further ones. */
const MCP_HEADER = /^mcp-[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/;
const MOST_MCP_HEADERS = 32;

/** What a route for all methods allows scripts by default. */
const USUAL_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/**
 * Compiles the `cors` block of a route that takes the methods of `served`, or all. Browsers remember every method that a preflight
 * allows for the URL: one of another route at the same path is for that route to allow.
 */
export function compileCors(
  config: CorsConfig,
  served?: readonly string[],
  { forMcp = false, forDpop = false }: { readonly forMcp?: boolean; readonly forDpop?: boolean } = {},
): CorsRules {
  const { origins, credentials, maxAge } = config;
  const headers = withNames(config.headers, [
    ...(forMcp ? MCP_REQUEST_HEADERS : []),
    ...(forDpop ? DPOP_REQUEST_HEADERS : []),
  ]);
  const exposeHeaders = withNames(config.exposeHeaders, [
    ...(forMcp ? MCP_HEADERS : []),
    ...(forDpop ? DPOP_RESPONSE_HEADERS : []),
  ]);
  const wanted = config.methods ?? served ?? USUAL_METHODS;
  const methods = wanted.filter((method) => served?.includes(method) ?? true);
  const exposed = ['access-control-expose-headers', exposedNames(exposeHeaders).join(', ')];
  const listed = origins === '*' ? [] : origins;
  return {
    exact: new Map(
      listed
        .filter((origin) => !origin.includes('*'))
        .map((origin) => [origin, [...VARY_BY_ORIGIN, ...permission(origin, credentials), ...exposed]]),
    ),
    wildcards: listed.filter((origin) => origin.includes('*')).map(splitAtWildcard),
    any: origins === '*' ? ['access-control-allow-origin', '*', ...exposed] : undefined,
    credentials,
    forMcp,
    exposed,
    preflight: [
      ...(methods.length === 0 ? [] : ['access-control-allow-methods', methods.join(', ')]),
      ...(headers.length === 0 ? [] : [ALLOW_HEADERS, headers.join(', ')]),
      ...['access-control-max-age', String(Math.floor(maxAge / 1000))],
    ],
  };
}

/** Clients in browsers find out by a challenge where to obtain a token. */
function exposedNames(listed: readonly string[]): readonly string[] {
  return listed.some((name) => name.toLowerCase() === 'www-authenticate')
    ? listed
    : [...listed, 'WWW-Authenticate'];
}

/** The method that an OPTIONS request asks for in the name of a script (Fetch §3.2.2), or undefined when it is no preflight. */
export function requestedMethod({
  passed,
  origins,
}: {
  /** Names and values in turn. */
  readonly passed: readonly string[];
  readonly origins: readonly string[];
}): string | undefined {
  if (origins.length === 0) return undefined;
  for (let at = 0; at < passed.length; at += 2) {
    if ((passed[at] as string).toLowerCase() === 'access-control-request-method') return passed[at + 1];
  }
  return undefined;
}

/** Responds to a preflight in place of the backend. An origin that is not listed is refused and learns nothing of the rules. */
export function respondToPreflight(
  rules: CorsRules,
  origins: readonly string[],
  passed: readonly string[] = [],
): DirectResponse | Refusal {
  const origin = origins.length === 1 ? (origins[0] as string) : '';
  if (!allowsOrigin(rules, origin))
    return refuse('origin_not_allowed', 'the origin is not among those of the route');
  const allowed = rules.any === undefined ? permission(origin, rules.credentials) : rules.any.slice(0, 2);
  const headers = [...VARY_PREFLIGHT, ...allowed, ...rules.preflight];
  if (rules.forMcp) headers[headers.indexOf(ALLOW_HEADERS) + 1] += requestedMcpHeaders(passed);
  return { directResponse: 'preflight', status: 204, headers, body: undefined };
}

/**
 * The fields that every response of the route carries, refusals too, so that scripts of a listed origin can read them and
 * caches keep the origins apart. An origin is only ever echoed after it was found in the list.
 */
export function corsHeaders(rules: CorsRules, origins: readonly string[]): readonly string[] {
  if (rules.any !== undefined) return rules.any;
  const origin = origins.length === 1 ? (origins[0] as string) : '';
  const prepared = rules.exact.get(origin);
  if (prepared !== undefined) return prepared;
  if (!allowsOrigin(rules, origin)) return VARY_BY_ORIGIN;
  return [...VARY_BY_ORIGIN, ...permission(origin, rules.credentials), ...rules.exposed];
}

/** Validates the origin of a WebSocket handshake, which browsers send without asking first. Without one, the client is no browser. */
export function checkUpgradeOrigin(rules: CorsRules, origins: readonly string[]): Refusal | undefined {
  if (origins.length === 0) return undefined;
  if (origins.length === 1 && allowsOrigin(rules, origins[0] as string)) return undefined;
  return refuse('origin_not_allowed', 'the origin is not among those of the route');
}

export function allowsOrigin(rules: CorsRules, origin: string): boolean {
  if (rules.any !== undefined || rules.exact.has(origin)) return true;
  if (origin.length > LONGEST_ORIGIN) return false;
  return rules.wildcards.some(
    ({ prefix, suffix }) =>
      origin.length > prefix.length + suffix.length &&
      origin.startsWith(prefix) &&
      origin.endsWith(suffix) &&
      LABELS.test(origin.slice(prefix.length, origin.length - suffix.length)),
  );
}

function withNames(names: readonly string[], more: readonly string[]): readonly string[] {
  const present = new Set(names.map((name) => name.toLowerCase()));
  return [...names, ...more.filter((name) => !present.has(name.toLowerCase()))];
}

/** The fields of MCP that a preflight asks for and no file can list. */
function requestedMcpHeaders(passed: readonly string[]): string {
  const names = new Set<string>();
  for (let at = 0; at < passed.length; at += 2) {
    if ((passed[at] as string).toLowerCase() !== 'access-control-request-headers') continue;
    for (const name of (passed[at + 1] as string).toLowerCase().split(/[\t ]*,[\t ]*/))
      if (MCP_HEADER.test(name) && names.size < MOST_MCP_HEADERS) names.add(name);
  }
  for (const known of MCP_HEADERS) names.delete(known.toLowerCase());
  return [...names].map((name) => `, ${name}`).join('');
}

function permission(origin: string, credentials: boolean): readonly string[] {
  const allowed = ['access-control-allow-origin', origin];
  return credentials ? [...allowed, 'access-control-allow-credentials', 'true'] : allowed;
}

function splitAtWildcard(origin: string): WildcardOrigin {
  const at = origin.indexOf('*');
  return { prefix: origin.slice(0, at), suffix: origin.slice(at + 1) };
}
