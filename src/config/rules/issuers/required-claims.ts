import type { PathProblem } from '../../problem.ts';
import { error, type Rule } from '../rule.ts';

/** A claim that no accepted token has refuses every token. */
export const requiredClaimsCanCome: Rule = ({ config }) =>
  Object.entries(config.issuers).flatMap(([name, { requiredClaims = [], idTokens, preset }]) =>
    requiredClaims.flatMap((claim, index): readonly PathProblem[] => {
      const path = ['issuers', name, 'requiredClaims', index];
      if (claim === 'events') return [error(path, 'tokens with `events` are never accepted for an API call')];
      if (/^(?:at|c)_hash$/.test(claim) && idTokens !== true && preset === undefined) {
        return [
          error(path, `\`${claim}\` is in ID tokens alone, which are not accepted here`, {
            hint: 'leave it out; or set `idTokens: true`',
          }),
        ];
      }
      return [];
    }),
  );
