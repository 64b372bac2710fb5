import type { Socket } from 'node:net';
import { timerDelay } from '../upstream/time-limit.ts';
import { closeFrame, FrameBoundary } from './frame-boundary.ts';

/** Why the gateway ends a tunnel: the content of its Close frame (RFC 6455 §7.4). */
export interface TunnelEnd {
  readonly code: number;
  readonly reason: string;
  /** Until the connections end, in milliseconds. Default: a second. */
  readonly withinMs?: number;
}

const TOKEN_EXPIRED: TunnelEnd = { code: 4001, reason: 'token expired' };
/** Half a second is left for the news to arrive: all is over within one. */
export const TOKEN_REVOKED: TunnelEnd = { code: 4001, reason: 'token revoked', withinMs: 500 };
export const GOING_AWAY: TunnelEnd = { code: 1001, reason: 'gateway is shutting down' };
const IDLE: TunnelEnd = { code: 1001, reason: 'idle' };

/** Time from the decision to close, sent or not yet sent to the client, to the end of the connections. */
const CLOSE_MS = 1_000;

export interface TunnelOptions {
  readonly client: Socket;
  readonly upstream: Socket;
  /** Nothing in either direction for so long ends the tunnel, in milliseconds. */
  readonly idleMs: number;
  /** The moment from which the token is no longer accepted, in milliseconds since the epoch; undefined is never. */
  readonly expiresAtMs: number | undefined;
  /** Called once, when both connections are over. */
  readonly ended: () => void;
}

/**
 * Two sockets that pass bytes to each other with back-pressure. What goes from the backend to the client is
 * followed frame by frame, so that the gateway can put its Close frame between two of them.
 */
export class Tunnel {
  readonly #options: TunnelOptions;
  readonly #boundary = new FrameBoundary();
  readonly #idle: NodeJS.Timeout;
  #expiry: NodeJS.Timeout | undefined;
  #cut: NodeJS.Timeout | undefined;
  /** Set while the next frame boundary is waited for. */
  #wanted: TunnelEnd | undefined;
  /** True once the gateway's Close frame was sent: nothing of the backend may follow. */
  #closed = false;
  #ended = false;

  constructor(options: TunnelOptions) {
    this.#options = options;
    const { client, upstream, idleMs } = options;
    this.#idle = setTimeout(() => this.close(IDLE), idleMs);
    this.#watchExpiry();
    client.setNoDelay(true);
    connect(client, upstream, (chunk) => this.#up(chunk));
    connect(upstream, client, (chunk) => this.#down(chunk));
    for (const socket of [client, upstream]) {
      socket.on('error', () => this.destroy());
      socket.once('close', () => this.#oneClosed(socket));
    }
    if (client.destroyed || upstream.destroyed) process.nextTick(() => this.destroy());
    client.resume();
    upstream.resume();
  }

  /** Ends the tunnel: a Close frame at the next boundary of the backend's frames, then both connections. */
  close(end: TunnelEnd): void {
    if (this.#ended || this.#wanted !== undefined || this.#closed) return;
    this.#wanted = end;
    this.#cut = setTimeout(() => this.destroy(), end.withinMs ?? CLOSE_MS);
    if (this.#boundary.isHere) this.#sendClose();
  }

  /** Ends both connections at once. */
  destroy(): void {
    this.#options.client.destroy();
    this.#options.upstream.destroy();
    this.#end();
  }

  #up(chunk: Buffer): boolean {
    this.#idle.refresh();
    return this.#options.upstream.write(chunk);
  }

  #down(chunk: Buffer): boolean {
    const { client } = this.#options;
    if (this.#closed) return true;
    this.#idle.refresh();
    const boundary = this.#boundary.feed(chunk);
    if (this.#wanted === undefined || boundary === -1) return client.write(chunk);
    client.write(chunk.subarray(0, boundary));
    this.#sendClose();
    return true;
  }

  #sendClose(): void {
    const end = this.#wanted;
    this.#closed = true;
    if (end === undefined || this.#boundary.closing) return;
    this.#options.client.write(closeFrame(end.code, end.reason));
  }

  #watchExpiry(): void {
    const { expiresAtMs } = this.#options;
    if (expiresAtMs === undefined || expiresAtMs === Number.POSITIVE_INFINITY) return;
    const left = expiresAtMs - Date.now();
    this.#expiry = setTimeout(
      () => {
        if (Date.now() < expiresAtMs) this.#watchExpiry();
        else this.close(TOKEN_EXPIRED);
      },
      timerDelay(Math.max(left, 0)),
    );
  }

  /** What was written to the other side goes out before that closes too. */
  #oneClosed(socket: Socket): void {
    const { client, upstream } = this.#options;
    const other = socket === client ? upstream : client;
    other.destroySoon();
    if (other.closed) this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#idle);
    clearTimeout(this.#expiry);
    clearTimeout(this.#cut);
    this.#options.ended();
  }
}

/** Passes what comes from one socket to `take` until it returns false, and continues when the other one has drained. */
function connect(from: Socket, to: Socket, take: (chunk: Buffer) => boolean): void {
  from.on('data', (chunk: Buffer) => {
    if (!take(chunk)) from.pause();
  });
  from.on('end', () => to.end());
  to.on('drain', () => from.resume());
}
