/**
 * What controls a terminal or is invisible: control characters (C0, DEL, C1), line and paragraph separators, and format characters,
 * which change the direction of text or have no width (Unicode categories Cc, Zl, Zp, Cf).
 */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/gu;
const UNSEEN_IN_LINES = /(?![\t\n])[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/gu;

/** Writes every control and format character as `\u…`, line breaks too: for text on one line. */
export function escapeText(text: string): string {
  return text.replace(UNSEEN, writeEscape);
}

/** The same, except line breaks and tabs: for text of several lines, and for JSON, whose meaning does not change. */
export function escapeLines(text: string): string {
  return text.replace(UNSEEN_IN_LINES, writeEscape);
}

/** Writes everything but printable ASCII as `\u…`, so that it looks the same in every terminal. */
export function escapeToAscii(text: string): string {
  return text.replace(/[^ -~]/gu, writeEscape);
}

const LONGEST_QUOTE = 64;

/**
 * Quotes the values of a token that a log line may contain (key id, type, audience). Everything but printable ASCII is escaped, so
 * that it can neither forge a line nor move the cursor of a terminal; then it is cut to 64 characters.
 */
export function quoteForLog(value: string): string {
  const escaped = escapeToAscii(JSON.stringify(value.slice(0, LONGEST_QUOTE)));
  return escaped.length <= LONGEST_QUOTE + 2 ? escaped : `${escaped.slice(0, LONGEST_QUOTE + 1)}"`;
}

/** A character beyond the basic plane is two escapes, as in JSON (RFC 8259 §7). */
function writeEscape(character: string): string {
  let written = '';
  for (let at = 0; at < character.length; at += 1) {
    written += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }
  return written;
}
