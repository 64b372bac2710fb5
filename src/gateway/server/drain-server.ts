import { setImmediate } from 'node:timers/promises';
import type { ClientConnections } from './client-connections.ts';

/** How often connections are closed that have become idle. */
const IDLE_CHECK_MS = 50;
/** Time for the refusals of requests that are broken off to go out. */
const LAST_REFUSALS_MS = 100;

/** What is open when accepting ends. */
interface Running {
  readonly connections: ClientConnections;
  readonly running: Iterable<unknown>;
  /** Refuses the requests whose responses have not begun, so that their clients learn the reason. */
  refuseRunning(): void;
}

/**
 * Stops accepting (`close`, which resolves once all connections have closed) and waits for running requests; breaks them off after `graceMs` (`cut`). A connection that was busy is closed as
 * soon as it is idle, since its client could keep it open. A client that only leaves its connection open is no reason for `cut`.
 */
export async function drainServer(
  close: () => Promise<unknown>,
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
    setTimeout(destroyAll, LAST_REFUSALS_MS);
  }, graceMs);
  connections.drain();
  const idle = setInterval(() => connections.closeIdle(), IDLE_CHECK_MS);
  await close();
  clearInterval(idle);
  clearTimeout(cut);
  // The last requests end a turn of the event loop after their sockets have closed.
  await setImmediate();
  return outcome;
}
