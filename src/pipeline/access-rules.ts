import type { AccessBlockConfig, Config, RouteConfig } from '../config/schema.ts';
import { nameClaim, type Scalar, toClaimPath } from './claim-values.ts';

/** Who may use a route, compiled. */
export interface AccessRules {
  /** `public`: the token is not looked at; `optional`: none passes, one that is there must hold; `required`: one must hold. */
  readonly token: 'public' | 'optional' | 'required';
  /** Issuers that any block accepts, for the verifier; undefined stands for all of the file. */
  readonly accepts: ReadonlySet<string> | undefined;
  /** Alternatives, of which one must hold. */
  readonly blocks: readonly AccessBlock[];
}

export interface AccessBlock {
  /** Configured names of accepted issuers. */
  readonly issuers: ReadonlySet<string>;
  /** By issuer name: accepted audiences, or `any`. */
  readonly audiences: ReadonlyMap<string, ReadonlySet<string> | 'any'>;
  readonly scopes: Wanted | undefined;
  readonly roles: Wanted | undefined;
  readonly claims: readonly ClaimRule[];
}

/** Names of which all, and of `any` at least one, must be there. */
export interface Wanted {
  readonly all: readonly string[];
  readonly any: readonly string[];
}

export interface ClaimRule {
  readonly path: readonly string[];
  readonly label: string;
  readonly quantifier: 'any' | 'all';
  readonly values: readonly Scalar[];
}

/** Compiles the access of one route; names are resolved against the issuers of the file. */
export function compileAccess(config: Config, route: RouteConfig): AccessRules {
  const { access } = route;
  if (access === 'public') return { token: 'public', accepts: new Set(), blocks: [] };
  const written = access === 'optional' || access === 'authenticated' ? [{}] : [access].flat();
  const blocks = written.map((block) => compileBlock(config, block));
  const accepted = new Set(blocks.flatMap((block) => [...block.issuers]));
  const acceptsAll = Object.keys(config.issuers).every((name) => accepted.has(name));
  return {
    token: access === 'optional' ? 'optional' : 'required',
    accepts: acceptsAll ? undefined : accepted,
    blocks,
  };
}

function compileBlock(config: Config, block: AccessBlockConfig): AccessBlock {
  const issuers = resolveIssuers(config, block);
  const audiences = [...issuers].map((name) => {
    const wanted = block.audiences ?? config.issuers[name]?.audiences ?? [];
    return [name, wanted === 'any' ? wanted : new Set(wanted)] as const;
  });
  return {
    issuers,
    audiences: new Map(audiences),
    scopes: compileWanted(block.scopes),
    roles: compileWanted(block.roles),
    claims: compileClaims(block.claims),
  };
}

/** A block that names none, in a file with several and no default, accepts none: `rules.ts` refuses such a file. */
function resolveIssuers(config: Config, block: AccessBlockConfig): ReadonlySet<string> {
  const all = Object.keys(config.issuers);
  const named = block.issuers ?? config.defaults.issuers ?? (all.length === 1 ? 'any' : []);
  return new Set(named === 'any' ? all : named);
}

function compileWanted(wanted: AccessBlockConfig['scopes']): Wanted | undefined {
  if (wanted === undefined) return undefined;
  if (Array.isArray(wanted)) return { all: wanted, any: [] };
  return { all: wanted.all ?? [], any: wanted.any ?? [] };
}

function compileClaims(claims: AccessBlockConfig['claims']): readonly ClaimRule[] {
  if (claims === undefined) return [];
  if (!Array.isArray(claims)) {
    return Object.entries(claims).map(([name, values]) => makeRule([name], 'any', [values].flat()));
  }
  return claims.map(({ claim, equals, any, all }) => {
    const path = toClaimPath(claim);
    if (all !== undefined) return makeRule(path, 'all', all);
    return makeRule(path, 'any', equals === undefined ? (any ?? []) : [equals]);
  });
}

function makeRule(
  path: readonly string[],
  quantifier: ClaimRule['quantifier'],
  values: readonly Scalar[],
): ClaimRule {
  return { path, label: nameClaim(path), quantifier, values };
}
