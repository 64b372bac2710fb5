import { type IncomingMessage, METHODS, type Server } from 'node:http';
import httpProxy from '@fastify/http-proxy';
import Fastify, { type FastifyInstance } from 'fastify';
import { NO_SCHEMAS } from '../../admin/no-schemas.ts';
import type { GatewayResponse } from './listener-events.ts';

/** What happens to a request: first the gate, which alone may let it on, then the forwarding. */
export interface AppHandlers {
  /** Decides; calls `pass` when the request may go on, and answers it otherwise. */
  readonly gate: (req: IncomingMessage, res: GatewayResponse, pass: OnRequest) => void;
  /** Forwards what the gate let pass. */
  readonly forward: (req: IncomingMessage, res: GatewayResponse) => void;
}

type OnRequest = (req: IncomingMessage, res: GatewayResponse) => void;

/** The stand-in upstream that `@fastify/http-proxy` insists on; nothing is ever sent there. */
const NO_UPSTREAM = 'http://gateway.invalid';

/** Every method Node's parser knows; CONNECT never becomes a request. */
const METHODS_SERVED = METHODS.filter((method) => method !== 'CONNECT');

/**
 * Makes the Fastify application of the client-facing listener: one registration of `@fastify/http-proxy` for the
 * whole gateway, whose `preHandler` leads to our forwarder. Its own handler would make three URLs of every request
 * to guard a forwarder that we do not use; it cost a tenth of all our JavaScript. Nothing gets there any more.
 *
 * The gate stands before Fastify: what it refuses never gets there, and nothing gets there past it. Fastify's router must not
 * read the target, whose one reading is ours (`http/target.ts`): it sees `/` for every request. Every method counts as
 * bodyless, so that no content type parser looks at a body that only streams through, nor refuses its type.
 */
export async function createApp(
  makeServer: (onRequest: OnRequest) => Server,
  handlers: AppHandlers,
): Promise<FastifyInstance> {
  const app = Fastify({
    serverFactory: (onRequest) => makeServer((req, res) => handlers.gate(req, res, onRequest)),
    rewriteUrl: () => '/',
    exposeHeadRoutes: false,
    return503OnClosing: false,
    requestIdHeader: false,
    logger: false,
    schemaController: NO_SCHEMAS,
    // Fastify would write its own response beside that of the listener, which knows what is still owed on the socket.
    clientErrorHandler: () => undefined,
  });
  for (const method of METHODS_SERVED) app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  await app.register(httpProxy, {
    upstream: NO_UPSTREAM,
    httpMethods: METHODS_SERVED as never,
    preHandler: (request, reply) => {
      reply.hijack();
      handlers.forward(request.raw, reply.raw as GatewayResponse);
    },
    handler: () => {
      throw new Error('a request got past the forwarder');
    },
  });
  await app.ready();
  return app;
}
