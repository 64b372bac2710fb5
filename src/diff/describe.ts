import type { Caller, CallerToken } from './callers.ts';
import type { Diff } from './diff.ts';
import type { AllPaths, SampleRequest } from './request-classes.ts';
import type { Side } from './side.ts';

/** A caller in one line; issuers by their names in the newer file. */
export function describeCaller({ token }: Caller, sides: Diff['sides']): string {
  if (token === undefined) return 'requests without a token';
  const parts = [
    ...describeAudience(token, sides),
    ...(token.scopes.length === 0 ? [] : [`${plural('scope', token.scopes)} ${token.scopes.join(' ')}`]),
    ...(token.roles.length === 0 ? [] : [`${plural('role', token.roles)} ${token.roles.join(' ')}`]),
    ...token.claims.map(
      ({ path, values }) =>
        `${path.join('.')} = ${values.map((value) => JSON.stringify(value)).join(' and ')}`,
    ),
    ...(token.acr === undefined ? [] : [`acr ${token.acr}`]),
    ...(token.authAgeMs === undefined ? [] : [`a login up to ${Math.ceil(token.authAgeMs / 1000)}s ago`]),
  ];
  const bound =
    token.bound === undefined ? '' : ` bound to ${token.bound === 'dpop' ? 'a key' : 'a certificate'}`;
  const held = token.conditions.map((name) => `\`${name}\` holds`);
  const which =
    parts.length === 0
      ? `every token of ${nameOf(token, sides)}${bound}`
      : `tokens of ${nameOf(token, sides)}${bound} with ${parts.join(', ')}`;
  return held.length === 0 ? which : `${which}, where ${held.join(' and ')}`;
}

function plural(word: string, { length }: readonly unknown[]): string {
  return length === 1 ? word : `${word}s`;
}

/** Only where there is a choice. */
function describeAudience({ iss, audiences }: CallerToken, sides: Diff['sides']): readonly string[] {
  const lists = sides.map(({ issuers }) => issuers.get(iss)?.compiled.audiences);
  const isOnly = (audience: string): boolean =>
    lists.every((list) => list === undefined || (list.length === 1 && list[0] === audience));
  const chosen = audiences.filter((audience) => !isOnly(audience));
  return chosen.length === 0 ? [] : [`${plural('audience', chosen)} ${chosen.join(' and ')}`];
}

/** The name of an issuer in the newer file, or in the older where it is gone. */
export function nameOf({ iss }: Pick<CallerToken, 'iss'>, [older, newer]: readonly [Side, Side]): string {
  return (newer.issuers.get(iss) ?? older.issuers.get(iss))?.compiled.name ?? iss;
}

/**
 * Requests in as few lines as they can be written: `GET, POST api.example.com/orders/…` for a path with all that was tried below it, `*`
 * for a segment that no route names.
 */
export function describeRequests(requests: readonly SampleRequest[], all: AllPaths): readonly string[] {
  const byMessage = new Map<string, SampleRequest[]>();
  for (const request of requests) getOrSet(byMessage, request.message?.shown ?? '', () => []).push(request);
  return [...byMessage].flatMap(([message, of]) =>
    describePaths(of, all).map((line) => (message === '' ? line : `${line} ${message}`)),
  );
}

function describePaths(requests: readonly SampleRequest[], all: AllPaths): readonly string[] {
  const methods = new Map<string, Map<string, Set<string>>>();
  for (const { methods: name, host, isAnyHost, path } of requests) {
    const ofHost = getOrSet(methods, isAnyHost ? '' : host, () => new Map<string, Set<string>>());
    getOrSet(ofHost, path, () => new Set<string>()).add(name);
  }
  return [...methods].flatMap(([host, paths]) => {
    const names = new Map([...paths].map(([path, one]) => [path, showMethods(one)]));
    // Those with all that was tried below them.
    const whole = new Set(names.keys());
    for (const path of all.get(host) ?? [])
      for (const above of ancestorsOf(path)) if (names.get(path) !== names.get(above)) whole.delete(above);
    const isCovered = (path: string): boolean =>
      ancestorsOf(path).some((above) => whole.has(above) && names.get(path) === names.get(above));
    return [...names]
      .filter(([path]) => !isCovered(path))
      .map(([path, one]) => `${one} ${host}${whole.has(path) ? `${path.replace(/\/$/, '')}/…` : path}`);
  });
}

/** The paths above this one, `/` included. */
function ancestorsOf(path: string): readonly string[] {
  const found: string[] = [];
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
    found.push(path.slice(0, at));
  return path === '/' ? [] : [...found, '/'];
}

function getOrSet<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const present = map.get(key) ?? make();
  map.set(key, present);
  return present;
}

function showMethods(names: ReadonlySet<string>): string {
  return [...names].sort().join(', ');
}
