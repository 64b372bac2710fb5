import { STATUS_CODES } from 'node:http';
import { REFUSALS, type Refusal } from '../core/refusals.ts';
import { challengeFor } from './challenge.ts';

/** A refusal as it goes over the wire. `headers` are names and values in turn. */
export interface Problem {
  readonly status: number;
  readonly headers: string[];
  readonly body: string;
}

/** What a refusal needs to know of the request it answers. */
export interface ProblemContext {
  readonly requestId: string;
  /** The `realm` of challenges. */
  readonly realm: string;
}

/**
 * Renders a refusal as problem details (RFC 9457). This is the only place where a refusal becomes a response:
 * the body has nothing of the token, the keys or the network, so `reason` stays out.
 */
export function renderProblem(refusal: Refusal, { requestId, realm }: ProblemContext): Problem {
  const row = REFUSALS[refusal.code];
  const body = `{"type":"urn:sealgate:refusal:${refusal.code}","title":"${row.title}","status":${row.status},"code":"${refusal.code}","requestId":${JSON.stringify(requestId)}}\n`;
  const headers = [
    'content-type',
    'application/problem+json',
    'content-length',
    String(Buffer.byteLength(body)),
    'cache-control',
    'no-store',
    'x-request-id',
    requestId,
  ];
  const wwwAuthenticate = challengeFor(refusal, realm);
  if (wwwAuthenticate !== undefined) headers.push('www-authenticate', wwwAuthenticate);
  if (refusal.allow !== undefined) headers.push('allow', refusal.allow.join(', '));
  if (refusal.retryAfterSeconds !== undefined) headers.push('retry-after', String(refusal.retryAfterSeconds));
  if (refusal.headers !== undefined) {
    for (const [name, value] of Object.entries(refusal.headers)) headers.push(name, value);
  }
  return { status: row.status, headers, body };
}

/** True when the connection cannot be trusted to be in step after this refusal. */
export function closesConnection(refusal: Refusal): boolean {
  return 'closes' in REFUSALS[refusal.code];
}

/** The same refusal as the bytes of a whole HTTP/1.1 response, for sockets that no parser owns any more. */
export function renderProblemMessage(
  refusal: Refusal,
  context: ProblemContext & { readonly answerHeaders: readonly string[] },
): string {
  const { status, headers: own, body } = renderProblem(refusal, context);
  const headers = [...own, ...context.answerHeaders];
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return `${head}date: ${new Date().toUTCString()}\r\nconnection: close\r\n\r\n${body}`;
}
