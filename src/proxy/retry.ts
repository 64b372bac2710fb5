import type { DispatchController } from './dispatcher.ts';
import { isConnectionLoss } from './errors.ts';
import { ClientFault } from './request/request-body.ts';
import type { UpstreamEndpoint } from './upstream/upstream-endpoint.ts';

/** Methods that may be repeated without a change of meaning (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/** How far a request had come when it failed without a response. */
export interface FailedTry {
  readonly endpoint: UpstreamEndpoint | undefined;
  /** Whether any of it may have reached a backend. */
  readonly isSent: boolean;
  /** Whether its connection had carried other requests before. */
  readonly isReused: boolean;
  readonly method: string;
  readonly hasBody: boolean;
}

/** Whether there was no connection, or it was lost before any byte of a response. */
export function isLost(
  error: Error,
  { isSent, controller }: { isSent: boolean; controller: DispatchController | undefined },
): boolean {
  if (error instanceof ClientFault) return false;
  if (!isSent) return true;
  return isConnectionLoss(error) && controller?.hasResponse === false;
}

/** Decides whether one request that was lost is sent again, and remembers where it has been. */
export class Retry {
  readonly #retries: number;
  readonly #tried: UpstreamEndpoint[] = [];
  #wasRepeated = false;

  /** `retries`: how many other endpoints may get the request. */
  constructor(retries: number) {
    this.#retries = retries;
  }

  /** The endpoints to leave out of the next choice. */
  get tried(): readonly UpstreamEndpoint[] {
    return this.#tried;
  }

  /**
   * A backend that closes an idle connection may do so just when a request is sent on it: such a request is repeated once, even with
   * `retries: 0`. Otherwise it goes to another endpoint, up to `retries` times. What may have reached a backend is only sent again if it
   * is idempotent and has no body.
   */
  allows({ endpoint, isSent, isReused, method, hasBody }: FailedTry): boolean {
    if (isSent && (hasBody || !IDEMPOTENT.has(method))) return false;
    if (isReused && !this.#wasRepeated) {
      this.#wasRepeated = true;
      return true;
    }
    if (endpoint === undefined || this.#tried.length >= this.#retries) return false;
    this.#tried.push(endpoint);
    return true;
  }
}
