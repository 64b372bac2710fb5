import type { Socket } from 'node:net';
import { refuse } from '../core/refusals.ts';
import type { ForwardJob } from './forward-job.ts';
import { ProxiedRequest } from './proxied-request.ts';

/** Requests that may wait on one connection. Node reads them for as long as nothing is written; refusals make it stop. */
const MAX_WAITING = 1_024;
const WAITING = Symbol('requests that wait for their turn');
type ClientSocket = Socket & { [WAITING]?: number };

const TOO_MANY = refuse('pipelined_too_many', 'too many requests wait for their turn on one connection', {
  retryAfterSeconds: 1,
});

/**
 * Sends one request to the backend and the response to the client, both as streams with back-pressure. One
 * request of a client is at most one request to a backend, save the one retry of a connection that turned out to be closed.
 */
export function forward(job: ForwardJob): void {
  const { res } = job;
  if (res.isQueued && !res.destroyed) awaitTurn(job);
  else start(job);
}

function start(job: ForwardJob): void {
  const { res, observer } = job;
  // The client left during the decision, or the gateway responded while the request waited for its turn.
  if (res.destroyed || res.headersSent) observer.abandoned(0);
  else new ProxiedRequest(job).start();
}

/**
 * The responses of pipelined requests queue behind each other. Sending them to the backend one at a time keeps one client from
 * holding many backend connections with responses that wait for their turn.
 */
function awaitTurn(job: ForwardJob): void {
  const { req, res, observer } = job;
  const socket: ClientSocket = req.socket;
  const waiting = socket[WAITING] ?? 0;
  if (waiting >= MAX_WAITING) {
    observer.refused(TOO_MANY, 0);
    return;
  }
  socket[WAITING] = waiting + 1;
  let isWaiting = true;
  const leave = (next: () => void): void => {
    if (!isWaiting) return;
    isWaiting = false;
    socket[WAITING] = (socket[WAITING] as number) - 1;
    next();
  };
  res.once('socket', () => leave(() => start(job)));
  req.once('close', () => leave(() => observer.abandoned(0)));
}
