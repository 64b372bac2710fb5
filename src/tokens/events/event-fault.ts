/** Why a logout token or security event is not accepted. */
export interface EventFault {
  /** Of RFC 8935 §2.4. Undefined where it may be right, and could not be checked. */
  readonly error: EventError | undefined;
  /** For the sender and the log. One of few texts: it has nothing of the token. */
  readonly description: string;
  /** More for the log, as it has it of tokens. */
  readonly reason?: string | undefined;
  /** When to try again. */
  readonly retryAfterSeconds?: number | undefined;
}

export type EventError = 'invalid_request' | 'invalid_key' | 'invalid_issuer' | 'invalid_audience';

export function invalid(description: string, error: EventError = 'invalid_request'): EventFault {
  return { error, description };
}

/** Narrows what reading one gave. */
export function isEventFault(read: object): read is EventFault {
  return 'description' in read;
}
