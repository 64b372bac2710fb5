import { escapeToAscii } from './escape.ts';

const LONGEST = 64;

/**
 * Quotes the two things of a token that a log line may hold, key id and audience: with everything but printable
 * ASCII escaped, so that it can neither forge a line nor move a terminal's cursor, then cut to 64 characters.
 */
export function quoteForLog(value: string): string {
  const escaped = escapeToAscii(JSON.stringify(value.slice(0, LONGEST)));
  return escaped.length <= LONGEST + 2 ? escaped : `${escaped.slice(0, LONGEST + 1)}"`;
}
