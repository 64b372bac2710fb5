import type { Socket } from 'node:net';
import { ClientConnection } from './client-connection.ts';

/** How often deadlines are checked: one pass over all connections costs less than a timer for each. */
const TICK_MS = 250;
/** Time for the first request of a connection that was accepted just before draining. */
const FIRST_REQUEST_MS = 500;

/** All client connections of a gateway. */
export interface ClientConnections extends Iterable<ClientConnection> {
  readonly size: number;
  /** Adds an accepted socket until it has closed. */
  take(socket: Socket): void;
  /** From now on clients have little time to close what was ended. */
  drain(): void;
  /** Closes idle connections. Over HTTP/2, sessions do that. */
  closeIdle(): void;
}

export interface ClientConnectionsOptions {
  /** Longest time in which a client reads nothing while bytes wait for it, in milliseconds; called at every tick. */
  readonly idleMs: () => number;
  /** These clients read nothing for too long. Their connections are reset right after. */
  readonly stalled: (connections: ReadonlySet<ClientConnection>) => void;
  /** The connection has closed. */
  readonly closed: (connection: ClientConnection) => void;
}

/** Keeps the client connections of a gateway and enforces their deadlines. */
export function createClientConnections({
  idleMs,
  stalled,
  closed,
}: ClientConnectionsOptions): ClientConnections {
  const connections = new Set<ClientConnection>();
  let drainingSinceMs: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let tickedAtMs = 0;
  /** Time for the deadlines: it stops with the process, since then no client can make progress. */
  let countedMs = 0;

  function tick(): void {
    const nowMs = performance.now();
    countedMs += Math.min(nowMs - tickedAtMs, 2 * TICK_MS);
    tickedAtMs = nowMs;
    const options = { idleMs: idleMs(), isDraining: drainingSinceMs !== undefined };
    const stuck = new Set([...connections].filter((connection) => !connection.tick(countedMs, options)));
    if (stuck.size === 0) return;
    stalled(stuck);
    for (const connection of stuck) connection.reset();
  }

  return {
    get size() {
      return connections.size;
    },
    take(socket) {
      const connection = new ClientConnection(socket);
      connections.add(connection);
      timer ??= setInterval(tick, TICK_MS).unref();
      socket.once('close', () => {
        connections.delete(connection);
        if (connections.size === 0) {
          clearInterval(timer);
          timer = undefined;
        }
        closed(connection);
      });
    },
    drain() {
      drainingSinceMs ??= performance.now();
    },
    closeIdle() {
      const isLate = performance.now() - (drainingSinceMs ?? 0) >= FIRST_REQUEST_MS;
      for (const connection of connections) if (connection.isIdle(isLate)) connection.destroy();
    },
    [Symbol.iterator]: () => [...connections][Symbol.iterator](),
  };
}
