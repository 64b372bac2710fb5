import { randomUUID } from 'node:crypto';
import { isRefusal, REFUSALS, type Refusal, refuse } from '../../core/refusals.ts';
import type { Via } from '../../core/via.ts';
import type { OutgoingResponse } from '../../http/client-messages.ts';
import type { ForwardedFor } from '../../http/forwarded.ts';
import { grpcResponseType } from '../../http/grpc.ts';
import { replaceFields } from '../../http/header-pairs.ts';
import type { ProblemContext } from '../../http/problem.ts';
import { challengeFor } from '../../pipeline/access/challenge.ts';
import type { MessageDecision } from '../../pipeline/decision/decide-message.ts';
import type { Decision } from '../../pipeline/gate.ts';
import { readMessageId } from '../../pipeline/mcp/message-id.ts';
import { isEventCall, isFrontCall, isServedHere } from '../../pipeline/messages/direct-response.ts';
import type { Permit } from '../../pipeline/permit.ts';
import type { Route } from '../../pipeline/route.ts';
import type { ForwardObserver, ForwardResult } from '../../proxy/forward-job.ts';
import type { Upstream } from '../../proxy/upstream/upstream.ts';
import { TOKEN_REVOKED, type Tunnel } from '../../proxy/websocket/tunnel.ts';
import { loggedPath } from '../../telemetry/access-log.ts';
import type { RequestRecord } from '../../telemetry/request-record.ts';
import type { RequestSpans } from '../../telemetry/tracing.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import type { Generation } from '../generation.ts';
import type { ClientConnection } from '../server/client-connection.ts';
import type { Served } from '../server/listener-events.ts';
import { type OwnResponse, sendOwnResponse, sendRefusal } from '../server/send-response.ts';
import { type InFlight, NO_SLOT } from './in-flight-set.ts';
import { loggedSubject } from './logged-subject.ts';
import type { MessageBody } from './read-body.ts';

interface TransactionStart {
  readonly method: string;
  readonly rawTarget: string;
  readonly forwarded: ForwardedFor;
  readonly generation: Generation;
  /** The id that a trusted proxy gave the request; a new one when undefined. */
  readonly requestId: string | undefined;
  readonly connection: ClientConnection;
  /** Undefined where only a bare socket is left. */
  readonly res: OutgoingResponse | undefined;
  /** Undefined unless requests are traced. */
  readonly spans: RequestSpans | undefined;
  /** Ends the request; see `Transactions`. */
  readonly end: (transaction: Transaction, status: number) => void;
  /** Set where another proxy only asks about the request. */
  readonly via?: Via;
  /** Whether it came where other proxies ask, in a way that exists or not. */
  readonly isQuestion?: true;
  /** In the form of the way of asking. */
  readonly sendRefusal?: typeof sendRefusal;
}

const STALLED = refuse(
  'response_stalled',
  'the client took nothing of its response for listen.limits.bodyIdle',
);

/** What is logged for a client that left before its response began, as nginx does. */
const CLIENT_CLOSED_STATUS = 499;

/** One request on its way through the gateway. */
export class Transaction implements ProblemContext, ForwardObserver, InFlight, Served {
  inFlightSlot = NO_SLOT;
  readonly method: string;
  readonly rawTarget: string;
  readonly forwarded: ForwardedFor;
  /** The configuration the request began with; a reload does not change it. */
  readonly generation: Generation;
  readonly requestId: string;
  readonly connection: ClientConnection;
  readonly spans: RequestSpans | undefined;
  readonly via: Via | undefined;
  readonly #isQuestion: boolean;
  addedHeaders: readonly string[];
  /** Set once, by a decision that allows the request. */
  #permit: Permit | undefined = undefined;
  readonly #startedAtMs = performance.now();
  readonly #res: OutgoingResponse | undefined;
  readonly #end: TransactionStart['end'];
  readonly #sendRefusal: typeof sendRefusal;
  #isWatching = false;
  #hasResponded = false;
  #verificationMs: number | undefined = undefined;
  #route: Route | undefined = undefined;
  #token: VerifiedToken | undefined = undefined;
  #issuer: string | undefined = undefined;
  #refusal: Refusal | undefined = undefined;
  /** The status of the refusal that was sent: a gRPC response has another. */
  #refusedStatus: number | undefined = undefined;
  #upstreamMs: number | undefined = undefined;
  #upstream: Upstream | undefined = undefined;
  #upstreamAddress: string | undefined = undefined;
  #message: MessageBody | undefined = undefined;
  #mcpMethod: string | undefined = undefined;
  #tunnel: Tunnel | undefined = undefined;

  constructor(start: TransactionStart) {
    this.method = start.method;
    this.rawTarget = start.rawTarget;
    this.forwarded = start.forwarded;
    this.generation = start.generation;
    this.addedHeaders = start.generation.responseHeaders;
    this.requestId = start.requestId ?? randomUUID();
    this.connection = start.connection;
    this.spans = start.spans;
    this.via = start.via;
    this.#isQuestion = start.isQuestion === true;
    this.#res = start.res;
    this.#end = start.end;
    this.#sendRefusal = start.sendRefusal ?? sendRefusal;
  }

  /** The gateway itself has responded: no second response may follow, whatever is decided later. */
  get hasResponded(): boolean {
    return this.#hasResponded;
  }

  get grpcType(): string | undefined {
    // An asking proxy takes every 200 for "allow", and the form of gRPC has that status.
    return this.#isQuestion ? undefined : grpcResponseType(this.#res?.req.headers['content-type']);
  }

  get jsonRpcId(): string | undefined {
    const { bytes } = this.#message ?? {};
    return bytes === undefined ? undefined : readMessageId(bytes.toString());
  }

  get responseHeaders(): readonly string[] {
    return ['x-request-id', this.requestId, ...this.addedHeaders];
  }

  decided({ route, outcome, token, addedHeaders }: Decision): void {
    this.#verificationMs = performance.now() - this.#startedAtMs;
    this.spans?.decided();
    this.#route = route;
    this.#token = token;
    if (addedHeaders !== undefined) this.addedHeaders = [...this.addedHeaders, ...addedHeaders];
    if (isRefusal(outcome)) return;
    if (isFrontCall(outcome)) this.#issuer = outcome.frontCall.issuer;
    if (isEventCall(outcome)) this.#issuer = outcome.eventCall.issuer;
    if (isServedHere(outcome)) return;
    this.#permit = outcome;
    this.#issuer = outcome.token?.issuer;
  }

  /** The body was read: from now on a refusal is a response to the message in it. It is released with the request at the latest. */
  bodyRead(message: MessageBody): void {
    this.#message = message;
  }

  messageDecided({ outcome, message, addedHeaders }: MessageDecision): void {
    this.#mcpMethod = message?.method;
    if (addedHeaders !== undefined) this.addedHeaders = replaceFields(this.addedHeaders, addedHeaders);
    if (!isRefusal(outcome) && !isServedHere(outcome)) this.#permit = outcome;
  }

  /** Keeps a refusal for the record. */
  note(refusal: Refusal): void {
    this.#refusal = refusal;
    this.#issuer ??= refusal.issuer;
  }

  refused(refusal: Refusal, upstreamMs?: number): void {
    if (this.#hasResponded) return;
    this.note(refusal);
    this.#upstreamMs = upstreamMs;
    if (this.#res === undefined) return;
    this.#hasResponded = true;
    this.watchClient();
    if (this.#sendRefusal(refusal, this, this.#res)) this.#refusedStatus = REFUSALS[refusal.code].status;
    this.#message?.release();
  }

  challengeFor(refusal: Refusal): string | undefined {
    return challengeFor(this.#route?.challenge, refusal, this.#token);
  }

  /** Responds in place of a backend. `refusal` is what the record has, where the response is an error in a form of its own. */
  respondDirectly(response: OwnResponse, refusal?: Refusal): void {
    if (this.#hasResponded) return;
    if (refusal !== undefined) this.note(refusal);
    this.#hasResponded = true;
    this.watchClient();
    sendOwnResponse(response, this, this.#res as OutgoingResponse);
  }

  /** Responds in a form that is not HTTP's: `send` does it. */
  respondBy(send: () => void): void {
    if (this.#hasResponded) return;
    this.#hasResponded = true;
    this.watchClient();
    send();
  }

  /** The body of the request broke: only this refusal may still be sent, and the rest of the body is not read. */
  bodyBroke(refusal: Refusal): void {
    const res = this.#res as OutgoingResponse;
    if (!res.headersSent) {
      res.endConnection();
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

  /** Undefined unless the request was permitted with a token. */
  get permittedToken(): VerifiedToken | undefined {
    return this.#permit?.token;
  }

  get isRevoked(): boolean {
    return this.#refusal?.code === 'token_revoked';
  }

  /** Ends a permitted request: its token was revoked. What has begun cannot be taken for whole. */
  revoked(refusal: Refusal): void {
    if (this.#tunnel !== undefined) {
      this.note(refusal);
      this.#tunnel.close(TOKEN_REVOKED);
    } else if (this.#res === undefined) this.note(refusal);
    else if (!this.#res.writableFinished) this.refused(refusal);
  }

  /** The backend has accepted the handshake. */
  tunnelled(tunnel: Tunnel): void {
    this.#tunnel = tunnel;
    if (this.isRevoked) tunnel.close(TOKEN_REVOKED);
  }

  /** The client does not read its response. An earlier refusal stays in the record. */
  stalled(): void {
    if (this.#refusal === undefined && this.#res?.headersSent !== false) this.note(STALLED);
  }

  asked(upstream: Upstream, address: string): void {
    this.#upstream = upstream;
    this.#upstreamAddress = address;
  }

  finished({ upstreamMs, failure, status }: ForwardResult): void {
    this.#upstreamMs = upstreamMs;
    if (failure !== undefined) this.note(failure);
    this.#over(status);
  }

  abandoned(upstreamMs: number): void {
    this.#upstreamMs = upstreamMs;
    this.end();
  }

  /** Ends the request with its response, where no forwarder reports the end. Call it before anything is awaited. */
  watchClient(): void {
    if (this.#isWatching || this.#res === undefined) return;
    this.#isWatching = true;
    const res = this.#res;
    // A forwarder that took over meanwhile gets `close` after us, and reports how the request ended.
    res.on('close', () => process.nextTick(end, this));
    if (!res.isQueued) return;
    // A pipelined response that never gets its turn has no `close`, but its request does.
    res.req.once('close', () => {
      if (res.isQueued) process.nextTick(end, this);
    });
  }

  /** The response is over. */
  end(): void {
    const res = this.#res;
    this.#over(res?.headersSent ? (this.#refusedStatus ?? res.statusCode) : 0);
  }

  #over(status: number): void {
    this.#message?.release();
    this.#end(this, status);
  }

  /** The record of the request, which is over. `status` 0 stands for a response that never began. */
  describe(status: number): RequestRecord {
    return {
      requestId: this.requestId,
      method: this.method,
      path: loggedPath(this.rawTarget),
      status: status === 0 ? CLIENT_CLOSED_STATUS : status,
      route: this.#route?.name,
      code: this.#refusal?.code ?? 'allow',
      reason: (this.#refusal ?? this.#permit?.wouldRefuse)?.reason,
      wouldRefuse: this.#permit?.wouldRefuse?.code,
      issuer: this.#issuer,
      client: this.forwarded.client,
      durationMs: performance.now() - this.#startedAtMs,
      verificationMs: this.#verificationMs,
      upstream: this.#upstream?.name,
      upstreamAddress: this.#upstreamAddress,
      upstreamMs: this.#upstreamMs,
      mcpMethod: this.#mcpMethod,
      via: this.via,
      subject: loggedSubject(this.#token, this.generation.config.log.subject),
    };
  }
}

function end(transaction: Transaction): void {
  transaction.end();
}
