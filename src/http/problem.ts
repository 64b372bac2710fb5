import { STATUS_CODES } from 'node:http';
import { REFUSALS, type Refusal, type RefusalCode } from '../core/refusals.ts';
import type { Via } from '../core/via.ts';
import { GRPC_FIELDS } from './grpc.ts';
import { renderJsonRpcError } from './json-rpc-error.ts';

/**
 * A refusal as it goes over the wire. `headers` are names and values in turn; `body` has one character for each byte, and is undefined
 * where there is none.
 */
export interface RenderedProblem {
  readonly status: number;
  readonly headers: string[];
  readonly body: string | undefined;
}

/** What the response needs of its request. */
export interface ProblemContext {
  /** Without anything that JSON or a header would have to escape. */
  readonly requestId: string;
  /** The media type of the response where the client speaks gRPC. */
  readonly grpcType: string | undefined;
  /** The `id` of the JSON-RPC message that the request brought, as JSON; undefined where none was read. */
  readonly jsonRpcId: string | undefined;
  /** What every response to the request carries, names and values in turn. */
  readonly addedHeaders: readonly string[];
  /** Set where another proxy only asks about the request. */
  readonly via?: Via | undefined;
  /** The value of `WWW-Authenticate`, where the refusal has one. */
  challengeFor(refusal: Refusal): string | undefined;
}

/** The body of each refusal up to the id of its request. */
const BEGINNINGS = Object.fromEntries(
  (Object.keys(REFUSALS) as RefusalCode[]).map((code) => {
    const { title, status } = REFUSALS[code];
    return [
      code,
      `{"type":"urn:sealgate:refusal:${code}","title":"${title}","status":${status},"code":"${code}","requestId":"`,
    ];
  }),
) as Readonly<Record<RefusalCode, string>>;

/**
 * Renders a refusal as problem details (RFC 9457), for gRPC clients as a response that is all head (Trailers-Only), and in response to a
 * JSON-RPC message as its error. nginx passes on no status but 401 and 403 of `auth_request`: the others are 403 there, beside the
 * status meant. This is the only place where a refusal becomes a response: it has nothing of the token, the keys or the network, so `reason` stays out.
 */
export function renderProblem(refusal: Refusal, context: ProblemContext): RenderedProblem {
  const { requestId, grpcType, jsonRpcId, addedHeaders } = context;
  const { code, allow, retryAfterSeconds } = refusal;
  const body = grpcType === undefined ? renderBody(refusal, requestId, jsonRpcId) : undefined;
  const headers = [
    'content-type',
    grpcType ?? (jsonRpcId === undefined ? 'application/problem+json' : 'application/json'),
    'content-length',
    body === undefined ? '0' : String(body.length),
    'cache-control',
    'no-store',
    'x-request-id',
    requestId,
  ];
  if (grpcType !== undefined) headers.push(...GRPC_FIELDS[code]);
  const wwwAuthenticate = context.challengeFor(refusal);
  if (wwwAuthenticate !== undefined) headers.push('www-authenticate', wwwAuthenticate);
  if (allow !== undefined) headers.push('allow', allow.join(', '));
  if (retryAfterSeconds !== undefined) headers.push('retry-after', String(retryAfterSeconds));
  for (let at = 0; at < addedHeaders.length; at += 2) {
    const name = addedHeaders[at] as string;
    if (name !== 'cache-control') headers.push(name, addedHeaders[at + 1] as string);
  }
  const { status } = REFUSALS[code];
  if (context.via === 'auth-request' && status < 500 && status !== 401) {
    headers.push('x-sealgate-status', String(status));
    return { status: 403, headers, body };
  }
  return { status: grpcType === undefined ? status : 200, headers, body };
}

function renderBody(refusal: Refusal, requestId: string, jsonRpcId: string | undefined): string {
  return jsonRpcId === undefined
    ? `${BEGINNINGS[refusal.code]}${requestId}"}\n`
    : renderJsonRpcError(refusal, requestId, jsonRpcId);
}

/** True when the connection cannot be trusted to be in step after this refusal. */
export function closesConnection(refusal: Refusal): boolean {
  return 'closes' in REFUSALS[refusal.code];
}

/** The same refusal as the bytes of a whole HTTP/1.1 response, for sockets without a parser. */
export function renderProblemMessage(refusal: Refusal, context: ProblemContext): string {
  const { status, headers, body = '' } = renderProblem(refusal, context);
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return `${head}date: ${new Date().toUTCString()}\r\nconnection: close\r\n\r\n${body}`;
}
