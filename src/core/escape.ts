/**
 * What a terminal obeys or a reader does not see: control characters (C0, DEL, C1), line and paragraph separators, and format
 * characters, which turn the direction of text or take no room (Unicode categories Cc, Zl, Zp, Cf).
 */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/gu;
const UNSEEN_IN_LINES = /(?![\t\n])[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/gu;

/** Writes every control and format character as `\u…`, line breaks too: for text that is to stay on its line. */
export function escapeText(text: string): string {
  return text.replace(UNSEEN, writeEscape);
}

/** The same but for line breaks and tabs: for text of several lines, and for JSON, which means the same afterwards. */
export function escapeLines(text: string): string {
  return text.replace(UNSEEN_IN_LINES, writeEscape);
}

/** Writes everything but printable ASCII as `\u…`: for text of others that is to look the same in every terminal. */
export function escapeToAscii(text: string): string {
  return text.replace(/[^ -~]/gu, writeEscape);
}

/** A character beyond the basic plane is two units with an escape each, as JSON has them (RFC 8259 §7). */
function writeEscape(character: string): string {
  let written = '';
  for (let at = 0; at < character.length; at += 1) {
    written += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }
  return written;
}
