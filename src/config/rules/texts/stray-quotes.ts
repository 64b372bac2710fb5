import { warning } from '../rule.ts';
import { hasOwnSyntax, isHeaderValue } from './text-purpose.ts';
import type { TextRule } from './text-rule.ts';

const QUOTED = /^(?:".*"|'.*'|“.*”|‘.*’)$/s;

/** Quotes that a shell or YAML would have taken away are part of the value where neither was asked. */
export const textsHaveNoStrayQuotes: TextRule = ({ path, text, isKey, substitution }) => {
  if (hasOwnSyntax(path) || isHeaderValue(path) || !QUOTED.test(text)) return undefined;
  const part = substitution?.parts.find((candidate) => QUOTED.test(candidate.text));
  return part === undefined
    ? warning(path, `the quotes are part of this ${isKey ? 'name' : 'value'}`, {
        hint: 'quote it once',
        ...(isKey && { at: 'key' }),
      })
    : warning(path, `the value of ${part.origin} is in quotes, which are part of it`, {
        hint: 'set it without quotes: some tools, such as `docker run --env-file`, do not remove them',
      });
};
