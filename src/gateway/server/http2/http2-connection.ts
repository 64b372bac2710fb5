import type { Http2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Config } from '../../../config/schema/config.ts';
import { KEEP_ALIVE_MS } from '../listener-limits.ts';

type Limits = Pick<Config['listen']['limits'], 'bodyIdle' | 'headerTimeout'>;

/** How long a client may be silent while something is open before it is pinged, and how long it may then leave everything untouched. */
const SILENCE_MS = 15_000;
const PING_MS = 15_000;
/** Time a client has to close a connection that ended. Node would wait for it for ever. */
const LINGER_MS = 2_000;

/** A response that has not ended, as its connection sees it. */
interface OpenResponse {
  readonly stream: { once(event: 'close', listener: () => void): unknown };
  look(nowMs: number, bodyIdleMs: number): void;
}

const OWNER = Symbol('owner of the connection');

/** The owner of the connection that a session runs on. */
export function ownerOf(session: Http2Session | undefined): Http2Connection | undefined {
  return session === undefined ? undefined : Reflect.get(session, OWNER);
}

/**
 * Owns one client connection over HTTP/2: its socket, its session and its streams, each with deadlines of its own. Node reports the
 * end of any of them by events that may never come. (Node 20 and 22, for one: when a TLS write fails, every later write waits for it,
 * reading stops as long as a write waits, and so nobody ever learns that the client has gone. Only destroying the socket helps.)
 */
export class Http2Connection {
  readonly #socket: TLSSocket;
  readonly #session: Http2Session;
  readonly #open = new Set<OpenResponse>();
  #hadRequest = false;
  #bytesRead = 0;
  #bytesWritten = 0;
  /** Since when nothing came from the client. */
  #silentSinceMs: number;
  /** Since when nothing of what was written was taken. */
  #untouchedSinceMs: number;
  #idleSinceMs: number;
  #pingedAtMs: number | undefined;
  #overSinceMs: number | undefined;

  constructor(socket: TLSSocket, session: Http2Session, nowMs: number) {
    this.#socket = socket;
    this.#session = session;
    this.#silentSinceMs = nowMs;
    this.#idleSinceMs = nowMs;
    this.#untouchedSinceMs = nowMs;
    Reflect.set(session, OWNER, this);
  }

  /** Counts a request as open until its stream has closed. */
  add(res: OpenResponse): void {
    this.#hadRequest = true;
    this.#open.add(res);
    res.stream.once('close', () => this.#open.delete(res));
  }

  /** Takes no more requests, lets what is open finish, and finds out whether there is anybody to finish it for. */
  close(nowMs: number): void {
    if (this.#session.closed) return;
    this.#session.close();
    if (!this.#session.destroyed) this.#ping(nowMs);
  }

  /** Ends everything now. Node would wait for the goodbye of the session to be written before it lets go of the socket. */
  destroy(): void {
    this.#session.destroy();
    this.#socket.destroy();
  }

  /** Enforces the deadlines. Called every now and then; `nowMs` does not count time in which this process stood still. */
  look(nowMs: number, limits: Limits): void {
    if (this.#session.destroyed) {
      this.#overSinceMs ??= nowMs;
      if (nowMs - this.#overSinceMs >= LINGER_MS) this.#socket.destroy();
      return;
    }
    for (const res of this.#open) res.look(nowMs, limits.bodyIdle);
    this.#lookAtPeer(nowMs, limits.bodyIdle);
    if (this.#open.size > 0) this.#idleSinceMs = nowMs;
    else this.#lookAtIdle(nowMs, limits.headerTimeout);
  }

  /** Whoever reads answers a ping, whatever its windows allow; whoever takes bytes, however few, is there as well. */
  #lookAtPeer(nowMs: number, bodyIdleMs: number): void {
    const { bytesRead, bytesWritten } = this.#socket;
    if (bytesRead !== this.#bytesRead) {
      this.#bytesRead = bytesRead;
      this.#silentSinceMs = nowMs;
      this.#pingedAtMs = undefined;
    }
    // Node writes more only after all that it wrote before was taken.
    if (bytesWritten !== this.#bytesWritten) {
      this.#bytesWritten = bytesWritten;
      this.#untouchedSinceMs = nowMs;
    }
    const isWaitedFor = this.#open.size > 0 || this.#session.closed;
    if (this.#pingedAtMs === undefined) {
      if (isWaitedFor && nowMs - this.#silentSinceMs >= Math.min(SILENCE_MS, bodyIdleMs)) this.#ping(nowMs);
    } else if (nowMs - Math.max(this.#pingedAtMs, this.#untouchedSinceMs) >= Math.min(PING_MS, bodyIdleMs)) {
      this.destroy();
    }
  }

  #lookAtIdle(nowMs: number, headerTimeoutMs: number): void {
    const idleMs = nowMs - this.#idleSinceMs;
    if (this.#session.closed) {
      if (idleMs >= LINGER_MS) this.destroy();
    } else if (idleMs >= (this.#hadRequest ? KEEP_ALIVE_MS : headerTimeoutMs)) {
      this.close(nowMs);
    }
  }

  #ping(nowMs: number): void {
    this.#pingedAtMs = nowMs;
    // Any byte that comes is as good as the response. Node drops pings of a session that closes; settings are confirmed as well.
    if (this.#session.closed) this.#session.settings({});
    else this.#session.ping(() => undefined);
  }
}
