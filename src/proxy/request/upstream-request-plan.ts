import { identityHeaderNames } from '../../config/identity-headers.ts';
import { isForDecisionsOnly } from '../../config/routes/no-upstream.ts';
import type { Config } from '../../config/schema/config.ts';
import type { ForwardedFor } from '../../http/forwarded.ts';
import type { HeaderPairs } from '../../http/header-pairs.ts';
import { listsOfRequest } from '../../pipeline/mcp/lists/lists-of-request.ts';
import type { Permit } from '../../pipeline/permit.ts';
import type { Route } from '../../pipeline/route.ts';
import type { UpstreamRequestPlan } from '../forward-job.ts';
import { askForPlainBody, filterLists } from '../response/list-filter.ts';
import { ResponseHeaderFilter } from '../response/response-header-filter.ts';
import { timeLimit } from '../upstream/time-limit.ts';
import type { Upstream } from '../upstream/upstream.ts';
import {
  compileUpstreamPath,
  replacedPrefix,
  takenPrefix,
  type UpstreamPath,
  upstreamPath,
} from '../upstream/upstream-path.ts';
import { buildUpstreamHeaders } from './upstream-headers.ts';

/** How the requests of one route are forwarded; compiled at load. */
export interface RouteUpstreamPlan {
  readonly upstream: Upstream;
  readonly path: UpstreamPath;
  /** The front of the path that the backend sees; undefined where its addresses differ in it. */
  readonly inside: string | undefined;
  readonly timeouts: UpstreamRequestPlan['timeouts'];
  readonly bodyLimit: number | undefined;
  readonly bodyIdleMs: number;
  readonly responseHeaderFilter: ResponseHeaderFilter;
}

/** Compiles the forwarding of every route, in the order of `Route.index`; undefined where nothing is forwarded. Every upstream that a route names must be there. */
export function compileUpstreamPlans(
  config: Config,
  routes: readonly Route[],
  upstreams: ReadonlyMap<string, Upstream>,
): readonly (RouteUpstreamPlan | undefined)[] {
  // Some backends echo their request; what they were sent about a caller must not reach a client.
  const reserved = identityHeaderNames(config);
  const filters = new Map<string, ResponseHeaderFilter>();
  const filterFor = ({ cors, exchanger, proofs }: Route): ResponseHeaderFilter => {
    const names = [
      ...reserved,
      ...(cors === undefined ? [] : CORS_RESPONSE_FIELDS),
      // The client has no other way to the token that was obtained for the backend.
      ...(exchanger === undefined ? [] : ['authorization']),
      // Clients would put it in their next proof, in place of the gateway's.
      ...(proofs === undefined ? [] : ['dpop-nonce']),
    ];
    const key = `${cors === undefined} ${exchanger === undefined} ${proofs === undefined}`;
    const filter = filters.get(key) ?? new ResponseHeaderFilter(names);
    filters.set(key, filter);
    return filter;
  };
  return routes.map((route) => {
    if (isForDecisionsOnly(route.config)) return undefined;
    const upstream = upstreams.get(route.config.upstream);
    if (upstream === undefined) throw new Error(`route ${route.name} names no upstream that was compiled`);
    const own = route.config.timeouts;
    const path = compileUpstreamPath(route.config.rewrite, route.depth);
    return {
      upstream,
      path,
      inside: upstream.prefix === undefined ? undefined : upstream.prefix + path.front,
      timeouts: {
        responseMs: own?.response === undefined ? upstream.timeouts.responseMs : timeLimit(own.response),
        idleMs: own?.idle === undefined ? upstream.timeouts.idleMs : timeLimit(own.idle),
      },
      bodyLimit: route.config.bodyLimit,
      bodyIdleMs: config.listen.limits.bodyIdle,
      responseHeaderFilter: filterFor(route),
    };
  });
}

/** Where the gateway decides who may read a response, the backend's own permissions would widen it (Fetch §3.2.3). */
const CORS_RESPONSE_FIELDS = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-private-network',
  'access-control-expose-headers',
  'access-control-max-age',
] as const;

export interface UpstreamRequestContext {
  readonly method: string;
  readonly forwarded: ForwardedFor;
  readonly requestId: string;
  /** What the gateway adds to the response; lower-case names. */
  readonly responseHeaders: HeaderPairs;
}

/** Plans the request to the backend. Nothing is forwarded without a Permit. */
export function planUpstreamRequest(
  permit: Permit,
  upstreamPlan: RouteUpstreamPlan,
  { method, forwarded, requestId, responseHeaders }: UpstreamRequestContext,
): UpstreamRequestPlan {
  const { headers, target, identity, credentials, socketProtocol, mcp, proof, exchange } = permit;
  if (proof !== undefined) throw new Error('a request would be forwarded without using up its proof');
  if (exchange !== undefined)
    throw new Error('a request would be forwarded without its token for the backend');
  if (mcp !== undefined && mcp.message === undefined && method === 'POST')
    throw new Error('a message would be forwarded that nothing decided on');
  const lists = mcp === undefined ? undefined : listsOfRequest(permit, method);
  const rewritten = rewrites(upstreamPlan)
    ? describeRewrite(upstreamPlan, target, forwarded.prefix)
    : undefined;
  return {
    method,
    target: upstreamPath(upstreamPlan.path, target.path) + target.query,
    headers: buildUpstreamHeaders({
      passed: lists === undefined ? headers.passed : askForPlainBody(headers.passed),
      identity,
      credentials,
      forwarded,
      prefix: rewritten?.announced ?? forwarded.prefix,
      requestId,
      host: upstreamPlan.upstream.clientHost ? headers.hosts[0] : undefined,
    }),
    timeouts: upstreamPlan.timeouts,
    bodyLimit: upstreamPlan.bodyLimit,
    bodyIdleMs: upstreamPlan.bodyIdleMs,
    responseHeaderFilter: upstreamPlan.responseHeaderFilter,
    responseHeaders,
    responseTransform: lists === undefined ? undefined : filterLists(lists),
    rewritten,
    host: forwarded.host,
    socketProtocol,
  };
}

/** Whether paths change on their way up, so that redirects must be led back. */
function rewrites({ path, upstream }: RouteUpstreamPlan): boolean {
  return path.cut > 0 || path.front !== '' || upstream.prefix !== '';
}

/** What the rewrite took off goes into links of the backend, where nothing checks it: a path with several readings gives nothing. */
function describeRewrite(
  { path, inside }: RouteUpstreamPlan,
  target: Permit['target'],
  before: string,
): UpstreamRequestPlan['rewritten'] {
  const outside = replacedPrefix(path, target.path);
  const isOne =
    target.ambiguity === undefined || (target.ambiguity.spellings === 0 && !outside.includes('%'));
  const isPlain = inside !== undefined && isOne;
  return {
    outside,
    inside: path.front,
    before,
    announced: isPlain ? before + takenPrefix(outside, inside) : before,
  };
}
