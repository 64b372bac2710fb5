import { isDeepStrictEqual } from 'node:util';
import { identityHeaderNames } from '../config/identity-headers.ts';
import type { Config, IssuerConfig } from '../config/schema/config.ts';
import type { CompiledIssuer } from '../tokens/compiled-issuer.ts';
import type { Effect } from './keys/effect.ts';
import type { Side } from './side.ts';

/** A difference outside of the routes. */
export interface SettingChange {
  /** The key, with dots. */
  readonly path: string;
  readonly effect: Effect;
}

/** Whatever stands below them changes nothing about who gets what, or is compared with the routes. */
const WITHOUT_EFFECT: readonly string[] = [
  ...['admin.port', 'log', 'readiness', 'shutdown', 'tests', 'tokenCache', 'reportHeader', 'include'],
  ...['listen.port', 'listen.limits', 'listen.overload', 'listen.responseHeaders'],
  ...['decisions.port', 'decisions.grpc'],
  ...['routes', 'policies', 'upstreams', 'defaults', 'matching', 'mode', 'identity', 'issuers', 'workers'],
];

/** Differences of both files outside of their routes. What is not known to be harmless is `unclear`. */
export function compareSettings(sides: readonly [Side, Side]): readonly SettingChange[] {
  const [older, newer] = sides.map(({ config }) => config) as [Config, Config];
  const paths = differingPaths(older, newer, []).filter(
    (path) => !WITHOUT_EFFECT.some((known) => path === known || path.startsWith(`${known}.`)),
  );
  return [
    ...paths.map((path): SettingChange => ({ path, effect: 'unclear' })),
    ...sizes(older, newer),
    ...workers(older, newer),
    ...freedHeaders(older, newer),
    ...compareIssuers(sides),
  ];
}

/** Requests that were too large for the listener, and are not any more. */
function sizes({ listen: older }: Config, { listen: newer }: Config): readonly SettingChange[] {
  return (['headers', 'headerBytes', 'tokenBytes'] as const).flatMap((key): readonly SettingChange[] => {
    const [before, after] = [older.limits[key], newer.limits[key]];
    if (before === after) return [];
    return [{ path: `listen.limits.${key}`, effect: after > before ? 'wider' : 'narrower' }];
  });
}

/** Each process counts by itself, unless the counts are in a store. */
function workers(older: Config, newer: Config): readonly SettingChange[] {
  const isCounted = newer.routes.some(({ rateLimit }) => rateLimit !== undefined);
  const [before, after] = [older.workers, newer.workers];
  if (before === after || !isCounted || newer.rateLimitStore !== undefined) return [];
  if (before === 'auto' || after === 'auto') return [{ path: 'workers', effect: 'unclear' }];
  return [{ path: 'workers', effect: after > before ? 'wider' : 'narrower' }];
}

/** Identity headers that clients may send again, since the file names them no more: a backend could believe them. */
function freedHeaders(older: Config, newer: Config): readonly SettingChange[] {
  const kept = identityHeaderNames(newer);
  const freed = [...identityHeaderNames(older)].filter((name) => !kept.has(name)).sort();
  return freed.map((name) => ({ path: `identity: clients may send ${name} again`, effect: 'unclear' }));
}

function differingPaths(older: unknown, newer: unknown, at: readonly string[]): readonly string[] {
  if (isDeepStrictEqual(older, newer)) return [];
  if (!isMapping(older) || !isMapping(newer) || at.length >= 2) return [at.join('.')];
  const names = new Set([...Object.keys(older), ...Object.keys(newer)]);
  return [...names].flatMap((name) => differingPaths(older[name], newer[name], [...at, name]));
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type CompareIssuers = (older: CompiledIssuer, newer: CompiledIssuer) => Effect;

const subset = (older: Iterable<unknown>, newer: Iterable<unknown>): boolean => {
  const all = new Set(newer);
  return [...older].every((one) => all.has(one));
};

/** More members let more tokens pass. */
const members =
  (read: (issuer: CompiledIssuer) => Iterable<unknown>): CompareIssuers =>
  (older, newer) =>
    subset(read(older), read(newer)) ? 'wider' : subset(read(newer), read(older)) ? 'narrower' : 'unclear';

/** A larger number lets more tokens pass. */
const number =
  (read: (issuer: CompiledIssuer) => number | undefined): CompareIssuers =>
  (older, newer) =>
    (read(newer) ?? Number.POSITIVE_INFINITY) > (read(older) ?? Number.POSITIVE_INFINITY)
      ? 'wider'
      : 'narrower';

/** What of an issuer decides on its tokens, and how; audiences are compared with the routes. */
const OF_ISSUERS: Readonly<
  Record<string, { readonly read: (issuer: CompiledIssuer) => unknown; readonly compare: CompareIssuers }>
> = {
  algorithms: {
    read: ({ algorithms }) => [...algorithms].sort(),
    compare: members(({ algorithms }) => algorithms),
  },
  maxTokenAge: { read: (issuer) => issuer.maxTokenAgeMs, compare: number((issuer) => issuer.maxTokenAgeMs) },
  clockTolerance: {
    read: (issuer) => issuer.clockToleranceMs,
    compare: number((issuer) => issuer.clockToleranceMs),
  },
  requiredClaims: {
    read: ({ requiredClaims }) => [...requiredClaims].sort(),
    // The other way round: who asks for more lets less pass.
    compare: (older, newer) => members(({ requiredClaims }) => requiredClaims)(newer, older),
  },
  idTokens: {
    read: ({ idTokens }) => idTokens,
    compare: (_, { idTokens }) => (idTokens ? 'wider' : 'narrower'),
  },
  tokenTypes: {
    read: ({ tokenTypes }) => [tokenTypes.required, [...tokenTypes.names].sort()],
    compare: members(({ tokenTypes }) => [...tokenTypes.names, ...(tokenTypes.required ? [] : [''])]),
  },
};

/** Keys of the file behind these, and those that only matter to operators. */
const COVERED: ReadonlySet<string> = new Set([...Object.keys(OF_ISSUERS), ...['audiences', 'scopePrefix']]);

function compareIssuers(sides: readonly [Side, Side]): readonly SettingChange[] {
  const [older, newer] = sides;
  return [...older.issuers].flatMap(([iss, { compiled: before }]) => {
    const after = newer.issuers.get(iss)?.compiled;
    // Its tokens lose everywhere, which the routes show.
    if (after === undefined) return [];
    const place = `issuers.${after.name}`;
    const known = Object.entries(OF_ISSUERS)
      .filter(([, { read }]) => !isDeepStrictEqual(read(before), read(after)))
      .map(
        ([key, { compare }]): SettingChange => ({ path: `${place}.${key}`, effect: compare(before, after) }),
      );
    const settings = [older.config.issuers[before.name], newer.config.issuers[after.name]] as [
      IssuerConfig,
      IssuerConfig,
    ];
    const others = differingKeys(...settings).filter((key) => !COVERED.has(key));
    return [
      ...known,
      ...others.map((key): SettingChange => ({ path: `${place}.${key}`, effect: 'unclear' })),
    ];
  });
}

function differingKeys(older: IssuerConfig, newer: IssuerConfig): readonly string[] {
  const names = new Set([...Object.keys(older), ...Object.keys(newer)]) as Set<keyof IssuerConfig>;
  return [...names].filter((name) => !isDeepStrictEqual(older[name], newer[name]));
}
