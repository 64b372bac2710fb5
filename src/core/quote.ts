const LONGEST = 64;

/** Untrusted text as it may stand in a log line: escaped to printable ASCII in quotes, cut to 64 characters (contract §6). */
export function quoteUntrusted(text: string): string {
  const escaped = JSON.stringify(text.slice(0, LONGEST)).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return escaped.length <= LONGEST + 2 ? escaped : `${escaped.slice(0, LONGEST + 1)}"`;
}
