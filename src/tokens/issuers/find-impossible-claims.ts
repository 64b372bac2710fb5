import type { ConfigPath, PathProblem } from '../../config/problem.ts';
import { acceptedIssuers, allAlternatives, claimRequirements } from '../../config/routes/route-access.ts';
import { warning } from '../../config/rules/rule.ts';
import type { Config, PolicyConfig } from '../../config/schema/config.ts';
import type { CompiledIssuer } from '../compiled-issuer.ts';
import { validateKind } from '../jwt/validate-claims.ts';

/** Claims that state for what a token was made; each is tried on its own, beside what else an access token of a provider has. */
const MARKS = ['typ', 'token_use', 'at_hash', 'c_hash'];
const BESIDE: readonly Readonly<Record<string, string>>[] = [
  {},
  { token_use: 'access' },
  { typ: 'Bearer' },
  { token_use: 'id' },
];

/** Warns of rules that ask for a kind of token which is refused before any rule is looked at. */
export function findImpossibleClaims(
  config: Config,
  issuers: readonly CompiledIssuer[],
): readonly PathProblem[] {
  const compiled = new Map(issuers.map((issuer) => [issuer.name, issuer]));
  const places: readonly (readonly [PolicyConfig, ConfigPath, readonly string[]])[] = [
    ...Object.entries(config.policies).map(
      ([name, policy]) => [policy, ['policies', name], acceptedIssuers(policy, config)] as const,
    ),
    ...allAlternatives(config).map(
      ({ block, path }) => [block, path, acceptedIssuers(block, config)] as const,
    ),
  ];
  return places.flatMap(([rules, path, names]) => {
    const accepted = names.flatMap((name) => compiled.get(name) ?? []);
    // What an issuer with an error would accept is not known.
    if (accepted.length === 0 || accepted.length < names.length) return [];
    return claimRequirements(rules.claims, [...path, 'claims']).flatMap(({ claim, values, path: place }) => {
      const [mark = '', ...below] = [claim].flat();
      if (below.length > 0 || !MARKS.includes(mark)) return [];
      if (values.some(({ value }) => accepted.some((issuer) => isPossible(mark, value, issuer)))) return [];
      return [
        warning(place, `no token with this \`${mark}\` is accepted: it marks another kind of token`, {
          hint: 'leave it out: which kinds are accepted is set at the issuer (`idTokens`, `preset`)',
        }),
      ];
    });
  });
}

function isPossible(mark: string, value: unknown, issuer: CompiledIssuer): boolean {
  return BESIDE.some((others) => validateKind({ ...others, [mark]: value }, issuer) === undefined);
}
