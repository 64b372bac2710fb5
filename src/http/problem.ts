import { STATUS_CODES } from 'node:http';
import { REFUSALS, type Refusal, type RefusalCode } from '../core/refusals.ts';
import { challengeFor } from './challenge.ts';

/** A refusal as it goes over the wire. `headers` are names and values in turn; `body` is ASCII. */
export interface RenderedProblem {
  readonly status: number;
  readonly headers: string[];
  readonly body: string;
}

/** What the response needs of its request. */
export interface ProblemContext {
  /** Without anything that JSON or a header would have to escape. */
  readonly requestId: string;
  /** The `realm` of challenges. */
  readonly realm: string;
  /** What every response to the request carries, names and values in turn. */
  readonly addedHeaders: readonly string[];
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
 * Renders a refusal as problem details (RFC 9457). This is the only place where a refusal becomes a response:
 * the body has nothing of the token, the keys or the network, so `reason` stays out.
 */
export function renderProblem(
  refusal: Refusal,
  { requestId, realm, addedHeaders }: ProblemContext,
): RenderedProblem {
  const body = `${BEGINNINGS[refusal.code]}${requestId}"}\n`;
  const headers = [
    'content-type',
    'application/problem+json',
    'content-length',
    String(body.length),
    'cache-control',
    'no-store',
    'x-request-id',
    requestId,
  ];
  const wwwAuthenticate = challengeFor(refusal, realm);
  if (wwwAuthenticate !== undefined) headers.push('www-authenticate', wwwAuthenticate);
  if (refusal.allow !== undefined) headers.push('allow', refusal.allow.join(', '));
  if (refusal.retryAfterSeconds !== undefined) headers.push('retry-after', String(refusal.retryAfterSeconds));
  for (const item of addedHeaders) headers.push(item);
  return { status: REFUSALS[refusal.code].status, headers, body };
}

/** True when the connection cannot be trusted to be in step after this refusal. */
export function closesConnection(refusal: Refusal): boolean {
  return 'closes' in REFUSALS[refusal.code];
}

/** The same refusal as the bytes of a whole HTTP/1.1 response, for sockets without a parser. */
export function renderProblemMessage(refusal: Refusal, context: ProblemContext): string {
  const { status, headers, body } = renderProblem(refusal, context);
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return `${head}date: ${new Date().toUTCString()}\r\nconnection: close\r\n\r\n${body}`;
}
