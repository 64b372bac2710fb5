import { constants, Http2ServerResponse, type ServerHttp2Stream } from 'node:http2';
import { type HeaderPairs, toHeaderObject } from '../../../http/header-pairs.ts';
import type { Served, ServedResponse } from '../listener-events.ts';
import { ownerOf } from './http2-connection.ts';
import { dropUnread, type Http2Request } from './http2-request.ts';

/** Time a client has to stop sending a body after it has the whole response. */
const SURPLUS_MS = 5_000;
/** Time that Node has to destroy a stream that is closed, which it may never do. */
const LINGER_MS = 2_000;
/** The largest piece handed to Node at a time, which reports only whole pieces as taken. Smaller ones cost fast downloads CPU. */
const PIECE_BYTES = 32_768;

/**
 * `waiting`: some of the response waits for the client to take it. `surplus`: the response is out and the client still sends.
 * `closed`: reset by either side, but not destroyed yet.
 */
type StreamState = 'open' | 'waiting' | 'surplus' | 'closed';

/** A response over HTTP/2. */
export class Http2Response extends Http2ServerResponse<Http2Request> implements ServedResponse {
  transaction: Served | undefined = undefined;
  forward: (() => void) | undefined = undefined;
  readonly isQueued = false;
  /** Node has it, its types do not. */
  declare flushHeaders: () => void;
  #written = 0;
  #state: StreamState = 'open';
  #taken = 0;
  /** Since when the stream is in its state and no bytes were taken. */
  #sinceMs = 0;

  constructor(stream: ServerHttp2Stream) {
    super(stream);
    ownerOf(stream.session)?.add(this);
    // Without this, Node would hand over all waiting pieces as one.
    Reflect.set(stream, '_writev', null);
  }

  // @ts-expect-error An accessor of Writable, which Node's types declare as a field.
  override get destroyed(): boolean {
    return this.stream.destroyed || this.stream.closed;
  }

  // @ts-expect-error As above.
  override get writableFinished(): boolean {
    return this.stream.writableFinished && !this.stream.aborted;
  }

  override writeHead(status: number, _reason?: unknown, fields?: unknown): this {
    try {
      return super.writeHead(status, toHeaderObject((fields ?? []) as HeaderPairs));
    } catch (error) {
      // Node keeps the fields of a head that it refused, and would refuse any other head for them.
      for (const name of this.getHeaderNames()) this.removeHeader(name);
      throw error;
    }
  }

  endWithHead(status: number, fields: HeaderPairs): void {
    this.statusCode = status;
    for (const [name, value] of Object.entries(toHeaderObject(fields))) {
      if (value !== undefined) this.setHeader(name, value);
    }
    // Node ends the stream with a head that it has not sent yet.
    this.end();
  }

  sendTrailers(fields: HeaderPairs): void {
    if (fields.length > 0) this.addTrailers(toHeaderObject(fields));
  }

  override write(chunk: string | Uint8Array, ...rest: unknown[]): boolean {
    if (typeof chunk === 'string') {
      this.#written += Buffer.byteLength(chunk, rest[0] as BufferEncoding);
      return super.write(chunk, ...(rest as []));
    }
    this.#written += chunk.length;
    let at = 0;
    for (; chunk.length - at > PIECE_BYTES; at += PIECE_BYTES)
      super.write(chunk.subarray(at, at + PIECE_BYTES));
    return super.write(at === 0 ? chunk : chunk.subarray(at), ...(rest as []));
  }

  override end(...last: unknown[]): this {
    super.end(...(last as []));
    // The stream is not over until the client has sent its whole request.
    if (!this.req.complete) this.req.resume();
    return this;
  }

  /** A response that is broken off must not look like a short one: only an error code distinguishes them. */
  override destroy(): this {
    if (!this.stream.closed) this.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    return this;
  }

  breakOff(): void {
    this.destroy();
  }

  /** `end` reads what is left. */
  skipRequestBody(): void {}

  /** The other streams of the connection do not depend on it. */
  leaveRequestUnread(): void {}

  /** Streams that are open finish; the client opens another connection (RFC 9113 §6.8). */
  endConnection(): void {
    const { session } = this.stream;
    if (session?.closed === false) session.close();
  }

  /**
   * Enforces the deadlines of the stream, except for the request's body: its reader has its own. Node's own time-out of a stream
   * starts anew with anything that moves on the connection.
   */
  look(nowMs: number, bodyIdleMs: number): void {
    const state = this.#currentState();
    const taken = this.#written - this.writableLength;
    if (state !== this.#state || taken !== this.#taken) {
      this.#state = state;
      this.#taken = taken;
      this.#sinceMs = nowMs;
      return;
    }
    const forMs = nowMs - this.#sinceMs;
    if (state === 'waiting') {
      if (forMs < bodyIdleMs) return;
      // A client that lacks only the end has the whole body.
      if (this.writableLength > 0) this.transaction?.stalled();
      this.destroy();
    } else if (state === 'surplus') {
      if (forMs >= SURPLUS_MS) endBody(this.stream);
    } else if (state === 'closed' && forMs >= LINGER_MS) {
      this.stream.destroy();
    }
  }

  #currentState(): StreamState {
    const { stream } = this;
    if (stream.closed) return 'closed';
    if (this.writableLength > 0) return 'waiting';
    // Node ends the stream of a HEAD request before there is a response.
    if (!this.writableEnded || !stream.writableFinished) return 'open';
    // The end itself can wait too: nghttp2 sends it in an empty DATA frame, which flow control holds back like full ones.
    return this.req.complete ? 'waiting' : 'surplus';
  }
}

/** Asks a client that does not end its body to stop (RFC 9113 §8.1). Its response is out, so nothing is lost. */
function endBody(stream: ServerHttp2Stream): void {
  stream.close(constants.NGHTTP2_NO_ERROR);
  dropUnread(stream);
}
