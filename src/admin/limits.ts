import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Most connections of the admin listener; scrapers, probes and an operator need a dozen. */
const CONNECTIONS = 100;
/** Time for a whole request; bodies are ignored. */
const REQUEST_MS = 10_000;
const HEADERS_MS = 5_000;
const KEEP_ALIVE_MS = 75_000;
/** Longest idle time within a request: more than fetching keys takes. */
const STILL_MS = 60_000;
const CHECK_MS = 1_000;

/** Server options for the limits that Node enforces. */
export const ADMIN_SERVER_LIMITS = {
  connectionTimeout: STILL_MS,
  requestTimeout: REQUEST_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  http: { headersTimeout: HEADERS_MS, connectionsCheckingInterval: CHECK_MS, maxHeaderSize: 16 * 1024 },
} as const;

/**
 * Limits the connections without locking anybody out: beyond the limit the oldest without a running request is closed, or if all
 * have one, the oldest.
 */
export function boundConnections(server: Server): void {
  const idle = new Set<Socket>();
  const all = new Set<Socket>();
  server.prependListener('connection', (socket: Socket) => {
    all.add(socket);
    if (all.size > CONNECTIONS) {
      const [oldest] = idle.size > 0 ? idle : all;
      oldest?.destroy();
    }
    idle.add(socket);
    socket.once('close', () => {
      all.delete(socket);
      idle.delete(socket);
    });
  });
  server.prependListener('request', ({ socket }: IncomingMessage, res: ServerResponse) => {
    idle.delete(socket);
    res.once('close', () => {
      if (!socket.destroyed) idle.add(socket);
    });
  });
}
