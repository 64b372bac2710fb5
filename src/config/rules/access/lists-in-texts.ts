import { valuesAt } from '../../places.ts';
import type { PathProblem } from '../../problem.ts';
import { type Rule, warning } from '../rule.ts';

/** Lists whose entries contain no comma or brackets, and whether spaces separate such entries elsewhere. */
const LISTS: Readonly<Record<string, 'comma' | 'comma or space'>> = {
  'issuers.*.audiences.*': 'comma or space',
  'issuers.*.tokenTypes.*': 'comma or space',
  'issuers.*.requiredClaims.*': 'comma or space',
  'issuers.*.roleClaims.*': 'comma or space',
  'issuers.*.scopeClaims.*': 'comma or space',
  'identity.assertion.claims.*': 'comma or space',
  'identity.headers.*': 'comma or space',
  'routes.*.identity.headers.*': 'comma or space',
  'routes.*.resource.scopes.*': 'comma',
  ...forRules('audiences', 'comma or space'),
  ...forRules('scopes', 'comma'),
  ...forRules('scopes.any', 'comma'),
  ...forRules('scopes.all', 'comma'),
  // Groups of a directory have names such as `Domain Admins`.
  ...forRules('roles', 'comma'),
  ...forRules('roles.any', 'comma'),
  ...forRules('roles.all', 'comma'),
  ...forRules('acr', 'comma'),
};

function forRules<Separator extends string>(key: string, separator: Separator): Record<string, Separator> {
  return {
    [`routes.*.access.${key}.*`]: separator,
    [`routes.*.access.*.${key}.*`]: separator,
    [`policies.*.${key}.*`]: separator,
  };
}

/** `a,b` from one variable is one entry, which equals nothing. */
export const listsAreLists: Rule = ({ config }) =>
  Object.entries(LISTS).flatMap(([pattern, separator]) =>
    valuesAt(config, pattern).flatMap(({ path, value }): readonly PathProblem[] => {
      // Distinguished names have commas, and templates anything.
      if (typeof value !== 'string' || /[={}]/.test(value)) return [];
      const inner = /^\[(.*)\]$/s.exec(value)?.[1] ?? value;
      const entries = inner.split(separator === 'comma' ? /\s*,\s*/ : /[\s,]+/);
      if (inner === value && entries.filter((entry) => entry !== '').length < 2) return [];
      return [
        warning(path, `\`${value}\` is one entry`, {
          hint: `write several as a list: [${entries.join(', ')}]`,
          hintShowsValue: true,
        }),
      ];
    }),
  );
