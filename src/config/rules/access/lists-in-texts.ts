import { valuesAt } from '../../places.ts';
import type { PathProblem } from '../../problem.ts';
import { type Rule, warning } from '../rule.ts';

/** Lists whose entries have no comma and no brackets in them, and whether blanks separate them elsewhere. */
const LISTS: Readonly<Record<string, 'comma' | 'comma or blank'>> = {
  'issuers.*.audiences.*': 'comma or blank',
  'issuers.*.tokenTypes.*': 'comma or blank',
  'issuers.*.requiredClaims.*': 'comma or blank',
  'issuers.*.roleClaims.*': 'comma or blank',
  'issuers.*.scopeClaims.*': 'comma or blank',
  'identity.assertion.claims.*': 'comma or blank',
  'identity.headers.*': 'comma or blank',
  'routes.*.identity.headers.*': 'comma or blank',
  ...forRules('audiences', 'comma or blank'),
  ...forRules('scopes', 'comma'),
  ...forRules('scopes.any', 'comma'),
  ...forRules('scopes.all', 'comma'),
  // Groups of a directory have names such as `Domain Admins`.
  ...forRules('roles', 'comma'),
  ...forRules('roles.any', 'comma'),
  ...forRules('roles.all', 'comma'),
};

function forRules<Separator extends string>(key: string, separator: Separator): Record<string, Separator> {
  return {
    [`routes.*.access.${key}.*`]: separator,
    [`routes.*.access.*.${key}.*`]: separator,
    [`policies.*.${key}.*`]: separator,
  };
}

/** `a,b` out of one variable is one entry that nothing is equal to. */
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
          hint: `several are a list of their own: [${entries.join(', ')}]`,
          hintShowsValue: true,
        }),
      ];
    }),
  );
