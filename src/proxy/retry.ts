import { isRefusal, type Refusal } from '../core/refusals.ts';
import type { DispatchController, DispatchHandler, UpstreamRequest } from './dispatcher.ts';
import { InvalidResponse, isConnectionLoss } from './errors.ts';
import type { ForwardJob, ForwardObserver, UpstreamRequestPlan } from './forward-job.ts';
import { ClientFault } from './request/request-body.ts';
import type { Upstream } from './upstream/upstream.ts';
import type { EndpointOutcome, UpstreamEndpoint } from './upstream/upstream-endpoint.ts';

/** What a request has beside its head. */
export type Sent = Pick<UpstreamRequest, 'body' | 'bodyLength' | 'isHandshake'>;

/** The tries of one request: which address it is at, and whether it may go to another. */
export class Retry {
  readonly attempt = new Attempt();
  readonly #upstream: Upstream;
  readonly #observer: Pick<ForwardObserver, 'asked'>;
  /** Whether the request may reach backends more than once: idempotent and without body. */
  readonly #repeatable: boolean;
  #endpoint: UpstreamEndpoint | undefined;
  #tried: UpstreamEndpoint[] | undefined;

  constructor({ upstream, observer }: Pick<ForwardJob, 'upstream' | 'observer'>, repeatable: boolean) {
    this.#upstream = upstream;
    this.#observer = observer;
    this.#repeatable = repeatable;
  }

  /** Sends the request to the next address; gives the refusal where there is none. */
  send(
    plan: UpstreamRequestPlan,
    { body, bodyLength, isHandshake }: Sent,
    handler: DispatchHandler,
  ): Refusal | undefined {
    const endpoint = this.#upstream.pick(this.#tried);
    if (isRefusal(endpoint)) return endpoint;
    this.#endpoint = endpoint;
    this.#observer.asked(this.#upstream, endpoint.label);
    const { method, headers, timeouts } = plan;
    const { responseMs, idleMs } = timeouts;
    const path = endpoint.prefix + plan.target;
    endpoint.dispatcher.send(
      { method, path, headers, body, bodyLength, responseMs, idleMs, isHandshake },
      handler,
    );
    return undefined;
  }

  /** The address of the present try. */
  get endpoint(): UpstreamEndpoint | undefined {
    return this.#endpoint;
  }

  /** Tells the address how the try ended, once. */
  settle(outcome: EndpointOutcome): void {
    this.#endpoint?.settle(outcome);
    this.#endpoint = undefined;
  }

  /** Settles a try that failed before the head of a response, and says whether to try again. */
  failed(error: Error): boolean {
    const { attempt } = this;
    const endpoint = this.#endpoint;
    const isLost = !(error instanceof ClientFault) && attempt.isLost(error);
    this.settle(isLost ? 'failed' : 'unknown');
    if (!isLost || (attempt.begun && !this.#repeatable)) return false;
    if (!this.#mayTryAgain(endpoint)) return false;
    attempt.restart();
    return true;
  }

  #mayTryAgain(endpoint: UpstreamEndpoint | undefined): boolean {
    if (this.attempt.begun && this.attempt.mayRepeat()) return true;
    const { retries } = this.#upstream;
    if (endpoint === undefined || retries === 0 || (this.#tried?.length ?? 0) >= retries) return false;
    this.#tried ??= [];
    this.#tried.push(endpoint);
    return true;
  }
}

/** Interim responses (1xx) that one request may get. */
const MAX_INTERIM = 16;

/** What a request knows of the connection it was put on. */
class Attempt {
  #controller: DispatchController | undefined;
  #begun = false;
  #reused = false;
  #interim = 0;
  #repeated = false;

  /** The request is about to be written. */
  begin(controller: DispatchController): void {
    this.#begun = true;
    this.#controller = controller;
    this.#reused = controller.served > 0;
  }

  /** False while no connection was up: then nothing of the request was sent. */
  get begun(): boolean {
    return this.#begun;
  }

  /** The response is complete: from now on the connection may carry other requests. */
  complete(): void {
    this.#controller = undefined;
  }

  /** Ends the request and its connection; the handler hears of it as an error. */
  abort(error: Error): void {
    this.#controller?.destroy(error);
  }

  /** Goes on reading the response. */
  resume(): void {
    this.#controller?.resume();
  }

  /** Interim responses are the hop's own (RFC 9110 §15.2) and are not relayed; a 101 nobody asked for is no response. */
  interim(status: number): void {
    this.#interim++;
    if (status !== 101 && this.#interim <= MAX_INTERIM) return;
    this.abort(new InvalidResponse(status === 101 ? 'switch_unasked' : 'interim_too_many'));
  }

  /** Whether the request ended without any byte of a response, for want of a connection or with its loss. */
  isLost(error: Error): boolean {
    if (!this.#begun) return true;
    return isConnectionLoss(error) && this.#controller?.hasResponse === false;
  }

  /**
   * Whether to send a lost request that is idempotent and without body once more, unasked: its connection had been
   * used before, as happens when a backend closes an idle connection. True once.
   */
  mayRepeat(): boolean {
    if (this.#repeated || !this.#reused) return false;
    this.#repeated = true;
    return true;
  }

  /** Forgets the connection before the request is sent once more. */
  restart(): void {
    this.#controller = undefined;
    this.#begun = false;
    this.#reused = false;
  }
}
