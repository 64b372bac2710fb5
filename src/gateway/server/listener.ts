import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Server as NetServer, Socket } from 'node:net';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import type { Config } from '../../config/schema/config.ts';
import { connectionOf } from './client-connection.ts';
import type { ClientConnections } from './client-connections.ts';
import { listenHttp1 } from './http1/http1-listener.ts';
import { Http1Request } from './http1/http1-request.ts';
import { Http1Response } from './http1/http1-response.ts';
import { createHttp2Listener } from './http2/http2-listener.ts';
import type { ListenerEvents } from './listener-events.ts';
import { applyLimits, KEEP_ALIVE_MS } from './listener-limits.ts';
import {
  admitsClient,
  type ListenerTls,
  rememberAuthorities,
  tlsServerOptions,
  underneath,
} from './listener-tls.ts';

type Limits = Config['listen']['limits'];

interface ListenerParts {
  /** Gets every accepted connection. */
  readonly connections: ClientConnections;
  readonly events: ListenerEvents;
  readonly tls: ListenerTls | undefined;
}

/**
 * Makes the client-facing server: strict parsing, every limit of the file, and our own responses to parser errors. Over TLS, clients
 * may choose HTTP/2.
 */
export function createListener(limits: Limits, { connections, events, tls }: ListenerParts): Server {
  const options = {
    IncomingMessage: Http1Request,
    ServerResponse: Http1Response,
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headerTimeout,
    // A limit of the whole time would cut long uploads; the idle time of bodies is checked while forwarding.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(1000, Math.max(50, Math.floor(limits.headerTimeout / 4))),
    keepAliveTimeout: KEEP_ALIVE_MS,
    noDelay: true,
    insecureHTTPParser: false,
    // `pipeline/decision/decide.ts` validates Host, and its refusal explains.
    requireHostHeader: false,
  } satisfies ServerOptions<typeof Http1Request, typeof Http1Response>;
  const server = (tls === undefined
    ? createServer(options)
    : createTlsServer({
        ...options,
        ...tlsServerOptions(tls, { limits, protocols: tls.http2 ? ['h2', 'http/1.1'] : ['http/1.1'] }),
      })) as unknown as Server;
  applyLimits(server, limits);
  server.prependListener('connection', (socket: Socket) => connections.take(socket));
  server.closeIdleConnections = () => connections.closeIdle();
  listenHttp1(server, limits.requests, events);
  if (tls === undefined) server.on('connection', (socket: Socket) => connectionOf(socket).parsed());
  else serveOverTls(server, tls, limits, events);
  return server;
}

/** Chooses the protocol of each connection. Node's HTTP/1.1 would serve every connection once TLS is set up. */
function serveOverTls(server: Server, tls: ListenerTls, limits: Limits, events: ListenerEvents): void {
  rememberAuthorities(server as unknown as TlsServer, tls);
  const serveHttp1 = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[];
  const http2 = tls.http2 ? createHttp2Listener(server, limits, events) : undefined;
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    const connection = connectionOf(underneath(socket));
    connection.secured(socket);
    if (!admitsClient(tls, socket)) socket.destroy();
    else if (socket.alpnProtocol === 'h2' && http2 !== undefined) {
      connection.isMultiplexed = true;
      http2.serve(socket);
    } else {
      for (const serve of serveHttp1) serve.call(server, socket);
      connection.parsed();
    }
  });
  // A failed handshake is no request, and no response could be read.
  server.removeAllListeners('tlsClientError');
  server.on('tlsClientError', (_: Error, socket: TLSSocket) => socket.destroy());
}

/** The URL of a listening server. */
export function urlOf(server: NetServer, scheme: 'http' | 'https' = 'http'): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return `unix:${address}`;
  const { family, port } = address;
  return `${scheme}://${family === 'IPv6' ? `[${address.address}]` : address.address}:${port}`;
}
