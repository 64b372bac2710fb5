import fc from 'fast-check';
import t from 'tap';
import { isRefusal } from '../../../src/core/refusals.ts';
import { decideNow, fileWith, gateOf, requestOf } from '../../support/pipeline/gate.ts';

/*
 * Matching once more, as naively as the documentation has it: every route is tried, and the best is found by comparing them
 * in pairs.
 */

interface Plain {
  readonly path: string;
  readonly exact: boolean;
  readonly host?: string;
  readonly methods?: readonly string[];
}

const split = (path: string) => path.split('/').slice(1);
const partsOf = (route: Plain) => (route.path === '/' ? [] : split(route.path));

function takes(route: Plain, host: string, path: string): boolean {
  if (route.host !== undefined && route.host !== host) return false;
  const parts = partsOf(route);
  const asked = split(path);
  const fits = parts.every((part, at) =>
    part.startsWith(':') ? (asked[at] ?? '') !== '' : part === asked[at],
  );
  const rest = asked.slice(parts.length);
  return fits && (!route.exact || rest.length === 0 || (rest.length === 1 && rest[0] === ''));
}

function compare(a: Plain, b: Plain): number {
  if ((a.host === undefined) !== (b.host === undefined)) return a.host === undefined ? 1 : -1;
  const left = partsOf(a);
  const right = partsOf(b);
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const isParameter = [left[at]?.startsWith(':'), right[at]?.startsWith(':')];
    if (isParameter[0] !== isParameter[1]) return isParameter[0] ? 1 : -1;
  }
  if (left.length !== right.length) return right.length - left.length;
  return Number(b.exact) - Number(a.exact);
}

const segment = fc.constantFrom('a', 'b', 'c');
const pathOf = (part: fc.Arbitrary<string>) =>
  fc.array(part, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
const route = fc
  .record({
    parts: fc.array(fc.oneof(segment, fc.constant(':')), { maxLength: 4 }),
    exact: fc.boolean(),
    host: fc.option(fc.constantFrom('x.example', 'y.example'), { nil: undefined }),
    methods: fc.option(fc.constantFrom(['GET'], ['PUT']), { nil: undefined }),
  })
  .map(({ parts, exact, host, methods }) => ({
    path: `/${parts.map((part, at) => (part === ':' ? `:p${at}` : part)).join('/')}`,
    exact,
    ...(host === undefined ? {} : { host }),
    ...(methods === undefined ? {} : { methods }),
  }));
const sameRequests = ({ path, exact, host }: Plain) => `${path} ${exact} ${host}`;

t.test('the tree of routes finds what trying every route finds', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(route, { minLength: 1, maxLength: 12, selector: sameRequests }),
      fc.array(
        fc.tuple(fc.constantFrom('x.example', 'y.example', 'z.example'), pathOf(segment), fc.boolean()),
        {
          minLength: 12,
          maxLength: 12,
        },
      ),
      async (routes: Plain[], requests) => {
        const gate = await gateOf(
          fileWith(
            routes.map(({ methods, ...plain }, at) => ({
              name: `r${at}`,
              ...plain,
              ...(methods === undefined ? {} : { methods: [...methods] }),
            })),
          ),
        );
        for (const [host, path, slash] of requests) {
          const target = slash && path !== '/' ? `${path}/` : path;
          const candidates = routes.filter((plain) => takes(plain, host, target)).sort(compare);
          const [best] = candidates;
          const expected =
            best === undefined
              ? 'route_unknown'
              : (best.methods?.includes('GET') ?? true)
                ? `r${routes.indexOf(best)}`
                : 'method_not_allowed';
          const { route: found, outcome } = decideNow(gate, requestOf(`GET ${target}`, 'Host', host));
          const got = isRefusal(outcome) ? outcome.code : found?.name;
          if (got !== expected) throw new Error(`${host} ${target}: ${got}, naively ${expected}`);
        }
      },
    ),
    { numRuns: 400 },
  );
});

/*
 * Encoded marks, as backends read them: one decodes the whole path and cuts it at the first `?` or `#` it takes for an end, with or
 * without what stands behind a `;` in each name. All of them must find what trying every route finds for the path as it is.
 */

const markedSegment = fc
  .tuple(segment, fc.constantFrom('', '', '', '%3F', '%23', '%3B', '%3bx', '%3Fx%23y'))
  .map((parts) => parts.join(''));

function readingsOf(path: string): readonly string[] {
  const decoded = decodeURIComponent(path);
  const ends = [...decoded].flatMap((character, at) => (character === '?' || character === '#' ? [at] : []));
  const cut = [decoded, ...ends.map((end) => decoded.slice(0, end))];
  const bare = decoded.replace(/;[^/]*/g, '');
  const bareEnds = [...bare].flatMap((character, at) => (character === '?' || character === '#' ? [at] : []));
  const both = [...cut, bare, ...bareEnds.map((end) => bare.slice(0, end))];
  return [...new Set([...both, ...both.map((reading) => reading.replace(/;[^/]*/g, ''))])];
}

t.test('a path with encoded marks is of a route only if every backend finds it in that route', async (t) => {
  const seen = { route: 0, ambiguous: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(route, { minLength: 1, maxLength: 8, selector: sameRequests }),
      fc.array(pathOf(markedSegment), { minLength: 12, maxLength: 12 }),
      async (routes: Plain[], paths) => {
        const open = routes.map(({ path, exact, host }) => ({
          path,
          exact,
          ...(host === undefined ? {} : { host }),
        }));
        const gate = await gateOf(fileWith(open.map((plain, at) => ({ name: `r${at}`, ...plain }))));
        for (const path of paths) {
          const best = (reading: string) =>
            open.filter((plain) => takes(plain, 'x.example', reading)).sort(compare)[0];
          const found = new Set(readingsOf(path).map(best));
          const [only] = found;
          const expected =
            found.size > 1
              ? 'ambiguous_path'
              : only === undefined
                ? 'route_unknown'
                : `r${open.indexOf(only)}`;
          const { route: taken, outcome } = decideNow(gate, requestOf(`GET ${path}`, 'Host', 'x.example'));
          const got = isRefusal(outcome) ? outcome.code : taken?.name;
          if (path.includes('%')) seen[got === 'ambiguous_path' ? 'ambiguous' : 'route'] += 1;
          if (got !== expected) throw new Error(`${path}: ${got}, naively ${expected}`);
        }
      },
    ),
    { numRuns: 400 },
  );
  t.ok(seen.route > 100 && seen.ambiguous > 100, JSON.stringify(seen));
});
