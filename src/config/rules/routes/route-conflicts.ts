import { parseRouteHost } from '../../../core/network/host.ts';
import { encloses, routePatterns } from '../../routes/route-order.ts';
import { foldCase, isRoutePath, parseRoutePath } from '../../routes/route-path.ts';
import type { Config, RouteConfig } from '../../schema/config.ts';
import { error, type Rule, warning } from '../rule.ts';

/** Order never matters, so no two routes may take the same request. */
export const routesDoNotConflict: Rule = ({ config, whereIs }) => {
  const places = new Map<string, number[]>();
  return config.routes.flatMap((route, index) => {
    const place = placeOf(route, config);
    if (place === undefined) return [];
    const before = places.get(place) ?? [];
    places.set(place, [...before, index]);
    const other = before.find((candidate) => sharedMethods(route, config.routes[candidate]) !== undefined);
    const rival = other === undefined ? undefined : config.routes[other];
    if (other === undefined || rival === undefined) return [];
    return [
      error(
        ['routes', index, 'path'],
        `route \`${route.name}\` takes the same requests as \`${rival.name}\` (${whereIs(['routes', other])}): ${sharedMethods(route, rival)}`,
        { hint: 'make their hosts, paths or methods differ' },
      ),
    ];
  });
};

/** Equal for routes that take the same targets: parameters count by position, not by name. */
function placeOf({ host, path, exact }: RouteConfig, { matching }: Config): string | undefined {
  const segments = parseRoutePath(path);
  if (!isRoutePath(segments)) return undefined;
  const texts = segments.map((segment) => {
    if (segment.kind === 'parameter') return null;
    return matching.case === 'insensitive' ? foldCase(segment.text) : segment.text;
  });
  return JSON.stringify([host === undefined ? null : (parseRouteHost(host) ?? host), texts, exact]);
}

function sharedMethods(a: RouteConfig, b: RouteConfig | undefined): string | undefined {
  if (b === undefined) return undefined;
  if (a.methods === undefined || b.methods === undefined) {
    return (a.methods ?? b.methods)?.join(', ') ?? 'all methods';
  }
  const shared = a.methods.filter((method) => b.methods?.includes(method));
  return shared.length > 0 ? shared.join(', ') : undefined;
}

/** A route with a host comes first, however short its path: routes without a host that it encloses are not reached on that host. */
export const hostsHideNothing: Rule = ({ config, whereIs }) => {
  const patterns = routePatterns(config);
  const withHost = patterns.filter(({ host }) => host !== undefined);
  return patterns
    .filter(({ host }) => host === undefined)
    .flatMap((hidden) => {
      const hiding = withHost.filter((candidate) => encloses(candidate, hidden));
      if (hiding.length === 0) return [];
      const names = hiding.map(
        ({ host, name, index }) => `\`${name}\` (${host}, ${whereIs(['routes', index])})`,
      );
      return [
        warning(
          ['routes', hidden.index, 'path'],
          `route \`${hidden.name}\` is hidden by ${names.join(', ')}`,
          {
            hint: 'on that host the route with the host comes first; give this one a `host` too if it is needed there',
          },
        ),
      ];
    });
};
