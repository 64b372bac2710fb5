import { STATUS_CODES } from 'node:http';
import type { Dispatcher } from 'undici';
import { isRefusal, type Refusal, refuse } from '../core/refusals.ts';
import { discardBody } from '../http/discard-body.ts';
import { isMultiplexed } from '../http/multiplexed.ts';
import { breakOff, framingOf, sendHead, sendTrailers } from './client-response.ts';
import type { Connection, ConnectionAware } from './connection.ts';
import { failureOf, NoAnswerInTime } from './failure.ts';
import type { Forwarding } from './forwarding.ts';
import { type AnswerEnd, answerEnd, type Framing } from './framing.ts';
import { buildResponseHeaders, relayableTrailers } from './headers.ts';
import { ClientGone, RequestBody } from './request-body.ts';
import { prefixesOf } from './target.ts';
import { Tries } from './tries.ts';

/** Bytes waiting for a slow client from which on the backend's answer is not read any more. */
const HIGH_WATER_BYTES = 128 * 1024;
/** undici's timers tick every half second; shorter times are kept by a timer of their own. */
const COARSE_MS = 2_000;
/** Words that may stand on a status line. */
const PLAIN = /^[\t\x20-\x7e]+$/;
/** Methods that may be repeated without a change of meaning (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/**
 * One request on its way up and its answer on its way down. Speaks undici's older handler interface, which
 * its core calls as it is: raw header bytes instead of objects, and a return value instead of a controller.
 */
export class Exchange implements Dispatcher.DispatchHandler, ConnectionAware {
  connection: Connection | undefined;

  readonly #forwarding: Forwarding;
  readonly #tries: Tries;
  readonly #framing: Framing;
  #body: RequestBody | null = null;
  #started = false;
  #done = false;
  #startedAt = 0;
  #upstreamMs = 0;
  /** The status of the answer once its head went to the client; 0 before. */
  #status = 0;
  #end: AnswerEnd = 'length';
  #failure: Refusal | undefined;
  #resume: (() => void) | undefined;
  #paused = false;
  #bodySeen = false;
  #deadline: NodeJS.Timeout | undefined;

  constructor(forwarding: Forwarding) {
    const { req, plan, upstream } = forwarding;
    this.#forwarding = forwarding;
    this.#framing = framingOf(req);
    this.#tries = new Tries(upstream, this.#framing.kind === 'none' && IDEMPOTENT.has(plan.method));
  }

  start(): void {
    const { req, res, plan } = this.#forwarding;
    if (this.#started) return;
    this.#started = true;
    if (res.destroyed) {
      // Gone while it was decided: nobody would ever tell the backend to stop.
      this.#done = true;
      this.#forwarding.observer.abandoned(0);
      return;
    }
    this.#startedAt = performance.now();
    res.once('close', () => this.#clientClosed());
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
    this.#forwarding.observer.abandoned(0);
  }

  #dispatch(): void {
    const { plan } = this.#forwarding;
    const target = this.#tries.next();
    if (isRefusal(target)) {
      this.#refuse(target);
      return;
    }
    target.sender.dispatch(
      {
        path: target.prefix + plan.target,
        method: plan.method as Dispatcher.HttpMethod,
        headers: plan.headers as string[],
        body: this.#body,
        headersTimeout: plan.timeouts.responseMs,
        bodyTimeout: plan.timeouts.idleMs,
        servername: target.servername,
      } as Dispatcher.DispatchOptions,
      this,
    );
  }

  onConnect(abort: (error?: Error) => void): void {
    if (this.#done) abort();
    else this.#tries.attempt.begin(this.connection, abort);
  }

  /** Called by undici once the whole request was handed to the connection. */
  onRequestSent(): void {
    const { responseMs } = this.#forwarding.plan.timeouts;
    if (responseMs > COARSE_MS || this.#status !== 0) return;
    this.#deadline = setTimeout(() => this.#tries.attempt.abort(new NoAnswerInTime(false)), responseMs);
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, statusText: string): boolean {
    if (status < 200) {
      this.#tries.attempt.interim(status);
      return true;
    }
    clearTimeout(this.#deadline);
    const { req, res, plan } = this.#forwarding;
    this.#upstreamMs = performance.now() - this.#startedAt;
    this.#status = status;
    this.#end = answerEnd(raw);
    this.#resume = resume;
    const headers = buildResponseHeaders({
      status,
      raw,
      hidden: plan.hiddenHeaders,
      added: plan.responseHeaders,
      prefixes: prefixesOf(this.#tries.target, plan),
    });
    const reason = statusText === STATUS_CODES[status] || !PLAIN.test(statusText) ? undefined : statusText;
    sendHead(res, { status, reason, headers });
    if (req.method !== 'HEAD') process.nextTick(flushHead, this);
    return true;
  }

  onData(chunk: Buffer): boolean {
    const { res } = this.#forwarding;
    this.#bodySeen = true;
    if (res.write(chunk) || res.writableLength < HIGH_WATER_BYTES) return true;
    this.#paused = true;
    res.once('drain', () => this.#continue());
    return false;
  }

  onComplete(trailers?: string[] | null): void {
    if (this.#done) return;
    // A reset ends an answer without stated length, and undici takes that for its regular end.
    const reset = this.#end === 'close' ? this.#tries.attempt.brokenBy : null;
    this.#tries.attempt.complete();
    this.#tries.settle('answered');
    if (reset !== null) {
      this.onError(reset);
      return;
    }
    const { req, res } = this.#forwarding;
    // Over HTTP/2 the response is not over before the request is: its rest must be turned away now.
    if (this.#body !== null && !req.complete && isMultiplexed(req)) discardBody(req);
    sendTrailers(res, relayableTrailers(trailers, this.#forwarding.plan.hiddenHeaders));
    res.end();
  }

  onError(error: Error): void {
    clearTimeout(this.#deadline);
    if (this.#done) return;
    if (this.#status !== 0) {
      this.#tries.settle('answered');
      this.#failure = failureOf(error);
      breakOff(this.#forwarding.res, this.#end === 'length');
      return;
    }
    if (error instanceof ClientGone) {
      this.#clientClosed();
    } else if (this.#tries.failed(error)) {
      this.#dispatch();
    } else {
      this.#refuse(failureOf(error, !this.#tries.attempt.begun));
    }
  }

  /** Sends the head when no body followed it at once, so that clients of event streams see it. */
  flushHead(): void {
    if (!this.#bodySeen && !this.#done && !this.#forwarding.res.writableEnded) {
      this.#forwarding.res.flushHeaders();
    }
  }

  #bodyBroke(error: Error): void {
    if (this.#tries.attempt.begun) this.#tries.attempt.abort(error);
    else this.onError(error);
  }

  #continue(): void {
    if (!this.#paused || this.#done) return;
    this.#paused = false;
    this.#resume?.();
  }

  #refuse(refusal: Refusal): void {
    this.#done = true;
    this.#forwarding.observer.refused(refusal, performance.now() - this.#startedAt);
  }

  /** The response is over: sent whole, broken off, or the client left. */
  #clientClosed(): void {
    if (this.#done) return;
    this.#done = true;
    const { req, res, observer } = this.#forwarding;
    // An answer that is not the backend's, such as to a body that broke, leaves nothing to wait for.
    const whole = this.#status !== 0 && res.writableFinished;
    if (!whole) this.#tries.attempt.abort(new ClientGone('the client left'));
    else if (this.#body !== null) discardBody(req);
    this.#tries.settle(this.#status === 0 ? 'unknown' : 'answered');
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
  if (framing.kind === 'unknown') return refuse('bad_request', 'a transfer coding other than chunked');
  if (framing.kind !== 'length' || limit === undefined || framing.bytes <= limit) return undefined;
  return refuse('body_too_large', 'the body is larger than the route allows');
}

function flushHead(exchange: Exchange): void {
  exchange.flushHead();
}
