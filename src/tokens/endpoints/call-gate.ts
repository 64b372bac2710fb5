import { networkOf } from '../../core/network/client-network.ts';

/** Counts the requests that wait for a provider, so that a slow one costs no more than so many of them. */
export interface CallGate {
  /** Pair with `leave` when it gave true. */
  enter(address: string): boolean;
  leave(address: string): void;
  /** From now on so many. Those that are inside stay. */
  resize(most: number): void;
}

/** Lets `most` through at a time, and of one client address (or IPv6 network) a part of that, at least one. Default: an eighth. */
export function createCallGate(most: number, part = 1 / 8): CallGate {
  let limit = most;
  const waiting = new Map<string, number>();
  let all = 0;
  return {
    enter(address) {
      const key = networkOf(address);
      const own = waiting.get(key) ?? 0;
      if (all >= limit || own >= Math.max(1, Math.floor(limit * part))) return false;
      all += 1;
      waiting.set(key, own + 1);
      return true;
    },
    leave(address) {
      const key = networkOf(address);
      const left = (waiting.get(key) ?? 1) - 1;
      all -= 1;
      if (left === 0) waiting.delete(key);
      else waiting.set(key, left);
    },
    resize(most) {
      limit = most;
    },
  };
}
