import type { IncomingMessage } from 'node:http';
import { type Refusal, refuse } from '../../../core/refusals.ts';

/**
 * What Node's strict parser accepts and we do not, because a backend may read it differently: other versions of HTTP, and any
 * transfer coding but a lone `chunked` (RFC 9112 §6.1), which HTTP/1.0 does not have at all.
 */
export function http1FramingFault(req: IncomingMessage): Refusal | undefined {
  if (req.method === 'CONNECT')
    return refuse('method_never_forwarded', 'CONNECT is not a method of this gateway', { allow: [] });
  // The parser accepts HTTP/0.9 and HTTP/2.0 by name too.
  if (req.httpVersion !== '1.1' && req.httpVersion !== '1.0') {
    return refuse('http_version', 'a version other than HTTP/1.0 and HTTP/1.1');
  }
  if (isWebSocketHandshake(req) && hasBody(req))
    return refuse('handshake_malformed', 'a WebSocket handshake has no body');
  const transferEncoding = req.headers['transfer-encoding'];
  if (transferEncoding === undefined) return undefined;
  if (transferEncoding.toLowerCase() !== 'chunked') {
    return refuse('request_framing', 'Transfer-Encoding is not exactly chunked');
  }
  if (req.httpVersion === '1.0') {
    return refuse('request_framing', 'Transfer-Encoding in an HTTP/1.0 request');
  }
  if (req.headers['content-length'] !== undefined) {
    return refuse('request_framing', 'both Content-Length and Transfer-Encoding');
  }
  return undefined;
}

/** Whether the head announces a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

/** Whether the request offers to go on as a WebSocket (RFC 6455 §4.1). */
export function isWebSocketHandshake(req: IncomingMessage): boolean {
  return req.headers.upgrade?.toLowerCase() === 'websocket';
}
