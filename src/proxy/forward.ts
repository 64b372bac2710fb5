import { awaitTurn } from './await-turn.ts';
import type { ForwardJob } from './forward-job.ts';
import { ProxiedRequest } from './proxied-request.ts';

/**
 * Sends one request to the backend and the response to the client, both as streams with back-pressure. One
 * request of a client is at most one request to a backend, save the one retry of a connection that turned out to be closed.
 */
export function forward(job: ForwardJob): void {
  const { req, res, observer } = job;
  if (!res.isQueued || res.destroyed) {
    start(job);
    return;
  }
  awaitTurn(req, res, {
    came: () => start(job),
    refused: (refusal) => observer.refused(refusal, 0),
    gone: () => observer.abandoned(0),
  });
}

function start(job: ForwardJob): void {
  const { res, observer } = job;
  // The client left during the decision, or the gateway responded while the request waited for its turn.
  if (res.destroyed || res.headersSent) observer.abandoned(0);
  else new ProxiedRequest(job).start();
}
