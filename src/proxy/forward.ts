import { Exchange } from './exchange.ts';
import type { Forwarding } from './forwarding.ts';

/**
 * Sends one request to the backend and the answer to the client, both as streams with back-pressure. One
 * request of a client is at most one request to a backend, save the repeat that contract §3.8 allows.
 */
export function forward(forwarding: Forwarding): void {
  const { req, res } = forwarding;
  const exchange = new Exchange(forwarding);
  if (res.socket !== null || res.destroyed) {
    exchange.start();
    return;
  }
  // The answers of pipelined requests queue behind each other. Going up one at a time keeps one client from
  // holding many backend connections with answers that wait for their turn.
  res.once('socket', () => exchange.start());
  req.once('close', () => exchange.abandonQueued());
}
