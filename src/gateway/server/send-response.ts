import type { IncomingMessage, ServerResponse } from 'node:http';
import { REFUSALS, type Refusal } from '../../core/refusals.ts';
import { discardBody } from '../../http/discard-body.ts';
import { isMultiplexed } from '../../http/multiplexed.ts';
import {
  closesConnection,
  type ProblemContext,
  renderProblem,
  renderProblemMessage,
} from '../../http/problem.ts';
import type { DirectResponse } from '../../pipeline/direct-response.ts';
import type { ClientConnection } from './client-connection.ts';

/** A refused body up to this size is read and dropped, so that the connection can go on. */
const DROPPED_BODY_BYTES = 64 * 1024;

/** Answers a request with a refusal. Once another answer has begun, only the connection can say that it failed. */
export function sendRefusal(refusal: Refusal, context: ProblemContext, res: ServerResponse): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  if (res.destroyed) return;
  const { status, headers, body } = renderProblem(refusal, context);
  if (closesConnection(refusal) && !isMultiplexed(res.req)) res.shouldKeepAlive = false;
  respond(res, { status, headers, body, encoding: 'latin1' });
}

/** Answers in place of a backend: preflights (Fetch §3.2.2), and the gateway's own keys. */
export function sendDirectResponse(own: DirectResponse, context: ProblemContext, res: ServerResponse): void {
  const headers = ['x-request-id', context.requestId, ...own.headers, ...context.addedHeaders];
  respond(res, { status: own.status, headers, body: own.body, encoding: 'utf8' });
}

/** Answers with a refusal on a socket that no parser owns: writes the whole message and closes. Gives the status sent. */
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
  /** Of what is ASCII `latin1`, which is written without a look at each character. */
  readonly encoding: 'latin1' | 'utf8';
}

function respond(res: ServerResponse, { status, headers, body, encoding }: ResponseParts): void {
  const { req } = res;
  if (isMultiplexed(req)) {
    if (!req.complete) discardBody(req);
  } else if (announcesBody(req)) {
    if (leavesSurplus(req)) res.shouldKeepAlive = false;
    if (!req.complete) discardBody(req);
  }
  res.writeHead(status, headers);
  if (body === undefined || req.method === 'HEAD') res.end();
  else res.end(body, encoding);
}

/** Whether more than the head belongs to the request. The parser calls nothing complete before it has looked behind the head. */
function announcesBody({ headers, complete }: IncomingMessage): boolean {
  if (headers.expect !== undefined) return true;
  return !complete && (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined);
}

/** True when reading the rest of the request costs more than a new connection, or when nobody can tell where it ends. */
function leavesSurplus(req: IncomingMessage): boolean {
  const { expect, 'content-length': length, 'transfer-encoding': coding } = req.headers;
  // Whoever waits for 100 Continue may send the body or not.
  if (expect !== undefined) return true;
  return !req.complete && (coding !== undefined || Number(length) > DROPPED_BODY_BYTES);
}
