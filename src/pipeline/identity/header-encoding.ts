const PLAIN = /^[!-$&-~]*$/;

/**
 * Writes a value so that a header can carry it: UTF-8, percent-encoded outside %x21–7E, `%` itself and the characters of
 * `separators`. `decodeURIComponent` reads it back. Undefined for text that is not Unicode (a lone surrogate).
 */
export function encodeHeaderText(text: string, separators = ''): string | undefined {
  const isPlain = (part: string) =>
    PLAIN.test(part) && (separators === '' || ![...separators].some((one) => part.includes(one)));
  if (isPlain(text)) return text;
  let encoded = '';
  for (const character of text) {
    if (isPlain(character)) {
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
