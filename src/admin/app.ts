import Fastify, { type FastifyInstance } from 'fastify';

/** What the admin listener shows. */
export interface AdminSources {
  readonly isReady: () => boolean;
  /** State of each issuer's keys, for `/ready?verbose`. */
  readonly issuers: () => readonly unknown[];
}

/** Makes the admin application: health for load balancers and orchestrators, on a listener of its own. */
export function createAdmin({ isReady, issuers }: AdminSources): FastifyInstance {
  const app = Fastify({ logger: false, exposeHeadRoutes: true });
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });
  app.get('/live', async () => ({ status: 'live' }));
  app.get<{ Querystring: { verbose?: string } }>('/ready', async (request, reply) => {
    const ready = isReady();
    reply.status(ready ? 200 : 503);
    const status = ready ? 'ready' : 'not ready';
    return request.query.verbose === undefined ? { status } : { status, issuers: issuers() };
  });
  return app;
}
