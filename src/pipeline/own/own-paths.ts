import { refuse } from '../../core/refusals.ts';
import type { OwnEndpoint } from '../messages/direct-response.ts';

/** The paths that the gateway serves itself, by path. At one path, an endpoint with a host comes before one without. */
export type OwnPaths = ReadonlyMap<string, readonly OwnEndpoint[]>;

/** Undefined where there is none, so that the requests of such files are not looked up. */
export function compileOwnPaths(endpoints: readonly OwnEndpoint[]): OwnPaths | undefined {
  if (endpoints.length === 0) return undefined;
  const table = new Map<string, OwnEndpoint[]>();
  for (const endpoint of endpoints) {
    const others = table.get(endpoint.path) ?? [];
    if (endpoint.host === undefined) others.push(endpoint);
    else others.unshift(endpoint);
    table.set(endpoint.path, others);
  }
  return table;
}

const OWN_ASKED = refuse('own_path_asked', 'the gateway serves this path itself: no backend may get it');

/** The same path where the gateway only decides: it belongs to no route. */
export function hideOwn({ path, host, notAt, what }: OwnEndpoint): OwnEndpoint {
  return { path, host, ...(notAt && { notAt }), what, respond: () => OWN_ASKED };
}

/** Finds what serves the path on this host; undefined leaves the request to the routes. */
export function findOwnEndpoint(
  table: OwnPaths,
  { path, host }: { readonly path: string; readonly host: string | undefined },
): OwnEndpoint | undefined {
  return table
    .get(path)
    ?.find((endpoint) =>
      endpoint.host === undefined
        ? host === undefined || endpoint.notAt?.has(host) !== true
        : endpoint.host === host,
    );
}
