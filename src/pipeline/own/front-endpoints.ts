import { FRONT_ENDPOINTS, type FrontEndpointKind, frontPath, frontPaths } from '../../config/oauth-front.ts';
import type { Config } from '../../config/schema/config.ts';
import { parseRouteHost } from '../../core/network/host.ts';
import { refuse } from '../../core/refusals.ts';
import { ANY_ORIGIN, respondToAnyOrigin } from '../cors/any-origin.ts';
import type { OwnEndpoint } from '../messages/direct-response.ts';
import type { LimitStore } from '../rate-limit/limit-store.ts';
import { compileRateLimits } from '../rate-limit/rate-limit.ts';

const METHODS: Readonly<Record<FrontEndpointKind, readonly string[]>> = {
  metadata: ['GET', 'HEAD'],
  authorize: ['GET', 'HEAD'],
  token: ['POST'],
  register: ['POST'],
};

const MINUTE_MS = 60_000;

/** The endpoints of all fronts of a file. What is in a request, the front itself looks at. */
export function frontEndpoints(config: Config, store: LimitStore): readonly OwnEndpoint[] {
  const notAt = hostsOfOthers(config);
  return Object.entries(config.issuers).flatMap(([issuer, { oauthProxy }]) => {
    const path = frontPath(config, issuer);
    if (path === undefined || oauthProxy === undefined) return [];
    const { byAddress } = compileRateLimits(
      { max: oauthProxy.rateLimit, window: MINUTE_MS, by: 'ip' },
      // With a space, which no name of a route has.
      { routeName: `oauthProxy ${issuer}`, store },
    );
    const paths = frontPaths(path);
    return FRONT_ENDPOINTS.map((kind) => ({
      ...frontEndpoint(issuer, kind),
      path: paths[kind],
      host: undefined,
      notAt,
      limits: byAddress,
    }));
  });
}

function frontEndpoint(
  issuer: string,
  kind: FrontEndpointKind,
): Pick<OwnEndpoint, 'what' | 'addedHeaders' | 'respond'> {
  const what = `the ${kind} endpoint of the front for OAuth clients of ${issuer}`;
  const allow = METHODS[kind];
  const endpoint = { issuer, kind };
  // A person is sent to `authorize`: a script could only follow its redirect to where it must not read.
  const isShared = kind !== 'authorize';
  return {
    what,
    ...(isShared && { addedHeaders: ANY_ORIGIN }),
    respond(request) {
      const { method, query, headers } = request;
      const preflight = isShared ? respondToAnyOrigin(request, allow) : undefined;
      if (preflight !== undefined) return preflight;
      if (!allow.includes(method))
        return refuse('front_method', `${what} does not have the method`, { allow });
      return { frontCall: endpoint, query, hasAuthorization: headers.authorizations.length > 0 };
    },
  };
}

/** Hosts with routes of their own beside that of `publicUrl`: the paths of fronts mean nothing there. */
function hostsOfOthers({ listen, routes }: Config): ReadonlySet<string> {
  const own = listen.publicUrl === undefined ? undefined : new URL(listen.publicUrl).hostname;
  const named = routes.flatMap(({ host }) => (host === undefined ? [] : (parseRouteHost(host) ?? [])));
  return new Set(named.filter((host) => host !== own));
}
