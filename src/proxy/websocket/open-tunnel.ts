import type { IncomingMessage } from 'node:http';
import { refuse } from '../../core/refusals.ts';
import { requestFraming } from '../framing.ts';
import { Handshake, type HandshakeJob } from './handshake.ts';

/** A key of 16 bytes (RFC 6455 §4.1). */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/**
 * Hands a permitted WebSocket handshake on and, once the backend agreed, tunnels bytes both ways. The backend's
 * answer must be a 101 to this very handshake: a proxy that tunnels after anything else lets requests through
 * that nobody looked at.
 */
export function openTunnel(job: HandshakeJob): void {
  const { req, observer } = job;
  const fault = handshakeFault(req);
  if (fault === undefined) new Handshake(job).start();
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
