import { didYouMean } from '../../diagnostics/nearest.ts';
import type { PathProblem } from '../../problem.ts';
import {
  type DeclaredResource,
  declaredResources,
  placeOfResource,
  settingsOf,
} from '../../routes/resource.ts';
import type { RouteConfig } from '../../schema/config.ts';
import { error, type Rule } from '../rule.ts';

/** Each declared resource has a URL that clients can write. */
export const resourcesAreIdentified: Rule = ({ config }) =>
  config.routes.flatMap((route, index) => {
    if (settingsOf(route) === undefined) return [];
    const place = placeOfResource(route, config);
    if (place === undefined || !('message' in place)) return [];
    return [
      error(['routes', index, ...place.path], place.message, { hint: place.hint, hintShowsValue: true }),
    ];
  });

/** A name stands for the resource of that route: no route is reached through another. */
export const resourcesOfOthersExist: Rule = ({ config, routeNames }) => {
  const routes = new Map(config.routes.map((route) => [route.name, route]));
  const declaring = config.routes.filter((route) => settingsOf(route) !== undefined).map(({ name }) => name);
  return config.routes.flatMap(({ name, resource }, index) => {
    if (typeof resource !== 'string') return [];
    const path = ['routes', index, 'resource'];
    if (resource === name) {
      return [error(path, 'the route names itself', { hint: 'write `resource: true`' })];
    }
    const other = routes.get(resource);
    if (other === undefined) {
      if (routeNames.includes(resource)) return [];
      const known =
        declaring.length > 0 ? `with a resource: ${declaring.join(', ')}` : 'write `resource: true`';
      return [
        error(path, `unknown route \`${resource}\``, { hint: didYouMean(resource, routeNames) ?? known }),
      ];
    }
    if (settingsOf(other) !== undefined) return [];
    return typeof other.resource === 'string'
      ? [
          error(path, `route \`${resource}\` belongs to the resource of another route itself`, {
            hint: `name that one: \`resource: ${other.resource}\``,
          }),
        ]
      : [
          error(path, `route \`${resource}\` declares no resource`, {
            hint: `set \`resource: true\` on \`${resource}\``,
          }),
        ];
  });
};

/** Clients know a resource by its identifier, and find its metadata at one place. */
export const resourcesDiffer: Rule = ({ config, lineOf }) => {
  const places = new Map<string, DeclaredResource[]>();
  const identifiers = new Map<string, DeclaredResource>();
  return declaredResources(config).flatMap((resource) => {
    const { identifier, metadataPath } = resource.place;
    const rivals = places.get(metadataPath) ?? [];
    const twin = identifiers.get(identifier);
    const rival = twin ?? rivals.find((other) => shareHost(other, resource));
    places.set(metadataPath, [...rivals, resource]);
    identifiers.set(identifier, twin ?? resource);
    if (rival === undefined) return [];
    const other = config.routes[rival.index] as RouteConfig;
    const line = lineOf(['routes', rival.index]);
    return [
      twin === undefined
        ? error(
            ['routes', resource.index, 'resource'],
            `its metadata has the same place as that of route \`${other.name}\` (line ${line})`,
            { hint: 'give each route its `host`, or the URLs different paths' },
          )
        : error(
            ['routes', resource.index, 'resource'],
            `route \`${other.name}\` (line ${line}) has the same identifier`,
            { hint: `write \`resource: ${other.name}\` if both are one resource` },
          ),
    ];
  });
};

/** Without a host a resource is served on every host, except where another with a host takes its place. */
function shareHost(a: DeclaredResource, b: DeclaredResource): boolean {
  if (a.host === b.host) return true;
  const [general, special] = a.host === undefined ? [a, b] : [b, a];
  if (general.host !== undefined) return false;
  return hostOf(general) === special.host;
}

function hostOf({ place }: DeclaredResource): string {
  return new URL(place.identifier).hostname;
}

/** What a route cannot be beside a protected resource. */
export const resourcesAreProtected: Rule = ({ config }) =>
  config.routes.flatMap((route, index): readonly PathProblem[] => {
    const { resource, access, tokenFrom = [], passAuthorization, name } = route;
    if (resource === undefined) return [];
    const path = ['routes', index];
    const query = tokenFrom.findIndex((source) => 'query' in source);
    const { scopes = [], authorizationServers = [] } = settingsOf(route) ?? {};
    return [
      ...(access === 'public'
        ? [
            error([...path, 'access'], `route \`${name}\` is public: it is no protected resource`, {
              hint: 'remove `resource` here, or let `access` require a token',
            }),
          ]
        : []),
      ...(query === -1
        ? []
        : [
            error([...path, 'tokenFrom', query], 'a protected resource takes no token from the query', {
              hint: 'its metadata has clients send Authorization; URLs end up in histories and logs',
            }),
          ]),
      ...(passAuthorization
        ? [
            error([...path, 'passAuthorization'], 'a protected resource passes no token on unverified', {
              hint: 'remove `passAuthorization`: a backend must not accept tokens issued for this gateway',
            }),
          ]
        : []),
      ...scopes.flatMap((scope, at) =>
        scope === 'offline_access'
          ? [
              error([...path, 'resource', 'scopes', at], '`offline_access` is no scope of a resource', {
                hint: 'clients request it of the authorization server if they want refresh tokens',
              }),
            ]
          : [],
      ),
      ...authorizationServers.flatMap((url, at) =>
        /[?#@]/.test(url)
          ? [
              error(
                [...path, 'resource', 'authorizationServers', at],
                'an authorization server has no query, fragment or user',
                { hint: 'write its issuer, as its metadata names it' },
              ),
            ]
          : [],
      ),
    ];
  });
