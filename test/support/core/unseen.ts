/** Characters that a terminal obeys or a reader does not see, one of each kind, and what stands for each in output. */
export const UNSEEN = [
  '\u007f',
  '\u0080',
  '\u0085',
  '\u009b',
  '\u009d',
  '\u00ad',
  '\u061c',
  '\u200b',
  '\u200e',
  '\u200f',
  '\u2028',
  '\u2029',
  '\u202a',
  '\u202e',
  '\u2066',
  '\u2069',
  '\ufeff',
  '\ufff9',
  '\u{e0041}',
] as const;

/** All of them in one text, with what they could do between them. */
export const HOSTILE_TEXT = UNSEEN.map((character, at) => `${character}${at}`).join('');

/** The unseen characters that are in a text as they are, as code points; line breaks are not among them. */
export function unseenIn(text: string): string[] {
  return [...text]
    .filter((character) => /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(character) && character !== '\n')
    .map((character) => `U+${character.codePointAt(0)?.toString(16).padStart(4, '0')}`);
}
