import { rateLimitNetwork } from '../pipeline/rate-limit/rate-limit-network.ts';

/** Counts the requests that wait for a provider, so that a slow one costs no more than so many of them. */
export interface CallGate {
  /** Pair with `leave` when it gave true. */
  enter(address: string): boolean;
  leave(address: string): void;
}

const MOST = 256;
/** So that one client cannot keep out the others. */
const MOST_OF_ONE = MOST / 8;

export function createCallGate(): CallGate {
  const waiting = new Map<string, number>();
  let all = 0;
  return {
    enter(address) {
      const key = rateLimitNetwork(address);
      const own = waiting.get(key) ?? 0;
      if (all >= MOST || own >= MOST_OF_ONE) return false;
      all += 1;
      waiting.set(key, own + 1);
      return true;
    },
    leave(address) {
      const key = rateLimitNetwork(address);
      const left = (waiting.get(key) ?? 1) - 1;
      all -= 1;
      if (left === 0) waiting.delete(key);
      else waiting.set(key, left);
    },
  };
}
