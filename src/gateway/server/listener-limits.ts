import type { Server } from 'node:http';
import type { Config } from '../../config/schema/config.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';

type Limits = Config['listen']['limits'];

/** Idle time of a client connection; above the 60 s that load balancers keep theirs, so they close first. */
export const KEEP_ALIVE_MS = 75_000;

type Tunable = Pick<Server, 'maxHeadersCount' | 'maxConnections' | 'headersTimeout'>;

const applied = new WeakMap<object, Limits>();

/** The limits that were applied to a server last. */
export function limitsOf(server: object): Limits | undefined {
  return applied.get(server);
}

/** Applies the limits that a listener can change while it runs. `headerBytes` is not among them. */
export function applyLimits(server: Tunable, limits: Limits): void {
  const { headers, connections, headerTimeout } = limits;
  applied.set(server, limits);
  // Node silently drops what exceeds this, so one more than the limit must get through to be refused.
  server.maxHeadersCount = headers + 1;
  server.maxConnections = connections;
  server.headersTimeout = headerTimeout;
}

/** Refuses a request with more header fields than the limit. */
export function fieldCountFault(rawHeaders: readonly string[], { headers }: Limits): Refusal | undefined {
  if (rawHeaders.length <= headers * 2) return undefined;
  return refuse('header_count', 'more header fields than listen.limits.headers allows');
}
