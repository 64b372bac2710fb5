import { emptyTree, insert, overlapping } from '../../config/routes/pattern-tree.ts';
import { encloses } from '../../config/routes/route-order.ts';
import { type ApiDocument, type Gap, type Operation, whatOf } from '../document/api-document.ts';
import { type AccessText, anyToken, writeAccess } from './access-text.ts';
import { type Place, placesOf } from './places.ts';

/** A route to be written, or what is not and why. */
export type PlannedLine = PlannedRoute | { readonly kind: 'comment'; readonly text: string };

export interface PlannedRoute {
  readonly kind: 'route';
  readonly place: Place;
  /** Of a route that keeps its path from wider ones and lets nobody in. */
  readonly isGuard: boolean;
  readonly methods: string[];
  readonly access: AccessText;
  /** The `operationId` of its first operation. */
  readonly id: string | undefined;
}

export interface RoutePlan {
  readonly lines: readonly PlannedLine[];
  readonly remarks: readonly string[];
  readonly operations: number;
  readonly unwritten: ReadonlySet<Operation | Gap>;
}

/** Beyond as many, routes would be copies of each other by the dozen. */
const MOST_HOSTS = 4;

/** Plans one route for the operations of a path that ask for the same. Those of one host stand together, in the order of the document. */
export function planRoutes(document: ApiDocument, issuer: string | undefined): RoutePlan {
  const { entries } = document;
  const hosts = new Set(entries.flatMap(({ addresses }) => addresses.map(({ host }) => host)));
  const takesAnyHost = hosts.size > MOST_HOSTS;
  const clashes = findClashes(entries, issuer, takesAnyHost);
  const unwritten = new Set<Operation | Gap>();
  const lines: PlannedLine[] = [];
  const routes = new Map<string, PlannedRoute>();
  const closed: Place[] = [];

  function close(entry: Operation | Gap, reason: string, places: readonly Place[]): void {
    closed.push(...places);
    if (!unwritten.has(entry))
      lines.push({ kind: 'comment', text: `not written: ${whatOf(entry)}: ${reason}` });
    unwritten.add(entry);
  }

  for (const host of takesAnyHost || hosts.size === 0 ? [undefined] : hosts) {
    for (const entry of entries) {
      const places = placesOf(entry, takesAnyHost).filter((place) => place.host === host);
      if (entry.kind === 'gap') {
        close(entry, entry.reason, places);
        continue;
      }
      const access = writeAccess(entry.security, issuer);
      if (entry.path.unsayable !== undefined) close(entry, entry.path.unsayable, places);
      else if ('unsayable' in access) close(entry, access.unsayable, places);
      else {
        for (const place of places) {
          const clash = clashes.get(`${entry.method} ${place.key}`);
          if (clash === undefined) addTo(routes, { entry, place, access, lines });
          else close(entry, clash, [place]);
        }
      }
    }
  }
  lines.push(...planGuards(closed, [...routes.values()], issuer));
  const remarks = takesAnyHost
    ? [`the document names ${hosts.size} hosts: these routes take any host`, ...document.remarks]
    : document.remarks;
  const operations = entries.filter(({ kind }) => kind === 'operation').length;
  return { lines, remarks, operations, unwritten };
}

function addTo(
  routes: Map<string, PlannedRoute>,
  {
    entry,
    place,
    access,
    lines,
  }: {
    readonly entry: Operation;
    readonly place: Place;
    readonly access: AccessText;
    readonly lines: PlannedLine[];
  },
): void {
  const key = JSON.stringify([place.key, access]);
  const known = routes.get(key);
  if (known !== undefined) {
    if (!known.methods.includes(entry.method)) known.methods.push(entry.method);
    return;
  }
  const route: PlannedRoute = {
    kind: 'route',
    place,
    isGuard: false,
    methods: [entry.method],
    access,
    id: entry.id,
  };
  routes.set(key, route);
  lines.push(route);
}

/** Requests that several operations take, and for which they do not ask for the same. */
function findClashes(
  entries: ApiDocument['entries'],
  issuer: string | undefined,
  takesAnyHost: boolean,
): ReadonlyMap<string, string> {
  const first = new Map<string, { readonly operation: Operation; readonly access: string }>();
  const clashes = new Map<string, string>();
  for (const operation of entries) {
    if (operation.kind === 'gap') continue;
    const written = writeAccess(operation.security, issuer);
    const access = 'yaml' in written ? written.yaml : '';
    for (const { key } of placesOf(operation, takesAnyHost)) {
      const request = `${operation.method} ${key}`;
      const known = first.get(request);
      if (known === undefined) first.set(request, { operation, access });
      else if (known.access !== access) {
        const templates = `\`${known.operation.template}\` and \`${operation.template}\``;
        clashes.set(request, `${templates} are one path here, and ask for different things`);
      }
    }
  }
  return clashes;
}

/** What is not written would be taken by a wider route, such as one with a parameter in its place: there the path gets a route of its own. */
function planGuards(
  closed: readonly Place[],
  routes: readonly PlannedRoute[],
  issuer: string | undefined,
): readonly PlannedLine[] {
  const tree = emptyTree();
  const taken = new Set(routes.map(({ place }) => place.key));
  for (const [index, { place }] of routes.entries()) insert(tree, patternOf(place, index));
  return closed.flatMap((place): readonly PlannedLine[] => {
    if (taken.has(place.key)) return [];
    taken.add(place.key);
    const pattern = patternOf(place, 0);
    const wider = overlapping(tree, pattern).find(
      (route) => (route.host === undefined || route.host === place.host) && encloses(route, pattern),
    );
    if (wider === undefined) return [];
    const access: AccessText = { yaml: anyToken(issuer), remarks: [] };
    return [
      { kind: 'comment', text: `closed, since \`${wider.name}\` would take it:` },
      { kind: 'route', place, isGuard: true, methods: [], access, id: undefined },
    ];
  });
}

function patternOf({ host, segments, path }: Place, index: number) {
  return { index, name: path, host, segments, exact: true };
}
