import type { Socket } from 'node:net';
import { refuse } from '../core/refusals.ts';
import { Exchange } from './exchange.ts';
import type { Forwarding } from './forwarding.ts';

/** Requests that may wait on one connection. Node reads them for as long as nothing is written; refusals make it stop. */
const MAX_WAITING = 1_024;
const WAITING = Symbol('requests that wait for their turn');
type ClientSocket = Socket & { [WAITING]?: number };

const TOO_MANY = refuse('pipelined_too_many', 'too many requests wait for their turn on one connection', {
  retryAfterSeconds: 1,
});

/**
 * Sends one request to the backend and the answer to the client, both as streams with back-pressure. One
 * request of a client is at most one request to a backend, save the repeat that contract §3.8 allows.
 */
export function forward(forwarding: Forwarding): void {
  const { res } = forwarding;
  if (res.socket !== null || res.destroyed) new Exchange(forwarding).start();
  else awaitTurn(forwarding);
}

/**
 * The answers of pipelined requests queue behind each other. Going up one at a time keeps one client from holding many backend
 * connections with answers that wait for their turn.
 */
function awaitTurn(forwarding: Forwarding): void {
  const { req, res, observer } = forwarding;
  const socket: ClientSocket = req.socket;
  const waiting = socket[WAITING] ?? 0;
  if (waiting >= MAX_WAITING) {
    observer.refused(TOO_MANY, 0);
    return;
  }
  socket[WAITING] = waiting + 1;
  const exchange = new Exchange(forwarding);
  let isWaiting = true;
  const leave = (): void => {
    if (isWaiting) socket[WAITING] = (socket[WAITING] as number) - 1;
    isWaiting = false;
  };
  res.once('socket', () => {
    leave();
    exchange.start();
  });
  req.once('close', () => {
    leave();
    exchange.abandonQueued();
  });
}
