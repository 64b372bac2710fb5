import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ServedResponse } from './listener-events.ts';

/** What a client may still send after its last response, in all and without a pause (nginx's `lingering_time` and `_timeout`). */
const LINGER_MS = 30_000;
const LINGER_SILENCE_MS = 5_000;
/** The same while the gateway ends. */
const DRAINING_LINGER_MS = 1_000;
/** What a client may send behind a handshake before it is answered; the rest stays in the kernel. */
const READ_AHEAD_BYTES = 16 * 1024;

const OWNER = Symbol('owner of the connection');
type Owned = Socket & { [OWNER]?: ClientConnection };
/** What libuv knows of a TCP connection: Node's own counters include what it has only queued. */
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
 * One client connection from accept to close, whatever protocol it carries. Its deadlines look at the TCP socket once in a while
 * (`tick`) instead of waiting for events: Node takes its listeners off a socket that leaves HTTP/1.1, and a client that
 * vanished or takes nothing causes no event at all.
 */
export class ClientConnection {
  /** Exchanges that have begun on it and not ended. */
  running = 0;
  /** The latest response of HTTP/1.1; undefined before the first and over HTTP/2. */
  latest: (ServerResponse & ServedResponse) | undefined = undefined;
  /** Requests of HTTP/1.1 so far. */
  served = 0;
  /** HTTP/2, whose sessions end by themselves when the gateway drains. */
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
    // Node calls this after the last response. Closing both directions with unread bytes would reset the connection, and a
    // response on its way would be lost (RFC 9112 §9.6).
    socket.destroySoon = lingerInstead;
  }

  /** True once the gateway ends the connection: nothing that comes in is processed any more. */
  get isEnding(): boolean {
    return this.#isLingering || this.#transport.destroyed;
  }

  /** Whether bytes wait for the client. */
  get waits(): boolean {
    return this.#transport.writableLength > 0 || (this.#tcp._handle?.writeQueueSize ?? 0) > 0;
  }

  /**
   * Whether it waits for nothing but a further request. Asked again and again while the gateway ends; `isLate` when the time for a first
   * request is over.
   */
  isIdle(isLate: boolean): boolean {
    if (this.running > 0 || this.isMultiplexed || this.isEnding || this.waits) return false;
    const heard = this.#tcp.bytesRead;
    const isSilent = heard === this.#heard;
    this.#heard = heard;
    return isSilent && (isLate || this.served > 0);
  }

  /** Ends our direction once everything is out, reads on for a while, and closes when the client has, or when its time is over. */
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

  /** Closes at once. What is queued is dropped; what the kernel has may still arrive. */
  destroy(): void {
    this.#tcp.destroy();
  }

  /** Closes at once so that the client sees an error: what it has cannot pass for a whole response. Frees the kernel's buffers too. */
  reset(): void {
    this.#tcp.resetAndDestroy();
  }

  /** From here on nothing that the client sends has a meaning. No parser sees it, so it costs no error, request or response. */
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
   * The parser has handed the socket over with a handshake. Until somebody takes it, what comes is kept, so that a client that leaves
   * is noticed; and the response before it gets back the listeners that it still needs.
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
      // Nobody begins to speak another protocol with half a connection.
      if (this.#ahead !== undefined) socket.destroy();
    });
  }

  /** Gives what came behind the handshake. Whoever takes it reads the socket from now on. */
  takeAhead(): Buffer {
    const ahead = Buffer.concat(this.#ahead ?? []);
    this.#ahead = undefined;
    this.#transport.removeAllListeners('data');
    this.#transport.pause();
    return ahead;
  }

  /**
   * Looks at the deadlines. Gives false when bytes wait for the client and it took nothing for `idleMs`: never early, late by two looks
   * at most.
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

  /** A body goes on after its response, and nobody wants it. */
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
    // Whatever breaks closes the socket; an error without a listener would end the process.
    socket.on('error', ignore);
  }
}

interface TickOptions {
  readonly idleMs: number;
  readonly isDraining: boolean;
}

/** Node takes a socket that was paused under its parser for one that is being read, and `resume` alone would do nothing. */
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
