import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { openConnection } from '../connector.ts';
import type { DispatchController, DispatcherSettings, Sending, UpstreamRequest } from '../dispatcher.ts';
import { InvalidResponse, lossOf, ResponseTimeout } from '../errors.ts';
import { CoarseTimer } from './coarse-timer.ts';
import { detectReset } from './detect-reset.ts';
import { outliveFailedWrites } from './failed-write.ts';
import { handOver } from './hand-over.ts';
import { idleTimeout } from './idle-timeout.ts';
import { renderRequestHead } from './request-head.ts';
import { ResponseReader } from './response-reader.ts';
import { sendWithBody } from './send-body.ts';

/** What a connection reports to its pool. */
export interface ConnectionPool {
  /** It may carry another request. */
  idles(connection: H1Connection): void;
  /** It is closed, or was handed over. */
  left(connection: H1Connection): void;
}

/** Time for a response that may wait to be read after the connection broke under a write. */
const LINGER_MS = 2_000;

type Phase = 'connecting' | 'sending' | 'waiting' | 'reading' | 'idle' | 'over';

/**
 * One connection to an HTTP/1.1 backend, which carries one request at a time. Reads into one buffer that all connections share,
 * passes everything to its handler in the turn in which it was read, and is reused only after a response whose end is certain.
 * Own code instead of undici's pool (docs/performance.md: a request takes 38.8 µs instead of 52.1).
 */
export class H1Connection implements DispatchController {
  served = 0;
  hasResponse = false;
  readonly #settings: DispatcherSettings;
  readonly #pool: ConnectionPool;
  readonly #socket: Socket;
  readonly #oldFromMs: number;
  readonly #reader = new ResponseReader();
  readonly #deadline = new CoarseTimer(() => this.#expired());
  readonly #onBytes = (bytes: Buffer): void => this.#read(bytes);
  #phase: Phase = 'connecting';
  #sending: Sending | undefined;
  #isSent = false;
  #isLastRequest = false;
  #isPaused = false;
  /** Set once a write failed: nothing more goes up. */
  #writeFault: Error | undefined;

  /** Opens a connection and sends a first request over it. */
  constructor(settings: DispatcherSettings, pool: ConnectionPool, sending: Sending) {
    this.#settings = settings;
    this.#pool = pool;
    this.#sending = sending;
    this.#oldFromMs = performance.now() + settings.timeouts.ageMs;
    // What may become a tunnel is read as a stream.
    const reading = sending.request.isHandshake ? undefined : this.#reader.reading(this.#onBytes);
    this.#socket = openConnection(settings.connect, (error) => this.#opened(error), reading);
  }

  get isUp(): boolean {
    return this.#phase !== 'connecting' && this.#phase !== 'over';
  }

  /** Whether it may carry a request now. */
  get isIdle(): boolean {
    return this.#phase === 'idle' && !this.#socket.destroyed;
  }

  /** Sends a request over an idle connection. */
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
    if (sending === undefined) return;
    const { failed, timeouts } = this.#settings;
    const during = phase === 'connecting' ? 'connect' : 'request';
    failed?.({ error, during, durationMs: performance.now() - this.#oldFromMs + timeouts.ageMs });
    // A request that was not started still has its whole body, for a retry.
    if (phase !== 'connecting') sending.request.body?.destroy();
    sending.handler.onResponseError(error);
  }

  #opened(error: Error | null): void {
    if (this.#phase === 'over' || this.#sending === undefined) return;
    if (error !== null) {
      this.destroy(error);
      return;
    }
    this.#socket.on('error', (fault) => this.destroy(fault));
    this.#socket.on('end', () => this.#ended());
    this.#socket.on('close', () => this.destroy(this.#loss));
    this.#socket.on('drain', () => this.#sending?.request.body?.resume());
    if (this.#sending.request.isHandshake) this.#socket.on('data', this.#onBytes);
    this.#begin(this.#sending);
  }

  #begin(sending: Sending): void {
    const { request, handler } = sending;
    this.hasResponse = false;
    const isWanted = handler.onRequestStart(this);
    // The handler may have ended the connection from within.
    if (this.#sending !== sending) return;
    if (!isWanted) {
      this.#sending = undefined;
      this.#becomeIdle();
      return;
    }
    this.served += 1;
    this.#phase = 'sending';
    this.#isSent = false;
    this.#isLastRequest = request.method === 'HEAD' || performance.now() > this.#oldFromMs;
    this.#reader.begin(request.method);
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
    outliveFailedWrites(this.#socket, (error) => this.#writeFailed(error));
    sendWithBody(
      this.#socket,
      { head, body, bodyLength: request.bodyLength },
      {
        isWanted: () => this.#sending?.request === request,
        wentOn: () => this.#deadline.refresh(),
        ended: () => this.#allSent(request),
        failed: (error) => this.destroy(error),
      },
    );
  }

  /** The response may already be in the receive buffer: waits for it for a moment. */
  #writeFailed(error: Error): boolean {
    const body = this.#sending?.request.body ?? null;
    if (body === null) return false;
    this.#writeFault = error;
    body.destroy();
    if (this.#phase !== 'reading') {
      this.#phase = 'waiting';
      this.#deadline.start(LINGER_MS);
    }
    return true;
  }

  #allSent({ responseMs }: UpstreamRequest): void {
    this.#isSent = true;
    if (this.#phase !== 'sending') return;
    this.#phase = 'waiting';
    this.#deadline.start(responseMs);
  }

  #read(bytes: Buffer): void {
    const sending = this.#sending;
    // What comes while the request still lies here corked cannot be the response to it.
    if (sending === undefined || this.#phase === 'over' || this.#socket.writableCorked > 0) {
      this.destroy(new InvalidResponse('bytes_unasked'));
      return;
    }
    this.hasResponse = true;
    if (this.#phase === 'reading') this.#deadline.refresh();
    let taken: number;
    try {
      taken = this.#reader.parse(bytes);
      this.#relay(sending, bytes);
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    if (this.#sending !== sending) return;
    const { head, isComplete } = this.#reader;
    if (head?.status === 101) {
      this.#leave();
      this.#sending = undefined;
      this.#socket.off('data', this.#onBytes);
      handOver(this.#socket, { head, surplus: bytes.subarray(taken), handler: sending.handler });
    } else if (isComplete) this.#complete(sending, taken === bytes.length);
    else if (head !== undefined) sending.handler.onReadEnd?.();
  }

  /** Reports what was read, now that all of it has been parsed. Each call may end the request from within. */
  #relay(sending: Sending, bytes: Buffer): void {
    const { request, handler } = sending;
    const { head, interim, pieces } = this.#reader;
    for (const each of interim) if (this.#sending === sending) handler.onResponseStart(each);
    if (this.#sending !== sending) return;
    if (head?.status === 101) {
      if (!request.isHandshake) throw new InvalidResponse('switch_unasked');
    } else if (head !== undefined) {
      this.#phase = 'reading';
      this.#deadline.start(request.idleMs);
      handler.onResponseStart(head);
    }
    for (let i = 0; i < pieces && this.#sending === sending; i++) {
      if (!this.#reader.relayPiece(i, bytes, handler)) this.#pause();
    }
  }

  #pause(): void {
    if (this.#isPaused || this.#phase === 'over') return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  /** `isClean`: nothing came after the response. */
  #complete({ request, handler }: Sending, isClean: boolean): void {
    const { keepAlive, trailers } = this.#reader;
    this.#sending = undefined;
    if (isClean && this.#isAllOut && keepAlive && !this.#isLastRequest && !request.isHandshake) {
      this.#becomeIdle();
    } else {
      request.body?.destroy();
      this.#leave();
      this.#socket.destroy();
    }
    handler.onResponseEnd(trailers);
  }

  #becomeIdle(): void {
    const ms = idleTimeout(this.#settings.timeouts.keepAliveMs, this.#reader.keepAliveMs);
    if (ms <= 0) {
      this.#leave();
      this.#socket.destroy();
      return;
    }
    this.#phase = 'idle';
    // Bytes that come while it is idle must be noticed.
    this.resume();
    this.#deadline.start(ms);
    this.#pool.idles(this);
  }

  /** The backend closed the connection in an orderly way. */
  #ended(): void {
    const sending = this.#sending;
    // After a failed write, an end is only the end of what could still be read.
    if (sending === undefined || this.#writeFault !== undefined || !this.#reader.end())
      this.destroy(this.#loss);
    else if (this.#settings.connect.tls !== undefined) this.#complete(sending, false);
    else {
      detectReset(this.#socket, (reset) => {
        if (this.#sending !== sending) return;
        // What of the request still waited to be written may have met the reset first, which is reported only once.
        if (reset === undefined && this.#writeFault === undefined) this.#complete(sending, false);
        else this.destroy(reset ?? this.#loss);
      });
    }
  }

  get #isAllOut(): boolean {
    return this.#isSent && this.#writeFault === undefined && this.#socket.writableLength === 0;
  }

  /** The error of a request whose connection ended. */
  get #loss(): Error {
    const withinResponse = this.#phase === 'reading';
    return (withinResponse ? undefined : this.#writeFault) ?? lossOf({ withinResponse });
  }

  #expired(): void {
    switch (this.#phase) {
      case 'sending':
        // Unless the backend takes nothing, the client is waited for.
        if (this.#socket.writableNeedDrain) this.destroy(new ResponseTimeout(false));
        else this.#deadline.refresh();
        return;
      case 'reading':
        if (this.#isPaused) this.#deadline.refresh();
        else this.destroy(new ResponseTimeout(true));
        return;
      default:
        this.destroy(this.#writeFault ?? new ResponseTimeout(false));
    }
  }

  #leave(): void {
    this.#phase = 'over';
    this.#deadline.stop();
    this.#pool.left(this);
  }
}
