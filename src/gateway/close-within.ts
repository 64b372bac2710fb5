import type { FastifyInstance } from 'fastify';

/** How often connections are looked for that have become idle. */
const IDLE_CHECK_MS = 50;

/**
 * Stops accepting and waits for what runs; breaks it off after `graceMs`. A connection that was busy when accepting ended is closed
 * as soon as it is idle, since its client may keep it for as long as it likes.
 */
export async function closeWithin(app: FastifyInstance, graceMs: number): Promise<'clean' | 'cut'> {
  const { server } = app;
  let outcome: 'clean' | 'cut' = 'clean';
  const cut = setTimeout(() => {
    outcome = 'cut';
    server.closeAllConnections();
  }, graceMs);
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
  await app.close();
  clearInterval(idle);
  clearTimeout(cut);
  return outcome;
}
