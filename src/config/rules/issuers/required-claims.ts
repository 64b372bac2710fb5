import type { PathProblem } from '../../problem.ts';
import { error, type Rule, warning } from '../rule.ts';

/** Of the header of a token (RFC 7515 §4.1). */
const HEADER_MEMBERS = ['alg', 'kid', 'x5t'];

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
      if (HEADER_MEMBERS.includes(claim)) {
        return [
          warning(path, `\`${claim}\` is in the header of a token, and no claim`, { hint: 'leave it out' }),
        ];
      }
      return /^[\w:.-]+\s*[=|!<>]/.test(claim)
        ? [
            warning(path, `\`${claim}\` is the name of one claim, and no condition`, {
              hint: 'list the names alone; values belong into `access.claims` of a route',
            }),
          ]
        : [];
    }),
  );
