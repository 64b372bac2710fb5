import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { type AnswerHead, AnswerParser } from './answer-parser.ts';
import { openConnection } from './connector.ts';
import { AnswerInvalid, lossOf, NoAnswerInTime } from './failure.ts';
import type { ConnectionPool, SenderSettings } from './h1-sender.ts';
import { findReset } from './orderly-end.ts';
import { ReadBuffer } from './read-buffer.ts';
import { renderRequestHead } from './request-head.ts';
import { restTime } from './rest-time.ts';
import { sendWithBody } from './send-body.ts';
import type { Carrier, Sending, UpstreamRequest } from './sender.ts';
import { TickedDeadline } from './ticked-deadline.ts';

/** The end of a body up to this length goes on as text, which Node writes together with the head of its answer. */
const TEXT_BYTES = 16 * 1024;

type Phase = 'connecting' | 'sending' | 'waiting' | 'reading' | 'resting' | 'over';

/**
 * One connection to an HTTP/1.1 backend, which carries one request at a time. Reads into one buffer that all connections share,
 * tells its handler of everything in the turn in which it was read, and is used again only after an answer that ended beyond doubt.
 */
export class H1Connection implements Carrier {
  served = 0;
  hasAnswered = false;
  readonly #settings: SenderSettings;
  readonly #pool: ConnectionPool;
  readonly #socket: Socket;
  readonly #oldFromMs: number;
  readonly #buffer = new ReadBuffer();
  readonly #deadline = new TickedDeadline(() => this.#expired());
  readonly #parser = new AnswerParser({
    head: (head) => this.#head(head),
    data: (bytes, start, end, isLast) => this.#data(bytes, start, end, isLast),
  });
  readonly #onBytes = (bytes: Buffer): void => this.#read(bytes);
  #phase: Phase = 'connecting';
  #sending: Sending | undefined;
  #isSent = false;
  #isLastRequest = false;
  #isPaused = false;
  #isQuiet = false;
  /** The end of a body, until its answer is told to be complete. */
  #rest = '';
  #agreed: AnswerHead | undefined;

  /** Opens a connection and sends a first request over it. */
  constructor(settings: SenderSettings, pool: ConnectionPool, sending: Sending) {
    this.#settings = settings;
    this.#pool = pool;
    this.#sending = sending;
    this.#oldFromMs = performance.now() + settings.timeouts.ageMs;
    // What may become a tunnel is read as a stream.
    const reading = sending.request.isHandshake
      ? undefined
      : this.#buffer.reading(() => this.#parser.expectedBytes, this.#onBytes);
    this.#socket = openConnection(settings.endpoint, (error) => this.#opened(error), reading);
  }

  get isUp(): boolean {
    return this.#phase !== 'connecting' && this.#phase !== 'over';
  }

  /** Whether it may carry a request now. */
  get isResting(): boolean {
    return this.#phase === 'resting' && !this.#socket.destroyed;
  }

  /** Sends a request over a connection that rests. */
  send(sending: Sending): void {
    this.#sending = sending;
    this.#begin(sending);
  }

  /** To be called every `TICK_MS`. */
  tick(): void {
    this.#deadline.tick();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#deadline.refresh();
    this.#socket.resume();
  }

  destroy(error: Error): void {
    const phase = this.#phase;
    if (phase === 'over') return;
    this.#leave();
    this.#socket.destroy();
    const sending = this.#sending;
    this.#sending = undefined;
    // Of what was not begun the body is still whole, for another try.
    if (phase !== 'connecting') sending?.request.body?.destroy();
    sending?.handler.onError(error);
  }

  #opened(error: Error | null): void {
    if (this.#phase === 'over' || this.#sending === undefined) return;
    if (error !== null) {
      this.destroy(error);
      return;
    }
    this.#socket.on('error', (fault) => this.destroy(fault));
    this.#socket.on('end', () => this.#ended());
    this.#socket.on('close', () => this.destroy(lossOf({ withinAnswer: this.#phase === 'reading' })));
    this.#socket.on('drain', () => this.#sending?.request.body?.resume());
    if (this.#sending.request.isHandshake) this.#socket.on('data', this.#onBytes);
    this.#begin(this.#sending);
  }

  #begin(sending: Sending): void {
    const { request, handler } = sending;
    this.hasAnswered = false;
    const isWanted = handler.onCarrier(this);
    // The handler may have ended the connection from within.
    if (this.#sending !== sending) return;
    if (!isWanted) {
      this.#sending = undefined;
      this.#goToRest();
      return;
    }
    this.served += 1;
    this.#phase = 'sending';
    this.#isSent = false;
    this.#isLastRequest = request.method === 'HEAD' || performance.now() > this.#oldFromMs;
    this.#parser.begin(request.method);
    let head: string;
    try {
      head = renderRequestHead(request, this.#settings.host, this.#isLastRequest);
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    if (request.body !== null) {
      this.#sendBody(head, request, request.body);
    } else {
      this.#socket.write(head, 'latin1');
      this.#allSent(request);
    }
  }

  #sendBody(head: string, request: UpstreamRequest, body: Readable): void {
    this.#deadline.start(request.responseMs);
    const { bodyLength } = request;
    sendWithBody(
      this.#socket,
      { head, body, bodyLength },
      {
        isWanted: () => this.#sending?.request === request,
        wentOn: () => this.#deadline.refresh(),
        ended: () => this.#allSent(request),
        failed: (error) => this.destroy(error),
      },
    );
  }

  #allSent({ responseMs }: UpstreamRequest): void {
    this.#isSent = true;
    if (this.#phase !== 'sending') return;
    this.#phase = 'waiting';
    this.#deadline.start(responseMs);
  }

  #read(bytes: Buffer): void {
    const sending = this.#sending;
    // What comes while the request still lies here corked cannot be the answer to it.
    if (sending === undefined || this.#phase === 'over' || this.#socket.writableCorked > 0) {
      this.destroy(new AnswerInvalid('bytes that nobody asked for'));
      return;
    }
    this.hasAnswered = true;
    this.#isQuiet = false;
    if (this.#phase === 'reading') this.#deadline.refresh();
    let taken: number;
    try {
      taken = this.#parser.read(bytes);
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    // A handler may have ended the request from within.
    if (this.#sending !== sending) return;
    if (this.#agreed !== undefined) this.#handOver(sending, this.#agreed, bytes.subarray(taken));
    else if (this.#parser.isComplete) this.#complete(sending, taken === bytes.length);
    else if (this.#isQuiet) sending.handler.onQuiet?.();
  }

  #head(head: AnswerHead): void {
    if (this.#sending === undefined) return;
    const { request, handler } = this.#sending;
    if (head.status === 101) {
      if (!request.isHandshake) throw new AnswerInvalid('a change of protocol that nobody asked for');
      this.#agreed = head;
      return;
    }
    if (head.status >= 200) {
      this.#phase = 'reading';
      this.#deadline.start(request.idleMs);
      this.#isQuiet = true;
    }
    handler.onHead(head);
  }

  #data(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.#sending === undefined) return;
    this.#isQuiet = false;
    if (isLast && end - start <= TEXT_BYTES) this.#rest = bytes.toString('latin1', start, end);
    else if (!this.#buffer.handOn(bytes, start, end, this.#sending.handler)) this.#pause();
  }

  #pause(): void {
    if (this.#isPaused || this.#phase === 'over') return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  /** `isClean`: nothing came after the answer. */
  #complete({ request, handler }: Sending, isClean: boolean): void {
    const rest = this.#rest;
    const { keepAlive, trailers } = this.#parser;
    this.#rest = '';
    this.#sending = undefined;
    if (isClean && this.#isAllOut && keepAlive && !this.#isLastRequest && !request.isHandshake) {
      this.#goToRest();
    } else {
      request.body?.destroy();
      this.#leave();
      this.#socket.destroy();
    }
    handler.onComplete(trailers, rest);
  }

  #goToRest(): void {
    const ms = restTime(this.#settings.timeouts.keepAliveMs, this.#parser.keepAliveMs);
    if (ms <= 0) {
      this.#leave();
      this.#socket.destroy();
      return;
    }
    this.#phase = 'resting';
    // What comes while it rests must be noticed.
    this.resume();
    this.#deadline.start(ms);
    this.#pool.rests(this);
  }

  #handOver({ handler }: Sending, head: AnswerHead, surplus: Buffer): void {
    this.#leave();
    this.#sending = undefined;
    this.#socket.off('data', this.#onBytes);
    this.#socket.pause();
    if (surplus.length > 0) this.#socket.unshift(surplus);
    if (handler.onUpgrade === undefined) this.#socket.destroy();
    else handler.onUpgrade(head, this.#socket);
  }

  /** The backend ended the connection in an orderly way. */
  #ended(): void {
    const sending = this.#sending;
    if (sending === undefined || !this.#parser.end())
      this.destroy(lossOf({ withinAnswer: this.#phase === 'reading' }));
    else if (this.#settings.endpoint.tls !== undefined || !this.#isAllOut) this.#complete(sending, false);
    else {
      findReset(this.#socket, (reset) => {
        if (this.#sending !== sending) return;
        if (reset === undefined) this.#complete(sending, false);
        else this.destroy(reset);
      });
    }
  }

  get #isAllOut(): boolean {
    return this.#isSent && this.#socket.writableLength === 0;
  }

  #expired(): void {
    switch (this.#phase) {
      case 'sending':
        // Unless the backend takes nothing, it is the client that is waited for.
        if (this.#socket.writableNeedDrain) this.destroy(new NoAnswerInTime(false));
        else this.#deadline.refresh();
        return;
      case 'reading':
        if (this.#isPaused) this.#deadline.refresh();
        else this.destroy(new NoAnswerInTime(true));
        return;
      default:
        this.destroy(new NoAnswerInTime(false));
    }
  }

  #leave(): void {
    this.#phase = 'over';
    this.#deadline.stop();
    this.#pool.left(this);
  }
}
