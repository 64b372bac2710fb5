import { EventEmitter, once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Test } from 'tap';
import { REFUSALS, type Refusal } from '../../../src/core/refusals.ts';
import { ClientConnection } from '../../../src/gateway/server/client-connection.ts';
import { Http1Request } from '../../../src/gateway/server/http1/http1-request.ts';
import { Http1Response } from '../../../src/gateway/server/http1/http1-response.ts';
import { Http2Request } from '../../../src/gateway/server/http2/http2-request.ts';
import { Http2Response } from '../../../src/gateway/server/http2/http2-response.ts';
import type { IncomingRequest, OutgoingResponse } from '../../../src/http/client-messages.ts';
import { discardBody } from '../../../src/http/discard-body.ts';
import {
  compileRequestHeaderFilter,
  filterHeaders,
} from '../../../src/pipeline/messages/request-header-filter.ts';
import { forward } from '../../../src/proxy/forward.ts';
import type { ForwardResult, UpstreamRequestPlan } from '../../../src/proxy/forward-job.ts';
import { buildUpstreamHeaders } from '../../../src/proxy/request/upstream-headers.ts';
import { ResponseHeaderFilter } from '../../../src/proxy/response/response-header-filter.ts';
import { createUpstream, type Upstream } from '../../../src/proxy/upstream/upstream.ts';
import { type RawUpstream, type Reply, response, startRawUpstream } from '../backends/upstream.ts';
import { RawClient } from '../clients/raw-client.ts';
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

/** Keeps the outcomes that are reported, in order. */
export function collectOutcomes(isKept = true) {
  const outcomes: Outcome[] = [];
  const news = new EventEmitter();
  let taken = 0;
  return {
    outcomes,
    report(outcome: Outcome): void {
      if (!isKept) return;
      outcomes.push(outcome);
      news.emit('outcome');
    },
    /** Resolves with the next outcome that is not taken yet. */
    async nextOutcome(): Promise<Outcome> {
      while (outcomes.length <= taken) await once(news, 'outcome');
      return outcomes[taken++] as Outcome;
    },
  };
}

const HEADER_FILTER = compileRequestHeaderFilter({ identity: { maxBytes: 0 }, routes: [] });

/** The forwarding layer alone, with the messages of the gateway's listener: everything is permitted. */
export async function startForwarder(
  urls: string | readonly string[],
  options: ForwarderOptions = {},
): Promise<Forwarder> {
  const { plan, identityPairs = [], keepOutcomes = true, http2Clients = false, ...rest } = options;
  const upstream = createUpstream(upstreamSettings(urls, rest));
  const { outcomes, nextOutcome, report } = collectOutcomes(keepOutcomes);
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
    nextOutcome,
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

export interface ForwarderHarness {
  readonly backend: RawUpstream;
  readonly gateway: Forwarder;
  /** A client of its own connection, closed with the test. */
  client(): RawClient;
}

/** A recording backend, the forwarding layer before it, and raw clients. All end with the test. */
export async function startForwarderHarness(
  t: Test,
  respond: Reply,
  options?: ForwarderOptions,
): Promise<ForwarderHarness> {
  const backend = await startRawUpstream(respond);
  const gateway = await startForwarder(backend.url, options);
  const clients: RawClient[] = [];
  t.teardown(async () => {
    for (const client of clients) client.destroy();
    await gateway.close();
    await backend.close();
  });
  return {
    backend,
    gateway,
    client() {
      const client = new RawClient(gateway.port);
      clients.push(client);
      return client;
    },
  };
}

/** Responds once the whole request is there. */
export const respondFine: Reply = ({ socket, whole }) => {
  whole.then(
    () => socket.write(response('200 OK', [], 'fine')),
    () => {},
  );
};
