import t from 'tap';
import type { CallerToken } from '../../src/diff/callers.ts';
import { compareSides, type Diff } from '../../src/diff/diff.ts';
import { compileSides, type Side } from '../../src/diff/side.ts';
import { diffOf, tryFile } from '../support/diff/files.ts';
import {
  lets,
  type NaiveAccess,
  type NaiveBlock,
  type NaiveFile,
  type NaiveRequest,
  type NaiveRoute,
  type NaiveToken,
} from '../support/diff/naive.ts';

t.setTimeout(900_000);

const PAIRS = Number(process.env.DIFF_PAIRS ?? 10_000);
const FAMILY = 34;
const SAMPLES = 150;
const SEED = 20_261_130;

const SCOPES = ['a', 'b', 'c'];
const ROLES = ['r', 's'];
const METHODS = ['GET', 'POST', 'PUT'];
const HOSTS = ['one.example', 'two.example'];
const NAMES = ['x', 'y'];
const ISSUERS = ['https://i.example', 'https://j.example'];
const AUDIENCES = ['p', 'q'];
const TENANTS = ['t', 'u'];
const CLASSES = ['low', 'high'];
const CONDITIONS = ["claims.tenant == 't'", "'a' in token.scopes"];

/** A generator that gives the same numbers for the same seed (mulberry32). */
function random(seed: number) {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const chance = (share: number): boolean => next() < share;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  const some = <T>(list: readonly T[], share = 0.5): T[] => list.filter(() => chance(share));
  const few = <T>(list: readonly T[]): T[] => {
    const found = some(list);
    return found.length > 0 ? found : [pick(list)];
  };
  return {
    chance,
    pick,
    some,
    few,
    shuffle: <T>(list: readonly T[]): T[] =>
      list
        .map((one) => ({ one, key: next() }))
        .sort((a, b) => a.key - b.key)
        .map(({ one }) => one),
  };
}

type Random = ReturnType<typeof random>;

function makeWanted({ chance, few }: Random, names: readonly string[]): NaiveBlock['scopes'] {
  if (chance(0.5)) return few(names);
  return chance(0.5) ? { any: few(names) } : { any: few(names), all: few(names) };
}

function makeBlock(of: Random, policies: readonly string[], issuers: readonly string[]): NaiveBlock {
  const { chance, few, pick } = of;
  const block: NaiveBlock = {
    ...(chance(0.4) && { issuers: few(issuers) }),
    ...(chance(0.2) && { audiences: few(AUDIENCES) }),
    ...(chance(0.6) && { scopes: makeWanted(of, SCOPES) }),
    ...(chance(0.3) && { roles: makeWanted(of, ROLES) }),
    ...(chance(0.3) && { claims: { tenant: chance(0.5) ? pick(TENANTS) : few(TENANTS) } }),
    ...(chance(0.15) && { acr: few(CLASSES) }),
    ...(chance(0.1) && { when: pick(CONDITIONS) }),
    ...(chance(0.3) && policies.length > 0 && { policy: pick(policies) }),
  };
  return Object.keys(block).length === 0 ? { scopes: [pick(SCOPES)] } : block;
}

function makeAccess(of: Random, policies: readonly string[], issuers: readonly string[]): NaiveAccess {
  const { chance, pick } = of;
  if (chance(0.25)) return pick(['public', 'optional', 'authenticated'] as const);
  if (chance(0.7)) return makeBlock(of, policies, issuers);
  return [makeBlock(of, policies, issuers), makeBlock(of, policies, issuers)];
}

function makeFile(of: Random): NaiveFile {
  const { chance, few, pick, some } = of;
  const issuers = Object.fromEntries(
    few(ISSUERS).map((issuer, at) => [`issuer${at}`, { issuer, audiences: few(AUDIENCES) }]),
  );
  const names = Object.keys(issuers);
  const policies = Object.fromEntries(some(['m', 'n']).map((name) => [name, makeBlock(of, [], names)]));
  const routes: NaiveRoute[] = [];
  const taken = new Map<string, 'all' | Set<string>>();
  for (let at = 0; at < pick([1, 2, 3, 4]); at += 1) {
    const segments = Array.from({ length: pick([0, 1, 1, 2]) }, (_, depth) =>
      chance(0.3) ? `:p${depth}` : pick(NAMES),
    );
    const route: NaiveRoute = {
      name: `route${at}`,
      path: `/${segments.join('/')}`,
      upstream: 'app',
      access: makeAccess(of, Object.keys(policies), names),
      ...(chance(0.25) && { host: pick(HOSTS) }),
      ...(chance(0.3) && { exact: true }),
      ...(chance(0.5) && { methods: few(METHODS) }),
    };
    const place = `${route.host ?? ''} ${route.path.replace(/:p\d/g, ':')} ${route.exact === true}`;
    const before = taken.get(place);
    const isFree =
      before === undefined ||
      (before !== 'all' &&
        route.methods !== undefined &&
        route.methods.every((method) => !before.has(method)));
    if (!isFree) continue;
    taken.set(place, route.methods === undefined ? 'all' : new Set([...(before ?? []), ...route.methods]));
    routes.push(route);
  }
  return { issuers, policies, routes };
}

/** One requirement more or less. */
function adjust(of: Random, access: NaiveAccess): NaiveAccess {
  const { chance, pick } = of;
  if (access === 'public') return 'optional';
  if (access === 'optional') return 'authenticated';
  if (access === 'authenticated') return { scopes: [pick(SCOPES)] };
  if (Array.isArray(access))
    return chance(0.5) ? (access[0] as NaiveBlock) : access.map((block) => adjustBlock(of, block));
  return adjustBlock(of, access as NaiveBlock);
}

function adjustBlock({ chance, pick }: Random, block: NaiveBlock): NaiveBlock {
  const keys = Object.keys(block) as (keyof NaiveBlock)[];
  if (chance(0.4) && keys.length > 1) {
    const gone = pick(keys);
    return Object.fromEntries(Object.entries(block).filter(([key]) => key !== gone));
  }
  const added = pick<NaiveBlock>([
    { scopes: [...new Set([...(Array.isArray(block.scopes) ? block.scopes : []), pick(SCOPES)])] },
    { roles: [pick(ROLES)] },
    { claims: { tenant: pick(TENANTS) } },
    { acr: [pick(CLASSES)] },
    { when: pick(CONDITIONS) },
  ]);
  return { ...block, ...added };
}

/** Another file, or the same one with a change or two: small differences are the ones that are easily missed. */
function change(of: Random, file: NaiveFile): NaiveFile {
  const { chance, pick } = of;
  if (chance(0.05)) return makeFile(of);
  const names = Object.keys(file.issuers);
  const at = pick(file.routes.map((_, index) => index));
  const routes = file.routes.map((route, index) => {
    if (index !== at) return route;
    if (chance(0.6)) return { ...route, access: adjust(of, route.access) };
    if (chance(0.7)) return { ...route, access: makeAccess(of, Object.keys(file.policies), names) };
    if (chance(0.5) && route.methods !== undefined) return { ...route, methods: route.methods.slice(0, 1) };
    return { ...route, path: `${route.path === '/' ? '' : route.path}/z` };
  });
  if (chance(0.2))
    return {
      ...file,
      policies: Object.fromEntries(
        Object.keys(file.policies).map((name) => [name, makeBlock(of, [], names)]),
      ),
    };
  return { ...file, routes: chance(0.15) && routes.length > 1 ? routes.slice(1) : routes };
}

function toYaml(file: NaiveFile): object {
  return {
    issuers: Object.fromEntries(
      Object.entries(file.issuers).map(([name, issuer]) => [
        name,
        { ...issuer, algorithms: ['EdDSA'], jwksUri: `${issuer.issuer}/keys` },
      ]),
    ),
    defaults: { issuers: Object.keys(file.issuers) },
    upstreams: { app: { url: 'http://127.0.0.1:1' } },
    ...(Object.keys(file.policies).length > 0 && { policies: file.policies }),
    routes: file.routes,
  };
}

function makeRequest({ pick, chance }: Random): NaiveRequest {
  const path = Array.from({ length: pick([0, 1, 1, 2, 3]) }, () => pick([...NAMES, 'z', 'w']));
  return {
    method: pick([...METHODS, 'DELETE']),
    host: chance(0.5) ? 'elsewhere.example' : pick(HOSTS),
    path,
  };
}

function makeToken({ pick, some, chance }: Random): NaiveToken | undefined {
  if (chance(0.1)) return undefined;
  return {
    ...{ iss: pick(ISSUERS), aud: pick(AUDIENCES), scopes: some(SCOPES, 0.6), roles: some(ROLES, 0.6) },
    claims: chance(0.7) ? { tenant: pick(TENANTS) } : {},
    acr: chance(0.7) ? pick(CLASSES) : undefined,
  };
}

/** Files that differ a little, compiled together: each is compared with each. */
async function makeFamily(of: Random): Promise<readonly { readonly file: NaiveFile; readonly side: Side }[]> {
  const files = [makeFile(of)];
  while (files.length < FAMILY) {
    const next = change(of, of.pick(files));
    if (next.routes.length > 0) files.push(next);
  }
  const valid = files.flatMap((file) => {
    // Names of policies or issuers that a change left out make a file that is not valid.
    const loaded = tryFile(toYaml(file));
    return loaded === undefined ? [] : [{ file, loaded }];
  });
  const sides = await compileSides(
    valid.map(({ loaded }) => loaded),
    {},
  );
  return valid.map(({ file }, at) => ({ file, side: sides[at] as Side }));
}

t.test(`${PAIRS} pairs of files: what only one of them lets through is never missed`, async (t) => {
  const of = random(SEED);
  const results = { equal: 0, narrower: 0, wider: 0 };
  const mistakes: unknown[] = [];
  let compared = 0;
  while (compared < PAIRS && mistakes.length < 3) {
    const family = await makeFamily(of);
    for (const older of family) {
      for (const newer of family) {
        if (older === newer || compared >= PAIRS) continue;
        const diff = await compareSides([older.side, newer.side]);
        compared += 1;
        results[diff.result] += 1;
        const found = findMistake(of, diff, older.file, newer.file);
        if (found !== undefined) mistakes.push({ ...found, older: older.file, newer: newer.file });
      }
    }
    for (const { side } of family) side.close();
  }
  t.comment(JSON.stringify({ compared, ...results }));
  t.same(mistakes, []);
  t.equal(compared, PAIRS);
  t.ok(Math.min(results.equal, results.narrower, results.wider) > 0);
});

function findMistake(of: Random, diff: Diff, older: NaiveFile, newer: NaiveFile): object | undefined {
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const request = makeRequest(of);
    const token = makeToken(of);
    const [before, after] = [lets(older, request, token), lets(newer, request, token)];
    if (!before && after && diff.result !== 'wider') return { missed: 'a gain', request, token };
    if (before && !after && diff.result === 'equal') return { missed: 'a loss', request, token };
  }
  // And what it shows is true.
  const hasConditions = JSON.stringify([older, newer]).includes('"when"');
  for (const { kind, caller, requests } of diff.callers) {
    const [first] = requests;
    // A list of two values is no token of the simple reading.
    if (
      kind === 'identity' ||
      first === undefined ||
      caller.token?.claims.some(({ values }) => values.length > 1) ||
      // Conditions are names for `diff`: it does not know which values make them hold.
      hasConditions
    )
      continue;
    const request = {
      method: first.method,
      host: first.host,
      path: first.target.split('/').filter((one) => one !== ''),
    };
    const token = toNaive(caller.token);
    const seen = [lets(older, request, token), lets(newer, request, token)];
    if (seen.join() !== (kind === 'gains' ? 'false,true' : 'true,false'))
      return { untrue: kind, caller, request };
  }
  return undefined;
}

function toNaive(token: CallerToken | undefined): NaiveToken | undefined {
  return (
    token && {
      ...{
        iss: token.iss,
        aud: token.audiences[0] ?? '',
        scopes: token.scopes,
        roles: token.roles,
        acr: token.acr,
      },
      claims: Object.fromEntries(
        token.claims.map(({ path, values }) => [String(path[0]), String(values[0])]),
      ),
    }
  );
}

t.test('a file is equal to itself in another order and under other names', async (t) => {
  const of = random(SEED + 1);
  for (let at = 0; at < 100; at += 1) {
    const file = makeFile(of);
    if (tryFile(toYaml(file)) === undefined) continue;
    const renamed = JSON.stringify(toYaml({ ...file, routes: of.shuffle(file.routes) }))
      .replaceAll('issuer0', 'corp')
      .replaceAll('issuer1', 'partner')
      .replaceAll('"name":"route', '"name":"other-')
      .replace('"m":', '"mm":')
      .replaceAll('"policy":"m"', '"policy":"mm"')
      .replaceAll(':p0', ':first');
    const { result, doubts, callers, routes, settings } = await diffOf(toYaml(file), renamed);
    const changes = callers.length + routes.length + settings.length;
    t.same({ result, doubts, changes }, { result: 'equal', doubts: [], changes: 0 }, JSON.stringify(file));
  }
});
