import type { TokenHeader } from '../verified-token.ts';

/** More spellings of headers than any set of providers has at a time: each signing key of each issuer has one. */
const MAX_HEADERS = 1_024;
/** Longer ones are read anew each time, so that the memory is bounded. */
const MAX_LENGTH = 1_024;

/** Headers by their exact text in a token: nearly all tokens of a key share one, which then has to be read once only. */
export interface HeaderCache {
  /** Takes the header part of a token, still encoded. */
  find(encoded: string): TokenHeader | undefined;
  /** Takes a header that was read from this text in a token whose signature holds: strangers put nothing in here. */
  learn(encoded: string, header: TokenHeader): void;
}

/** Makes an empty memory. */
export function createHeaderCache(): HeaderCache {
  const headers = new Map<string, TokenHeader>();
  return {
    find: (encoded) => headers.get(encoded),
    learn(encoded, header) {
      if (encoded.length > MAX_LENGTH || headers.has(encoded)) return;
      // Rare: after many rotations. What is in use comes back with the next token.
      if (headers.size >= MAX_HEADERS) headers.clear();
      // A copy, since a slice would keep the whole token in memory.
      headers.set(Buffer.from(encoded, 'latin1').toString('latin1'), header);
    },
  };
}
