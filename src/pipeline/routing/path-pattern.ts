import { isRoutePath, parseRoutePath, type RoutePathProblem } from '../../config/routes/route-path.ts';

/** The path of a route, parsed at load. */
export interface PathPattern {
  /** Decoded segments; null stands for a parameter. `/` has none. */
  readonly segments: readonly (string | null)[];
  readonly parameters: readonly PathParameter[];
}

interface PathParameter {
  readonly name: string;
  /** Which segment of the request's path is its value. */
  readonly at: number;
}

/** The values of a route's path parameters, decoded once. Without a prototype. */
export type PathParameters = Readonly<Record<string, string>>;

/** The path of a route for people: `/status` is itself alone, `/orders/…` everything below it, too. */
export function showPath({ path, exact }: { readonly path: string; readonly exact: boolean }): string {
  return exact ? path : `${path.replace(/\/$/, '')}/…`;
}

/** Parses the path of a route for matching, or names its problem. */
export function parsePathPattern(path: string): PathPattern | RoutePathProblem {
  const parsed = parseRoutePath(path);
  if (!isRoutePath(parsed)) return parsed;
  return {
    segments: parsed.map((segment) => (segment.kind === 'static' ? segment.text : null)),
    parameters: parsed.flatMap((segment, at) =>
      segment.kind === 'parameter' ? [{ name: segment.name, at }] : [],
    ),
  };
}
