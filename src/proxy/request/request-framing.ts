import type { HeaderPairs } from '../../http/header-pairs.ts';

/** Whether a body follows the head of a message. */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'unknown' };

const NONE: Framing = { kind: 'none' };
const CHUNKED: Framing = { kind: 'chunked' };
const UNKNOWN: Framing = { kind: 'unknown' };

/**
 * Reads the framing of a request (RFC 9112 §6.3) whose head the parser accepted. Transfer codings other than plain `chunked` are
 * `unknown`: the parser removes the chunks, but not the coding below them.
 */
export function requestFraming(rawHeaders: HeaderPairs): Framing {
  let framing = NONE;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 14 && name.toLowerCase() === 'content-length') {
      const bytes = Number(rawHeaders[i + 1]);
      if (bytes > 0) framing = { kind: 'length', bytes };
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      return (rawHeaders[i + 1] as string).toLowerCase() === 'chunked' ? CHUNKED : UNKNOWN;
    }
  }
  return framing;
}
