import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { refuse } from '../core/refusals.ts';
import type { ForwardObserver, ForwardPlan } from './forwarding.ts';
import { requestFraming } from './framing.ts';
import { Handshake } from './handshake.ts';
import type { Tunnels } from './tunnels.ts';
import type { Upstream } from './upstream.ts';

export interface Upgrading {
  readonly plan: ForwardPlan;
  readonly req: IncomingMessage;
  /** The client's socket, which no parser owns any more; its errors are listened to. */
  readonly socket: Socket;
  /** Gives what the client sent beyond its handshake, and stops reading from the socket. */
  readonly takeHead: () => Buffer;
  readonly upstream: Upstream;
  readonly tunnels: Tunnels;
  /** The moment from which the token is no longer accepted, in milliseconds since the epoch; undefined is never. */
  readonly expiresAtMs: number | undefined;
  /** `refused` leaves the socket to the caller; `finished` comes when the tunnel, or another answer than 101, is over. */
  readonly observer: ForwardObserver;
}

/** A key of 16 bytes (RFC 6455 §4.1). */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/**
 * Hands a permitted WebSocket handshake on and, once the backend agreed, tunnels bytes both ways. The backend's
 * answer must be a 101 to this very handshake: a proxy that tunnels after anything else lets requests through
 * that nobody looked at.
 */
export function openTunnel(upgrading: Upgrading): void {
  const { req, observer } = upgrading;
  const fault = handshakeFault(req);
  if (fault === undefined) new Handshake(upgrading).start();
  else observer.refused(refuse('handshake_malformed', fault), 0);
}

function handshakeFault(req: IncomingMessage): string | undefined {
  if (req.method !== 'GET') return 'a WebSocket handshake is a GET';
  if (req.httpVersion !== '1.1') return 'a WebSocket handshake is HTTP/1.1';
  if (requestFraming(req.rawHeaders).kind !== 'none') return 'a WebSocket handshake has no body';
  const connection = req.headers.connection ?? '';
  if (!connection.split(',').some((option) => option.trim().toLowerCase() === 'upgrade')) {
    return 'Connection does not name upgrade';
  }
  return KEY.test(req.headers['sec-websocket-key'] ?? '') ? undefined : 'no valid Sec-WebSocket-Key';
}
