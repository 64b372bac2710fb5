import type { Socket } from 'node:net';
import { ClientConnection } from './client-connection.ts';

/** How often deadlines are looked at: one look over all connections, so that a request pays for none. */
const TICK_MS = 250;
/** Time for the first request of a connection that was accepted last of all. */
const FIRST_WORD_MS = 500;

/** All client connections of a gateway. */
export interface ClientConnections extends Iterable<ClientConnection> {
  readonly size: number;
  /** Takes a socket that was accepted; it is let go when it has closed. */
  take(socket: Socket): void;
  /** From now on clients have little time to close what was ended. */
  drain(): void;
  /** Closes what waits for nothing but a further request. Over HTTP/2, sessions do that. */
  closeIdle(): void;
}

export interface ClientConnectionsOptions {
  /** Longest time in which a client takes nothing of what waits for it, in milliseconds; asked at every look. */
  readonly idleMs: () => number;
  /** Bytes wait for these clients, and they took nothing for the time they have. They are reset right after. */
  readonly stalled: (connections: ReadonlySet<ClientConnection>) => void;
  /** The connection has closed. */
  readonly closed: (connection: ClientConnection) => void;
}

/** Makes the register of a gateway's client connections. */
export function createClientConnections({
  idleMs,
  stalled,
  closed,
}: ClientConnectionsOptions): ClientConnections {
  const connections = new Set<ClientConnection>();
  let drainingSinceMs: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let lookedAtMs = 0;
  /** Time as deadlines count it: while the process itself stood still, no client could show that it moves. */
  let countedMs = 0;

  function look(): void {
    const nowMs = performance.now();
    countedMs += Math.min(nowMs - lookedAtMs, 2 * TICK_MS);
    lookedAtMs = nowMs;
    const options = { idleMs: idleMs(), isDraining: drainingSinceMs !== undefined };
    let stuck: Set<ClientConnection> | undefined;
    for (const connection of connections) {
      if (connection.tick(countedMs, options)) continue;
      stuck ??= new Set();
      stuck.add(connection);
    }
    if (stuck === undefined) return;
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
      timer ??= setInterval(look, TICK_MS).unref();
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
      const isLate = performance.now() - (drainingSinceMs ?? 0) >= FIRST_WORD_MS;
      for (const connection of connections) if (connection.isIdle(isLate)) connection.destroy();
    },
    [Symbol.iterator]: () => [...connections][Symbol.iterator](),
  };
}
