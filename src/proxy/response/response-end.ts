import type { HeaderPairs } from '../../http/header-pairs.ts';

/** What ends the body of a response: its stated length, its last chunk, or the end of the connection. */
export type ResponseEnd = 'length' | 'chunk' | 'close';

/** Reads the framing of a response (RFC 9112 §6.3) whose head the parser accepted. */
export function responseEnd(raw: HeaderPairs): ResponseEnd {
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (name.length === 14 && name.toLowerCase() === 'content-length') return 'length';
    if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') return 'chunk';
  }
  return 'close';
}
