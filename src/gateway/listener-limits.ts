import type { Server } from 'node:http';
import type { Config } from '../config/schema.ts';

type Limits = Config['listen']['limits'];

type Tunable = Pick<Server, 'maxHeadersCount' | 'maxConnections' | 'headersTimeout'>;

/** Puts the limits in force that a listener can change while it runs. `headerBytes` is not among them. */
export function applyLimits(server: Tunable, { headers, connections, headerTimeout }: Limits): void {
  // Node drops what exceeds this without a word, so one more than the limit must get through to be refused.
  server.maxHeadersCount = headers + 1;
  server.maxConnections = connections;
  server.headersTimeout = headerTimeout;
}
