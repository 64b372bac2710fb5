import { type JsonFlaw, type JsonReading, readStrictObject } from '../../../core/json/strict-json.ts';
import type { Claims } from '../../verified-token.ts';
import { inexactNumber } from './inexact-number.ts';

/** Deeper than any real token, and shallow enough that every walk over one stays cheap. */
const TOKENS: JsonReading = { maxDepth: 32, inexact: inexactNumber };

/**
 * Reads a header or a payload, strictly (`readStrictObject`). Numbers that do not print back as written come as `InexactNumber`. A
 * string result is the reason why not.
 */
export function parseStrictJson(text: string): Claims | JsonFlaw {
  return readStrictObject(text, TOKENS);
}
