const PRINTABLE = /^[!-~]*$/;
const PERCENT = 0x25;

/**
 * Writes a value so that a header can carry it: UTF-8, percent-encoded outside %x21–7E, `%` itself and the characters of
 * `separators`. `decodeURIComponent` reads it back. Undefined for text that is not Unicode (a lone surrogate).
 */
export function encodeHeaderText(text: string, separators = ''): string | undefined {
  if (isPlain(text, separators)) return text;
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

/** A walk over the characters: values are short, and most need nothing else. */
function isPlain(text: string, separators: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x21 || code > 0x7e || code === PERCENT) return false;
    for (let other = 0; other < separators.length; other += 1) {
      if (separators.charCodeAt(other) === code) return false;
    }
  }
  return true;
}
