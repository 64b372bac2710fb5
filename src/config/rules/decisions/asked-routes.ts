import type { PathProblem } from '../../problem.ts';
import { isForDecisionsOnly } from '../../routes/no-upstream.ts';
import { declaredResources } from '../../routes/resource.ts';
import type { Config, RouteConfig } from '../../schema/config.ts';
import { note, type Rule, warning } from '../rule.ts';

/** What works differently on a route that other proxies only ask about, and is easily overlooked there. */
export const askedRoutesHaveTheirFront: Rule = ({ config }) => [
  ...config.routes.flatMap((route, index) =>
    isForDecisionsOnly(route) ? tokensOutsideHeaders(config, route, index) : [],
  ),
  ...declaredResources(config).flatMap(({ index, place }) =>
    isForDecisionsOnly(config.routes[index] as RouteConfig)
      ? [
          note(
            ['routes', index, 'resource'],
            `clients look for metadata at ${place.metadataPath}, which no proxy gets by asking`,
            { at: 'key', hint: 'let the proxy in front send this path to the gateway itself, at `listen`' },
          ),
        ]
      : [],
  ),
];

/** The asking proxy forwards the request as it came, so a token that is not to be forwarded must be where it can be dropped. */
function tokensOutsideHeaders(
  config: Config,
  { name, tokenFrom = [], identity }: RouteConfig,
  index: number,
): readonly PathProblem[] {
  if ((identity?.forwardToken ?? config.identity.forwardToken) === true) return [];
  const hint = 'set `identity.forwardToken: true` if the backend may have it';
  return tokenFrom.flatMap((place, at) => {
    const path = ['routes', index, 'tokenFrom', at];
    if ('query' in place) {
      return [
        warning(
          [...path, 'query'],
          `requests with a token here are refused: the proxy that asks about route \`${name}\` would forward it`,
          { hint },
        ),
      ];
    }
    const key = 'cookie' in place ? 'cookie' : 'webSocketProtocol' in place ? 'webSocketProtocol' : undefined;
    return key === undefined
      ? []
      : [
          note(
            [...path, key],
            'requests with a token here are refused at /forward-auth and /auth-request: those proxies would forward it',
            { hint: `ask at /ext-authz or over gRPC, or ${hint}` },
          ),
        ];
  });
}
