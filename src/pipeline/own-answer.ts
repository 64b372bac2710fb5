/** An answer that the gateway gives itself: it needs no token, and no backend sees the request. */
export interface OwnAnswer {
  readonly ownAnswer: 'preflight' | 'keys';
  readonly status: 200 | 204;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: string | undefined;
}

/** Narrows the outcome of a decision. */
export function isOwnAnswer(outcome: object): outcome is OwnAnswer {
  return 'ownAnswer' in outcome;
}
