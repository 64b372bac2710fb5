import { STATUS_CODES } from 'node:http';
import { type Refusal, refuse } from '../core/refusals.ts';
import { discardBody } from '../http/discard-body.ts';
import { isMultiplexed } from '../http/multiplexed.ts';
import type { AnswerHead } from './answer-parser.ts';
import { breakOff, framingOf, sendHead, sendTrailers } from './client-response.ts';
import { AnswerInvalid, failureOf } from './failure.ts';
import type { Forwarding } from './forwarding.ts';
import type { AnswerEnd, Framing } from './framing.ts';
import { buildResponseHeaders, type HeaderPairs, relayableTrailers } from './headers.ts';
import type { Release } from './lent-buffer.ts';
import { ClientGone, RequestBody } from './request-body.ts';
import type { AnswerHandler, Carrier } from './sender.ts';
import { SlowClient } from './slow-client.ts';
import { prefixesOf } from './target.ts';
import { Tries } from './tries.ts';

/** Bytes waiting for a slow client from which on the backend's answer is not read any more. */
const HIGH_WATER_BYTES = 128 * 1024;
/** Words that may stand on a status line. */
const PLAIN = /^[\t\x20-\x7e]+$/;
/** Methods that may be repeated without a change of meaning (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/** One request on its way up and its answer on its way down. */
export class Exchange implements AnswerHandler {
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
  #paused = false;
  /** There while the client had to be waited for. */
  #slowClient: SlowClient | undefined;

  constructor(forwarding: Forwarding) {
    const { req, plan } = forwarding;
    this.#forwarding = forwarding;
    this.#framing = framingOf(req);
    this.#tries = new Tries(forwarding, this.#framing.kind === 'none' && IDEMPOTENT.has(plan.method));
  }

  start(): void {
    const { req, res, plan } = this.#forwarding;
    if (this.#started) return;
    this.#started = true;
    if (res.destroyed || res.headersSent) {
      // Gone while it was decided, and nobody would ever tell the backend to stop; or answered while it waited for its turn.
      this.#done = true;
      this.#forwarding.observer.abandoned(0);
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
    this.#forwarding.observer.abandoned(0);
  }

  #dispatch(): void {
    const body = this.#body;
    const bodyLength = this.#framing.kind === 'length' ? this.#framing.bytes : undefined;
    const refusal = this.#tries.send(this.#forwarding.plan, { body, bodyLength, isHandshake: false }, this);
    if (refusal !== undefined) this.#refuse(refusal);
  }

  onCarrier(carrier: Carrier): boolean {
    if (!this.#done) this.#tries.attempt.begin(carrier);
    return !this.#done;
  }

  onHead({ status, reason, headers, end }: AnswerHead): void {
    if (status < 200) {
      this.#tries.attempt.interim(status);
      return;
    }
    const { req, res, plan } = this.#forwarding;
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
      names: plan.answerNames,
      added: plan.responseHeaders,
      prefixes: prefixesOf(this.#tries.target, plan),
    });
    // Who is still sending what the backend refuses is told to stop: the rest of the body would cost more than a new connection.
    if (status >= 400 && this.#body !== null && !req.complete && !isMultiplexed(req))
      res.shouldKeepAlive = false;
    const ownWords = reason === STATUS_CODES[status] || !PLAIN.test(reason) ? undefined : reason;
    try {
      sendHead(res, { status, reason: ownWords, headers: built });
    } catch {
      this.#tries.attempt.abort(new AnswerInvalid('head_unsendable'));
      return;
    }
    this.#status = status;
  }

  /** Clients of event streams want the head before there is a first event. */
  onQuiet(): void {
    const { req, res } = this.#forwarding;
    if (!this.#done && !res.writableEnded && req.method !== 'HEAD') res.flushHeaders();
  }

  onData(chunk: Buffer, release?: Release): boolean {
    const { res } = this.#forwarding;
    if (res.write(chunk, release) || res.writableLength < HIGH_WATER_BYTES) return true;
    if (this.#paused) return false;
    this.#paused = true;
    this.#waitForClient();
    res.once('drain', () => this.#continue());
    return false;
  }

  onComplete(trailers: HeaderPairs, rest: string): void {
    if (this.#done) return;
    this.#tries.attempt.complete();
    this.#tries.settle('answered');
    const { req, res, plan } = this.#forwarding;
    // Some clients take nothing before they have sent everything, and over HTTP/2 the response is not over before the request is.
    if (this.#body !== null && !req.complete) {
      // It would go on to hold back what nobody wants any more.
      this.#body.destroy();
      discardBody(req);
    }
    sendTrailers(res, relayableTrailers(trailers, plan.answerNames));
    if (rest === '') res.end();
    else res.end(rest, 'latin1');
    if (res.writableLength > 0) this.#waitForClient();
  }

  onError(error: Error): void {
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

  #bodyBroke(error: Error): void {
    if (this.#tries.attempt.begun) this.#tries.attempt.abort(error);
    else this.onError(error);
  }

  #continue(): void {
    if (!this.#paused || this.#done) return;
    this.#paused = false;
    this.#slowClient?.takes();
    this.#tries.attempt.resume();
  }

  /** Over HTTP/1.1 the owner of the connection sees when its client takes nothing. */
  #waitForClient(): void {
    const { req, res, plan } = this.#forwarding;
    if (!isMultiplexed(req)) return;
    this.#slowClient ??= new SlowClient(res, plan.bodyIdleMs, () => {
      if (this.#done) return;
      this.#failure = refuse(
        'response_stalled',
        'the client took nothing of its answer for listen.limits.bodyIdle',
      );
      breakOff(res, this.#end === 'length');
    });
    this.#slowClient.waits();
  }

  #refuse(refusal: Refusal): void {
    this.#done = true;
    this.#body?.destroy();
    this.#forwarding.observer.refused(refusal, performance.now() - this.#startedAt);
  }

  /** The response is over: sent whole, broken off, or the client left. */
  #clientClosed(): void {
    if (this.#done) return;
    this.#done = true;
    this.#body?.destroy();
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
  if (framing.kind === 'unknown') return refuse('request_framing', 'a transfer coding other than chunked');
  if (framing.kind !== 'length' || limit === undefined || framing.bytes <= limit) return undefined;
  return refuse('body_too_large', 'the body is larger than the route allows');
}
