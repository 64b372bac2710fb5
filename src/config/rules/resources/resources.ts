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
export const resourcesDiffer: Rule = ({ config, whereIs }) => {
  const identifiers = new Map<string, DeclaredResource>();
  const places = new Map<string, DeclaredResource>();
  return declaredResources(config).flatMap((resource) => {
    const twin = identifiers.get(resource.place.identifier);
    const keys = placesOf(resource);
    const rival = twin ?? keys.map((key) => places.get(key)).find((other) => other !== undefined);
    identifiers.set(resource.place.identifier, twin ?? resource);
    for (const key of keys) if (!places.has(key)) places.set(key, resource);
    if (rival === undefined) return [];
    const { name } = config.routes[rival.index] as RouteConfig;
    const where = whereIs(['routes', rival.index]);
    const path = ['routes', resource.index, 'resource'];
    return twin === undefined
      ? [
          error(path, `its metadata has the same place as that of route \`${name}\` (${where})`, {
            hint: 'give each route its `host`, or the URLs different paths',
          }),
        ]
      : [
          error(path, `route \`${name}\` (${where}) has the same identifier`, {
            hint: `write \`resource: ${name}\` if both are one resource`,
          }),
        ];
  });
};

/**
 * Where the metadata is. Without a host it is on every host, and clients look for it on that of the identifier; on others a resource of
 * their own may take its place.
 */
function placesOf({ host, place }: DeclaredResource): readonly string[] {
  const hosts = host === undefined ? ['', new URL(place.identifier).hostname] : [host];
  return hosts.map((name) => `${name} ${place.metadataPath}`);
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
