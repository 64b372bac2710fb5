import type { AcceptedIssuer, AccessBlock, ClaimRule, Wanted } from '../pipeline/access/compile-access.ts';
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
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  readonly claims: readonly CallerClaim[];
  readonly acr: string | undefined;
  /** How long ago its user authenticated, in milliseconds. */
  readonly authAgeMs: number | undefined;
  readonly bound: 'dpop' | 'mtls' | undefined;
  /** Parts of conditions that hold for it, by name. */
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

/** What is asked of callers, and where. */
export interface AskedOfCallers {
  readonly route: Route;
  readonly side: Side;
  /** Blocks of rules on messages that must hold in addition to the route's. */
  readonly further?: readonly AccessBlock[];
  readonly isBindingCompared: boolean;
}

/** Of one alternative. */
const MOST_CALLERS = 512;

/**
 * The least callers that the rules let in: all others that they let in have what one of these has, and more. Rules only ask for more, so two
 * sets of rules let in the same callers if each lets in the least callers of the other.
 */
export function leastCallers({ route, side, further = [], isBindingCompared }: AskedOfCallers): Callers {
  const { access, reportsOnly } = route;
  const isOpen = access.token !== 'required' && (further.length === 0 || reportsOnly);
  const anonymous: readonly Caller[] = isOpen ? [{ token: undefined }] : [];
  const asked = access.blocks.map((block) => [block, ...further]);
  const found = asked.map((blocks) =>
    leastOfBlocks(reportsOnly ? blocks.map(withoutRules) : blocks, { route, side, isBindingCompared }),
  );
  return {
    callers: [...anonymous, ...found.flatMap(({ callers }) => callers)],
    isComplete: found.every(({ isComplete }) => isComplete),
  };
}

/** In report mode a token has to be valid, for this place, and bound as it must be. Whatever else is asked of it only reports. */
function withoutRules(block: AccessBlock): AccessBlock {
  return { ...block, scopes: [], roles: [], claims: [], conditions: [], stepUp: undefined };
}

/** Of blocks that must hold together. */
function leastOfBlocks(
  blocks: readonly AccessBlock[],
  { route, side, isBindingCompared }: AskedOfCallers,
): Callers {
  const sources = blocks.flatMap(({ conditions }) => conditions.map(({ source }) => source));
  const steps = blocks.flatMap(({ stepUp }) => stepUp ?? []);
  const ages = steps.flatMap(({ maxAgeMs }) => maxAgeMs ?? []);
  const classes = steps.flatMap((step) => (step.classes === undefined ? [] : [step.classes]));
  const choices = [
    product(blocks.flatMap(({ scopes }) => scopes.map(choose))),
    product(blocks.flatMap(({ roles }) => roles.map(choose))),
    product(blocks.flatMap(({ claims }) => claims.map(chooseClaim))),
    classes.length === 0 ? [undefined] : inAll(classes),
    waysOfBinding(blocks, isBindingCompared),
    side.conditions?.formulaOf(sources, route) ?? [[]],
  ] as const;
  const issuers = commonIssuers(blocks, side);
  const callers: Caller[] = [];
  for (const { iss, audiences, clockToleranceMs } of issuers)
    for (const scopes of choices[0])
      for (const roles of choices[1])
        for (const claims of choices[2])
          for (const acr of choices[3])
            for (const bound of choices[4])
              for (const conditions of choices[5]) {
                if (callers.length >= MOST_CALLERS) return { callers, isComplete: false };
                callers.push({
                  token: {
                    ...{ iss, audiences, acr, bound, conditions },
                    scopes: unique(scopes.flat()),
                    roles: unique(roles.flat()),
                    claims: joinClaims(claims),
                    // The oldest login that still passes: the moment itself is too late.
                    authAgeMs: ages.length === 0 ? undefined : Math.min(...ages) + clockToleranceMs - 1,
                  },
                });
              }
  return { callers, isComplete: true };
}

interface LeastIssuer {
  readonly iss: string;
  readonly audiences: readonly string[];
  readonly clockToleranceMs: number;
}

/** Issuers that all blocks accept, with the audiences that their tokens need for each. */
function commonIssuers(
  [first, ...others]: readonly AccessBlock[],
  { issOf, unusedName }: Side,
): readonly LeastIssuer[] {
  const audience = unusedName('another-audience');
  return [...(first?.issuers ?? [])].flatMap(([name, own]) => {
    const iss = issOf.get(name);
    const accepted = [own, ...others.map(({ issuers }) => issuers.get(name))];
    if (iss === undefined || !accepted.every((one) => one !== undefined)) return [];
    return product(accepted.map(audiencesOf)).map((lists) => ({
      iss,
      // A token of an issuer whose audiences do not matter has one, too.
      audiences: lists.every(({ length }) => length === 0) ? [audience] : unique(lists.flat()),
      clockToleranceMs: own.clockToleranceMs,
    }));
  });
}

function audiencesOf({ audiences }: AcceptedIssuer): readonly (readonly string[])[] {
  return audiences === 'any' ? [[]] : [...audiences].map((audience) => [audience]);
}

function inAll(lists: readonly (readonly string[])[]): readonly string[] {
  return (lists[0] ?? []).filter((name) => lists.every((list) => list.includes(name)));
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
function waysOfBinding(blocks: readonly AccessBlock[], isCompared: boolean): readonly CallerToken['bound'][] {
  const asked = blocks.flatMap(({ bindings }) => bindings);
  if (asked.length === 0) return isCompared ? [undefined, 'dpop', 'mtls'] : [undefined];
  return (['dpop', 'mtls'] as const).filter((way) =>
    asked.every((binding) => binding === 'any' || binding === way),
  );
}

function product<T>(lists: readonly (readonly T[])[]): readonly (readonly T[])[] {
  let tuples: readonly (readonly T[])[] = [[]];
  for (const list of lists) {
    tuples = tuples.flatMap((tuple) => list.map((one) => [...tuple, one]));
    // One too many: who goes through them finds that out.
    if (tuples.length > MOST_CALLERS) return tuples.slice(0, MOST_CALLERS + 1);
  }
  return tuples;
}

function unique<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}
