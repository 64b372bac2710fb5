import { type Refusal, refuse } from '../core/refusals.ts';

/** The response of a front. */
export interface FrontResponse {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: string | undefined;
  /** Why it is an error of the front's own, for the access line. */
  readonly refusal?: Refusal;
}

const JSON_TYPE = ['content-type', 'application/json'] as const;
/** RFC 6749 §5.1. */
const NO_STORE = ['cache-control', 'no-store', 'pragma', 'no-cache'] as const;

/** A JSON document. `cacheControl` is `no-store` unless given. */
export function respondWithJson(status: number, value: unknown, cacheControl?: string): FrontResponse {
  const cache = cacheControl === undefined ? NO_STORE : ['cache-control', cacheControl];
  const body = JSON.stringify(value);
  const length = ['content-length', String(Buffer.byteLength(body))];
  return { status, headers: [...JSON_TYPE, ...length, ...cache], body };
}

/** An error in the form of RFC 6749 §5.2 and RFC 7591 §3.2.2. The description names no value of the request. */
export function respondWithError(error: string, description: string): FrontResponse {
  const response = respondWithJson(400, { error, error_description: description });
  return { ...response, refusal: refuse('front_request', `${error}: ${description}`) };
}

/** Sends the browser on. */
export function redirectTo(location: string, refusal?: Refusal): FrontResponse {
  const headers = [
    ...['location', location, 'content-length', '0'],
    // The address has parameters that the next page must not learn.
    ...['cache-control', 'no-store', 'referrer-policy', 'no-referrer'],
  ];
  return { status: 302, headers, body: undefined, ...(refusal && { refusal }) };
}
