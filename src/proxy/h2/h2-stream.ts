import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';
import type { Readable } from 'node:stream';
import type { DispatchController, DispatcherSettings, Sending } from '../dispatcher.ts';
import { InvalidResponse, lossOf, ResponseTimeout, StreamReset } from '../errors.ts';
import { responseEnd } from '../response/response-end.ts';
import type { ResponseHead } from '../response/response-parser.ts';
import { toH2Headers } from './h2-headers.ts';

const NOTHING: Buffer[] = [];

export interface H2StreamOptions extends Sending {
  /** Requests that the session carried before. */
  readonly served: number;
  readonly timedOut: () => void;
  /** Whether the backend has shown that it speaks HTTP/2. */
  readonly isEstablished: () => boolean;
  readonly ended: () => void;
}

/** One request on a session; its handler gets the same calls as from a connection of HTTP/1.1. */
export class H2Stream implements DispatchController {
  readonly served: number;
  hasResponse = false;
  readonly #options: H2StreamOptions;
  #stream: ClientHttp2Stream | undefined;
  #timer: NodeJS.Timeout | undefined;
  #hasHead = false;
  /** The head, until all that came with it has been read. */
  #head: ResponseHead | undefined;
  #held: Buffer[] = NOTHING;
  #bodyBytes = 0;
  #bodyLength: number | undefined;
  #trailers: string[] = [];
  #paused = false;
  #waitsForClient = false;
  #isWhole: boolean | undefined;
  #done = false;

  constructor(options: H2StreamOptions) {
    this.#options = options;
    this.served = options.served;
  }

  open(session: ClientHttp2Session, settings: DispatcherSettings): void {
    const { request, handler } = this.#options;
    if (!handler.onRequestStart(this)) {
      this.#finish();
      this.#options.ended();
      return;
    }
    try {
      this.#stream = session.request(toH2Headers(request, settings), { endStream: request.body === null });
    } catch (error) {
      this.#fail(error as Error);
      this.#options.ended();
      return;
    }
    this.#listen(this.#stream, session);
    this.#timer = setTimeout(() => this.#timeOut(), request.responseMs);
    if (request.body !== null) this.#sendBody(request.body, this.#stream);
  }

  destroy(error: Error): void {
    const stream = this.#stream;
    // Node would keep a stream whose complete response has not been read.
    if (stream?.closed) stream.destroy();
    else stream?.close(constants.NGHTTP2_CANCEL);
    this.#fail(error);
  }

  #listen(stream: ClientHttp2Stream, session: ClientHttp2Session): void {
    const { handler } = this.#options;
    // A reset without an error code looks like the regular end, but for what comes first: the end of the data or
    // that of the stream.
    const push = stream.push.bind(stream);
    stream.push = (chunk, encoding) => {
      if (chunk === null) this.#isWhole ??= !stream.closed;
      return push(chunk, encoding);
    };
    // Node gives the fields as they came as a third argument.
    stream.on('headers', (headers, _flags, ...rest: unknown[]) => {
      this.hasResponse = true;
      if (!this.#done) handler.onResponseStart(headOf(Number(headers[':status']), rawOf(rest)));
    });
    stream.on('response', (headers, _flags, ...rest: unknown[]) =>
      this.#respond(Number(headers[':status']), rawOf(rest)),
    );
    stream.on('data', (chunk: Buffer) => this.#data(chunk));
    stream.on('trailers', (_headers, _flags, ...rest: unknown[]) => {
      this.#trailers = rawOf(rest);
    });
    stream.on('end', () => {
      if (this.#isWhole && stream.rstCode === constants.NGHTTP2_NO_ERROR) this.#ended(stream);
    });
    stream.on('error', ({ code }: NodeJS.ErrnoException) => {
      // The code that nghttp2 gives to bytes that are not HTTP/2, at the start of a session or later.
      if (code !== 'ERR_HTTP2_ERROR') this.#fail(this.#faultOf(stream, session));
      else this.#fail(new InvalidResponse(this.#options.isEstablished() ? 'http2_violated' : 'not_http2'));
    });
    stream.on('close', () => {
      this.#fail(this.#faultOf(stream, session));
      this.#options.request.body?.destroy();
      this.#options.ended();
    });
  }

  #respond(status: number, raw: string[]): void {
    const { request, handler } = this.#options;
    if (this.#done) return;
    this.hasResponse = true;
    // Node accepts any three digits, and reports a status below 100 as a response.
    if (status < 200) {
      this.destroy(new InvalidResponse('status_below_200'));
      return;
    }
    this.#hasHead = true;
    const at = raw.findIndex((name, index) => index % 2 === 0 && name === 'content-length');
    if (at !== -1 && request.method !== 'HEAD' && status !== 304) {
      this.#bodyLength = Number(raw[at + 1]);
    }
    this.#restartTimer(request.idleMs);
    this.#head = headOf(status, raw);
    // Right after what was read with it; ticks run between the frames of one packet.
    setImmediate(() => {
      if (this.#relayHead()) handler.onReadEnd?.();
    });
  }

  /** A fault right behind the head still becomes a response of the gateway: then nothing was relayed yet. */
  #relayHead(): boolean {
    const { handler } = this.#options;
    const head = this.#head;
    if (head === undefined || this.#done || (this.#stream?.rstCode ?? 0) !== constants.NGHTTP2_NO_ERROR)
      return false;
    this.#head = undefined;
    const held = this.#held;
    this.#held = NOTHING;
    handler.onResponseStart(head);
    for (const chunk of held) this.#relay(chunk);
    return !this.#done;
  }

  #data(chunk: Buffer): void {
    if (this.#done) return;
    this.#bodyBytes += chunk.length;
    this.#timer?.refresh();
    if (this.#head === undefined) this.#relay(chunk);
    else if (this.#held === NOTHING) this.#held = [chunk];
    else this.#held.push(chunk);
  }

  #relay(chunk: Buffer): void {
    if (!this.#done && !this.#options.handler.onResponseData(chunk)) this.#pause();
  }

  #ended(stream: ClientHttp2Stream): void {
    if (this.#done || !this.#hasHead) return;
    if (this.#bodyLength !== undefined && this.#bodyLength !== this.#bodyBytes) {
      this.destroy(new InvalidResponse('length_mismatch'));
      return;
    }
    this.#relayHead();
    if (this.#done) return;
    this.#finish();
    this.#options.handler.onResponseEnd(this.#trailers);
    // The rest of a request body is not needed once the response is complete (RFC 9113 §8.1).
    if (!stream.writableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
  }

  #sendBody(body: Readable, stream: ClientHttp2Stream): void {
    this.#waitsForClient = true;
    body.on('data', (chunk: Buffer) => {
      this.#timer?.refresh();
      this.#waitsForClient = stream.write(chunk);
      if (!this.#waitsForClient) body.pause();
    });
    stream.on('drain', () => {
      this.#waitsForClient = true;
      body.resume();
    });
    body.on('end', () => {
      this.#waitsForClient = false;
      this.#timer?.refresh();
      stream.end();
    });
    body.on('error', (error) => this.destroy(error));
  }

  #pause(): void {
    this.#paused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#timer?.refresh();
    this.#stream?.resume();
  }

  #restartTimer(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#timeOut(), ms);
  }

  /** While the client is the one that is waited for, silence of the backend is no fault. */
  #timeOut(): void {
    if (this.#paused || (this.#waitsForClient && !this.#hasHead)) {
      this.#timer?.refresh();
      return;
    }
    this.#options.timedOut();
    this.destroy(new ResponseTimeout(this.#hasHead));
  }

  /** A request whose stream alone was reset may have reached the backend, except with REFUSED_STREAM (RFC 9113 §8.7): it is not sent again. */
  #faultOf({ rstCode }: ClientHttp2Stream, session: ClientHttp2Session): Error {
    if (rstCode === constants.NGHTTP2_PROTOCOL_ERROR) return new InvalidResponse('http2_violated');
    const isLost = session.destroyed || rstCode === constants.NGHTTP2_REFUSED_STREAM;
    if (isLost || this.#hasHead) return lossOf({ withinResponse: this.#hasHead });
    return new StreamReset();
  }

  #fail(error: Error): void {
    if (this.#done) return;
    this.#finish();
    this.#options.handler.onResponseError(error);
  }

  #finish(): void {
    this.#done = true;
    clearTimeout(this.#timer);
  }
}

function headOf(status: number, headers: string[]): ResponseHead {
  return { status, reason: '', headers, end: responseEnd(headers) };
}

/** Without the pseudo-header fields, which always come first (RFC 9113 §8.3). */
function rawOf([raw]: readonly unknown[]): string[] {
  const pairs = raw as string[];
  let at = 0;
  while (pairs[at]?.startsWith(':')) at += 2;
  return pairs.slice(at);
}
