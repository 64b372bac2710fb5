import type { AccessBlock, ClaimRule, Wanted } from '../pipeline/access/compile-access.ts';
import type { Route } from '../pipeline/route.ts';
import type { Scalar } from '../tokens/jwt/claim-values.ts';
import type { Side } from './side.ts';

/** A kind of caller: what its token has, and no more. Undefined `token`: it has none. */
export interface Caller {
  readonly token: CallerToken | undefined;
}

export interface CallerToken {
  /** The first `iss` of its issuer. */
  readonly iss: string;
  readonly audience: string | undefined;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  readonly claims: readonly CallerClaim[];
  readonly acr: string | undefined;
  /** How long ago its user authenticated, in milliseconds. */
  readonly authAgeMs: number | undefined;
  readonly bound: 'dpop' | 'mtls' | undefined;
  /** Conditions that hold for it, by name. */
  readonly conditions: readonly string[];
}

export interface CallerClaim {
  readonly path: readonly string[];
  /** One, or a list with all of them. */
  readonly values: readonly Scalar[];
}

export interface Callers {
  readonly callers: readonly Caller[];
  /** False where there would be too many. */
  readonly isComplete: boolean;
}

/** Of one alternative. */
const MOST_CALLERS = 512;
const ANY_AUDIENCE = 'https://another-audience.example';

/**
 * The least callers that the rules let in: all others that they let in have what one of these has, and more. Rules only ask for more, so two
 * sets of rules let in the same callers if each lets in the least callers of the other.
 */
export function leastCallers(
  { access, reportsOnly }: Pick<Route, 'access' | 'reportsOnly'>,
  side: Side,
  isBindingCompared: boolean,
): Callers {
  const anonymous: readonly Caller[] = access.token === 'required' ? [] : [{ token: undefined }];
  const blocks = reportsOnly ? access.blocks.map(withoutRules) : access.blocks;
  const found = blocks.map((block) => leastOfBlock(block, side, isBindingCompared));
  return {
    callers: [...anonymous, ...found.flatMap(({ callers }) => callers)],
    isComplete: found.every(({ isComplete }) => isComplete),
  };
}

/** In report mode a token has to be valid, for this place, and bound as it must be. Whatever else is asked of it only reports. */
function withoutRules(block: AccessBlock): AccessBlock {
  return { ...block, scopes: [], roles: [], claims: [], conditions: [], stepUp: undefined };
}

function leastOfBlock(block: AccessBlock, side: Side, isBindingCompared: boolean): Callers {
  const issuers = [...block.issuers].flatMap(([name, { audiences, clockToleranceMs }]) => {
    const iss = side.issOf.get(name);
    if (iss === undefined) return [];
    const accepted: readonly (string | undefined)[] = audiences === 'any' ? [ANY_AUDIENCE] : [...audiences];
    return accepted.map((audience) => ({ iss, audience, clockToleranceMs }));
  });
  const { stepUp } = block;
  const choices = [
    issuers,
    product(block.scopes.map(choose)),
    product(block.roles.map(choose)),
    product(block.claims.map(chooseClaim)),
    stepUp?.classes ?? [undefined],
    waysOfBinding(block, isBindingCompared),
  ] as const;
  const size = choices.reduce((total, { length }) => total * length, 1);
  const callers: Caller[] = [];
  const conditions = [...new Set(block.conditions.map(({ source }) => source))].sort();
  for (const { iss, audience, clockToleranceMs } of choices[0])
    for (const scopes of choices[1])
      for (const roles of choices[2])
        for (const claims of choices[3])
          for (const acr of choices[4])
            for (const bound of choices[5]) {
              if (callers.length >= MOST_CALLERS) return { callers, isComplete: false };
              const age = stepUp?.maxAgeMs;
              callers.push({
                token: {
                  iss,
                  audience,
                  scopes: unique(scopes.flat()),
                  roles: unique(roles.flat()),
                  claims: joinClaims(claims),
                  acr,
                  // The oldest login that still passes, with a second for the comparison itself.
                  authAgeMs: age === undefined ? undefined : Math.max(0, age + clockToleranceMs - 1_000),
                  bound,
                  conditions,
                },
              });
            }
  return { callers, isComplete: size <= MOST_CALLERS };
}

/** All of `all`, with each of `any` in turn. */
function choose({ all, any }: Wanted): readonly (readonly string[])[] {
  return any.length === 0 ? [all] : any.map((name) => [...all, name]);
}

function chooseClaim({ path, quantifier, values }: ClaimRule): readonly CallerClaim[] {
  return quantifier === 'all' ? [{ path, values }] : values.map((value) => ({ path, values: [value] }));
}

/** Rules about one claim make one list of what each wants. */
function joinClaims(claims: readonly CallerClaim[]): readonly CallerClaim[] {
  const joined = new Map<string, CallerClaim>();
  for (const { path, values } of claims) {
    const key = JSON.stringify(path);
    joined.set(key, { path, values: unique([...(joined.get(key)?.values ?? []), ...values]) });
  }
  return [...joined.values()];
}

/** A token is bound to nothing, to a key or to a certificate: none of them is more than another. */
function waysOfBinding({ bindings }: AccessBlock, isCompared: boolean): readonly CallerToken['bound'][] {
  if (bindings.length === 0) return isCompared ? [undefined, 'dpop', 'mtls'] : [undefined];
  return (['dpop', 'mtls'] as const).filter((way) =>
    bindings.every((binding) => binding === 'any' || binding === way),
  );
}

function product<T>(lists: readonly (readonly T[])[]): readonly (readonly T[])[] {
  let tuples: readonly (readonly T[])[] = [[]];
  for (const list of lists) {
    tuples = tuples.flatMap((tuple) => list.map((one) => [...tuple, one]));
    // The caller counts them; here only the memory is bounded.
    if (tuples.length > MOST_CALLERS) return tuples.slice(0, MOST_CALLERS + 1);
  }
  return tuples;
}

function unique<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}
