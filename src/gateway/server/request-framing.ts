import { type IncomingMessage, METHODS } from 'node:http';
import type { Config } from '../../config/schema/config.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import { isMultiplexed } from '../../http/multiplexed.ts';
import { hasBody, isWebSocketHandshake } from './gateway-request.ts';

/**
 * What Node's strict parser lets through and we do not, because a backend may read it otherwise:
 * more header fields than allowed (Node would drop the rest), other versions of HTTP, and any transfer coding but a lone `chunked`
 * (RFC 9112 §6.1), which HTTP/1.0 does not have at all.
 */
export function framingFault(req: IncomingMessage, limits: Config['listen']['limits']): Refusal | undefined {
  if (req.rawHeaders.length > limits.headers * 2) {
    return refuse('header_count', 'more header fields than listen.limits.headers allows');
  }
  if (isMultiplexed(req)) return multiplexedFault(req, limits);
  if (req.method === 'CONNECT')
    return refuse('method_never_forwarded', 'CONNECT is not a method of this gateway', { allow: [] });
  // The parser takes HTTP/0.9 and HTTP/2.0 by name too.
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
  if (req.httpVersionMinor === 0 && req.httpVersionMajor === 1) {
    return refuse('request_framing', 'Transfer-Encoding in an HTTP/1.0 request');
  }
  if (req.headers['content-length'] !== undefined) {
    return refuse('request_framing', 'both Content-Length and Transfer-Encoding');
  }
  return undefined;
}

/**
 * HTTP/2 frames bodies itself. It takes any method, where HTTP/1.1's parser knows them all, and its fields can be larger
 * than they were on the wire (RFC 9113 §6.5.2).
 */
function multiplexedFault(req: IncomingMessage, limits: Config['listen']['limits']): Refusal | undefined {
  if (!KNOWN_METHODS.has(req.method as string)) return refuse('method_unknown', 'a method that is not known');
  let bytes = req.url?.length ?? 0;
  for (const text of req.rawHeaders) bytes += text.length;
  if (bytes <= limits.headerBytes) return undefined;
  return refuse('header_bytes', 'the header fields exceed listen.limits.headerBytes');
}

const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS);
