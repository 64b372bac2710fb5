import { endOfNumber, endOfString } from '../../core/json/strict-json.ts';

/** A longer id is not sent back. */
const LONGEST = 1_024;
const NONE = 'null';

/**
 * The `id` of a message as it stands in the text, for the response that refuses it: a string or a number, `null` where there is none.
 * Works on any text; what it returns is valid JSON in any case.
 */
export function readMessageId(text: string): string {
  let depth = 0;
  let found: string | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '{' || char === '[') depth += 1;
    else if (char === '}' || char === ']') depth -= 1;
    else if (char === '"') {
      const end = endOfString(text, at);
      if (end === -1) return NONE;
      const value = depth === 1 ? valueAfter(text, end) : -1;
      if (value !== -1 && parse(text.slice(at, end + 1)) === 'id') {
        // Of two nobody knows which one is meant.
        if (found !== undefined) return NONE;
        found = literalAt(text, value);
      }
      at = end;
    }
  }
  return found ?? NONE;
}

/** Where the value of a name begins, whose closing quote is at `end`; -1 where no colon follows. */
function valueAfter(text: string, end: number): number {
  const match = /[\t\n\r ]*:[\t\n\r ]*/y;
  match.lastIndex = end + 1;
  return match.test(text) ? match.lastIndex : -1;
}

function literalAt(text: string, at: number): string {
  const isString = text[at] === '"';
  const end = isString ? endOfString(text, at) + 1 : endOfNumber(text, at);
  if (end <= at || end - at > LONGEST) return NONE;
  const literal = text.slice(at, end);
  const value = parse(literal);
  return typeof value === 'string' || typeof value === 'number' ? literal : NONE;
}

function parse(literal: string): unknown {
  try {
    return JSON.parse(literal);
  } catch {
    return undefined;
  }
}
