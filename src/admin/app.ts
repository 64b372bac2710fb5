import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { escapeLines } from '../core/escape.ts';
import type { Clock } from '../core/time/clock.ts';
import { METRICS_CONTENT_TYPE } from '../telemetry/exposition.ts';
import { createAdminGuard, refuseWithoutToken } from './guard.ts';
import { ADMIN_SERVER_LIMITS, boundConnections } from './limits.ts';
import { NO_SCHEMAS } from './no-schemas.ts';
import { PAGE_HEADERS, renderPage } from './page.ts';
import { PAGE_SCRIPT } from './page-script.ts';
import { PAGE_STYLE } from './page-style.ts';
import { refuse } from './problem.ts';
import type { IssuerReport } from './report.ts';
import { addRevocationRoutes, type RevocationSources } from './revocation-routes.ts';
import type { GatewayStatus, RecentDecision } from './status.ts';

/** What the admin listener shows; promises, because some of it comes from workers. */
export interface AdminSources {
  readonly isReady: () => boolean;
  /** State of each issuer's keys, for `/ready?verbose`. */
  readonly issuers: () => readonly unknown[];
  readonly status: () => Promise<GatewayStatus>;
  readonly decisions: () => Promise<readonly RecentDecision[]>;
  /** The metrics as text. */
  readonly metrics: () => Promise<string>;
  /** Fetches the keys of one issuer, or of all, and returns their state; undefined for an unknown issuer. */
  readonly refreshKeys: (issuer: string | undefined) => Promise<readonly IssuerReport[] | undefined>;
  /** What is revoked, in the process that keeps it. */
  readonly revocations: () => RevocationSources;
  /** The configured names of the issuers of the active file. */
  readonly issuerNames: () => readonly string[];
  readonly nowMs: Clock;
  /** `admin.token` of the active file. */
  readonly token: () => string | undefined;
}

/** Makes the admin application: health, metrics and status on a separate listener. */
export function createAdmin(sources: AdminSources): FastifyInstance {
  const app = Fastify({
    logger: false,
    exposeHeadRoutes: true,
    forceCloseConnections: true,
    schemaController: NO_SCHEMAS,
    ...ADMIN_SERVER_LIMITS,
  });
  boundConnections(app.server);
  // People read these in terminals as well.
  app.setReplySerializer((payload) => escapeLines(JSON.stringify(payload)));
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
  });
  // Bodies of any type are dropped.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    done(null);
  });
  app.setNotFoundHandler((_request, reply) =>
    refuse(reply, 404, 'The admin listener has no page at this path.'),
  );
  app.setErrorHandler((_error, _request, reply) =>
    refuse(reply, 500, 'The gateway failed to read its state.'),
  );
  const refuseOtherMethods = watchMethods(app);

  app.get('/live', async () => ({ status: 'live' }));
  app.get<{ Querystring: { verbose?: string } }>('/ready', async (request, reply) => {
    const ready = sources.isReady();
    reply.status(ready ? 200 : 503);
    const status = ready ? 'ready' : 'not ready';
    return request.query.verbose === undefined ? { status } : { status, issuers: sources.issuers() };
  });
  app.get('/metrics', async (_request, reply) => {
    reply.type(METRICS_CONTENT_TYPE);
    return sources.metrics();
  });
  refuseOtherMethods();
  app.register((inner) => guarded(inner, sources));
  return app;
}

/** Only for the machine itself and for clients with the token. */
async function guarded(app: FastifyInstance, sources: AdminSources): Promise<void> {
  let token = sources.token();
  let guard = createAdminGuard(token);
  app.addHook('onRequest', async (request, reply) => {
    if (token !== sources.token()) {
      token = sources.token();
      guard = createAdminGuard(token);
    }
    const refusal = guard(facts(request));
    if (refusal === undefined) return;
    if (refusal.status === 401) reply.header('www-authenticate', 'Bearer realm="sealgate admin"');
    return refuse(reply, refusal.status, refusal.detail);
  });
  const refuseOtherMethods = watchMethods(app);
  app.get('/status', () => sources.status());
  app.get('/status/decisions', async () => ({ decisions: await sources.decisions() }));
  app.post<{ Params: { issuer?: string } }>('/keys/refresh/:issuer?', async (request, reply) => {
    const { issuer } = request.params;
    const issuers = await sources.refreshKeys(issuer);
    if (issuers === undefined) return refuse(reply, 404, 'The file has no issuer of this name.');
    const failed = issuers.some(({ state }) => state !== 'fresh');
    return reply.status(failed ? 502 : 200).send({ issuers });
  });
  app.get('/', async (_request, reply) => {
    const [status, decisions] = await Promise.all([sources.status(), sources.decisions()]);
    return reply.headers(PAGE_HEADERS).type('text/html; charset=utf-8').send(renderPage(status, decisions));
  });
  app.get('/page.css', async (_request, reply) => reply.type('text/css; charset=utf-8').send(PAGE_STYLE));
  app.get('/page.js', async (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(PAGE_SCRIPT),
  );
  await app.register((inner) =>
    addRevocationRoutes(inner, {
      ...sources,
      refusalOf: (request) => refuseWithoutToken(sources.token(), facts(request)),
    }),
  );
  refuseOtherMethods();
}

/** Records paths and methods added after this call; the returned function responds 405 to their other methods (RFC 9110 §15.5.6). */
function watchMethods(app: FastifyInstance): () => void {
  const served = new Map<string, string[]>();
  app.addHook('onRoute', ({ url, method }) => {
    served.set(url, [...(served.get(url) ?? []), ...[method].flat()]);
  });
  return () => {
    for (const [url, methods] of [...served]) {
      const others = app.supportedMethods.filter((method) => !methods.includes(method));
      app.route({
        method: others,
        url,
        handler: (_request, reply) => {
          reply.header('allow', methods.join(', '));
          return refuse(reply, 405, `Only ${methods.join(' and ')} are allowed here.`);
        },
      });
    }
  };
}

function facts({ method, headers, socket }: FastifyRequest) {
  return {
    method,
    peerAddress: socket.remoteAddress ?? '',
    host: headers.host,
    origin: headers.origin,
    authorization: headers.authorization,
  };
}
