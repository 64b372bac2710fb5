import { STATUS_CODES } from 'node:http';
import { type Refusal, refuse } from '../core/refusals.ts';
import { discardBody } from '../http/discard-body.ts';
import type { HeaderPairs } from '../http/header-pairs.ts';
import type { DispatchController, DispatchHandler } from './dispatcher.ts';
import { failureOf, InvalidResponse } from './errors.ts';
import type { ForwardJob } from './forward-job.ts';
import { type Framing, type ResponseEnd, requestFraming } from './framing.ts';
import type { Release } from './pooled-buffer.ts';
import { ClientGone, RequestBody } from './request/request-body.ts';
import { buildResponseHeaders, relayableTrailers } from './response/response-headers.ts';
import type { ResponseHead } from './response/response-parser.ts';
import { prefixesOf } from './response/rewrite-location.ts';
import { Retry } from './retry.ts';

/** Bytes waiting for a slow client from which on the backend's response is not read any more. */
const HIGH_WATER_BYTES = 128 * 1024;
/** Words that may stand on a status line. */
const PLAIN = /^[\t\x20-\x7e]+$/;
/** Methods that may be repeated without a change of meaning (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/** One request on its way up and its response on its way down. */
export class ProxiedRequest implements DispatchHandler {
  readonly #job: ForwardJob;
  readonly #retry: Retry;
  readonly #framing: Framing;
  #body: RequestBody | null = null;
  #started = false;
  #done = false;
  #startedAt = 0;
  #upstreamMs = 0;
  /** The status of the response once its head went to the client; 0 before. */
  #status = 0;
  #end: ResponseEnd = 'length';
  #failure: Refusal | undefined;
  #paused = false;

  constructor(job: ForwardJob) {
    const { req, plan } = job;
    this.#job = job;
    this.#framing = requestFraming(req.rawHeaders);
    this.#retry = new Retry(job, this.#framing.kind === 'none' && IDEMPOTENT.has(plan.method));
  }

  start(): void {
    const { req, res, plan } = this.#job;
    if (this.#started) return;
    this.#started = true;
    if (res.destroyed || res.headersSent) {
      // Gone while it was decided, and nobody would ever tell the backend to stop; or answered while it waited for its turn.
      this.#done = true;
      this.#job.observer.abandoned(0);
      return;
    }
    this.#startedAt = performance.now();
    res.on('close', () => this.#clientClosed());
    const refusal = framingRefusal(this.#framing, plan.bodyLimit);
    if (refusal !== undefined) {
      this.#refuse(refusal);
      return;
    }
    if (this.#framing.kind !== 'none') {
      this.#body = new RequestBody(req, {
        maxBytes: plan.bodyLimit,
        idleMs: plan.bodyIdleMs,
        broken: (error) => this.#bodyBroke(error),
      });
    }
    this.#dispatch();
  }

  /** The client left while the request still waited behind others of its connection. */
  abandonQueued(): void {
    if (this.#started) return;
    this.#started = true;
    this.#done = true;
    this.#job.observer.abandoned(0);
  }

  #dispatch(): void {
    const body = this.#body;
    const bodyLength = this.#framing.kind === 'length' ? this.#framing.bytes : undefined;
    const refusal = this.#retry.send(this.#job.plan, { body, bodyLength, isHandshake: false }, this);
    if (refusal !== undefined) this.#refuse(refusal);
  }

  onRequestStart(controller: DispatchController): boolean {
    if (!this.#done) this.#retry.attempt.begin(controller);
    return !this.#done;
  }

  onResponseStart({ status, reason, headers, end }: ResponseHead): void {
    if (status < 200) {
      this.#retry.attempt.interim(status);
      return;
    }
    const { req, res, plan } = this.#job;
    if (res.headersSent) {
      // Answered in the meantime: its body broke, or the gateway ends.
      this.#clientClosed();
      return;
    }
    this.#upstreamMs = performance.now() - this.#startedAt;
    this.#end = end;
    const built = buildResponseHeaders({
      status,
      raw: headers,
      names: plan.responseHeaderFilter,
      added: plan.responseHeaders,
      prefixes: prefixesOf(this.#retry.endpoint, plan),
    });
    // Who is still sending what the backend refuses is told to stop: the rest of the body would cost more than a new connection.
    if (status >= 400 && this.#body !== null && !req.complete) res.leaveRequestUnread();
    const ownWords = reason === STATUS_CODES[status] || !PLAIN.test(reason) ? undefined : reason;
    try {
      res.writeHead(status, ownWords, built);
    } catch {
      this.#retry.attempt.abort(new InvalidResponse('head_unsendable'));
      return;
    }
    this.#status = status;
  }

  /** Clients of event streams want the head before there is a first event. */
  onReadEnd(): void {
    const { req, res } = this.#job;
    if (!this.#done && !res.writableEnded && req.method !== 'HEAD') res.flushHeaders();
  }

  onResponseData(chunk: Buffer, release?: Release): boolean {
    const { res } = this.#job;
    if (res.write(chunk, release) || res.writableLength < HIGH_WATER_BYTES) return true;
    if (this.#paused) return false;
    this.#paused = true;
    res.once('drain', () => this.#continue());
    return false;
  }

  onResponseEnd(trailers: HeaderPairs, rest: string): void {
    if (this.#done) return;
    this.#retry.attempt.complete();
    this.#retry.settle('responded');
    const { req, res, plan } = this.#job;
    // Some clients take nothing before they have sent everything, and over HTTP/2 the response is not over before the request is.
    if (this.#body !== null && !req.complete) {
      // It would go on to hold back what nobody wants any more.
      this.#body.destroy();
      discardBody(req);
    }
    res.sendTrailers(relayableTrailers(trailers, plan.responseHeaderFilter));
    if (rest === '') res.end();
    else res.end(rest, 'latin1');
  }

  onResponseError(error: Error): void {
    if (this.#done) return;
    if (this.#status !== 0) {
      this.#retry.settle('responded');
      this.#failure = failureOf(error);
      this.#job.res.breakOff(this.#end === 'length');
      return;
    }
    if (error instanceof ClientGone) {
      this.#clientClosed();
    } else if (this.#retry.failed(error)) {
      this.#dispatch();
    } else {
      this.#refuse(failureOf(error, !this.#retry.attempt.begun));
    }
  }

  #bodyBroke(error: Error): void {
    if (this.#retry.attempt.begun) this.#retry.attempt.abort(error);
    else this.onResponseError(error);
  }

  #continue(): void {
    if (!this.#paused || this.#done) return;
    this.#paused = false;
    this.#retry.attempt.resume();
  }

  #refuse(refusal: Refusal): void {
    this.#done = true;
    this.#body?.destroy();
    this.#job.observer.refused(refusal, performance.now() - this.#startedAt);
  }

  /** The response is over: sent whole, broken off, or the client left. */
  #clientClosed(): void {
    if (this.#done) return;
    this.#done = true;
    this.#body?.destroy();
    const { req, res, observer } = this.#job;
    // A response that is not the backend's, such as to a body that broke, leaves nothing to wait for.
    const whole = this.#status !== 0 && res.writableFinished;
    if (!whole) this.#retry.attempt.abort(new ClientGone('the client left'));
    else if (this.#body !== null) discardBody(req);
    this.#retry.settle(this.#status === 0 ? 'unknown' : 'responded');
    if (this.#status === 0) {
      observer.abandoned(performance.now() - this.#startedAt);
      return;
    }
    observer.finished({
      status: this.#status,
      upstreamMs: this.#upstreamMs,
      failure: this.#failure,
      clientGone: !whole && this.#failure === undefined,
    });
  }
}

function framingRefusal(framing: Framing, limit: number | undefined): Refusal | undefined {
  if (framing.kind === 'unknown') return refuse('request_framing', 'a transfer coding other than chunked');
  if (framing.kind !== 'length' || limit === undefined || framing.bytes <= limit) return undefined;
  return refuse('body_too_large', 'the body is larger than the route allows');
}
