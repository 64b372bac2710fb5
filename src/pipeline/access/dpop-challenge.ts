import { type ChallengeHeads, dpopChallenge, dpopChallengeHeads } from '../../http/challenge.ts';
import type { CompiledIssuer } from '../../tokens/compiled-issuer.ts';

/** The challenges by the scheme `DPoP` (RFC 9449 §7.1) with the same algorithms. */
export interface DpopChallenge {
  /** Where it stands alone. */
  readonly heads: ChallengeHeads;
  /** What stands behind a challenge for bearer tokens. */
  readonly beside: string;
}

/** Those of a file. */
export interface DpopChallenges {
  /** Of each issuer with `dpop`, by its configured name. */
  readonly byIssuer: ReadonlyMap<string, DpopChallenge>;
  /** With the algorithms of all of these issuers; undefined where none has `dpop`. */
  ofAll(names: readonly string[]): DpopChallenge | undefined;
}

/** Renders the challenges of a file, once for each list of algorithms. */
export function createDpopChallenges(issuers: Iterable<CompiledIssuer>): DpopChallenges {
  const algorithmsOf = new Map(
    [...issuers].flatMap(({ name, dpop }) => (dpop ? [[name, dpop.advertised]] : [])),
  );
  const rendered = new Map<string, DpopChallenge>();
  const ofAll = (names: readonly string[]): DpopChallenge | undefined => {
    if (algorithmsOf.size === 0) return undefined;
    const algorithms = [...new Set(names.flatMap((name) => algorithmsOf.get(name) ?? []))];
    if (algorithms.length === 0) return undefined;
    const key = algorithms.join(' ');
    const present = rendered.get(key);
    if (present !== undefined) return present;
    const made = { heads: dpopChallengeHeads(algorithms), beside: dpopChallenge(algorithms) };
    rendered.set(key, made);
    return made;
  };
  const byIssuer = new Map(
    [...algorithmsOf.keys()].flatMap((name) => {
      const own = ofAll([name]);
      return own === undefined ? [] : [[name, own]];
    }),
  );
  return { byIssuer, ofAll };
}
