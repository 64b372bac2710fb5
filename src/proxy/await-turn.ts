import type { Socket } from 'node:net';
import { type Refusal, refuse } from '../core/refusals.ts';
import type { IncomingRequest, OutgoingResponse } from '../http/client-messages.ts';

/** Requests that may wait on one connection. Node reads them for as long as nothing is written; refusals make it stop. */
const MAX_WAITING = 1_024;
const WAITING = Symbol('requests that wait for their turn');
type ClientSocket = Socket & { [WAITING]?: number };

const TOO_MANY = refuse('pipelined_too_many', 'too many requests wait for their turn on one connection', {
  retryAfterSeconds: 1,
});

/** How the waiting of a request ended; exactly one is called, once. */
export interface Turn {
  readonly came: () => void;
  readonly refused: (refusal: Refusal) => void;
  /** The client left. */
  readonly gone: () => void;
}

/**
 * The responses of pipelined requests queue behind each other. Sending them to the backend one at a time keeps one client from
 * holding many backend connections with responses that wait for their turn.
 */
export function awaitTurn(req: IncomingRequest, res: OutgoingResponse, turn: Turn): void {
  if (!res.isQueued || res.destroyed) {
    turn.came();
    return;
  }
  const socket: ClientSocket = req.socket;
  const waiting = socket[WAITING] ?? 0;
  if (waiting >= MAX_WAITING) {
    turn.refused(TOO_MANY);
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
  res.once('socket', () => leave(turn.came));
  req.once('close', () => leave(turn.gone));
}
