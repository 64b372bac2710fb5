import type { IdentitySource } from '../config/schema/config.ts';
import type { Route } from '../pipeline/route.ts';
import type { Caller, CallerClaim } from './callers.ts';
import { blocksOf, identitySources } from './route-facts.ts';
import type { Side } from './side.ts';

/** What a caller must have, or may have, beyond what the rules of access ask for. */
export interface FurtherNeeds {
  readonly claims: readonly (readonly string[])[];
  readonly scopes: boolean;
  readonly roles: boolean;
}

/** The caller with these claims too, where it has none of them, of values that no rule asks for. */
export function withClaims(
  caller: Caller,
  needs: FurtherNeeds | readonly (readonly string[])[],
  { unusedName }: Side,
): Caller {
  const { token } = caller;
  if (token === undefined) return caller;
  const { claims, scopes, roles } =
    'claims' in needs ? needs : { claims: needs, scopes: false, roles: false };
  const has = (path: readonly string[]): boolean => {
    const text = JSON.stringify(path);
    return token.claims.some((claim) => JSON.stringify(claim.path) === text);
  };
  const missing = claims.filter((path) => !has(path) && !isStandard(path));
  const added = new Map(
    missing.map((path): [string, CallerClaim] => [
      JSON.stringify(path),
      { path, values: [unusedName('some-value')] },
    ]),
  );
  const [needsScope, needsRole] = [scopes && token.scopes.length === 0, roles && token.roles.length === 0];
  if (added.size === 0 && !needsScope && !needsRole) return caller;
  return {
    token: {
      ...token,
      claims: [...token.claims, ...added.values()],
      scopes: needsScope ? [unusedName('some-scope')] : token.scopes,
      roles: needsRole ? [unusedName('some-role')] : token.roles,
    },
  };
}

/** Every token of a comparison has these. */
function isStandard(path: readonly string[]): boolean {
  return path.length === 1 && ['iss', 'sub', 'iat', 'exp', 'aud'].includes(path[0] as string);
}

/**
 * The caller with one more scope and role: undefined where no rule of a claim reads the claims in which its issuer has them, so that
 * more of them is more for every rule.
 */
export function withMore(
  { token }: Caller,
  routes: readonly (Route | undefined)[],
  sides: readonly [Side, Side],
): Caller | undefined {
  if (token === undefined) return undefined;
  const names = new Set(
    sides.flatMap(({ issuers }) => {
      const compiled = issuers.get(token.iss)?.compiled;
      return [...(compiled?.scopeClaims ?? []), ...(compiled?.roleClaims ?? [])].map(([first]) => first);
    }),
  );
  const blocks = routes.flatMap((route) => (route === undefined ? [] : blocksOf(route)));
  const isRead = blocks.some(({ claims }) => claims.some(({ path }) => names.has(path[0])));
  if (!isRead) return undefined;
  const { unusedName } = sides[0];
  return {
    token: {
      ...token,
      scopes: [...token.scopes, unusedName('another-scope')],
      roles: [...token.roles, unusedName('another-role')],
    },
  };
}

/** What the identity headers that the route requires are made of. */
export function needsOfIdentity(route: Route, side: Side): FurtherNeeds {
  const required = Object.values(identitySources(route.config, side.config)).filter(isRequired);
  const has = (name: string): boolean => required.some((source) => JSON.stringify(source).includes(name));
  return { claims: required.flatMap(claimsIn), scopes: has('$scopes'), roles: has('$roles') };
}

/** Every claim that backends could learn. */
export function learntClaims(route: Route, side: Side): readonly (readonly string[])[] {
  return [
    ...Object.values(identitySources(route.config, side.config)).flatMap(claimsIn),
    ...(side.config.identity.assertion?.claims ?? []).map((name) => [name]),
  ];
}

/** Identity headers that are made in another way, or by one file only. */
export function changedHeaders(
  [older, newer]: readonly [Route, Route],
  sides: readonly [Side, Side],
): readonly string[] {
  const before = identitySources(older.config, sides[0].config);
  const after = identitySources(newer.config, sides[1].config);
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
}

function isRequired(source: IdentitySource): boolean {
  return typeof source === 'object' && source !== null && !Array.isArray(source) && source.required === true;
}

/** The paths of the claims that a header is made of. */
function claimsIn(source: IdentitySource): readonly (readonly string[])[] {
  if (source === null) return [];
  if (Array.isArray(source)) return [source];
  if (typeof source === 'string') return /[{}]/.test(source) ? inTemplate(source) : named(source);
  if (source.template !== undefined) return inTemplate(source.template);
  const { claim } = source;
  if (claim === undefined) return [];
  return typeof claim === 'string' ? named(claim) : [claim];
}

function named(claim: string): readonly (readonly string[])[] {
  if (!claim.startsWith('$')) return [[claim]];
  return claim === '$client' ? [['client_id']] : [];
}

function inTemplate(template: string): readonly (readonly string[])[] {
  return [...template.matchAll(/\{([^{}]+)\}/g)].map(([, name]) => [name as string]);
}
