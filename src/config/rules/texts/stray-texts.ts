import { error, warning } from '../rule.ts';
import {
  type FileText,
  hasOwnSyntax,
  isClaimValue,
  isHeaderValue,
  isIdentitySource,
  type TextRule,
} from './text-rule.ts';

interface Stray {
  readonly pattern: RegExp;
  readonly words: string;
  readonly hint?: string;
}

const WINDOWS = 'it comes from a file with Windows line endings; convert that file (dos2unix)';
const CUT = 'remove it';

/** The first that is found is reported. */
const STRAYS: readonly Stray[] = [
  { pattern: /\r$/, words: 'ends with a carriage return', hint: WINDOWS },
  { pattern: /\n$/, words: 'ends with a line break', hint: CUT },
  { pattern: /[\r\n]/, words: 'contains a line break', hint: 'write it on one line' },
  { pattern: /^\p{Cc}/u, words: 'starts with a control character', hint: CUT },
  { pattern: /\p{Cc}$/u, words: 'ends with a control character', hint: CUT },
  { pattern: /\p{Cc}/u, words: 'contains a control character', hint: CUT },
  { pattern: /^\s/, words: 'starts with a space', hint: CUT },
  { pattern: /\s$/, words: 'ends with a space', hint: CUT },
];

/** They are invisible in a file or an environment, and a text with one too many equals nothing. */
export const textsHaveNoStrayCharacters: TextRule = (file) => {
  const { path, text, isKey } = file;
  if (hasOwnSyntax(path)) return undefined;
  const found = STRAYS.find(({ pattern }) => pattern.test(text));
  const details = { hint: found?.hint, ...(isKey && { at: 'key' as const }) };
  if (found !== undefined) {
    const message = `${ownerOf(file, found.pattern)} ${found.words}`;
    const mayBeMeant = !isKey && isClaimValue(path) && !/\p{Cc}/u.test(text);
    return mayBeMeant ? warning(path, message, details) : error(path, message, details);
  }
  const alike = ALIKE.find(({ pattern }) => pattern.test(text));
  return alike === undefined
    ? undefined
    : warning(path, `${ownerOf(file, alike.pattern)} ${alike.words}`, { ...details, hint: alike.hint });
};

/** What looks like another text but does not equal it. The first that is found is reported. */
const ALIKE: readonly Stray[] = [
  // Format characters, such as a zero-width space copied from a web page.
  { pattern: /[\p{Cf}\u2028\u2029]/u, words: 'contains an invisible character' },
  {
    pattern: /(?! )\p{Zs}/u,
    words: 'contains a special space character',
    hint: 'it often comes from a web page; retype the space',
  },
  {
    pattern:
      /\p{Script=Latin}[\p{Script=Cyrillic}\p{Script=Greek}]|[\p{Script=Cyrillic}\p{Script=Greek}]\p{Script=Latin}/u,
    words: 'mixes Latin letters with letters of another alphabet that look like them',
    hint: 'retype the word',
  },
  {
    pattern: /[\uff01-\uff5e\ufb00-\ufb06]/u,
    words: 'contains a full-width character or a ligature',
    hint: 'retype the word',
  },
  {
    pattern: /\p{L}\p{Mn}/u,
    words: 'writes a letter and its accent as two characters, which most tokens write as one',
    hint: 'retype the letter',
  },
];

/** The variable or file that the character came from, else the value as a whole. */
function ownerOf({ text, isKey, substitution }: FileText, pattern: RegExp): string {
  const part = substitution?.parts.find((candidate) => pattern.test(candidate.text));
  if (part !== undefined && text.includes(part.text)) return `the value of ${part.origin}`;
  return isKey ? 'the name' : 'the value';
}

const QUOTED = /^(?:".*"|'.*'|“.*”|‘.*’)$/s;
/** Half of a pair, left where a text was cut at a space. */
const HALF_QUOTED = /^["'“‘][^"'“”‘’]*$|^[^"'“”‘’]*["'”’]$/;

/** Quotes that neither a shell nor YAML has removed are part of the value. */
export const textsHaveNoStrayQuotes: TextRule = ({ path, text, isKey, substitution }) => {
  const isClaim = isIdentitySource(path) && !/[{}]/.test(text);
  if (hasOwnSyntax(path) || (isHeaderValue(path) && !isClaim)) return undefined;
  const part = substitution?.parts.find((candidate) => QUOTED.test(candidate.text));
  if (part !== undefined) {
    return warning(path, `the value of ${part.origin} is in quotes, which are part of it`, {
      hint: 'set it without quotes: some tools, such as `docker run --env-file`, do not remove them',
    });
  }
  const half = substitution?.parts.find((candidate) => HALF_QUOTED.test(candidate.text));
  if (half !== undefined) {
    return warning(path, `the value of ${half.origin} has a quote at one end, which is part of it`, {
      hint: 'set it without quotes; a space in it may have cut it',
    });
  }
  return QUOTED.test(text)
    ? warning(path, `the quotes are part of this ${isKey ? 'name' : 'value'}`, {
        hint: 'quote it once',
        ...(isKey && { at: 'key' }),
      })
    : undefined;
};
