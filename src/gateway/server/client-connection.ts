import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ServedResponse } from './listener-events.ts';

/** How long a client may go on sending after its last response, in total and in silence (nginx's `lingering_time` and `_timeout`). */
const LINGER_MS = 30_000;
const LINGER_SILENCE_MS = 5_000;
/** The same while the gateway ends. */
const DRAINING_LINGER_MS = 1_000;
/** What is read behind a handshake before its response; the rest stays in the kernel. */
const READ_AHEAD_BYTES = 16 * 1024;

const OWNER = Symbol('owner of the connection');
type Owned = Socket & { [OWNER]?: ClientConnection };
/** The counters of libuv for a TCP connection: Node's own include what is only queued. */
type Counted = Socket & { readonly _handle?: Handle | null };
interface Handle {
  readonly bytesWritten: number;
  readonly writeQueueSize: number;
  reading: boolean;
  readStart(): void;
}

/** The owner of a client's socket: of the TCP socket, or of the TLS socket on top of it. */
export function connectionOf(socket: Socket): ClientConnection {
  const owner = (socket as Owned)[OWNER];
  if (owner === undefined) throw new Error('a client connection without an owner');
  return owner;
}

/**
 * One client connection from accept to close, with any protocol. Its deadlines are checked on the TCP socket at intervals (`tick`),
 * not by events: Node removes its listeners from a socket that leaves HTTP/1.1, and a client that vanished or reads nothing
 * causes no event.
 */
export class ClientConnection {
  /** Requests that have begun and not ended. */
  running = 0;
  /** The latest response of HTTP/1.1; undefined before the first and over HTTP/2. */
  latest: (ServerResponse & ServedResponse) | undefined = undefined;
  /** Requests of HTTP/1.1 so far. */
  served = 0;
  /** HTTP/2, whose session ends the connection when the gateway drains. */
  isMultiplexed = false;
  readonly #tcp: Counted;
  /** What carries HTTP: the TCP socket, or the TLS socket on it. */
  #transport: Socket;
  /** Node's listeners that a response needs, also after the socket has left its parser. */
  #parserListeners: { drain: Listener[]; close: Listener[] } | undefined;
  #taken = 0;
  #heard = 0;
  #waitsSinceMs = 0;
  #silentSinceMs = 0;
  #lingersSinceMs = 0;
  #isLingering = false;
  #discards = false;
  #ahead: Buffer[] | undefined;

  constructor(tcp: Socket) {
    this.#tcp = tcp;
    this.#transport = tcp;
    this.#own(tcp);
  }

  get socket(): Socket {
    return this.#transport;
  }

  /** TLS was agreed: HTTP goes over this socket from now on. */
  secured(socket: TLSSocket): void {
    this.#transport = socket;
    this.#own(socket);
  }

  /** Node's HTTP/1.1 parser reads the socket. */
  parsed(): void {
    const socket = this.#transport;
    this.#parserListeners = {
      drain: socket.listeners('drain') as Listener[],
      close: socket.listeners('close') as Listener[],
    };
    // Node calls this after the last response. Closing both directions with unread bytes would reset the connection, and
    // responses in flight would be lost (RFC 9112 §9.6).
    socket.destroySoon = lingerInstead;
  }

  /** True once the gateway ends the connection: further input is not processed. */
  get isEnding(): boolean {
    return this.#isLingering || this.#transport.destroyed;
  }

  /** Whether bytes wait for the client. */
  get waits(): boolean {
    return this.#transport.writableLength > 0 || (this.#tcp._handle?.writeQueueSize ?? 0) > 0;
  }

  /**
   * Whether only a further request is expected. Called repeatedly while the gateway ends; `isLate` when the time for a first request
   * is over.
   */
  isIdle(isLate: boolean): boolean {
    if (this.running > 0 || this.isMultiplexed || this.isEnding || this.waits) return false;
    const heard = this.#tcp.bytesRead;
    const isSilent = heard === this.#heard;
    this.#heard = heard;
    return isSilent && (isLate || this.served > 0);
  }

  /** Ends our direction once everything is out, reads on for a while, and closes when the client does or its time is over. */
  linger(): void {
    if (this.isEnding) return;
    this.#isLingering = true;
    const socket = this.#transport;
    socket.end();
    if (socket.readableEnded) {
      if (socket.writableFinished) socket.destroy();
      else socket.once('finish', () => socket.destroy());
      return;
    }
    this.discardInput();
    socket.once('end', () => socket.destroy());
  }

  /** Closes at once. Queued bytes are dropped; those in the kernel may still arrive. */
  destroy(): void {
    this.#tcp.destroy();
  }

  /** Closes at once so that the client sees an error and takes no response for whole. Frees the kernel's buffers too. */
  reset(): void {
    this.#tcp.resetAndDestroy();
  }

  /** Drops all further input. No parser sees it, so it causes no error, request or response. */
  discardInput(): void {
    if (this.#discards) return;
    this.#discards = true;
    this.#ahead = undefined;
    const socket = this.#transport;
    socket.removeAllListeners('data');
    // Takes the socket from a parser that reads it natively, too.
    socket.on('data', ignore);
    startReading(socket);
  }

  /**
   * The parser has handed the socket over with a handshake. Input is kept until `takeAhead`, so that a client that leaves is
   * noticed; an earlier response gets back the listeners that it still needs.
   */
  handedOver(head: Buffer): void {
    const socket = this.#transport;
    for (const event of ['drain', 'close'] as const) {
      const present = new Set(socket.listeners(event));
      for (const listener of this.#parserListeners?.[event] ?? [])
        if (!present.has(listener)) socket.on(event, listener);
    }
    const ahead = [head];
    let bytes = head.length;
    this.#ahead = ahead;
    socket.on('data', (chunk: Buffer) => {
      ahead.push(chunk);
      bytes += chunk.length;
      if (bytes > READ_AHEAD_BYTES) socket.pause();
    });
    startReading(socket);
    socket.once('end', () => {
      // A tunnel needs both directions.
      if (this.#ahead !== undefined) socket.destroy();
    });
  }

  /** Returns what came behind the handshake. From now on the caller reads the socket. */
  takeAhead(): Buffer {
    const ahead = Buffer.concat(this.#ahead ?? []);
    this.#ahead = undefined;
    this.#transport.removeAllListeners('data');
    this.#transport.pause();
    return ahead;
  }

  /**
   * Enforces the deadlines. Returns false when bytes wait for the client and it took none for `idleMs`: never early, late by two
   * ticks at most.
   */
  tick(nowMs: number, { idleMs, isDraining }: TickOptions): boolean {
    const { _handle: handle } = this.#tcp;
    if (handle === undefined || handle === null) return true;
    if (this.waits) {
      this.#silentSinceMs = 0;
      const taken = handle.bytesWritten - handle.writeQueueSize;
      if (this.#waitsSinceMs === 0 || taken !== this.#taken) {
        this.#taken = taken;
        this.#waitsSinceMs = nowMs;
        return true;
      }
      return nowMs - this.#waitsSinceMs < idleMs;
    }
    this.#waitsSinceMs = 0;
    if (this.#isLingering || this.#awaitsRest) this.#tickLinger(nowMs, isDraining);
    else this.#silentSinceMs = 0;
    return true;
  }

  /** The rest of a body is still to come after its response. */
  get #awaitsRest(): boolean {
    const { latest } = this;
    return latest?.writableFinished === true && !latest.req.complete;
  }

  #tickLinger(nowMs: number, isDraining: boolean): void {
    const heard = this.#tcp.bytesRead;
    if (this.#silentSinceMs === 0) this.#lingersSinceMs = nowMs;
    if (this.#silentSinceMs === 0 || heard !== this.#heard) {
      this.#heard = heard;
      this.#silentSinceMs = nowMs;
    }
    const limitMs = isDraining ? DRAINING_LINGER_MS : LINGER_MS;
    if (nowMs - this.#silentSinceMs >= LINGER_SILENCE_MS || nowMs - this.#lingersSinceMs >= limitMs)
      this.destroy();
  }

  #own(socket: Socket): void {
    (socket as Owned)[OWNER] = this;
    // Every error closes the socket; one without a listener would end the process.
    socket.on('error', ignore);
  }
}

interface TickOptions {
  readonly idleMs: number;
  readonly isDraining: boolean;
}

/** Node believes that a socket paused under its parser is being read, so `resume` alone would do nothing. */
function startReading(socket: Counted): void {
  socket.resume();
  const { _handle: handle } = socket;
  if (handle === undefined || handle === null || handle.reading) return;
  handle.reading = true;
  handle.readStart();
}

type Listener = (...args: unknown[]) => void;

function ignore(): void {}

function lingerInstead(this: Socket): void {
  connectionOf(this).linger();
}
