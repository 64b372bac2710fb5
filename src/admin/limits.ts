import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Connections that the admin listener holds; some scrapers, probes and an operator need a dozen. */
const CONNECTIONS = 100;
/** Time for a whole request; bodies have nothing to say. */
const REQUEST_MS = 10_000;
const HEADERS_MS = 5_000;
const KEEP_ALIVE_MS = 75_000;
/** Time in which nothing at all moves on a connection: more than fetching keys takes. */
const STILL_MS = 60_000;
const CHECK_MS = 1_000;

/** Options of the server with the limits that Node keeps itself. */
export const ADMIN_SERVER_LIMITS = {
  connectionTimeout: STILL_MS,
  requestTimeout: REQUEST_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  http: { headersTimeout: HEADERS_MS, connectionsCheckingInterval: CHECK_MS, maxHeaderSize: 16 * 1024 },
} as const;

/**
 * Bounds the connections so that nobody is kept out by those that only stand there: beyond the limit the oldest without a request under
 * way is closed, and if all have one, the oldest of them.
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
