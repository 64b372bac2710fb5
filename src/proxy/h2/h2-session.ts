import { type ClientHttp2Session, connect } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { openConnection } from '../connector.ts';
import type { DispatcherSettings, Sending } from '../dispatcher.ts';
import { NoHttp2 } from '../errors.ts';
import { H2Stream } from './h2-stream.ts';

/** What a backend may send before the client has read any of it: for each response, and for all of a session. */
const STREAM_WINDOW_BYTES = 256 * 1024;
const SESSION_WINDOW_BYTES = 1024 * 1024;
const MAX_HEADER_LIST_BYTES = 64 * 1024;
/** Streams of a session until the backend has announced its own limit. */
const ASSUMED_STREAMS = 100;
/** Time for the response to a ping after a request timed out; without it the session is dead. */
const PING_MS = 5_000;

/** One HTTP/2 connection to a backend and the requests on it. */
export class H2Session {
  readonly #settings: DispatcherSettings;
  readonly #ended: () => void;
  readonly #waiting: Sending[] = [];
  readonly #oldFromMs: number;
  #session: ClientHttp2Session | undefined;
  #streams = 0;
  #served = 0;
  #leaving = false;
  #isEstablished = false;
  #idle: NodeJS.Timeout | undefined;

  constructor(settings: DispatcherSettings, ended: () => void) {
    this.#settings = settings;
    this.#ended = ended;
    this.#oldFromMs = performance.now() + settings.timeouts.ageMs;
    openConnection(settings.connect, (error, socket) => {
      if (socket === undefined) {
        this.#failed(error ?? new Error('no connection'));
        return;
      }
      const { alpnProtocol } = socket as TLSSocket;
      if (settings.connect.tls !== undefined && alpnProtocol !== 'h2') {
        socket.destroy();
        this.#failed(new NoHttp2());
        return;
      }
      this.#start(socket);
    });
  }

  get isUp(): boolean {
    return this.#session !== undefined;
  }

  /** Whether a further request may be sent on it. An old session takes none, so that names are looked up again. */
  get hasRoom(): boolean {
    if (this.#leaving || performance.now() > this.#oldFromMs) return false;
    const limit = this.#session?.remoteSettings?.maxConcurrentStreams ?? ASSUMED_STREAMS;
    return this.#streams + this.#waiting.length < limit;
  }

  send(waiting: Sending): void {
    if (this.#session === undefined) this.#waiting.push(waiting);
    else this.#open(this.#session, waiting);
  }

  /** Lets running requests finish. */
  close(): Promise<void> {
    this.#leaving = true;
    const session = this.#session;
    if (session === undefined || session.destroyed) return this.destroy();
    return new Promise((resolve) => session.close(resolve));
  }

  async destroy(): Promise<void> {
    this.#leaving = true;
    this.#session?.destroy();
    for (const { handler } of this.#waiting.splice(0))
      handler.onResponseError(new Error('the session was closed'));
  }

  #start(socket: Socket): void {
    const session = connect(this.#settings.origin, {
      createConnection: () => socket,
      maxSessionMemory: 64,
      settings: {
        enablePush: false,
        initialWindowSize: STREAM_WINDOW_BYTES,
        maxHeaderListSize: MAX_HEADER_LIST_BYTES,
      },
    });
    this.#session = session;
    session.once('remoteSettings', () => {
      this.#isEstablished = true;
    });
    session.once('connect', () => session.setLocalWindowSize(SESSION_WINDOW_BYTES));
    // Each request gets the error through its own stream.
    session.on('error', (error: Error) => this.#report(error, 'request'));
    session.on('goaway', () => {
      this.#leaving = true;
    });
    session.once('close', () => {
      this.#leaving = true;
      clearTimeout(this.#idle);
      this.#ended();
    });
    for (const waiting of this.#waiting.splice(0)) this.#open(session, waiting);
  }

  #open(session: ClientHttp2Session, { request, handler }: Sending): void {
    clearTimeout(this.#idle);
    if (this.#leaving || session.destroyed || session.closed) {
      handler.onResponseError(new Error('the session was closed'));
      return;
    }
    this.#streams++;
    const stream = new H2Stream({
      request,
      handler,
      served: this.#served++,
      timedOut: () => this.#probe(session),
      isEstablished: () => this.#isEstablished,
      ended: () => this.#streamEnded(session),
    });
    stream.open(session, this.#settings);
  }

  #report(error: Error, during: 'connect' | 'request'): void {
    const { failed, timeouts } = this.#settings;
    failed?.({ error, during, durationMs: performance.now() - this.#oldFromMs + timeouts.ageMs });
  }

  #streamEnded(session: ClientHttp2Session): void {
    this.#streams--;
    if (this.#streams > 0) return;
    if (this.#leaving || performance.now() > this.#oldFromMs) {
      session.close();
      return;
    }
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      this.#leaving = true;
      session.close();
    }, this.#settings.timeouts.keepAliveMs);
    this.#idle.unref();
  }

  /** A request timed out: is the backend slow, or the connection dead? */
  #probe(session: ClientHttp2Session): void {
    if (session.destroyed || session.closed) return;
    const deadline = setTimeout(() => session.destroy(), PING_MS);
    deadline.unref();
    session.ping(() => clearTimeout(deadline));
  }

  #failed(error: Error): void {
    this.#leaving = true;
    this.#ended();
    this.#report(error, 'connect');
    for (const { handler } of this.#waiting.splice(0)) handler.onResponseError(error);
  }
}
