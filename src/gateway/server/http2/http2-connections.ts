import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Config } from '../../../config/schema/config.ts';
import { Http2Connection } from './http2-connection.ts';

type Limits = Config['listen']['limits'];

/** The connections of one listener over HTTP/2. */
export interface Http2Connections {
  add(socket: Socket, session: Http2Session): void;
  /** Accepts no more requests and lets open ones finish. */
  close(): void;
  /** The same at a moment when no client has a request on its way, if there is one. */
  retire(): void;
  destroy(): void;
}

/** A quarter of the shortest deadline that a file can set, within these bounds in milliseconds. */
const [SHORTEST_LOOK_MS, LONGEST_LOOK_MS] = [25, 1_000];

/**
 * Keeps connections and checks all of them by one timer. `limits` is called at every check, so a reload takes effect with the next.
 * `keepsIdle`: clients that are there may keep connections that they do not use.
 */
export function keepConnections(limits: () => Limits, keepsIdle: boolean): Http2Connections {
  const connections = new Set<Http2Connection>();
  /** Stops with this process: what a client sent meanwhile is not read yet. */
  let nowMs = 0;
  let timer: NodeJS.Timeout | undefined;

  function lookLater(): void {
    const { bodyIdle, headerTimeout } = limits();
    const pauseMs = Math.min(
      Math.max(Math.min(bodyIdle, headerTimeout) / 4, SHORTEST_LOOK_MS),
      LONGEST_LOOK_MS,
    );
    const startedAtMs = performance.now();
    timer = setTimeout(() => {
      nowMs += Math.min(performance.now() - startedAtMs, 2 * pauseMs);
      for (const connection of connections) connection.look(nowMs, limits());
      timer = undefined;
      if (connections.size > 0) lookLater();
    }, pauseMs);
    timer.unref();
  }

  return {
    add(socket, session) {
      const connection = new Http2Connection(socket, session, { nowMs, keepsIdle });
      connections.add(connection);
      socket.once('close', () => connections.delete(connection));
      if (timer === undefined) lookLater();
    },
    close() {
      for (const connection of connections) connection.close(nowMs);
    },
    retire() {
      for (const connection of connections) connection.retire();
    },
    destroy() {
      for (const connection of connections) connection.destroy();
    },
  };
}
