import { emptyTree, insert, overlapping, type PatternTree } from '../../config/routes/pattern-tree.ts';
import { type RoutePattern, routePatterns } from '../../config/routes/route-order.ts';
import type { Config } from '../../config/schema/config.ts';
import type { ApiDocument, Operation } from '../document/api-document.ts';
import { type Place, placesOf } from '../write/places.ts';

/** A request of an operation. */
export interface OperationRequest {
  readonly host: string;
  readonly target: string;
  /** Has a name that a route has in the place of a parameter. */
  readonly isNamed: boolean;
}

/** Of one operation. */
const MOST_REQUESTS = 100;

/**
 * Requests of an operation that a file may decide differently: one with values of its parameters that no route names, and one with each
 * name that a route has in their place. Those that another path of the document takes are left out.
 */
export function createSampler(document: ApiDocument, config: Config) {
  const patterns = routePatterns(config);
  const routes = treeOf(patterns);
  const paths = document.entries.flatMap((entry) => placesOf(entry).map((place) => patternOf(place)));
  const documented = treeOf(paths);
  const fresh = freshName([...patterns, ...paths]);
  const ownHosts = hostsOf(config);

  return (operation: Operation): readonly OperationRequest[] => {
    const requests = new Map<string, OperationRequest>();
    for (const place of placesOf(operation)) {
      const hosts = place.host === undefined ? ownHosts : [place.host];
      for (const segments of variants(place)) {
        const isNamed = segments.some(
          (text, at) => place.segments[at]?.kind === 'parameter' && text !== fresh,
        );
        const partial = segments.map((text, at) => completed(text, { operation, place, at }));
        const target = `/${partial.map(encodeURIComponent).join('/')}`;
        for (const host of hosts) {
          if (requests.size < MOST_REQUESTS) requests.set(`${host}${target}`, { host, target, isNamed });
        }
      }
    }
    return [...requests.values()];
  };

  function variants(place: Place): readonly (readonly string[])[] {
    const own = patternOf(place);
    const named = overlapping(routes, own).filter(
      ({ host, segments }) =>
        (host === undefined || place.host === undefined || host === place.host) &&
        segments.length <= own.segments.length,
    );
    const all = [[], ...named.map(({ segments }) => segments)].map((route) =>
      own.segments.map((segment, at) => {
        if (segment.kind === 'static') return segment.text;
        const other = route[at];
        return other?.kind === 'static' ? other.text : fresh;
      }),
    );
    return all.filter((texts) => !isOfAnother(texts, own));
  }

  /** Static before parameter, from the left (OpenAPI 3.1.0 §4.8.8.1). */
  function isOfAnother(texts: readonly string[], own: RoutePattern): boolean {
    const segments = texts.map((text) => ({ kind: 'static' as const, text }));
    return overlapping(documented, { ...own, segments }).some(
      (other) => other.segments.length === segments.length && isMoreSpecific(other, own),
    );
  }

  /** The text around a parameter that is only a part of its segment. */
  function completed(
    text: string,
    { operation, place, at }: { readonly operation: Operation; readonly place: Place; readonly at: number },
  ): string {
    if (text !== fresh) return text;
    const written = operation.template
      .replace(/[?#].*$/s, '')
      .split('/')
      .filter((one) => one !== '');
    const own = written[at - (place.segments.length - operation.path.segments.length)] ?? '';
    const filled = own.replace(/\{[^{}]*\}/g, () => fresh);
    return filled === own ? text : filled;
  }
}

function isMoreSpecific(other: RoutePattern, own: RoutePattern): boolean {
  for (const [at, segment] of own.segments.entries()) {
    if (segment.kind !== other.segments[at]?.kind) return segment.kind === 'parameter';
  }
  return false;
}

function treeOf(patterns: readonly RoutePattern[]): PatternTree {
  const tree = emptyTree();
  for (const pattern of patterns) insert(tree, pattern);
  return tree;
}

function patternOf({ host, segments, path }: Place): RoutePattern {
  return { index: -1, name: path, host, segments, exact: true };
}

/** Where a document without hosts may be served. */
function hostsOf({ listen, routes }: Config): readonly string[] {
  const own = listen.publicUrl === undefined ? 'localhost' : new URL(listen.publicUrl).host;
  return [...new Set([own, ...routes.flatMap(({ host }) => host ?? [])])];
}

function freshName(patterns: readonly RoutePattern[]): string {
  const taken = new Set(
    patterns.flatMap(({ segments }) =>
      segments.map((one) => (one.kind === 'static' ? one.text.toLowerCase() : '')),
    ),
  );
  let at = 1;
  while (taken.has(`any-${at}`)) at += 1;
  return `any-${at}`;
}
