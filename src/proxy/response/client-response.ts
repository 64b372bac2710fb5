import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type Framing, type HeaderPairs, requestFraming } from '../framing.ts';

/** The framing of a client's request. HTTP/2 says with the head whether a body follows. */
export function framingOf(req: IncomingMessage): Framing {
  const framing = requestFraming(req.rawHeaders);
  if (!isHttp2Request(req) || framing.kind === 'length') return framing;
  return req.stream.endAfterHeaders ? { kind: 'none' } : { kind: 'chunked' };
}

/** Begins the response. `reason` stands for the usual words of the status when given; HTTP/2 has none. */
export function sendHead(
  res: ServerResponse,
  { status, reason, headers }: { status: number; reason: string | undefined; headers: string[] },
): void {
  if (isHttp2Response(res)) res.writeHead(status, toObject(headers));
  else if (reason === undefined) res.writeHead(status, headers);
  else res.writeHead(status, reason, headers);
}

/** Hands trailers on where the client can take them: HTTP/2 always can, in HTTP/1.1 they are dropped (RFC 9110 §6.5.1). */
export function sendTrailers(res: ServerResponse, trailers: HeaderPairs): void {
  if (trailers.length > 0 && isHttp2Response(res)) res.addTrailers(toObject(trailers));
}

/**
 * Breaks the response off in its midst, so that it cannot be taken for a whole one. A cut length or a missing last
 * chunk shows by itself. A response that ends with its connection needs a reset: a clean close would be its
 * regular end.
 */
export function breakOff(res: ServerResponse, hasLength: boolean): void {
  if (isHttp2Response(res)) res.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  else if (hasLength || res.chunkedEncoding || res.socket === null) res.destroy();
  else resetSocket(res.socket);
}

/** Ends a connection so that the other side sees an error. TLS shows it itself: its closing alert is missing. */
export function resetSocket(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

function isHttp2Request(req: unknown): req is Http2ServerRequest {
  return req instanceof Http2ServerRequest;
}

function isHttp2Response(res: unknown): res is Http2ServerResponse {
  return res instanceof Http2ServerResponse;
}

/**
 * Fields that Node's HTTP/2 refuses to send twice: it throws, for trailers even out of reach of whoever set them. The first counts,
 * as it does where Node reads HTTP/1.1. Fields of requests are among them, since a backend may send any.
 */
const SINGLE_VALUED: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'age',
  'authorization',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'dnt',
  'etag',
  'expires',
  'from',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'range',
  'referer',
  'retry-after',
  'tk',
  'upgrade-insecure-requests',
  'user-agent',
  'x-content-type-options',
]);

function toObject(pairs: HeaderPairs): Record<string, string | string[]> {
  const built: Record<string, string | string[]> = Object.create(null);
  for (let i = 0; i < pairs.length; i += 2) {
    const name = (pairs[i] as string).toLowerCase();
    const known = built[name];
    const value = pairs[i + 1] as string;
    if (known === undefined) built[name] = value;
    else if (!SINGLE_VALUED.has(name)) built[name] = [known, value].flat();
  }
  return built;
}
