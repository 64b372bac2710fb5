const PRINTABLE = /^[!-~]*$/;

/**
 * Writes a value so that a header can carry it: UTF-8, percent-encoded outside %x21–7E, `%` itself and the characters of
 * `separators` (contract §3.7). `decodeURIComponent` reads it back. Undefined for text that is not Unicode (a lone surrogate).
 */
export function encodeHeaderText(text: string, separators = ''): string | undefined {
  if (PRINTABLE.test(text) && !text.includes('%') && !holdsAny(text, separators)) return text;
  let encoded = '';
  for (const character of text) {
    if (PRINTABLE.test(character) && character !== '%' && !separators.includes(character)) {
      encoded += character;
      continue;
    }
    for (const byte of Buffer.from(character))
      encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return isUnicode(text) ? encoded : undefined;
}

/** False for text with half a surrogate pair, which has no UTF-8 form. */
export function isUnicode(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

function holdsAny(text: string, characters: string): boolean {
  for (const character of characters) if (text.includes(character)) return true;
  return false;
}
