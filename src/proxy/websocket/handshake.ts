import { createHash } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Refusal } from '../../core/refusals.ts';
import type { HeaderPairs } from '../../http/header-pairs.ts';
import type { DispatchController, DispatchHandler } from '../dispatcher.ts';
import { failureOf, InvalidResponse } from '../errors.ts';
import type { ForwardObserver, UpstreamRequestPlan } from '../forward-job.ts';
import type { Release } from '../pooled-buffer.ts';
import { ClientGone } from '../request/request-body.ts';
import { buildResponseHeaders } from '../response/response-headers.ts';
import type { ResponseHead } from '../response/response-parser.ts';
import { prefixesOf } from '../response/rewrite-location.ts';
import { Retry, type Sent } from '../retry.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Tunnels } from './tunnels.ts';

export interface HandshakeJob {
  readonly plan: UpstreamRequestPlan;
  readonly req: IncomingMessage;
  /** The client's socket, which no parser owns any more; its errors are listened to. */
  readonly socket: Socket;
  /** Gives what the client sent beyond its handshake, and stops reading from the socket. */
  readonly takeHead: () => Buffer;
  /** Closes the client's connection so that the client sees an error. */
  readonly reset: () => void;
  readonly upstream: Upstream;
  readonly tunnels: Tunnels;
  /** The moment from which the token is no longer accepted, in milliseconds since the epoch; undefined is never. */
  readonly expiresAtMs: number | undefined;
  /** `refused` leaves the socket to the caller; `finished` comes when the tunnel, or another answer than 101, is over. */
  readonly observer: ForwardObserver;
}

const HANDSHAKE: Sent = { body: null, bodyLength: undefined, isHandshake: true };

/** What a server adds to the key to prove that it means WebSocket (RFC 6455 §1.3). */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A WebSocket handshake on its way up, until the backend agrees, declines, or fails. */
export class Handshake implements DispatchHandler {
  readonly #job: HandshakeJob;
  readonly #retry: Retry;
  readonly #startedAt = performance.now();
  #upstreamMs = 0;
  /** The status that went to the client; 0 before. */
  #status = 0;
  #failure: Refusal | undefined;
  #hasLength = true;
  #tunnelled = false;
  #done = false;

  constructor(job: HandshakeJob) {
    this.#job = job;
    this.#retry = new Retry(job, true);
  }

  start(): void {
    const { socket } = this.#job;
    if (socket.destroyed) {
      this.#finish();
      return;
    }
    socket.once('close', () => this.#clientClosed());
    socket.on('drain', () => this.#retry.attempt.resume());
    this.#dispatch();
  }

  #dispatch(): void {
    const refusal = this.#retry.send(this.#job.plan, HANDSHAKE, this);
    if (refusal !== undefined) this.#refuse(refusal);
  }

  onRequestStart(controller: DispatchController): boolean {
    if (!this.#done) this.#retry.attempt.begin(controller);
    return !this.#done;
  }

  onRequestUpgrade({ headers }: ResponseHead, upstream: Socket): void {
    const { plan, req, socket, takeHead, tunnels, expiresAtMs } = this.#job;
    if (this.#done || !provesWebSocket(headers, req.headers['sec-websocket-key'] ?? '')) {
      upstream.destroy();
      this.onResponseError(new InvalidResponse('handshake_unproven'));
      return;
    }
    this.#upstreamMs = performance.now() - this.#startedAt;
    this.#status = 101;
    this.#tunnelled = true;
    socket.write(this.#head(101, headers, 'connection: Upgrade\r\nupgrade: websocket'), 'latin1');
    const head = takeHead();
    if (head.length > 0) socket.unshift(head);
    tunnels.open({
      client: socket,
      upstream,
      idleMs: plan.timeouts.idleMs,
      expiresAtMs,
      ended: () => this.#finish(),
    });
  }

  /** The backend declined: its response goes down as it is, and the connection ends with it. */
  onResponseStart({ status, headers, end }: ResponseHead): void {
    if (status < 200) {
      this.#retry.attempt.interim(status);
      return;
    }
    this.#upstreamMs = performance.now() - this.#startedAt;
    this.#status = status;
    this.#hasLength = end === 'length';
    this.#job.socket.write(this.#head(status, headers, 'connection: close'), 'latin1');
  }

  onResponseData(chunk: Buffer, release?: Release): boolean {
    return this.#job.socket.write(chunk, release);
  }

  onResponseEnd(_trailers: HeaderPairs, rest: string): void {
    const { socket } = this.#job;
    this.#retry.attempt.complete();
    if (rest !== '') socket.write(rest, 'latin1');
    socket.destroySoon();
  }

  onResponseError(error: Error): void {
    if (this.#done) return;
    if (this.#status !== 0) {
      this.#failure = failureOf(error);
      // A response without a length ends with its connection: only a reset shows that it is not whole.
      if (this.#hasLength) this.#job.socket.destroy();
      else this.#job.reset();
    } else if (this.#retry.failed(error)) {
      this.#dispatch();
    } else {
      this.#refuse(failureOf(error, !this.#retry.attempt.begun));
    }
  }

  #head(status: number, raw: HeaderPairs, last: string): string {
    const { plan } = this.#job;
    const headers = buildResponseHeaders({
      status,
      raw,
      names: plan.responseHeaderFilter,
      added: plan.responseHeaders,
      prefixes: prefixesOf(this.#retry.endpoint, plan),
    });
    // The backend never saw the protocol that announced the token, and a browser wants one of its offers agreed to.
    if (status === 101 && plan.socketProtocol !== undefined && !hasProtocol(headers))
      headers.push('sec-websocket-protocol', plan.socketProtocol);
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
    for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
    return `${head}${last}\r\n\r\n`;
  }

  #refuse(refusal: Refusal): void {
    this.#done = true;
    this.#job.observer.refused(refusal, performance.now() - this.#startedAt);
  }

  /** The tunnel tells itself when it is over. */
  #clientClosed(): void {
    if (!this.#tunnelled) this.#finish();
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    const { observer } = this.#job;
    this.#retry.attempt.abort(new ClientGone('the client left'));
    this.#retry.settle(this.#status === 0 ? 'unknown' : 'responded');
    if (this.#status === 0) observer.abandoned(performance.now() - this.#startedAt);
    else {
      observer.finished({
        status: this.#status,
        upstreamMs: this.#upstreamMs,
        failure: this.#failure,
        clientGone: false,
      });
    }
  }
}

/** RFC 6455 §4.1: what a client must check before it believes that the other side speaks WebSocket. */
function provesWebSocket(raw: HeaderPairs, key: string): boolean {
  const proof = createHash('sha1').update(`${key}${WEBSOCKET_GUID}`).digest('base64');
  return (
    onlyValue(raw, 'upgrade')?.toLowerCase() === 'websocket' &&
    onlyValue(raw, 'sec-websocket-accept') === proof
  );
}

/** The value of a field that must be there exactly once. */
function onlyValue(raw: HeaderPairs, name: string): string | undefined {
  let value: string | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    if ((raw[i] as string).toLowerCase() !== name) continue;
    if (value !== undefined) return undefined;
    value = raw[i + 1];
  }
  return value;
}

function hasProtocol(headers: readonly string[]): boolean {
  return headers.some((part, at) => at % 2 === 0 && part.toLowerCase() === 'sec-websocket-protocol');
}
