import { STATUS_CODES } from 'node:http';
import type { Readable } from 'node:stream';
import { type Refusal, refuse } from '../core/refusals.ts';
import { discardBody } from '../http/discard-body.ts';
import type { HeaderPairs } from '../http/header-pairs.ts';
import type { BodyChunk } from './dispatcher.ts';
import type { ForwardJob, ReadBody } from './forward-job.ts';
import type { Release } from './pooled-buffer.ts';
import { BytesBody } from './request/bytes-body.ts';
import { RequestBody } from './request/request-body.ts';
import { type Framing, requestFraming } from './request/request-framing.ts';
import type { ResponseEnd } from './response/response-end.ts';
import { relayableTrailers } from './response/response-headers.ts';
import type { ResponseHead } from './response/response-parser.ts';
import { type ResponseWriter, UpstreamAttempt } from './upstream-attempt.ts';

/** Bytes waiting for a slow client from which on the backend's response is not read any more. */
const HIGH_WATER_BYTES = 128 * 1024;
/** A reason phrase that may go to the client. */
const PLAIN = /^[\t\x20-\x7e]+$/;

/** One request of a client with its body, and the response that the client gets. */
export class ProxiedRequest implements ResponseWriter {
  readonly #job: ForwardJob;
  readonly #framing: Framing;
  readonly #attempt: UpstreamAttempt;
  #body: Readable | null = null;
  #end: ResponseEnd = 'length';
  #isPaused = false;
  /** A first short chunk that came with the head, until it is known whether the response ends with it: one write sends both then. */
  #held: string | undefined;
  #mayHold = true;

  constructor(job: ForwardJob) {
    this.#job = job;
    this.#framing = requestFraming(job.req.rawHeaders);
    this.#attempt = new UpstreamAttempt(job, this);
  }

  start(): void {
    const { req, res, plan } = this.#job;
    res.on('close', () => this.#closed());
    const bytes = this.#job.body?.bytes;
    if (bytes !== undefined) {
      this.#body = new BytesBody(bytes);
      this.#attempt.send({ body: this.#body, bodyLength: bytes.length, isHandshake: false });
      return;
    }
    const refusal = framingRefusal(this.#framing, plan.bodyLimit);
    if (refusal !== undefined) {
      this.#attempt.refuse(refusal);
      return;
    }
    if (this.#framing.kind !== 'none') {
      this.#body = new RequestBody(req, {
        maxBytes: plan.bodyLimit,
        idleMs: plan.bodyIdleMs,
        broken: (error) => this.#attempt.abort(error),
      });
    }
    const bodyLength = this.#framing.kind === 'length' ? this.#framing.bytes : undefined;
    this.#attempt.send({ body: this.#body, bodyLength, isHandshake: false });
  }

  writeHead({ status, reason, headers, end }: ResponseHead): void {
    const { req, res } = this.#job;
    if (res.headersSent) {
      // The gateway responded in the meantime: the body broke, or the gateway ends.
      this.#attempt.close({ isComplete: false });
      return;
    }
    this.#end = end;
    if (this.#job.body !== undefined) this.#releaseBody(this.#job.body);
    // A client that still sends what the backend refuses is made to stop: the rest of the body would cost more than a new connection.
    if (status >= 400 && this.#body !== null && !req.complete) res.leaveRequestUnread();
    const ownWords = reason === STATUS_CODES[status] || !PLAIN.test(reason) ? undefined : reason;
    res.writeHead(status, ownWords, headers);
  }

  /** A backend that responds has it, unless it responds before it has taken everything. */
  #releaseBody(body: ReadBody): void {
    if (this.#body === null || this.#body.closed || this.#body.readableEnded) body.release();
    else this.#body.once('close', () => body.release());
  }

  /** Clients of event streams want the head before there is a first event. */
  flush(): void {
    const { req, res } = this.#job;
    this.#mayHold = false;
    if (this.#held !== undefined) this.#writeHeld(this.#held);
    else if (!res.writableEnded && req.method !== 'HEAD') res.flushHeaders();
  }

  write(chunk: BodyChunk, release?: Release): boolean {
    const { res } = this.#job;
    if (this.#mayHold && typeof chunk === 'string') {
      this.#mayHold = false;
      this.#held = chunk;
      return true;
    }
    this.#mayHold = false;
    if (this.#held !== undefined) this.#writeHeld(this.#held);
    if (res.write(chunk, 'latin1', release) || res.writableLength < HIGH_WATER_BYTES) return true;
    if (this.#isPaused) return false;
    this.#isPaused = true;
    res.once('drain', () => this.#continue());
    return false;
  }

  end(trailers: HeaderPairs): void {
    const { req, res, plan } = this.#job;
    // Some clients read nothing before they have sent everything, and over HTTP/2 the response is not over before the request is.
    if (this.#body !== null && !req.complete) {
      // The stream would keep holding back a body that is no longer wanted.
      this.#body.destroy();
      discardBody(req);
    }
    res.sendTrailers(relayableTrailers(trailers, plan.responseHeaderFilter));
    if (this.#held === undefined) res.end();
    else res.end(this.#held, 'latin1');
  }

  breakOff(): void {
    this.#job.res.breakOff(this.#end === 'length');
  }

  #writeHeld(text: string): void {
    this.#held = undefined;
    this.#job.res.write(text, 'latin1');
  }

  #continue(): void {
    if (!this.#isPaused || this.#attempt.isOver) return;
    this.#isPaused = false;
    this.#attempt.resume();
  }

  /** The response went out completely, was broken off, or the client left. */
  #closed(): void {
    const { req, res } = this.#job;
    if (this.#attempt.isOver) return;
    // A response of the gateway, such as to a body that broke, does not count as the backend's.
    const isComplete = this.#attempt.hasResponded && res.writableFinished;
    this.#body?.destroy();
    if (isComplete && this.#body !== null) discardBody(req);
    this.#attempt.close({ isComplete });
  }
}

function framingRefusal(framing: Framing, limit: number | undefined): Refusal | undefined {
  if (framing.kind === 'unknown') return refuse('request_framing', 'a transfer coding other than chunked');
  if (framing.kind !== 'length' || limit === undefined || framing.bytes <= limit) return undefined;
  return refuse('body_too_large', 'the body is larger than the route allows');
}
