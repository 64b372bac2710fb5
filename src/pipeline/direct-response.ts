/** A response that the gateway gives itself: it needs no token, and no backend sees the request. */
export interface DirectResponse {
  readonly directResponse: 'preflight' | 'keys';
  readonly status: 200 | 204;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: string | undefined;
}

/** Narrows the outcome of a decision. */
export function isDirectResponse(outcome: object): outcome is DirectResponse {
  return 'directResponse' in outcome;
}
