import type { IncomingMessage } from 'node:http';
import { refuse } from '../../core/refusals.ts';
import { requestFraming } from '../request/request-framing.ts';
import { Handshake, type HandshakeJob } from './handshake.ts';

/** A key of 16 bytes (RFC 6455 §4.1). */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/**
 * Forwards a permitted WebSocket handshake and, once the backend accepts it, tunnels bytes both ways. The backend's response must be
 * a 101 to this very handshake: a proxy that tunnels after anything else lets unchecked requests through.
 */
export function openTunnel(job: HandshakeJob): void {
  const { req, socket, observer } = job;
  const fault = handshakeFault(req);
  if (fault !== undefined) observer.refused(refuse('handshake_malformed', fault), 0);
  else if (socket.destroyed) observer.abandoned(0);
  else new Handshake(job).start();
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
