import type { PathProblem } from '../../config/problem.ts';
import { acceptedIssuers, admittingAlternatives, policyOf } from '../../config/routes/route-access.ts';
import { error } from '../../config/rules/rule.ts';
import type { AccessBlockConfig, Config } from '../../config/schema/config.ts';
import type { Preset } from './presets/preset.ts';
import { PRESET_TABLE } from './presets/presets.ts';

/**
 * Refuses routes that are open to everyone who can get a token from a provider that issues tokens to anyone: each such route
 * must compare one of the claims that identify the token's owner.
 */
export function requireIdentifyingClaims(config: Config): readonly PathProblem[] {
  return admittingAlternatives(config).flatMap(({ block, path }) =>
    acceptedIssuers(block, config).flatMap((name) => {
      const presetName = config.issuers[name]?.preset;
      const preset: Preset | undefined = presetName && PRESET_TABLE[presetName];
      const wanted = preset?.conditionClaims;
      if (wanted === undefined || comparedClaims(block, config).some((claim) => wanted.includes(claim)))
        return [];
      const hint = `compare one of ${wanted.join(', ')} under \`claims\` or in \`when\``;
      return [error(path, `anybody can get a token of \`${name}\` for any audience`, { hint })];
    }),
  );
}

/** The top-level claims that a block or its policy compares with something. What a condition makes of them is its own business. */
function comparedClaims(block: AccessBlockConfig, config: Config): readonly string[] {
  return [block, policyOf(block, config)].flatMap((rules) => [
    ...ruledClaims(rules?.claims),
    ...[...(rules?.when ?? '').matchAll(CLAIM_IN_CONDITION)].map(([, name = '']) => name),
  ]);
}

/** `claims.sub` and `claims["sub"]`. */
const CLAIM_IN_CONDITION = /\bclaims\s*(?:\.\s*|\[\s*["'])(\w+)/g;

function ruledClaims(claims: AccessBlockConfig['claims']): readonly string[] {
  if (claims === undefined) return [];
  if (!Array.isArray(claims)) return Object.keys(claims);
  return claims.flatMap(({ claim }) => (typeof claim === 'string' ? claim : claim.length === 1 ? claim : []));
}
