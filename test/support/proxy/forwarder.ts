import { EventEmitter, once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { REFUSALS, type Refusal } from '../../../src/core/refusals.ts';
import { ClientConnection } from '../../../src/gateway/server/client-connection.ts';
import { Http1Request } from '../../../src/gateway/server/http1/http1-request.ts';
import { Http1Response } from '../../../src/gateway/server/http1/http1-response.ts';
import { Http2Request } from '../../../src/gateway/server/http2/http2-request.ts';
import { Http2Response } from '../../../src/gateway/server/http2/http2-response.ts';
import type { IncomingRequest, OutgoingResponse } from '../../../src/http/client-messages.ts';
import { discardBody } from '../../../src/http/discard-body.ts';
import { compileRequestHeaderFilter, filterHeaders } from '../../../src/pipeline/request-header-filter.ts';
import { forward } from '../../../src/proxy/forward.ts';
import type { ForwardResult, UpstreamRequestPlan } from '../../../src/proxy/forward-job.ts';
import { buildUpstreamHeaders } from '../../../src/proxy/request/upstream-headers.ts';
import { ResponseHeaderFilter } from '../../../src/proxy/response/response-header-filter.ts';
import { createUpstream, type Upstream } from '../../../src/proxy/upstream/upstream.ts';
import { type UpstreamOptions, upstreamSettings } from './upstream-settings.ts';

/** How one request ended, as the observer got it. */
export type Outcome =
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly upstreamMs: number }
  | ({ readonly kind: 'finished' } & ForwardResult)
  | { readonly kind: 'abandoned' };

export interface Forwarder {
  readonly port: number;
  readonly url: string;
  readonly server: Server;
  readonly upstream: Upstream;
  readonly outcomes: Outcome[];
  /** Resolves with the next outcome that is not taken yet. */
  nextOutcome(): Promise<Outcome>;
  close(): Promise<void>;
}

export interface ForwarderOptions extends UpstreamOptions {
  readonly plan?: Partial<UpstreamRequestPlan>;
  readonly identityPairs?: readonly string[];
  /** False where many requests come and nobody looks. */
  readonly keepOutcomes?: boolean;
  /** Clients speak HTTP/2 without TLS. */
  readonly http2Clients?: boolean;
}

const HEADER_FILTER = compileRequestHeaderFilter({ identity: { maxBytes: 0 }, routes: [] });

/** The forwarding layer alone, with the messages of the gateway's listener: everything is permitted. */
export async function startForwarder(
  urls: string | readonly string[],
  options: ForwarderOptions = {},
): Promise<Forwarder> {
  const { plan, identityPairs = [], keepOutcomes = true, http2Clients = false, ...rest } = options;
  const upstream = createUpstream(upstreamSettings(urls, rest));
  const outcomes: Outcome[] = [];
  const news = new EventEmitter();
  let taken = 0;
  const report = (outcome: Outcome): void => {
    if (!keepOutcomes) return;
    outcomes.push(outcome);
    news.emit('outcome');
  };
  const serve = (req: IncomingRequest, res: OutgoingResponse): void => {
    forward({
      req,
      res,
      upstream,
      plan: {
        method: req.method ?? 'GET',
        target: req.url ?? '/',
        headers: buildUpstreamHeaders({
          passed: filterHeaders(HEADER_FILTER, req.rawHeaders).passed,
          identity: identityPairs,
          credentials: [],
          forwarded: {
            client: '127.0.0.1',
            chain: '127.0.0.1',
            proto: 'http',
            host: req.headers.host,
            port: '80',
            prefix: '',
          },
          prefix: '',
          requestId: 'test-request',
          host: upstream.clientHost ? req.headers.host : undefined,
        }),
        timeouts: upstream.timeouts,
        bodyLimit: undefined,
        bodyIdleMs: 60_000,
        responseHeaderFilter: new ResponseHeaderFilter(['x-user-id']),
        responseHeaders: ['x-request-id', 'test-request'],
        rewritten: undefined,
        host: undefined,
        ...plan,
      },
      observer: {
        asked() {},
        refused(refusal, upstreamMs) {
          discardBody(req);
          writeRefusal(res, refusal);
          report({ kind: 'refused', refusal, upstreamMs });
        },
        finished: (result) => report({ kind: 'finished', ...result }),
        abandoned: () => report({ kind: 'abandoned' }),
      },
    });
  };
  const server = (
    http2Clients
      ? createHttp2Server({ Http2ServerRequest: Http2Request, Http2ServerResponse: Http2Response }, serve)
      : createServer({ IncomingMessage: Http1Request, ServerResponse: Http1Response }, serve)
  ) as Server;
  server.prependListener('connection', (socket: Socket) => new ClientConnection(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    server,
    upstream,
    outcomes,
    async nextOutcome() {
      while (outcomes.length <= taken) await once(news, 'outcome');
      return outcomes[taken++] as Outcome;
    },
    async close() {
      server.close();
      server.closeAllConnections?.();
      await upstream.destroy();
    },
  };
}

function writeRefusal(res: OutgoingResponse, refusal: Refusal): void {
  const row = REFUSALS[refusal.code];
  const body = JSON.stringify({ code: refusal.code });
  if ('closes' in row) res.leaveRequestUnread();
  const length = String(Buffer.byteLength(body));
  res.writeHead(row.status, undefined, [
    'content-type',
    'application/problem+json',
    'content-length',
    length,
  ]);
  res.end(body);
}
