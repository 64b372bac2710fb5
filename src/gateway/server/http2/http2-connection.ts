import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Config } from '../../../config/schema/config.ts';
import { KEEP_ALIVE_MS } from '../listener-limits.ts';

type Limits = Pick<Config['listen']['limits'], 'bodyIdle' | 'headerTimeout'>;

/** How long a client may be silent while something is open before it is pinged, and how long it may then neither send nor read. */
const SILENCE_MS = 15_000;
const PING_MS = 15_000;
/** Time a client has to close a connection that ended. Node would wait forever. */
const LINGER_MS = 2_000;

/** A client that sends more often than that may have a request on its way at any time. */
const QUIET_MS = 100;
/** How long a busy connection is waited for. */
const RETIRE_MS = 1_000;

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
 * Owns one client connection over HTTP/2: its socket, its session and its streams, each with its own deadlines. The events by which
 * Node reports the end of each may never come. (For example, Node 20 and 22: after a failed TLS write, every later write waits for
 * it, and while a write waits nothing is read, so the end of the client goes unnoticed. Only destroying the socket helps.)
 */
export class Http2Connection {
  readonly #socket: Socket;
  readonly #session: Http2Session;
  readonly #keepsIdle: boolean;
  readonly #open = new Set<OpenResponse>();
  #hadRequest = false;
  #isRetiring = false;
  #quiet: NodeJS.Timeout | undefined;
  #late: NodeJS.Timeout | undefined;
  #bytesRead = 0;
  #bytesWritten = 0;
  /** Since when the client has sent nothing. */
  #silentSinceMs: number;
  /** Since when the client has read nothing that was written. */
  #untouchedSinceMs: number;
  #idleSinceMs: number;
  #pingedAtMs: number | undefined;
  #overSinceMs: number | undefined;

  constructor(
    socket: Socket,
    session: Http2Session,
    { nowMs, keepsIdle }: { readonly nowMs: number; readonly keepsIdle: boolean },
  ) {
    this.#socket = socket;
    this.#session = session;
    this.#keepsIdle = keepsIdle;
    this.#silentSinceMs = nowMs;
    this.#idleSinceMs = nowMs;
    this.#untouchedSinceMs = nowMs;
    Reflect.set(session, OWNER, this);
  }

  /** Counts a request as open until its stream has closed. */
  add(res: OpenResponse): void {
    this.#hadRequest = true;
    this.#open.add(res);
    clearTimeout(this.#quiet);
    res.stream.once('close', () => {
      this.#open.delete(res);
      if (this.#isRetiring) this.#closeWhenQuiet();
    });
  }

  /** Accepts no more requests, lets open ones finish, and checks that the client is still there. */
  close(nowMs: number): void {
    if (this.#session.closed) return;
    this.#session.close();
    if (!this.#session.destroyed) this.#ping(nowMs);
  }

  /**
   * Closes once the connection has been quiet for a moment, or after a while in any case. A close between requests would refuse what the
   * client has sent before it hears of it (RFC 9113 §6.8), and Node cannot announce a close (its `goaway` refuses at once).
   */
  retire(): void {
    this.#isRetiring = true;
    this.#late = setTimeout(() => this.#closeSession(), RETIRE_MS);
    this.#closeWhenQuiet();
  }

  #closeWhenQuiet(): void {
    if (this.#open.size === 0) this.#quiet = setTimeout(() => this.#closeSession(), QUIET_MS);
  }

  #closeSession(): void {
    clearTimeout(this.#late);
    clearTimeout(this.#quiet);
    if (!this.#session.closed) this.#session.close();
  }

  /** Ends everything now. Node alone would keep the socket until the session's GOAWAY is written. */
  destroy(): void {
    this.#session.destroy();
    this.#socket.destroy();
  }

  /** Enforces the deadlines. Called at intervals; `nowMs` does not count time in which this process stood still. */
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

  /** A client that reads acknowledges a ping, even with its windows full; one that takes any bytes is there too. */
  #lookAtPeer(nowMs: number, bodyIdleMs: number): void {
    const { bytesRead, bytesWritten } = this.#socket;
    if (bytesRead !== this.#bytesRead) {
      this.#bytesRead = bytesRead;
      this.#silentSinceMs = nowMs;
      this.#pingedAtMs = undefined;
    }
    // Node writes more only after its previous bytes have left.
    if (bytesWritten !== this.#bytesWritten) {
      this.#bytesWritten = bytesWritten;
      this.#untouchedSinceMs = nowMs;
    }
    const isWaitedFor = this.#open.size > 0 || this.#session.closed || this.#staysOpen;
    if (this.#pingedAtMs === undefined) {
      if (isWaitedFor && nowMs - this.#silentSinceMs >= Math.min(SILENCE_MS, bodyIdleMs)) this.#ping(nowMs);
    } else if (nowMs - Math.max(this.#pingedAtMs, this.#untouchedSinceMs) >= Math.min(PING_MS, bodyIdleMs)) {
      this.destroy();
    }
  }

  /** Whether the connection is kept without a request, as long as the client is there. */
  get #staysOpen(): boolean {
    return this.#keepsIdle && this.#hadRequest;
  }

  #lookAtIdle(nowMs: number, headerTimeoutMs: number): void {
    const idleMs = nowMs - this.#idleSinceMs;
    if (this.#session.closed) {
      if (idleMs >= LINGER_MS) this.destroy();
    } else if (this.#staysOpen) {
      return;
    } else if (idleMs >= (this.#hadRequest ? KEEP_ALIVE_MS : headerTimeoutMs)) {
      this.close(nowMs);
    }
  }

  #ping(nowMs: number): void {
    this.#pingedAtMs = nowMs;
    // Any byte from the client counts as the reply. Node drops pings of a closing session; settings are acknowledged as well.
    if (this.#session.closed) this.#session.settings({});
    else this.#session.ping(() => undefined);
  }
}
