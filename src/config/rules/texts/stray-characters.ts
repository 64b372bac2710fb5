import { error, warning } from '../rule.ts';
import { hasOwnSyntax, isClaimValue } from './text-purpose.ts';
import type { FileText, TextRule } from './text-rule.ts';

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
  { pattern: /[\r\n]/, words: 'holds a line break', hint: 'it is one line' },
  { pattern: /^\p{Cc}/u, words: 'starts with a control character', hint: CUT },
  { pattern: /\p{Cc}$/u, words: 'ends with a control character', hint: CUT },
  { pattern: /\p{Cc}/u, words: 'holds a control character', hint: CUT },
  { pattern: /^\s/, words: 'starts with a blank', hint: CUT },
  { pattern: /\s$/, words: 'ends with a blank', hint: CUT },
];

/** Nobody sees them in a file or an environment, and nothing is equal to a text that has one too many. */
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

/** What looks like another text, and is not equal to it. The first that is found is reported. */
const ALIKE: readonly Stray[] = [
  // Format characters, such as a zero-width space out of a web page.
  { pattern: /[\p{Cf}\u2028\u2029]/u, words: 'holds a character that cannot be seen' },
  {
    pattern: /(?! )\p{Zs}/u,
    words: 'holds a blank that is no plain space',
    hint: 'it often comes out of a web page; type the space anew',
  },
  {
    pattern:
      /\p{Script=Latin}[\p{Script=Cyrillic}\p{Script=Greek}]|[\p{Script=Cyrillic}\p{Script=Greek}]\p{Script=Latin}/u,
    words: 'mixes Latin letters with letters of another alphabet that look like them',
    hint: 'type the word anew',
  },
  {
    pattern: /[\uff01-\uff5e\ufb00-\ufb06]/u,
    words: 'holds a full-width character or a ligature',
    hint: 'type the word anew',
  },
  {
    pattern: /\p{L}\p{Mn}/u,
    words: 'writes a letter and its accent as two characters, which most tokens write as one',
    hint: 'type the letter anew',
  },
];

/** The variable or file that the character came from, else the value as a whole. */
function ownerOf({ text, isKey, substitution }: FileText, pattern: RegExp): string {
  const part = substitution?.parts.find((candidate) => pattern.test(candidate.text));
  if (part !== undefined && text.includes(part.text)) return `the value of ${part.origin}`;
  return isKey ? 'the name' : 'the value';
}
