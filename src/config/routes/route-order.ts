import { parseRouteHost } from '../../core/network/host.ts';
import type { Config } from '../schema/config.ts';
import { isRoutePath, parseRoutePath, type RouteSegment } from './route-path.ts';

/** A route as rules compare it. */
export interface RoutePattern {
  readonly index: number;
  readonly name: string;
  /** Undefined: any host. */
  readonly host: string | undefined;
  readonly segments: readonly RouteSegment[];
  readonly exact: boolean;
}

/** The routes whose host and path are valid; `routesAreWellFormed` reports the others. */
export function routePatterns({ routes }: Config): readonly RoutePattern[] {
  return routes.flatMap(({ name, host, path, exact }, index) => {
    const segments = parseRoutePath(path);
    const parsedHost = host === undefined ? undefined : parseRouteHost(host);
    if (!isRoutePath(segments) || (host !== undefined && parsedHost === undefined)) return [];
    return [{ index, name, host: parsedHost, segments, exact }];
  });
}

/** Whether `outer` takes every path that `inner` takes, hosts aside. */
export function encloses(outer: RoutePattern, inner: RoutePattern): boolean {
  if (outer.exact && (!inner.exact || inner.segments.length !== outer.segments.length)) return false;
  return outer.segments.every((segment, position) => {
    const other = inner.segments[position];
    if (other === undefined) return false;
    return segment.kind === 'parameter' || (other.kind === 'static' && other.text === segment.text);
  });
}
