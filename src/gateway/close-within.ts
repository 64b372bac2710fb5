import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';

/** How often connections are looked for that have become idle. */
const IDLE_CHECK_MS = 50;
/** Time that the refusals of what is broken off have to go out. */
const LAST_WORD_MS = 100;
/** Time for the first request of a connection that was accepted last of all. */
const FIRST_WORD_MS = 500;

/** What may still be going on when accepting has ended. */
interface Running {
  readonly connections: Iterable<Socket>;
  /** Tells the clients of what is broken off why, as far as their answers have not begun. */
  refuseRunning(): void;
}

/**
 * Stops accepting and waits for what runs; breaks it off after `graceMs`. A connection that was busy when accepting ended is closed
 * as soon as it is idle, since its client may keep it for as long as it likes.
 */
export async function closeWithin(
  app: FastifyInstance,
  graceMs: number,
  { connections, refuseRunning }: Running,
): Promise<'clean' | 'cut'> {
  const { server } = app;
  const startedAtMs = performance.now();
  let outcome: 'clean' | 'cut' = 'clean';
  const closeIdle = (): void => {
    server.closeIdleConnections();
    // Node counts a connection that has never said a word as busy.
    if (performance.now() - startedAtMs < FIRST_WORD_MS) return;
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
  };
  const cut = setTimeout(() => {
    outcome = 'cut';
    refuseRunning();
    setTimeout(() => {
      for (const socket of connections) socket.destroy();
    }, LAST_WORD_MS);
  }, graceMs);
  const idle = setInterval(closeIdle, IDLE_CHECK_MS);
  await app.close();
  clearInterval(idle);
  clearTimeout(cut);
  // The last exchanges are told of when their sockets have closed, which is a turn of the event loop later.
  await setImmediate();
  return outcome;
}
