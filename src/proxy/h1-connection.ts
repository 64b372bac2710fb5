import type { Socket } from 'node:net';
import { type Readable, Writable } from 'node:stream';
import { type AnswerHead, AnswerParser } from './answer-parser.ts';
import { openConnection } from './connector.ts';
import { AnswerCut, AnswerInvalid, ConnectionLost, NoAnswerInTime } from './failure.ts';
import type { SenderSettings } from './h1-sender.ts';
import { ReadBuffer } from './read-buffer.ts';
import { renderRequestHead } from './request-head.ts';
import { sendBody } from './send-body.ts';
import type { AnswerHandler, Carrier, UpstreamRequest } from './sender.ts';
import { TICK_MS, TickedDeadline } from './ticked-deadline.ts';

/** The end of a body up to this length goes on as text, which Node writes together with the head of its answer. */
const TEXT_BYTES = 16 * 1024;
/** Taken off the time that a backend says it keeps a connection: it counts from before we hear of it. */
const KEEP_ALIVE_MARGIN_MS = 1_000;

const NOTHING = Buffer.alloc(0);

/** A request and who hears of it. */
export interface Sending {
  readonly request: UpstreamRequest;
  readonly handler: AnswerHandler;
}

/** What a connection tells its pool. */
export interface ConnectionPool {
  /** It may carry another request. */
  rests(connection: H1Connection): void;
  /** It is no more, or no longer the pool's. */
  left(connection: H1Connection): void;
}

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
    this.#oldFromMs = Date.now() + settings.timeouts.ageMs;
    // What may become a tunnel is read as a stream.
    const reading = sending.request.isHandshake
      ? undefined
      : {
          buffer: () => this.#buffer.next(this.#parser.expectedBytes),
          callback: (length: number, bytes: Uint8Array) => {
            this.#read((bytes as Buffer).subarray(0, length));
            return true;
          },
        };
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
    this.#socket.on('close', () => this.destroy(this.#loss()));
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
      this.#goToRest(this.#keepAliveMs(this.#parser.keepAliveMs));
      return;
    }
    this.served += 1;
    this.#phase = 'sending';
    this.#isSent = false;
    this.#isLastRequest = request.method === 'HEAD' || Date.now() > this.#oldFromMs;
    this.#parser.begin(request.method);
    if (request.body !== null) this.#gatherFirstWrites();
    try {
      this.#socket.write(renderRequestHead(request, this.#settings.host, this.#isLastRequest), 'latin1');
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    if (request.body === null) this.#allSent(request);
    else this.#sendBody(request, request.body);
  }

  /** What there is of the body already goes in one packet with the head; what is not there yet is not waited for. */
  #gatherFirstWrites(): void {
    this.#socket.cork();
    setImmediate(() => this.#socket.uncork());
  }

  #sendBody(request: UpstreamRequest, body: Readable): void {
    this.#deadline.start(request.responseMs);
    sendBody(this.#socket, request, body, {
      isWanted: () => this.#sending?.request === request,
      wentOn: () => this.#deadline.refresh(),
      ended: () => this.#allSent(request),
      failed: (error) => this.destroy(error),
    });
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
    else if (!this.#sending.handler.onData(this.#buffer.keep(bytes, start, end))) this.#pause();
  }

  #pause(): void {
    if (this.#isPaused || this.#phase === 'over') return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  /** `isClean`: nothing came after the answer. */
  #complete({ request, handler }: Sending, isClean: boolean): void {
    const rest = this.#rest;
    const { keepAlive, keepAliveMs, trailers } = this.#parser;
    this.#rest = '';
    this.#sending = undefined;
    if (isClean && this.#isAllOut && keepAlive && !this.#isLastRequest && !request.isHandshake) {
      this.#goToRest(this.#keepAliveMs(keepAliveMs));
    } else {
      request.body?.destroy();
      this.#leave();
      this.#socket.destroy();
    }
    handler.onComplete(trailers, rest);
  }

  /** A backend may ask for a shorter time, never for a longer one. */
  #keepAliveMs(asked: number | undefined): number {
    const own = this.#settings.timeouts.keepAliveMs;
    return asked === undefined ? own : Math.min(own, asked - KEEP_ALIVE_MARGIN_MS);
  }

  #goToRest(ms: number): void {
    if (ms <= 0) {
      this.#leave();
      this.#socket.destroy();
      return;
    }
    this.#phase = 'resting';
    // What comes while it rests must be noticed.
    this.resume();
    // A deadline may be late, and a connection must not be used for longer than the backend keeps it.
    this.#deadline.start(ms > 4 * TICK_MS ? ms - 2 * TICK_MS : ms);
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
    if (sending === undefined || !this.#parser.end()) this.destroy(this.#loss());
    else if (this.#settings.endpoint.tls !== undefined || !this.#isAllOut) this.#complete(sending, false);
    else this.#completeUnlessReset(sending);
  }

  /**
   * Node 20 and 22 tell of a reset as of an orderly end when bytes came right before it, and then half a body would pass for a
   * whole one. Writing nothing shows it. (The socket's own `write` always fails after the end.)
   */
  #completeUnlessReset(sending: Sending): void {
    Writable.prototype.write.call(this.#socket, NOTHING, 'latin1', (error) => {
      if (this.#sending !== sending) return;
      if ((error as NodeJS.ErrnoException | null | undefined)?.code === 'ECONNRESET')
        this.destroy(error as Error);
      else this.#complete(sending, false);
    });
  }

  get #isAllOut(): boolean {
    return this.#isSent && this.#socket.writableLength === 0;
  }

  #loss(): Error {
    return this.#phase === 'reading'
      ? new AnswerCut('the connection ended within an answer')
      : new ConnectionLost('the connection ended before an answer');
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
