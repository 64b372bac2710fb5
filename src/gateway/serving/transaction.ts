import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Refusal } from '../../core/refusals.ts';
import type { ForwardedFor } from '../../http/forwarded.ts';
import type { ProblemContext } from '../../http/problem.ts';
import type { DirectResponse } from '../../pipeline/direct-response.ts';
import type { Permit } from '../../pipeline/permit.ts';
import type { ForwardObserver, ForwardResult } from '../../proxy/forward-job.ts';
import type { Upstream } from '../../proxy/upstream/upstream.ts';
import type { AccessRecord } from '../../telemetry/access-line.ts';
import { loggedPath } from '../../telemetry/access-log.ts';
import type { RequestSpans } from '../../telemetry/tracing.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import type { Generation } from '../generation.ts';
import type { ClientConnection } from '../server/client-connection.ts';
import { sendDirectResponse, sendRefusal } from '../server/send-response.ts';
import { type InFlight, NO_SLOT } from './in-flight-set.ts';
import { loggedSubject } from './logged-subject.ts';

interface TransactionStart {
  readonly method: string;
  readonly rawTarget: string;
  readonly forwarded: ForwardedFor;
  readonly generation: Generation;
  /** The id that a trusted proxy gave the request; a fresh one when undefined. */
  readonly requestId: string | undefined;
  readonly connection: ClientConnection;
  /** Undefined where only a bare socket is left. */
  readonly res: ServerResponse | undefined;
  /** Told of the end, once or more; status 0 stands for a response that never began. */
  readonly ended: (transaction: Transaction, status: number) => void;
}

/** What is written for a client that went away before its response began, as nginx does. */
const CLIENT_CLOSED_STATUS = 499;

/** One request on its way through the gateway, and what its access line will say. */
export class Transaction implements ProblemContext, ForwardObserver, InFlight {
  inFlightSlot = NO_SLOT;
  readonly method: string;
  readonly rawTarget: string;
  readonly forwarded: ForwardedFor;
  /** The configuration the request began with; a reload does not change it. */
  readonly generation: Generation;
  readonly requestId: string;
  readonly connection: ClientConnection;
  /** Set by the gate, once, when it lets the request pass. */
  permit: Permit | undefined = undefined;
  addedHeaders: readonly string[];
  route: string | undefined = undefined;
  /** The token that held, whatever came of it. */
  token: VerifiedToken | undefined = undefined;
  issuer: string | undefined = undefined;
  /** How long the decision took; undefined while there is none. */
  verificationMs: number | undefined = undefined;
  /** Undefined unless requests are traced. */
  spans: RequestSpans | undefined = undefined;
  readonly #res: ServerResponse | undefined;
  readonly #ended: TransactionStart['ended'];
  #isWatching = false;
  /** The gateway itself responded: no second response may follow, whatever is decided later. */
  #hasResponded = false;
  readonly #startedAtMs = performance.now();
  #refusal: Refusal | undefined = undefined;
  #upstreamMs: number | undefined = undefined;
  #upstream: Upstream | undefined = undefined;
  #upstreamAddress: string | undefined = undefined;

  constructor(start: TransactionStart) {
    this.method = start.method;
    this.rawTarget = start.rawTarget;
    this.forwarded = start.forwarded;
    this.generation = start.generation;
    this.addedHeaders = start.generation.responseHeaders;
    this.requestId = start.requestId ?? randomUUID();
    this.connection = start.connection;
    this.#res = start.res;
    this.#ended = start.ended;
  }

  /** The gateway itself has responded, while the decision was waited for: nothing may be forwarded any more. */
  get hasResponded(): boolean {
    return this.#hasResponded;
  }

  get realm(): string {
    return this.generation.realm;
  }

  get responseHeaders(): readonly string[] {
    return ['x-request-id', this.requestId, ...this.addedHeaders];
  }

  /** Marks the end of the decision. */
  decided(): void {
    this.verificationMs = performance.now() - this.#startedAtMs;
  }

  /** Keeps a refusal for the access line. */
  note(refusal: Refusal): void {
    this.#refusal = refusal;
    this.issuer ??= refusal.issuer;
  }

  refused(refusal: Refusal, upstreamMs?: number): void {
    if (this.#hasResponded) return;
    this.note(refusal);
    this.#upstreamMs = upstreamMs;
    if (this.#res === undefined) return;
    this.#hasResponded = true;
    this.watchClient();
    sendRefusal(refusal, this, this.#res);
  }

  /** Answers in place of a backend. */
  respondDirectly(response: DirectResponse): void {
    if (this.#hasResponded) return;
    this.#hasResponded = true;
    this.watchClient();
    sendDirectResponse(response, this, this.#res as ServerResponse);
  }

  /** The body of the request broke: no response but this refusal may follow what has been sent, and nothing more is read. */
  bodyBroke(refusal: Refusal): void {
    const res = this.#res as ServerResponse;
    if (!res.headersSent) {
      res.shouldKeepAlive = false;
      this.refused(refusal);
    } else if (res.writableFinished) {
      this.connection.linger();
    } else if (res.writableEnded) {
      res.once('finish', () => this.connection.linger());
    } else {
      this.note(refusal);
      this.connection.reset();
    }
  }

  /** The client took nothing of what waits for it. What was refused stays so in the access line. */
  stalled(refusal: Refusal): void {
    if (this.#refusal === undefined && this.#res?.headersSent !== false) this.note(refusal);
  }

  asked(upstream: Upstream, address: string): void {
    this.#upstream = upstream;
    this.#upstreamAddress = address;
  }

  finished({ upstreamMs, failure, status }: ForwardResult): void {
    this.#upstreamMs = upstreamMs;
    if (failure !== undefined) this.note(failure);
    this.#ended(this, status);
  }

  abandoned(upstreamMs: number): void {
    this.#upstreamMs = upstreamMs;
    this.end();
  }

  /** Ends the request with its response, where no forwarder will tell of that. To be called before anything is waited for. */
  watchClient(): void {
    if (this.#isWatching || this.#res === undefined) return;
    this.#isWatching = true;
    const res = this.#res;
    // A forwarder that has the response by then hears of it after us, and has yet to say how it went.
    res.on('close', () => process.nextTick(end, this));
    if (res.socket !== null) return;
    // Behind others of its connection: a response that never gets its turn is never told to be over, but its request is.
    res.req.once('close', () => {
      if (res.socket === null && !res.writableFinished) process.nextTick(end, this);
    });
  }

  /** The response is over. */
  end(): void {
    const res = this.#res;
    this.#ended(this, res?.headersSent ? res.statusCode : 0);
  }

  /** The access line. `status` 0 stands for a response that never began. */
  describe(status: number): AccessRecord {
    return {
      requestId: this.requestId,
      method: this.method,
      path: loggedPath(this.rawTarget),
      status: status === 0 ? CLIENT_CLOSED_STATUS : status,
      route: this.route,
      code: this.#refusal?.code ?? 'allow',
      reason: (this.#refusal ?? this.permit?.wouldRefuse)?.reason,
      wouldRefuse: this.permit?.wouldRefuse?.code,
      issuer: this.issuer,
      client: this.forwarded.client,
      durationMs: roundMs(performance.now() - this.#startedAtMs),
      upstream: this.#upstream?.name,
      upstreamAddress: this.#upstreamAddress,
      upstreamMs: this.#upstreamMs === undefined ? undefined : roundMs(this.#upstreamMs),
      subject: loggedSubject(this.token, this.generation.config.log.subject),
    };
  }
}

function end(transaction: Transaction): void {
  transaction.end();
}

function roundMs(value: number): number {
  return Math.round(value * 1000) / 1000;
}
