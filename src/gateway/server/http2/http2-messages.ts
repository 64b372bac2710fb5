import {
  constants,
  Http2ServerRequest,
  Http2ServerResponse,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { ReadableOptions } from 'node:stream';
import { toHeaderObject } from '../../../http/header-pairs.ts';
import { ownerOf } from './http2-connection.ts';

/**
 * A request of HTTP/2 in the shape of an HTTP/1.1 one: `:authority` is its Host, split cookies are one field again
 * (RFC 9113 §8.2.3), and a body counts as complete only if the client ended it, never because its stream was reset.
 */
export class Http2Request extends Http2ServerRequest {
  /** The client ended the body itself. */
  endedByClient: boolean;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    options: ReadableOptions | undefined,
    rawHeaders: readonly string[],
  ) {
    super(stream, headers, options as ReadableOptions, toHttp1Fields(rawHeaders, !stream.endAfterHeaders));
    this.endedByClient = stream.endAfterHeaders;
    headers.host ??= headers[':authority'];
    // Whoever reads the body hears of it by `close`; without a listener the error would end the process.
    this.on('error', () => undefined);
    stream.once('aborted', () => {
      if (this.endedByClient) return;
      this.destroy(new Error('the client reset the stream'));
      dropUnread(stream);
    });
    endWithReset(stream);
    // Node ends the body of a stream that was reset as well, but not before it says so.
    stream.once('end', () => {
      if (!stream.aborted) this.endedByClient = true;
    });
  }
}

/** Time a client has to stop sending a body after it was given the whole response. */
const SURPLUS_MS = 5_000;
/** Time that Node has to take down a stream that is closed, which it may never do. */
const LINGER_MS = 2_000;
/** The largest piece handed to Node at a time, which reports only whole ones as taken. Smaller ones cost a fast download CPU. */
const PIECE_BYTES = 32_768;

/**
 * `waiting`: some of the response waits for the client to take it. `surplus`: the response is out and the client still sends.
 * `closed`: reset by either side, but not taken down yet.
 */
type StreamState = 'open' | 'waiting' | 'surplus' | 'closed';

/** A response over HTTP/2 that can be written as one over HTTP/1.1: the fields of a connection are left out (RFC 9113 §8.2.2). */
export class Http2Response extends Http2ServerResponse<Http2Request> {
  transaction: object | undefined = undefined;
  /** Every body says itself where it ends, as chunks do; so breaking one off needs no reset of the connection. */
  readonly chunkedEncoding = true;
  #written = 0;
  #idleMs = 0;
  #onIdle: (() => void) | undefined;
  #state: StreamState = 'open';
  #taken = 0;
  /** Since when the stream has been in its state without any bytes having been taken. */
  #sinceMs = 0;

  constructor(stream: ServerHttp2Stream) {
    super(stream);
    ownerOf(stream.session)?.add(this);
    // Node would hand over all pieces that wait as one.
    Reflect.set(stream, '_writev', null);
  }

  get shouldKeepAlive(): boolean {
    return this.stream.session?.closed === false;
  }

  /** False lets the streams that are open finish, and asks the client for another connection (RFC 9113 §6.8). */
  set shouldKeepAlive(keep: boolean) {
    const { session } = this.stream;
    if (!keep && session !== undefined && !session.closed) session.close();
  }

  /** `fields` are names and values in turn, or already in the shape that HTTP/2 has them. */
  override writeHead(status: number, ...rest: unknown[]): this {
    const fields = rest.find((part) => typeof part === 'object') ?? [];
    try {
      return super.writeHead(
        status,
        Array.isArray(fields) ? toHeaderObject(fields) : (fields as Record<string, string | string[]>),
      );
    } catch (error) {
      // Node keeps the fields of a head that it did not take, and would take no other one for them.
      for (const name of this.getHeaderNames()) this.removeHeader(name);
      throw error;
    }
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
    // Until the client stops to send, the request is not over.
    if (!this.req.endedByClient) this.req.resume();
    return this;
  }

  /**
   * Calls back when bytes wait and the client has taken none of them for so long; 0 stops that. Node's own time-out of a stream is
   * put off by whatever moves on the connection. Node hands over what waits in pieces, and says when a whole one was taken.
   */
  override setTimeout(idleMs: number, callback?: () => void): void {
    this.#idleMs = idleMs;
    if (callback !== undefined) this.#onIdle = callback;
  }

  /** Enforces the deadlines of the stream but for its request's body, whose reader has its own. */
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
      if (forMs >= (this.#idleMs || bodyIdleMs)) this.#breakOffIdle();
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
    // Node ends the stream of a HEAD request at once, before there is a response.
    if (!this.writableEnded || !stream.writableFinished) return 'open';
    // The end alone waits, too: nghttp2 sends it in an empty DATA frame, which it holds back as it does full ones.
    return this.req.endedByClient ? 'waiting' : 'surplus';
  }

  #breakOffIdle(): void {
    this.#onIdle?.();
    if (!this.stream.closed) this.stream.close(constants.NGHTTP2_CANCEL);
  }

  /** A response that is broken off must not look like a short one: only an error code tells them apart. */
  override destroy(): this {
    if (!this.stream.closed) this.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    return this;
  }
}

/**
 * A stream that the client resets without an error is over (RFC 9113 §8.1), but Node waits for writes that can never finish if there
 * was a body to read, were it an empty one. It ends the body when it hears of the reset.
 */
function endWithReset(stream: ServerHttp2Stream): void {
  const push = stream.push;
  stream.push = (chunk, encoding) => {
    if (chunk === null && stream.closed) setImmediate(() => stream.destroy());
    return push.call(stream, chunk, encoding);
  };
}

/** Asks a client that does not end its body to stop (RFC 9113 §8.1). Its response is out, so nothing of that is lost. */
function endBody(stream: ServerHttp2Stream): void {
  stream.close(constants.NGHTTP2_NO_ERROR);
  dropUnread(stream);
}

/** Node keeps a stream that closed without an error, and its session, until somebody has read all that came. */
function dropUnread(stream: ServerHttp2Stream): void {
  stream.removeAllListeners('data');
  stream.resume();
}

// Node's types call these properties, which a class cannot override by accessors.
Object.defineProperty(Http2Request.prototype, 'complete', {
  get(this: Http2Request): boolean {
    return this.endedByClient;
  },
});
Object.defineProperties(Http2Response.prototype, {
  destroyed: {
    get(this: Http2Response): boolean {
      return this.stream.destroyed || this.stream.closed;
    },
  },
  writableFinished: {
    get(this: Http2Response): boolean {
      return this.stream.writableFinished && !this.stream.aborted;
    },
  },
});

/** A Host that says the same as `:authority` is not a second one; a body of unknown length is a chunked one. */
function toHttp1Fields(rawHeaders: readonly string[], hasBody: boolean): string[] {
  const fields: string[] = [];
  let authority: string | undefined;
  let cookieAt = -1;
  let statesLength = false;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    const value = rawHeaders[at + 1] as string;
    if (name === ':authority') {
      authority = value;
      fields.push('host', value);
    } else if (name === 'cookie' && cookieAt !== -1) {
      fields[cookieAt] = `${fields[cookieAt]}; ${value}`;
    } else if (!name.startsWith(':') && !(name === 'host' && value === authority)) {
      if (name === 'cookie') cookieAt = fields.length + 1;
      if (name === 'content-length') statesLength = true;
      fields.push(name, value);
    }
  }
  if (hasBody && !statesLength) fields.push('transfer-encoding', 'chunked');
  return fields;
}
