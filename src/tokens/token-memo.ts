import type { VerifiedToken } from './verified-token.ts';

/** What is found out about a token once, for as long as the token lives. */
export interface TokenMemo<Value> {
  get(token: VerifiedToken): Value | undefined;
  /** Does nothing for a token that is used only once: the garbage collector's work would cost more than finding out again. */
  set(token: VerifiedToken, value: Value): void;
}

const reusedTokens = new WeakSet<VerifiedToken>();

/** Marks a token that many requests will share. */
export function markReused(token: VerifiedToken): void {
  reusedTokens.add(token);
}

/** Makes an empty memo. One for each purpose, not for each route or file: performance.md, "in one weak map". */
export function createTokenMemo<Value>(): TokenMemo<Value> {
  const values = new WeakMap<VerifiedToken, Value>();
  return {
    get: (token) => values.get(token),
    set(token, value) {
      if (reusedTokens.has(token)) values.set(token, value);
    },
  };
}
