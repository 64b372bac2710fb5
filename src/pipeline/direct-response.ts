import type { Refusal } from '../core/refusals.ts';
import type { FilteredHeaders } from './request-header-filter.ts';

/** A response that the gateway gives itself: it needs no token, and no backend sees the request. */
export interface DirectResponse {
  readonly directResponse: 'preflight' | 'keys' | 'metadata';
  readonly status: 200 | 204;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: string | undefined;
}

/** Narrows the outcome of a decision. */
export function isDirectResponse(outcome: object): outcome is DirectResponse {
  return 'directResponse' in outcome;
}

/** A path that the gateway serves itself. It is looked for before the routes, which it hides. */
export interface OwnEndpoint {
  /** As requests send it, byte for byte: any other spelling is for the routes. */
  readonly path: string;
  /** As `normalizeHost` spells it; undefined for every host. */
  readonly host: string | undefined;
  /** What is served, for `explain`. */
  readonly what: string;
  /** Fields of all its responses, refusals too: names and values in turn. */
  readonly addedHeaders?: readonly string[];
  readonly respond: (request: OwnRequest) => DirectResponse | Refusal;
}

/** What an own endpoint is given of its request. */
export interface OwnRequest {
  readonly method: string;
  readonly headers: FilteredHeaders;
}
