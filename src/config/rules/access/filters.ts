import { valuesAt } from '../../places.ts';
import type { PathProblem } from '../../problem.ts';
import { type Rule, warning } from '../rule.ts';

/** What looks like another kind of pattern, and means something else as a regular expression. */
const KINDS: readonly {
  readonly pattern: RegExp;
  readonly message: string;
  readonly hint: (text: string) => string;
}[] = [
  {
    pattern: /^\/(.+)\/[a-z]*$/s,
    message: 'the slashes are part of the expression',
    hint: (text) => `write ${text.replace(/^\/(.+)\/[a-z]*$/s, '$1')}; (?i) in front ignores case`,
  },
  {
    pattern: /^(?:'.*'|".*")$/s,
    message: 'the quotes are part of the expression',
    hint: (text) => `write ${text.slice(1, -1)}`,
  },
  {
    pattern: /^\s|\s$/,
    message: 'the blank or line break at an end is part of the expression',
    hint: (text) => `write ${text.trim()}`,
  },
  {
    pattern: /^[\w:.-]+[\w:-]\*$/,
    message: 'in a regular expression `*` repeats the character before it',
    hint: (text) => `for every value that starts with it, write ^${text.slice(0, -1)}`,
  },
];

/** A filter that matches nothing sends nothing. */
export const filtersCanMatch: Rule = ({ config }) =>
  ['identity.headers.*.filter', 'routes.*.identity.headers.*.filter']
    .flatMap((pattern) => valuesAt(config, pattern))
    .flatMap(({ path, value }): readonly PathProblem[] => {
      const text = String(value);
      const found = KINDS.find(({ pattern }) => pattern.test(text));
      if (found !== undefined)
        return [warning(path, found.message, { hint: found.hint(text), hintShowsValue: true })];
      return isBeyondAnEnd(text)
        ? [warning(path, 'nothing comes before a start (`^`) or after an end (`$`): this never matches')]
        : [];
    });

/** Only where no other syntax could change the meaning. */
function isBeyondAnEnd(text: string): boolean {
  return !/[[\]\\|()]/.test(text) && (/\$[^?*+{$]/.test(text) || /[^^]\^/.test(text));
}
