/*
 * A second, simple reading of the rules, for generated files: who may send what. It shares no code with the gateway.
 */

export interface NaiveBlock {
  readonly issuers?: readonly string[];
  readonly audiences?: readonly string[];
  readonly scopes?:
    | readonly string[]
    | { readonly any?: readonly string[]; readonly all?: readonly string[] };
  readonly roles?: readonly string[] | { readonly any?: readonly string[]; readonly all?: readonly string[] };
  readonly claims?: Readonly<Record<string, string | readonly string[]>>;
  readonly policy?: string;
  readonly acr?: readonly string[];
  /** One of those that `CONDITIONS` here can read. */
  readonly when?: string;
}

const CONDITIONS: Readonly<Record<string, (token: NaiveToken) => boolean>> = {
  "claims.tenant == 't'": ({ claims }) => claims.tenant === 't',
  "'a' in token.scopes": ({ scopes }) => scopes.includes('a'),
};

export type NaiveAccess = 'public' | 'optional' | 'authenticated' | NaiveBlock | readonly NaiveBlock[];

export interface NaiveRoute {
  readonly name: string;
  readonly host?: string;
  readonly path: string;
  readonly exact?: boolean;
  readonly methods?: readonly string[];
  readonly upstream: string;
  readonly access: NaiveAccess;
}

export interface NaiveFile {
  readonly issuers: Readonly<
    Record<string, { readonly issuer: string; readonly audiences: readonly string[] }>
  >;
  readonly policies: Readonly<Record<string, NaiveBlock>>;
  readonly routes: readonly NaiveRoute[];
}

export interface NaiveToken {
  readonly iss: string;
  readonly aud: string;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  readonly claims: Readonly<Record<string, string>>;
  readonly acr: string | undefined;
}

export interface NaiveRequest {
  readonly method: string;
  readonly host: string;
  readonly path: readonly string[];
}

/** Whether the file lets the request through. */
export function lets(file: NaiveFile, request: NaiveRequest, token: NaiveToken | undefined): boolean {
  const route = routeOf(file, request);
  if (route === undefined) return false;
  const { access } = route;
  if (access === 'public') return true;
  if (token === undefined) return access === 'optional';
  if (access === 'optional' || access === 'authenticated') return holds(file, {}, token);
  return [access].flat().some((block) => holds(file, block as NaiveBlock, token));
}

function holds(file: NaiveFile, block: NaiveBlock, token: NaiveToken): boolean {
  const policy = block.policy === undefined ? {} : (file.policies[block.policy] ?? {});
  const name = Object.keys(file.issuers).find((one) => file.issuers[one]?.issuer === token.iss);
  if (name === undefined) return false;
  for (const { issuers } of [policy, block])
    if (issuers !== undefined && !issuers.includes(name)) return false;
  const audiences = block.audiences ?? policy.audiences ?? file.issuers[name]?.audiences ?? [];
  if (!audiences.includes(token.aud)) return false;
  return [policy, block].every(
    ({ scopes, roles, claims = {}, acr, when }) =>
      (when === undefined || CONDITIONS[when]?.(token) === true) &&
      has(scopes, token.scopes) &&
      has(roles, token.roles) &&
      Object.entries(claims).every(([claim, wanted]) =>
        [wanted].flat().includes(token.claims[claim] ?? ''),
      ) &&
      (acr === undefined || (token.acr !== undefined && acr.includes(token.acr))),
  );
}

function has(wanted: NaiveBlock['scopes'], present: readonly string[]): boolean {
  if (wanted === undefined) return true;
  const { any, all = [] } = Array.isArray(wanted)
    ? { any: undefined, all: wanted as readonly string[] }
    : (wanted as { any?: readonly string[]; all?: readonly string[] });
  return (
    all.every((name) => present.includes(name)) &&
    (any === undefined || any.some((name) => present.includes(name)))
  );
}

/** The host before any; then the best path by segments, of which a name beats a parameter; then the method. */
function routeOf({ routes }: NaiveFile, { method, host, path }: NaiveRequest): NaiveRoute | undefined {
  for (const candidates of [
    routes.filter((route) => route.host === host),
    routes.filter((route) => route.host === undefined),
  ]) {
    const matching = candidates.filter((route) => matches(route, path));
    if (matching.length === 0) continue;
    const best = [...matching].sort((a, b) => compare(a, b, path))[0] as NaiveRoute;
    return matching.find(
      (route) =>
        shapeOf(route) === shapeOf(best) && (route.methods === undefined || route.methods.includes(method)),
    );
  }
  return undefined;
}

const segmentsOf = ({ path }: NaiveRoute): readonly string[] => path.split('/').filter((one) => one !== '');
const shapeOf = (route: NaiveRoute): string =>
  `${segmentsOf(route)
    .map((one) => (one.startsWith(':') ? ':' : one))
    .join('/')} ${route.exact === true}`;

function matches(route: NaiveRoute, path: readonly string[]): boolean {
  const segments = segmentsOf(route);
  if (segments.length > path.length || (route.exact === true && segments.length !== path.length))
    return false;
  return segments.every((one, at) => one.startsWith(':') || one === path[at]);
}

function compare(a: NaiveRoute, b: NaiveRoute, path: readonly string[]): number {
  const [left, right] = [segmentsOf(a), segmentsOf(b)];
  for (let at = 0; at < path.length; at += 1) {
    const [one, other] = [left[at], right[at]];
    if (one === undefined && other === undefined) break;
    if (one === undefined) return 1;
    if (other === undefined) return -1;
    const isName = [one, other].map((text) => !text.startsWith(':'));
    if (isName[0] !== isName[1]) return isName[0] ? -1 : 1;
  }
  return Number(b.exact === true) - Number(a.exact === true);
}
