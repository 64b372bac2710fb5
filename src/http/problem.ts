import { STATUS_CODES } from 'node:http';
import { REFUSALS, type Refusal, type RefusalCode } from '../core/refusals.ts';
import { GRPC_FIELDS } from './grpc.ts';

/** A refusal as it goes over the wire. `headers` are names and values in turn; `body` is ASCII, undefined where there is none. */
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
  /** What every response to the request carries, names and values in turn. */
  readonly addedHeaders: readonly string[];
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
 * Renders a refusal as problem details (RFC 9457), and for gRPC clients as a response that is all head (Trailers-Only). This is the only
 * place where a refusal becomes a response: it has nothing of the token, the keys or the network, so `reason` stays out.
 */
export function renderProblem(refusal: Refusal, context: ProblemContext): RenderedProblem {
  const { requestId, grpcType, addedHeaders } = context;
  const { code, allow, retryAfterSeconds } = refusal;
  const body = grpcType === undefined ? `${BEGINNINGS[code]}${requestId}"}\n` : undefined;
  const headers = [
    'content-type',
    grpcType ?? 'application/problem+json',
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
  for (const item of addedHeaders) headers.push(item);
  return { status: grpcType === undefined ? REFUSALS[code].status : 200, headers, body };
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
