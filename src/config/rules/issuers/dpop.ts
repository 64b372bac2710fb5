import { parseRouteHost } from '../../../core/network/host.ts';
import type { PathProblem } from '../../problem.ts';
import { acceptedIssuers, accessAlternatives } from '../../routes/route-access.ts';
import type { Config, RouteConfig } from '../../schema/config.ts';
import { error, type Rule, warning } from '../rule.ts';

/** A proof names the URI of its request. What that is must come from the file: the client chooses its `Host`. */
export const proofsHaveTheirUri: Rule = ({ config }) => {
  const bound = new Set(
    Object.keys(config.issuers).filter((name) => config.issuers[name]?.dpop !== undefined),
  );
  if (bound.size === 0) return [];
  const routes = config.routes.flatMap((route, index) => {
    const issuer = boundIssuerOf(route, config, bound);
    return issuer === undefined ? [] : [{ route, index, issuer }];
  });
  const { publicUrl } = config.listen;
  if (publicUrl !== undefined) return routes.length === 0 ? [] : strippedPath(publicUrl, routes);
  return routes.flatMap(({ route: { host }, index, issuer }): readonly PathProblem[] => {
    if (host !== undefined && parseRouteHost(host) !== undefined) return [];
    const message = `nothing to compare \`htu\` of proofs with: the route accepts \`${issuer}\`, which has \`dpop\``;
    const hint = 'set `listen.publicUrl` to the URL that clients use, or `host` on the route';
    return [error(['routes', index], message, { hint })];
  });
};

/** The list is a set: a name that stands there twice was meant to be another. */
export const proofAlgorithmsDiffer: Rule = ({ config }) =>
  Object.entries(config.issuers).flatMap(([name, { dpop }]) =>
    (dpop?.algorithms ?? []).flatMap((algorithm, at, all) =>
      all.indexOf(algorithm) < at
        ? [warning(['issuers', name, 'dpop', 'algorithms', at], `\`${algorithm}\` is listed twice`)]
        : [],
    ),
  );

function boundIssuerOf(
  { access }: RouteConfig,
  config: Config,
  bound: ReadonlySet<string>,
): string | undefined {
  return accessAlternatives(access, [])
    .flatMap(({ block }) => acceptedIssuers(block, config))
    .find((name) => bound.has(name));
}

/** The gateway sees the path that is left when a proxy in front has taken its part off, and clients know the whole. */
function strippedPath(
  publicUrl: string,
  routes: readonly { readonly route: RouteConfig; readonly issuer: string }[],
): readonly PathProblem[] {
  const prefix = URL.canParse(publicUrl) ? new URL(publicUrl).pathname.replace(/\/$/, '') : '';
  const stripped = routes.find(({ route: { path } }) => path !== prefix && !path.startsWith(`${prefix}/`));
  if (stripped === undefined) return [];
  const message = `proofs for \`${stripped.issuer}\` are compared without its path: route \`${stripped.route.name}\` is not below \`${prefix}\``;
  return [
    warning(['listen', 'publicUrl'], message, {
      hint: 'let the proxy in front pass the path on as it is, and take it off with `rewrite`',
    }),
  ];
}
