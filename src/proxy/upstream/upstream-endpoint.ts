import type { Dispatcher } from '../dispatcher.ts';
import type { Ejection } from './ejection.ts';

/** How a request to an endpoint ended; the next choice depends on it. */
export type EndpointOutcome =
  /** Something of a response came. */
  | 'responded'
  /** No connection, or it was lost before any byte of a response. */
  | 'failed'
  /** Ended for a reason that does not concern the endpoint. */
  | 'unknown';

export interface EndpointSettings {
  /** Origin, without anything secret. */
  readonly label: string;
  readonly dispatcher: Dispatcher;
  readonly prefix: string;
  /** Undefined where there is no other address to go to. */
  readonly ejection: Ejection | undefined;
  readonly now: () => number;
}

/** One address of a backend, with its connections and its recent failures. */
export class UpstreamEndpoint {
  readonly label: string;
  readonly dispatcher: Dispatcher;
  /** Put before the forwarded path: empty, or a path without a slash at its end. */
  readonly prefix: string;
  /** The result of the health checks; undefined without checks. */
  healthy: boolean | undefined;
  /** Requests and tunnels under way. */
  running = 0;
  readonly #ejection: Ejection | undefined;
  readonly #now: () => number;

  constructor({ label, dispatcher, prefix, ejection, now }: EndpointSettings) {
    this.label = label;
    this.dispatcher = dispatcher;
    this.prefix = prefix;
    this.#ejection = ejection;
    this.#now = now;
  }

  get isEjected(): boolean {
    return this.#ejection?.isEjected(this.#now()) ?? false;
  }

  /** To be called once for every request to this endpoint. */
  settle(outcome: EndpointOutcome): void {
    this.running--;
    if (this.#ejection === undefined || outcome === 'unknown') return;
    if (outcome === 'responded') this.#ejection.succeeded();
    else this.#ejection.failed(this.#now());
  }
}
