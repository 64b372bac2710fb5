import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';
import type { Readable } from 'node:stream';
import type { Carrier, Connection } from './connection.ts';
import { AnswerInvalid, ConnectionLost, NoAnswerInTime } from './failure.ts';
import type { SenderSettings } from './h1-sender.ts';
import { toH2Headers } from './h2-headers.ts';
import type { Waiting } from './h2-sender.ts';

export interface H2StreamOptions extends Waiting {
  /** Requests that the session carried before. */
  readonly served: number;
  readonly timedOut: () => void;
  readonly ended: () => void;
}

/** One request on a session: tells its handler what undici's core would tell for HTTP/1.1. */
export class H2Stream implements Carrier, Connection {
  served: number;
  bytesRead = 0;
  errored: Error | null = null;
  readonly #options: H2StreamOptions;
  readonly #body: Readable | null;
  #stream: ClientHttp2Stream | undefined;
  #timer: NodeJS.Timeout | undefined;
  #answered = false;
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
    this.#body = (options.options.body as Readable | null | undefined) ?? null;
  }

  get carrier(): Carrier {
    return this;
  }

  open(session: ClientHttp2Session, settings: SenderSettings): void {
    const { options, handler } = this.#options;
    handler.connection = this;
    handler.onConnect?.((error) => this.destroy(error ?? new Error('aborted')));
    if (this.#done) {
      this.#options.ended();
      return;
    }
    try {
      this.#stream = session.request(toH2Headers(options, settings), { endStream: this.#body === null });
    } catch (error) {
      this.#fail(error as Error);
      this.#options.ended();
      return;
    }
    this.#listen(this.#stream);
    this.#timer = setTimeout(() => this.#timeOut(), options.headersTimeout ?? 0);
    if (this.#body !== null) this.#sendBody(this.#body, this.#stream);
  }

  destroy(error: Error): void {
    this.#stream?.close(constants.NGHTTP2_CANCEL);
    this.#fail(error);
  }

  #listen(stream: ClientHttp2Stream): void {
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
      this.bytesRead++;
      if (!this.#done) handler.onHeaders?.(Number(headers[':status']), rawOf(rest) as never, noop, '');
    });
    stream.on('response', (headers, _flags, ...rest: unknown[]) =>
      this.#answer(Number(headers[':status']), rawOf(rest)),
    );
    stream.on('data', (chunk: Buffer) => this.#data(chunk));
    stream.on('trailers', (_headers, _flags, ...rest: unknown[]) => {
      this.#trailers = rawOf(rest);
    });
    stream.on('end', () => {
      if (this.#isWhole && stream.rstCode === constants.NGHTTP2_NO_ERROR) this.#ended(stream);
    });
    stream.on('error', (error) => this.#fail(this.#lossOf(stream, error)));
    stream.on('close', () => {
      this.#fail(this.#lossOf(stream));
      this.#body?.destroy();
      this.#options.ended();
    });
  }

  #answer(status: number, raw: string[]): void {
    if (this.#done) return;
    this.bytesRead++;
    this.#answered = true;
    const at = raw.findIndex((name, index) => index % 2 === 0 && name === 'content-length');
    if (at !== -1 && this.#options.options.method !== 'HEAD' && status !== 304) {
      this.#bodyLength = Number(raw[at + 1]);
    }
    this.#restartTimer(this.#options.options.bodyTimeout);
    const goesOn = this.#options.handler.onHeaders?.(status, raw as never, () => this.#resume(), '');
    if (goesOn === false) this.#pause();
  }

  #data(chunk: Buffer): void {
    if (this.#done) return;
    this.#bodyBytes += chunk.length;
    this.#timer?.refresh();
    if (this.#options.handler.onData?.(chunk) === false) this.#pause();
  }

  #ended(stream: ClientHttp2Stream): void {
    if (this.#done || !this.#answered) return;
    if (this.#bodyLength !== undefined && this.#bodyLength !== this.#bodyBytes) {
      this.destroy(new AnswerInvalid('the body is not as long as stated'));
      return;
    }
    this.#finish();
    this.#options.handler.onComplete?.(this.#trailers);
    // Nobody reads the rest of a body whose answer is complete (RFC 9113 §8.1).
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

  #resume(): void {
    this.#paused = false;
    this.#timer?.refresh();
    this.#stream?.resume();
  }

  #restartTimer(ms: number | null | undefined): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#timeOut(), ms ?? 0);
  }

  /** While the client is the one that is waited for, silence of the backend is no fault. */
  #timeOut(): void {
    if (this.#paused || (this.#waitsForClient && !this.#answered)) {
      this.#timer?.refresh();
      return;
    }
    this.#options.timedOut();
    this.destroy(new NoAnswerInTime(this.#answered));
  }

  #lossOf(stream: ClientHttp2Stream, error?: Error): Error {
    if (stream.rstCode === constants.NGHTTP2_PROTOCOL_ERROR) return new AnswerInvalid('not valid HTTP/2');
    return new ConnectionLost(error?.message ?? 'the stream was closed before the answer');
  }

  #fail(error: Error): void {
    if (this.#done) return;
    this.errored = error;
    this.#finish();
    this.#options.handler.onError?.(error);
  }

  #finish(): void {
    this.#done = true;
    clearTimeout(this.#timer);
  }
}

function noop(): void {}

/** Without the pseudo-header fields, which always come first (RFC 9113 §8.3). */
function rawOf([raw]: readonly unknown[]): string[] {
  const pairs = raw as string[];
  let at = 0;
  while (pairs[at]?.startsWith(':')) at += 2;
  return pairs.slice(at);
}
