import type { PathProblem } from '../problem.ts';
import { error, type Rule } from '../rule.ts';

/** Made for something else than an API call; refused whatever the file says. */
const FOREIGN: ReadonlySet<string> = new Set(['logout+jwt', 'secevent+jwt', 'dpop+jwt', 'refresh+jwt']);

/** `typ` is one media type (RFC 7515 §4.1.9). */
export const tokenTypesCanCome: Rule = ({ config }) =>
  Object.entries(config.issuers).flatMap(([name, { tokenTypes = [] }]) =>
    tokenTypes.flatMap((type, index): readonly PathProblem[] => {
      const path = ['issuers', name, 'tokenTypes', index];
      const short = type.toLowerCase().replace(/^application\//, '');
      if (FOREIGN.has(short))
        return [error(path, `tokens of type \`${type}\` are never accepted for an API call`)];
      return /^(?:\*|any|all)$/i.test(type)
        ? [error(path, `\`${type}\` is no type`, { hint: 'leave `tokenTypes` out for JWT, at+jwt and none' })]
        : [];
    }),
  );
