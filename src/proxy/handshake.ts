import { createHash } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Refusal } from '../core/refusals.ts';
import type { AnswerHead } from './answer-parser.ts';
import { resetSocket } from './client-response.ts';
import { AnswerInvalid, failureOf } from './failure.ts';
import { buildResponseHeaders, type HeaderPairs } from './headers.ts';
import type { Release } from './lent-buffer.ts';
import type { Upgrading } from './open-tunnel.ts';
import { ClientGone } from './request-body.ts';
import type { AnswerHandler, Carrier } from './sender.ts';
import { prefixesOf } from './target.ts';
import { type Sent, Tries } from './tries.ts';

const HANDSHAKE: Sent = { body: null, bodyLength: undefined, isHandshake: true };

/** What a server adds to the key to prove that it means WebSocket (RFC 6455 §1.3). */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A WebSocket handshake on its way up, until the backend agrees, declines, or fails. */
export class Handshake implements AnswerHandler {
  readonly #upgrading: Upgrading;
  readonly #tries: Tries;
  readonly #startedAt = performance.now();
  #upstreamMs = 0;
  /** The status that went to the client; 0 before. */
  #status = 0;
  #failure: Refusal | undefined;
  #hasLength = true;
  #tunnelled = false;
  #done = false;

  constructor(upgrading: Upgrading) {
    this.#upgrading = upgrading;
    this.#tries = new Tries(upgrading, true);
  }

  start(): void {
    const { socket } = this.#upgrading;
    if (socket.destroyed) {
      this.#finish();
      return;
    }
    socket.once('close', () => this.#clientClosed());
    socket.on('drain', () => this.#tries.attempt.resume());
    this.#dispatch();
  }

  #dispatch(): void {
    const refusal = this.#tries.send(this.#upgrading.plan, HANDSHAKE, this);
    if (refusal !== undefined) this.#refuse(refusal);
  }

  onCarrier(carrier: Carrier): boolean {
    if (!this.#done) this.#tries.attempt.begin(carrier);
    return !this.#done;
  }

  onUpgrade({ headers }: AnswerHead, upstream: Socket): void {
    const { plan, req, socket, takeHead, tunnels, expiresAtMs } = this.#upgrading;
    if (this.#done || !provesWebSocket(headers, req.headers['sec-websocket-key'] ?? '')) {
      upstream.destroy();
      this.onError(new AnswerInvalid('handshake_unproven'));
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

  /** The backend declined: its answer goes down as it is, and the connection ends with it. */
  onHead({ status, headers, end }: AnswerHead): void {
    if (status < 200) {
      this.#tries.attempt.interim(status);
      return;
    }
    this.#upstreamMs = performance.now() - this.#startedAt;
    this.#status = status;
    this.#hasLength = end === 'length';
    this.#upgrading.socket.write(this.#head(status, headers, 'connection: close'), 'latin1');
  }

  onData(chunk: Buffer, release?: Release): boolean {
    return this.#upgrading.socket.write(chunk, release);
  }

  onComplete(_trailers: HeaderPairs, rest: string): void {
    const { socket } = this.#upgrading;
    this.#tries.attempt.complete();
    if (rest !== '') socket.write(rest, 'latin1');
    socket.destroySoon();
  }

  onError(error: Error): void {
    if (this.#done) return;
    if (this.#status !== 0) {
      this.#failure = failureOf(error);
      // An answer without a length ends with its connection: only a reset shows that it is not whole.
      if (this.#hasLength) this.#upgrading.socket.destroy();
      else resetSocket(this.#upgrading.socket);
    } else if (this.#tries.failed(error)) {
      this.#dispatch();
    } else {
      this.#refuse(failureOf(error, !this.#tries.attempt.begun));
    }
  }

  #head(status: number, raw: HeaderPairs, last: string): string {
    const { plan } = this.#upgrading;
    const headers = buildResponseHeaders({
      status,
      raw,
      names: plan.answerNames,
      added: plan.responseHeaders,
      prefixes: prefixesOf(this.#tries.target, plan),
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
    this.#upgrading.observer.refused(refusal, performance.now() - this.#startedAt);
  }

  /** The tunnel tells itself when it is over. */
  #clientClosed(): void {
    if (!this.#tunnelled) this.#finish();
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    const { observer } = this.#upgrading;
    this.#tries.attempt.abort(new ClientGone('the client left'));
    this.#tries.settle(this.#status === 0 ? 'unknown' : 'answered');
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
