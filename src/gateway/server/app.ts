import { type IncomingMessage, METHODS, type Server, type ServerResponse } from 'node:http';
import httpProxy from '@fastify/http-proxy';
import Fastify, { type FastifyInstance } from 'fastify';
import { NO_SCHEMAS } from '../../admin/no-schemas.ts';
import type { ListenerEvents, ServedResponse } from './listener-events.ts';

/** The stand-in upstream that `@fastify/http-proxy` insists on; nothing is ever sent there. */
const NO_UPSTREAM = 'http://gateway.invalid';

/** Every method that Node's parser knows, except CONNECT, which is never forwarded. */
const METHODS_SERVED = METHODS.filter((method) => method !== 'CONNECT');

/**
 * Makes the Fastify application of the client-facing listener: one registration of `@fastify/http-proxy` for the
 * whole gateway, whose `preHandler` leads to our forwarder. Its own handler would make three URLs of every request
 * to guard a forwarder that we do not use ("http-proxy's `preHandler`" in docs/performance.md).
 *
 * Requests are decided before Fastify: only permitted ones get there, and each of these has its `forward`. Fastify's router must
 * not parse the target a second time after `http/target.ts`, so it sees `/` for every request. Every method counts as bodyless, so
 * that no content type parser reads or refuses a body that only streams through.
 */
export async function createApp(
  makeServer: (pass: ListenerEvents['request']) => Server,
): Promise<FastifyInstance> {
  const app = Fastify({
    serverFactory: (onRequest) =>
      makeServer((req, res) =>
        onRequest(req as unknown as IncomingMessage, res as unknown as ServerResponse),
      ),
    rewriteUrl: () => '/',
    exposeHeadRoutes: false,
    return503OnClosing: false,
    requestIdHeader: false,
    logger: false,
    schemaController: NO_SCHEMAS,
    // Fastify would write a response of its own; the listener writes it in the order of the requests.
    clientErrorHandler: () => undefined,
  });
  for (const method of METHODS_SERVED) app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  await app.register(httpProxy, {
    upstream: NO_UPSTREAM,
    httpMethods: METHODS_SERVED as never,
    preHandler: (_, reply) => {
      const { forward } = reply.raw as ServerResponse & ServedResponse;
      if (forward === undefined) throw new Error('a request reached the forwarder without a permit');
      reply.hijack();
      forward();
    },
    handler: () => {
      throw new Error('a request got past the forwarder');
    },
  });
  await app.ready();
  return app;
}
