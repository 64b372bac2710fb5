import type { EventSource } from '../../config/event-paths.ts';
import type { FrontEndpointKind } from '../../config/oauth-front.ts';
import type { Refusal } from '../../core/refusals.ts';
import type { RateLimit } from '../rate-limit/rate-limit.ts';
import type { FilteredHeaders } from './request-header-filter.ts';

/** A response that the gateway gives itself: it needs no token, and no backend sees the request. */
export interface DirectResponse {
  readonly directResponse: 'preflight' | 'keys' | 'metadata';
  readonly status: 200 | 204;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: string | undefined;
}

/** A request that the front of an issuer serves: it needs no token of the file's issuers, and no backend sees it. */
export interface FrontCall {
  readonly frontCall: { readonly issuer: string; readonly kind: FrontEndpointKind };
  /** As sent, with its `?`, or an empty string. */
  readonly query: string;
  /** Whether the client sent credentials in a header, which no endpoint accepts. */
  readonly hasAuthorization: boolean;
}

/** A logout token or security event that a provider pushes: its signature is its credential, and no backend sees it. */
export interface EventCall {
  readonly eventCall: EventSource;
}

/** What the gateway itself responds to. */
export type ServedHere = DirectResponse | FrontCall | EventCall;

/** Narrows the outcome of a decision. */
export function isDirectResponse(outcome: object): outcome is DirectResponse {
  return 'directResponse' in outcome;
}

/** Narrows the outcome of a decision. */
export function isFrontCall(outcome: object): outcome is FrontCall {
  return 'frontCall' in outcome;
}

/** Narrows the outcome of a decision. */
export function isEventCall(outcome: object): outcome is EventCall {
  return 'eventCall' in outcome;
}

/** Whether the gateway itself responds to an allowed request. */
export function isServedHere(outcome: object): outcome is ServedHere {
  return isDirectResponse(outcome) || isFrontCall(outcome) || isEventCall(outcome);
}

/** A path that the gateway serves itself. It is looked for before the routes, which it hides. */
export interface OwnEndpoint {
  /** As requests send it, byte for byte: any other spelling is for the routes. */
  readonly path: string;
  /** As `normalizeHost` spells it; undefined for every host. */
  readonly host: string | undefined;
  /** Hosts at which the path is left to the routes. */
  readonly notAt?: ReadonlySet<string>;
  /** What is served, for `explain`. */
  readonly what: string;
  /** Fields of all its responses, refusals too: names and values in turn. */
  readonly addedHeaders?: readonly string[];
  /** Limits by address of the calls of a front. */
  readonly limits?: readonly RateLimit[];
  readonly respond: (request: OwnRequest) => ServedHere | Refusal;
}

/** What an own endpoint is given of its request. */
export interface OwnRequest {
  readonly method: string;
  /** As sent, with its `?`, or an empty string. */
  readonly query: string;
  readonly headers: FilteredHeaders;
}
