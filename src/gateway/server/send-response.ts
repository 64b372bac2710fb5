import { REFUSALS, type Refusal } from '../../core/refusals.ts';
import type { OutgoingResponse } from '../../http/client-messages.ts';
import {
  closesConnection,
  type ProblemContext,
  renderProblem,
  renderProblemMessage,
} from '../../http/problem.ts';
import type { ClientConnection } from './client-connection.ts';

/** Responds with a refusal. A response that has begun is broken off instead: then it returns false. */
export function sendRefusal(refusal: Refusal, context: ProblemContext, res: OutgoingResponse): boolean {
  if (res.headersSent) {
    res.breakOff(false);
    return false;
  }
  if (res.destroyed) return false;
  const { status, headers, body } = renderProblem(refusal, context);
  // What is wrong with a request that another proxy asks about is not wrong with the question.
  if (context.via === undefined && closesConnection(refusal)) res.leaveRequestUnread();
  respond(res, { status, headers, body, encoding: 'latin1' });
  return true;
}

/** A response of the gateway's own that is no refusal. */
export interface OwnResponse {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: string | undefined;
}

/** Responds in place of a backend: to preflights (Fetch §3.2.2), with documents of the gateway's own, and as a front for OAuth clients. */
export function sendOwnResponse(own: OwnResponse, context: ProblemContext, res: OutgoingResponse): void {
  // A front may have waited for its provider meanwhile.
  if (res.destroyed) return;
  const headers = ['x-request-id', context.requestId, ...own.headers, ...context.addedHeaders];
  respond(res, { status: own.status, headers, body: own.body, encoding: 'utf8' });
}

/** Responds with a refusal on a socket that no parser owns: writes the whole message and closes. Returns the status sent. */
export function sendRefusalOnSocket(
  refusal: Refusal,
  context: ProblemContext,
  connection: ClientConnection,
): number {
  const { socket } = connection;
  if (!socket.writable) {
    connection.destroy();
    return 0;
  }
  socket.write(renderProblemMessage(refusal, context), 'latin1');
  connection.linger();
  return REFUSALS[refusal.code].status;
}

interface ResponseParts {
  readonly status: number;
  readonly headers: string[];
  readonly body: string | undefined;
  /** `latin1` for ASCII, which is written without reading each character ("written as ASCII" in docs/performance.md). */
  readonly encoding: 'latin1' | 'utf8';
}

function respond(res: OutgoingResponse, { status, headers, body, encoding }: ResponseParts): void {
  res.skipRequestBody();
  if (body === undefined || res.req.method === 'HEAD') {
    res.endWithHead(status, headers);
    return;
  }
  res.writeHead(status, undefined, headers);
  res.end(body, encoding);
}
