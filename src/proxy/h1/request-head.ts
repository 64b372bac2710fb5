import type { UpstreamRequest } from '../dispatcher.ts';

/** A request that must not be written: some part of it would be read as more than that part. */
export class RequestUnfit extends Error {
  readonly code = 'SEALGATE_REQUEST_UNFIT';
}

/** RFC 9112 §3.2: no blank and no control character ends a target early. */
const TARGET = /^[!-~]+$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110 §5.5, with the bytes beyond ASCII that HTTP/1.1 lets pass. */
const NOT_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
/** Methods that usually have a body: without one they have `Content-Length: 0` (RFC 9110 §8.6). */
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/**
 * Writes the head of a request for HTTP/1.1, one character for each byte. Checks every part once more, although all of it went
 * through a parser or came from the configuration: a line break here would be a second request. `isLast` means that the connection
 * ends with the response. Throws `RequestUnfit`.
 */
export function renderRequestHead(request: UpstreamRequest, host: string, isLast: boolean): string {
  const { method, path, headers } = request;
  if (!TARGET.test(path) || !TOKEN.test(method)) throw new RequestUnfit('a malformed target or method');
  let fields = '';
  let sentHost = host;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    if (NOT_VALUE.test(value) || !TOKEN.test(name)) throw new RequestUnfit('a malformed header field');
    if (name.length === 17 && name.toLowerCase() === 'transfer-encoding')
      throw new RequestUnfit('a second framing');
    if (name.length === 4 && name.toLowerCase() === 'host') sentHost = value;
    else if (name.length !== 14 || name.toLowerCase() !== 'content-length') fields += `${name}: ${value}\r\n`;
  }
  return `${method} ${path} HTTP/1.1\r\nhost: ${sentHost}\r\n${connectionField(request, isLast)}${fields}${bodyField(request)}\r\n`;
}

function connectionField({ isHandshake }: UpstreamRequest, isLast: boolean): string {
  if (isHandshake) return 'connection: upgrade\r\nupgrade: websocket\r\n';
  return isLast ? 'connection: close\r\n' : '';
}

function bodyField({ method, body, bodyLength }: UpstreamRequest): string {
  if (body === null) return WITH_BODY.has(method) ? 'content-length: 0\r\n' : '';
  return bodyLength === undefined ? 'transfer-encoding: chunked\r\n' : `content-length: ${bodyLength}\r\n`;
}
