import { createHash } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { HeaderPairs } from '../../http/header-pairs.ts';
import type { BodyChunk } from '../dispatcher.ts';
import type { ForwardObserver, UpstreamRequestPlan } from '../forward-job.ts';
import type { Release } from '../pooled-buffer.ts';
import type { ResponseEnd } from '../response/response-end.ts';
import type { ResponseHead } from '../response/response-parser.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { type ResponseWriter, UpstreamAttempt } from '../upstream-attempt.ts';
import type { Tunnel } from './tunnel.ts';
import type { Tunnels } from './tunnels.ts';

export interface HandshakeJob {
  readonly plan: UpstreamRequestPlan;
  readonly req: IncomingMessage;
  /** The client's socket, which no parser owns any more; its errors are listened to. */
  readonly socket: Socket;
  /** Returns what the client sent after its handshake, and stops reading from the socket. */
  readonly takeHead: () => Buffer;
  /** Closes the client's connection so that the client sees an error. */
  readonly reset: () => void;
  readonly upstream: Upstream;
  readonly tunnels: Tunnels;
  /** The moment from which the token is no longer accepted, in milliseconds since the epoch; undefined is never. */
  readonly expiresAtMs: number | undefined;
  /** Called when the backend has accepted. */
  readonly opened: (tunnel: Tunnel) => void;
  /** `refused` leaves the socket to the caller; `finished` is called when the tunnel, or a response other than 101, is over. */
  readonly observer: ForwardObserver;
}

/** What a server adds to the key to prove that it means WebSocket (RFC 6455 §1.3). */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A WebSocket handshake that was sent to a backend, until the backend accepts it, declines it or fails. */
export class Handshake implements ResponseWriter {
  readonly #job: HandshakeJob;
  readonly #attempt: UpstreamAttempt;
  #end: ResponseEnd = 'length';
  #isTunnel = false;

  constructor(job: HandshakeJob) {
    this.#job = job;
    this.#attempt = new UpstreamAttempt(job, this);
  }

  start(): void {
    const { socket } = this.#job;
    // A tunnel reports its own end.
    socket.once('close', () => {
      if (!this.#isTunnel) this.#attempt.close({ isComplete: false });
    });
    socket.on('drain', () => this.#attempt.resume());
    this.#attempt.send({ body: null, bodyLength: undefined, isHandshake: true });
  }

  acceptsUpgrade(headers: HeaderPairs): boolean {
    return provesWebSocket(headers, this.#job.req.headers['sec-websocket-key'] ?? '');
  }

  /** A response that declines goes to the client as it is, and the connection ends with it. */
  writeHead({ status, headers, end }: ResponseHead): void {
    const { socket, plan } = this.#job;
    this.#end = end;
    // The backend never saw the protocol that announced the token, and a browser wants one of its offers agreed to.
    if (status === 101 && plan.socketProtocol !== undefined && !hasProtocol(headers))
      headers.push('sec-websocket-protocol', plan.socketProtocol);
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
    for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
    const connection = status === 101 ? 'connection: Upgrade\r\nupgrade: websocket' : 'connection: close';
    socket.write(`${head}${connection}\r\n\r\n`, 'latin1');
  }

  upgrade(upstream: Socket): void {
    const { plan, socket, takeHead, tunnels, expiresAtMs, opened } = this.#job;
    this.#isTunnel = true;
    const head = takeHead();
    if (head.length > 0) socket.unshift(head);
    const tunnel = tunnels.open({
      client: socket,
      upstream,
      idleMs: plan.timeouts.idleMs,
      expiresAtMs,
      ended: () => this.#attempt.close({ isComplete: true }),
    });
    opened(tunnel);
  }

  write(chunk: BodyChunk, release?: Release): boolean {
    return this.#job.socket.write(chunk, 'latin1', release);
  }

  end(): void {
    this.#job.socket.destroySoon();
  }

  /** A response without a length ends with its connection: only a reset shows that it is incomplete. */
  breakOff(): void {
    const { socket, reset } = this.#job;
    if (this.#end === 'length') socket.destroy();
    else reset();
  }
}

/** RFC 6455 §4.1: what a client must check before it believes that the other side speaks WebSocket. */
function provesWebSocket(raw: HeaderPairs, key: string): boolean {
  const proof = createHash('sha1').update(`${key}${WEBSOCKET_GUID}`).digest('base64');
  return (
    onlyValue(raw, 'upgrade')?.toLowerCase() === 'websocket' &&
    onlyValue(raw, 'sec-websocket-accept') === proof
  );
}

/** The value of a field that must be there exactly once. */
function onlyValue(raw: HeaderPairs, name: string): string | undefined {
  let value: string | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    if ((raw[i] as string).toLowerCase() !== name) continue;
    if (value !== undefined) return undefined;
    value = raw[i + 1];
  }
  return value;
}

function hasProtocol(headers: readonly string[]): boolean {
  return headers.some((part, at) => at % 2 === 0 && part.toLowerCase() === 'sec-websocket-protocol');
}
