import { setImmediate } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { ClientConnections } from './client-connections.ts';

/** How often connections are looked for that have become idle. */
const IDLE_CHECK_MS = 50;
/** Time that the refusals of what is broken off have to go out. */
const LAST_WORD_MS = 100;

/** What may still be going on when accepting has ended. */
interface Running {
  readonly connections: ClientConnections;
  readonly running: Iterable<unknown>;
  /** Tells the clients of what is broken off why, as far as their answers have not begun. */
  refuseRunning(): void;
}

/**
 * Stops accepting and waits for what runs; breaks it off after `graceMs`. A connection that was busy when accepting ended is closed
 * as soon as it is idle, since its client may keep it for as long as it likes. A client that does not close what was ended breaks
 * nothing off.
 */
export async function drainServer(
  app: FastifyInstance,
  graceMs: number,
  { connections, running, refuseRunning }: Running,
): Promise<'clean' | 'cut'> {
  let outcome: 'clean' | 'cut' = 'clean';
  const destroyAll = (): void => {
    for (const connection of connections) connection.destroy();
  };
  const cut = setTimeout(() => {
    if ([...running].length === 0) {
      destroyAll();
      return;
    }
    outcome = 'cut';
    refuseRunning();
    setTimeout(destroyAll, LAST_WORD_MS);
  }, graceMs);
  connections.drain();
  const idle = setInterval(() => connections.closeIdle(), IDLE_CHECK_MS);
  await app.close();
  clearInterval(idle);
  clearTimeout(cut);
  // The last requests are told of when their sockets have closed, which is a turn of the event loop later.
  await setImmediate();
  return outcome;
}
