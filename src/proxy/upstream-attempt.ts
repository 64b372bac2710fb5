import type { Socket } from 'node:net';
import { isRefusal, type Refusal } from '../core/refusals.ts';
import type { HeaderPairs } from '../http/header-pairs.ts';
import type { BodyChunk, DispatchController, DispatchHandler, UpstreamRequest } from './dispatcher.ts';
import { failureOf, InvalidResponse } from './errors.ts';
import type { ForwardJob } from './forward-job.ts';
import type { Release } from './pooled-buffer.ts';
import { ClientGone } from './request/request-body.ts';
import { buildResponseHeaders } from './response/response-headers.ts';
import type { ResponseHead } from './response/response-parser.ts';
import { TransformingHandler } from './response/response-transform.ts';
import { prefixesOf } from './response/rewrite-location.ts';
import { isLost, Retry } from './retry.ts';
import type { EndpointOutcome, UpstreamEndpoint } from './upstream/upstream-endpoint.ts';

/** What a request has besides its plan. */
export type RequestContent = Pick<UpstreamRequest, 'body' | 'bodyLength' | 'isHandshake'>;

/** The client's side of a request: writes the response. */
export interface ResponseWriter {
  /** Starts the response. `head` has the header fields for the client. Throws where the head cannot be sent to this client. */
  writeHead(head: ResponseHead): void;
  /** No more of the response can be read for now. */
  flush?(): void;
  /** False asks for a pause. */
  write(chunk: BodyChunk, release?: Release): boolean;
  end(trailers: HeaderPairs): void;
  /** Ends a response that has started so that the client sees it is incomplete. */
  breakOff(): void;
  /** Whether a 101 with these fields belongs to the handshake that was sent. */
  acceptsUpgrade?(headers: HeaderPairs): boolean;
  /** Takes over the connection to the backend after the head of a 101 was written. */
  upgrade?(upstream: Socket): void;
}

const NOTHING: RequestContent = { body: null, bodyLength: undefined, isHandshake: false };

/** Interim responses (1xx) that one request may get. */
const MAX_INTERIM = 16;

/**
 * One request at its upstream, from the choice of an endpoint to the report of how it ended: sends it, retries it where that is safe,
 * passes the response to the writer, and reports the outcome to the endpoint and to the observer, once each.
 */
export class UpstreamAttempt implements DispatchHandler {
  readonly #job: Pick<ForwardJob, 'plan' | 'upstream' | 'observer'>;
  readonly #writer: ResponseWriter;
  readonly #startedAt = performance.now();
  #content: RequestContent = NOTHING;
  #endpoint: UpstreamEndpoint | undefined;
  /** From the first failure on. */
  #retry: Retry | undefined;
  /** The connection, from the start of the request until the response is complete. */
  #controller: DispatchController | undefined;
  /** False while no connection is up: then nothing of the request was sent. */
  #isSent = false;
  /** Whether the connection carried other requests before. */
  #isReused = false;
  #interim = 0;
  #upstreamMs = 0;
  /** The status that went to the client; 0 before. */
  #status = 0;
  #failure: Refusal | undefined;
  #isOver = false;

  constructor(job: Pick<ForwardJob, 'plan' | 'upstream' | 'observer'>, writer: ResponseWriter) {
    this.#job = job;
    this.#writer = writer;
  }

  /** Whether the request has been reported as refused, finished or abandoned. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether the head of a response went to the client. */
  get hasResponded(): boolean {
    return this.#status !== 0;
  }

  /** Sends the request to an endpoint, or refuses it where there is none. */
  send(content: RequestContent): void {
    const { plan, upstream, observer } = this.#job;
    this.#content = content;
    const endpoint = upstream.pick(this.#retry?.tried);
    if (isRefusal(endpoint)) {
      this.refuse(endpoint);
      return;
    }
    this.#endpoint = endpoint;
    observer.asked(upstream, endpoint.label);
    const { method, headers, timeouts, responseTransform } = plan;
    const { responseMs, idleMs } = timeouts;
    const { body, bodyLength, isHandshake } = content;
    const path = endpoint.prefix + plan.target;
    endpoint.dispatcher.send(
      { method, path, headers, body, bodyLength, responseMs, idleMs, isHandshake },
      responseTransform === undefined ? this : new TransformingHandler(this, responseTransform),
    );
  }

  /** Continues to read the response. */
  resume(): void {
    this.#controller?.resume();
  }

  /** Ends the request because of an error on the client's side. */
  abort(error: Error): void {
    if (this.#controller !== undefined) this.#controller.destroy(error);
    else if (!this.#isSent) this.onResponseError(error);
  }

  /** Ends the request with a refusal in place of a response. */
  refuse(refusal: Refusal): void {
    this.#isOver = true;
    this.#content.body?.destroy();
    this.#job.observer.refused(refusal, performance.now() - this.#startedAt);
  }

  /** The client's side is over; `isComplete` means that the client has the complete response. */
  close({ isComplete }: { readonly isComplete: boolean }): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#content.body?.destroy();
    if (!isComplete) this.#controller?.destroy(new ClientGone('the client left'));
    const { observer } = this.#job;
    this.#settle(this.#status === 0 ? 'unknown' : 'responded');
    if (this.#status === 0) observer.abandoned(performance.now() - this.#startedAt);
    else observer.finished({ status: this.#status, upstreamMs: this.#upstreamMs, failure: this.#failure });
  }

  onRequestStart(controller: DispatchController): boolean {
    if (this.#isOver) return false;
    this.#isSent = true;
    this.#isReused = controller.served > 0;
    this.#controller = controller;
    return true;
  }

  onResponseStart(head: ResponseHead): void {
    if (head.status < 200) this.#countInterim(head.status);
    else this.#respond(head);
  }

  onReadEnd(): void {
    if (!this.#isOver) this.#writer.flush?.();
  }

  onResponseData(chunk: BodyChunk, release?: Release): boolean {
    return this.#writer.write(chunk, release);
  }

  onResponseEnd(trailers: HeaderPairs): void {
    if (this.#isOver) return;
    // From now on the connection may carry other requests.
    this.#controller = undefined;
    this.#settle('responded');
    this.#writer.end(trailers);
  }

  onRequestUpgrade(head: ResponseHead, upstream: Socket): void {
    if (this.#isOver || this.#writer.acceptsUpgrade?.(head.headers) !== true) {
      upstream.destroy();
      this.onResponseError(new InvalidResponse('handshake_unproven'));
      return;
    }
    this.#respond(head);
    this.#writer.upgrade?.(upstream);
  }

  onResponseError(error: Error): void {
    if (this.#isOver) return;
    if (this.#status !== 0) {
      this.#settle('responded');
      this.#failure = failureOf(error);
      this.#writer.breakOff();
    } else if (error instanceof ClientGone) {
      this.close({ isComplete: false });
    } else {
      this.#failed(error);
    }
  }

  #respond({ status, reason, headers, end }: ResponseHead): void {
    const { plan } = this.#job;
    this.#upstreamMs = performance.now() - this.#startedAt;
    const built = buildResponseHeaders({
      status,
      raw: headers,
      names: plan.responseHeaderFilter,
      added: plan.responseHeaders,
      prefixes: prefixesOf(this.#endpoint, plan),
    });
    try {
      this.#writer.writeHead({ status, reason, headers: built, end });
    } catch {
      this.abort(new InvalidResponse('head_unsendable'));
      return;
    }
    if (!this.#isOver) this.#status = status;
  }

  /** Interim responses belong to the hop (RFC 9110 §15.2) and are not relayed; a 101 is none. */
  #countInterim(status: number): void {
    this.#interim++;
    if (status !== 101 && this.#interim <= MAX_INTERIM) return;
    this.abort(new InvalidResponse(status === 101 ? 'switch_unasked' : 'interim_too_many'));
  }

  /** No response came: retries or refuses. */
  #failed(error: Error): void {
    const endpoint = this.#endpoint;
    const lost = isLost(error, { isSent: this.#isSent, controller: this.#controller });
    this.#settle(lost ? 'failed' : 'unknown');
    if (!lost || !this.#mayRetry(endpoint)) {
      this.refuse(failureOf(error, !this.#isSent));
      return;
    }
    this.#controller = undefined;
    this.#isSent = false;
    this.#isReused = false;
    this.send(this.#content);
  }

  #mayRetry(endpoint: UpstreamEndpoint | undefined): boolean {
    const { plan, upstream } = this.#job;
    this.#retry ??= new Retry(upstream.retries);
    return this.#retry.allows({
      endpoint,
      isSent: this.#isSent,
      isReused: this.#isReused,
      method: plan.method,
      hasBody: this.#content.body !== null,
    });
  }

  /** Reports the outcome to the endpoint, once. */
  #settle(outcome: EndpointOutcome): void {
    this.#endpoint?.settle(outcome);
    this.#endpoint = undefined;
  }
}
