import { normalizeHost, parseRouteHost } from '../../core/network/host.ts';
import type { Config, ResourceConfig, RouteConfig } from '../schema/config.ts';
import { isRoutePath, parseRoutePath } from './route-path.ts';

/** The keys of a `resource`; none for `true`. */
export type ResourceSettings = Partial<Extract<ResourceConfig, object>>;

/** A protected resource of the file (RFC 9728). */
export interface DeclaredResource {
  /** Position of the route that declares it. */
  readonly index: number;
  readonly settings: ResourceSettings;
  /** Host of that route, as `normalizeHost` spells it; undefined: any. */
  readonly host: string | undefined;
  readonly place: ResourcePlace;
  /** Positions of its routes, in the order of the file. */
  readonly members: readonly number[];
}

/** A resource as clients see it, byte for byte. */
export interface ResourcePlace {
  readonly identifier: string;
  /** Path of its metadata, on the host of the identifier. */
  readonly metadataPath: string;
  readonly metadataUrl: string;
}

export interface ResourceProblem {
  /** Below the route. */
  readonly path: readonly string[];
  readonly message: string;
  readonly hint: string;
}

/** Where clients look for metadata, before the path of the resource (RFC 9728 §3). */
export const METADATA_ROOT = '/.well-known/oauth-protected-resource';

const known = new WeakMap<Config, readonly DeclaredResource[]>();

/** The resources of the file. Those without an identifier are left out: `resourcesAreIdentified` reports them. */
export function declaredResources(config: Config): readonly DeclaredResource[] {
  const listed = known.get(config) ?? listResources(config);
  known.set(config, listed);
  return listed;
}

function listResources(config: Config): readonly DeclaredResource[] {
  const members = new Map<string, number[]>();
  config.routes.forEach(({ name, resource }, index) => {
    if (resource === undefined) return;
    const owner = typeof resource === 'string' ? resource : name;
    const others = members.get(owner);
    if (others === undefined) members.set(owner, [index]);
    else others.push(index);
  });
  return config.routes.flatMap((route, index) => {
    const settings = settingsOf(route);
    const place = settings && placeOfResource(route, config);
    if (settings === undefined || place === undefined || 'message' in place) return [];
    const host = route.host === undefined ? undefined : parseRouteHost(route.host);
    return [{ index, settings, host, place, members: members.get(route.name) ?? [] }];
  });
}

/** The settings of a route that declares a resource; undefined for one that names another route. */
export function settingsOf({ resource }: RouteConfig): ResourceSettings | undefined {
  if (resource === undefined || typeof resource === 'string') return undefined;
  return resource === true ? {} : resource;
}

/** The identifier of a route that declares a resource, or why there is none. Undefined where host or path have errors of their own. */
export function placeOfResource(
  route: RouteConfig,
  { listen }: Config,
): ResourcePlace | ResourceProblem | undefined {
  const { url } = settingsOf(route) ?? {};
  if (url !== undefined) return placeOfUrl(url);
  const segments = parseRoutePath(route.path);
  if (!isRoutePath(segments) || (route.host !== undefined && parseRouteHost(route.host) === undefined)) {
    return undefined;
  }
  if (segments.some(({ kind }) => kind === 'parameter')) {
    return lacking('the path has parameters, so it is no URL that clients could be given', {
      hint: 'write the URL of the resource in `resource.url`',
    });
  }
  if (listen.publicUrl === undefined) {
    return lacking('nothing to make the identifier of: clients know the resource by its URL', {
      hint: 'set `listen.publicUrl`, or write the URL in `resource.url`',
    });
  }
  const identifier = originFor(route, listen.publicUrl) + (route.path === '/' ? '' : route.path);
  const { href } = new URL(identifier);
  return route.path === '/' || href === identifier
    ? placeAt(identifier)
    : lacking('the path has characters that URLs encode', { hint: `write \`resource: { url: ${href} }\`` });
}

/** Scheme and port are those of the public URL, also for a route with its own host. */
function originFor({ host: text }: RouteConfig, publicUrl: string): string {
  const { origin, protocol, port } = new URL(publicUrl);
  const host = text === undefined ? undefined : parseRouteHost(text);
  return host === undefined ? origin : `${protocol}//${host}${port === '' ? '' : `:${port}`}`;
}

function placeOfUrl(url: string): ResourcePlace | ResourceProblem {
  const { username, password, hostname, pathname, href } = new URL(url);
  const path = ['resource', 'url'];
  if (/[?#]/.test(url)) {
    return { path, message: 'an identifier has no query or fragment', hint: 'end it with its path' };
  }
  if (username !== '' || password !== '' || url.includes('@')) {
    return { path, message: 'an identifier has no user', hint: 'write scheme, host and path alone' };
  }
  if (normalizeHost(hostname) === undefined) {
    return {
      path,
      message: `\`${hostname}\` is not a host name`,
      hint: 'an identifier is one URL: no wildcard, no placeholder',
    };
  }
  const place = placeAt(url);
  const written = place.metadataPath.slice(METADATA_ROOT.length) || '/';
  return written === pathname
    ? place
    : { path, message: 'no client writes the path like this', hint: `write ${href}` };
}

/** The well-known part stands between the host and the path, which may be empty (RFC 9728 §3.1). */
function placeAt(identifier: string): ResourcePlace {
  const [, origin = '', path = ''] = /^(https?:\/\/[^/]*)(.*)$/is.exec(identifier) ?? [];
  const metadataPath = METADATA_ROOT + (path === '/' ? '' : path);
  return { identifier, metadataPath, metadataUrl: origin + metadataPath };
}

function lacking(message: string, { hint }: { readonly hint: string }): ResourceProblem {
  return { path: ['resource'], message, hint };
}
