import type { Dispatcher } from '../dispatcher.ts';
import type { Ejection } from './ejection.ts';

/** How a request to an address ended, for those who choose the next address. */
export type EndpointOutcome =
  /** Something of a response came. */
  | 'responded'
  /** No connection, or it was lost before any byte of an answer. */
  | 'failed'
  /** Ended for other reasons, which say nothing of the address. */
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

/** One address of a backend, with its connections and how it has been doing. */
export class UpstreamEndpoint {
  readonly label: string;
  readonly dispatcher: Dispatcher;
  /** Put before the forwarded path: empty, or a path without a slash at its end. */
  readonly prefix: string;
  /** What active checks say; undefined when nothing watches it. */
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

  /** Every request that was given this target says once how it ended. */
  settle(outcome: EndpointOutcome): void {
    this.running--;
    if (this.#ejection === undefined || outcome === 'unknown') return;
    if (outcome === 'responded') this.#ejection.succeeded();
    else this.#ejection.failed(this.#now());
  }
}
