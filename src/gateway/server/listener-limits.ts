import type { Server } from 'node:http';
import type { Config } from '../../config/schema/config.ts';

type Limits = Config['listen']['limits'];

/** Idle time of a client connection; above the 60 s that load balancers keep theirs, so they close first. */
export const KEEP_ALIVE_MS = 75_000;

type Tunable = Pick<Server, 'maxHeadersCount' | 'maxConnections' | 'headersTimeout'>;

const applied = new WeakMap<object, Limits>();

/** The limits that were applied to a server last. */
export function limitsOf(server: object): Limits | undefined {
  return applied.get(server);
}

/** Puts the limits active that a listener can change while it runs. `headerBytes` is not among them. */
export function applyLimits(server: Tunable, limits: Limits): void {
  const { headers, connections, headerTimeout } = limits;
  applied.set(server, limits);
  // Node drops what exceeds this without a word, so one more than the limit must get through to be refused.
  server.maxHeadersCount = headers + 1;
  server.maxConnections = connections;
  server.headersTimeout = headerTimeout;
}
