import { DEFAULT_IDENTITY_HEADERS } from '../config/identity-headers.ts';
import type { Config } from '../config/schema.ts';
import type { ForwardedFor } from '../http/forwarded.ts';
import type { Permit } from '../pipeline/permit.ts';
import type { Route } from '../pipeline/route.ts';
import { AnswerNames } from './answer-names.ts';
import {
  compileForwardPath,
  type ForwardPath,
  forwardPath,
  replacedPrefix,
  takenPrefix,
} from './forward-path.ts';
import type { ForwardPlan } from './forwarding.ts';
import { buildUpstreamHeaders, type HeaderPairs } from './headers.ts';
import { timeLimit } from './time-limit.ts';
import type { Upstream } from './upstream.ts';

/** How the requests of one route go up; settled at load. */
export interface RouteForwarding {
  readonly upstream: Upstream;
  readonly path: ForwardPath;
  /** The front of the path that the backend sees; undefined where its addresses differ in it. */
  readonly inside: string | undefined;
  readonly timeouts: ForwardPlan['timeouts'];
  readonly bodyLimit: number | undefined;
  readonly bodyIdleMs: number;
  readonly answerNames: AnswerNames;
}

/** Compiles the forwarding of every route, in the order of `Route.index`. Every upstream that a route names must be there. */
export function compileForwardings(
  config: Config,
  routes: readonly Route[],
  upstreams: ReadonlyMap<string, Upstream>,
): readonly RouteForwarding[] {
  const reserved = identityNames(config);
  const identity = new AnswerNames(reserved);
  const identityAndCors = new AnswerNames([...reserved, ...CORS_RESPONSE_FIELDS]);
  return routes.map((route) => {
    const upstream = upstreams.get(route.config.upstream);
    if (upstream === undefined) throw new Error(`route ${route.name} names no upstream that was compiled`);
    const own = route.config.timeouts;
    const path = compileForwardPath(route.config.rewrite, route.depth);
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
      answerNames: route.cors === undefined ? identity : identityAndCors,
    };
  });
}

/** Where the gateway decides who may read an answer, the backend's own permissions would widen it (Fetch §3.2.3). */
const CORS_RESPONSE_FIELDS = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-private-network',
  'access-control-expose-headers',
  'access-control-max-age',
] as const;

export interface RequestContext {
  readonly method: string;
  readonly forwarded: ForwardedFor;
  readonly requestId: string;
  /** What the gateway adds to the answer; lower-case names. */
  readonly responseHeaders: HeaderPairs;
}

/** Says what of a permitted request goes up. Nothing goes up without a Permit. */
export function planForward(
  permit: Permit,
  forwarding: RouteForwarding,
  { method, forwarded, requestId, responseHeaders }: RequestContext,
): ForwardPlan {
  const { headers, target, identity, credentials, socketProtocol } = permit;
  const rewritten = rewrites(forwarding) ? describeRewrite(forwarding, target, forwarded.prefix) : undefined;
  return {
    method,
    target: forwardPath(forwarding.path, target.path) + target.query,
    headers: buildUpstreamHeaders({
      passed: headers.passed,
      identity,
      credentials,
      forwarded,
      prefix: rewritten?.told ?? forwarded.prefix,
      requestId,
      host: forwarding.upstream.clientHost ? headers.hosts[0] : undefined,
    }),
    timeouts: forwarding.timeouts,
    bodyLimit: forwarding.bodyLimit,
    bodyIdleMs: forwarding.bodyIdleMs,
    answerNames: forwarding.answerNames,
    responseHeaders,
    rewritten,
    host: forwarded.host,
    socketProtocol,
  };
}

/** Whether paths change on their way up, so that redirects must be led back. */
function rewrites({ path, upstream }: RouteForwarding): boolean {
  return path.cut > 0 || path.front !== '' || upstream.prefix !== '';
}

/** What the rewrite took off goes into links of the backend, where nothing checks it: a path with several readings gives nothing. */
function describeRewrite(
  { path, inside }: RouteForwarding,
  target: Permit['target'],
  before: string,
): ForwardPlan['rewritten'] {
  const outside = replacedPrefix(path, target.path);
  const isOne =
    target.ambiguity === undefined || (target.ambiguity.spellings === 0 && !outside.includes('%'));
  const isPlain = inside !== undefined && isOne;
  return {
    outside,
    inside: path.front,
    before,
    told: isPlain ? before + takenPrefix(outside, inside) : before,
  };
}

/** A backend that echoes what it was told must not teach clients what others are told (threats H10). */
function identityNames({ identity, routes }: Config): ReadonlySet<string> {
  const parts = [identity, ...routes.map((route) => route.identity)];
  return new Set(
    [
      ...Object.keys(DEFAULT_IDENTITY_HEADERS),
      ...(identity.reserved ?? []),
      ...(identity.assertion === undefined ? [] : [identity.assertion.header]),
      ...parts.flatMap((part) => Object.keys(part?.headers ?? {})),
    ].map((name) => name.toLowerCase()),
  );
}
