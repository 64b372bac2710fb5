import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket, TlsOptions } from 'node:tls';
import type { Config } from '../../config/schema/config.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import { type ClientConnection, connectionOf } from './client-connection.ts';
import type { ClientConnections } from './client-connections.ts';
import { Http1Request } from './http1/http1-request.ts';
import { Http1Response } from './http1/http1-response.ts';
import { createHttp2Listener } from './http2/http2-listener.ts';
import type { ListenerEvents } from './listener-events.ts';
import { applyLimits, KEEP_ALIVE_MS } from './listener-limits.ts';
import { type ListenerTls, showsBadCertificate } from './listener-tls.ts';

type Limits = Config['listen']['limits'];

interface ListenerParts {
  /** Told of every connection that is accepted. */
  readonly connections: ClientConnections;
  readonly events: ListenerEvents;
  readonly tls: ListenerTls | undefined;
}

/**
 * Makes the client-facing server: strict parsing, every limit of the file, and our own responses to parser errors. With TLS, clients
 * that agree to it are served over HTTP/2.
 */
export function createListener(limits: Limits, { connections, events, tls }: ListenerParts): Server {
  const options = {
    IncomingMessage: Http1Request,
    ServerResponse: Http1Response,
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headerTimeout,
    // A total would cut long legal uploads; the idle time of bodies is checked while forwarding.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(1000, Math.max(50, Math.floor(limits.headerTimeout / 4))),
    keepAliveTimeout: KEEP_ALIVE_MS,
    noDelay: true,
    insecureHTTPParser: false,
    // We judge Host ourselves, with a body that explains.
    requireHostHeader: false,
  } satisfies ServerOptions<typeof Http1Request, typeof Http1Response>;
  const server =
    tls === undefined ? createServer(options) : createTlsServer({ ...options, ...tlsOptions(tls, limits) });
  applyLimits(server, limits);

  const onRequest = (req: Http1Request, res: Http1Response): void => {
    const connection = connectionOf(req.socket);
    const { latest } = connection;
    // Behind a response that closes the connection nothing is processed (RFC 9112 §9.6).
    if (latest !== undefined && (!latest.shouldKeepAlive || connection.isEnding)) {
      process.nextTick(discardInput, connection);
      return;
    }
    connection.latest = res;
    connection.served += 1;
    // Node's own limit announces the close, and then leaves the connection open.
    if (connection.served === limits.requests || req.method === 'CONNECT') res.shouldKeepAlive = false;
    // A client that is told of the close sends again what was not processed.
    if (req.mayLoseRest) res.shouldKeepAlive = false;
    events.request(req, res);
  };

  server.prependListener('connection', (socket: Socket) => connections.take(socket));
  if (tls === undefined) server.on('connection', (socket: Socket) => connectionOf(socket).parsed());
  server.on('request', onRequest);
  server.on('checkContinue', onRequest);
  server.on('checkExpectation', onRequest);
  server.on('upgrade', (req: Http1Request, socket: Socket, head: Buffer) => {
    const connection = connectionOf(socket);
    connection.handedOver(head);
    if (connection.latest?.shouldKeepAlive === false) connection.discardInput();
    else afterResponse(connection, () => events.upgrade(req, socket));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const connection = connectionOf(socket);
    if (connection.isEnding) return;
    if (error.code === 'ECONNRESET' || !socket.writable) connection.destroy();
    else parserFailed(connection, parserRefusal(error), events);
  });
  server.closeIdleConnections = () => connections.closeIdle();
  if (tls !== undefined) serveOverTls(server as unknown as Server, tls, limits, events);
  return server as unknown as Server;
}

function tlsOptions({ context, clientCert, http2 }: ListenerTls, { headerTimeout }: Limits): TlsOptions {
  return {
    ...context,
    requestCert: clientCert !== 'none',
    rejectUnauthorized: clientCert === 'required',
    handshakeTimeout: headerTimeout,
    ALPNProtocols: http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
  };
}

/** Puts the choice of protocol between TLS and Node's HTTP/1.1, which both serve connections by an event. */
function serveOverTls(server: Server, tls: ListenerTls, limits: Limits, events: ListenerEvents): void {
  const serveHttp1 = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[];
  const http2 = tls.http2 ? createHttp2Listener(server, limits, events) : undefined;
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    const connection = connectionOf(underneath(socket));
    connection.secured(socket);
    if (tls.clientCert === 'optional' && showsBadCertificate(socket)) socket.destroy();
    else if (socket.alpnProtocol === 'h2' && http2 !== undefined) {
      connection.isMultiplexed = true;
      http2.serve(socket);
    } else {
      for (const serve of serveHttp1) serve.call(server, socket);
      connection.parsed();
    }
  });
  // A failed handshake is no request: there is nobody to answer in a language both speak.
  server.removeAllListeners('tlsClientError');
  server.on('tlsClientError', (_: Error, socket: TLSSocket) => socket.destroy());
}

/** The TCP socket below a TLS socket. */
function underneath(socket: TLSSocket & { readonly _parent?: Socket }): Socket {
  return socket._parent ?? socket;
}

/** Runs `then` once the responses before it on the connection are out, unless the last of them closes it. */
function afterResponse(connection: ClientConnection, then: () => void): void {
  const { latest } = connection;
  const unlessEnding = (): void => {
    if (!connection.isEnding) then();
  };
  if (latest === undefined) then();
  else if (latest.writableFinished) unlessEnding();
  else if (latest.shouldKeepAlive) latest.once('finish', unlessEnding);
}

/** What the client sent is no HTTP/1.1. One response tells it so, in its turn, and nothing more is read. */
function parserFailed(connection: ClientConnection, refusal: Refusal, events: ListenerEvents): void {
  const { latest } = connection;
  connection.discardInput();
  if (latest === undefined || latest.req.complete) {
    afterResponse(connection, () => events.unparsed(refusal, connection.socket));
    return;
  }
  // What broke is the body of the latest request.
  latest.transaction?.bodyBroke(refusal);
}

function discardInput(connection: ClientConnection): void {
  connection.discardInput();
}

/** Which refusal an error of Node's HTTP parser or its timers is. Its own text may quote the request, so only its code is told. */
function parserRefusal(error: NodeJS.ErrnoException): Refusal {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      // Newer versions of Node say so of too many fields, too, and give no way to tell.
      return refuse(
        'header_overflow',
        'the header fields exceed listen.limits.headerBytes or listen.limits.headers',
      );
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return refuse('request_syntax', 'the chunk extensions of the body are too large');
    case 'HPE_INVALID_URL':
      return refuse('target_unreadable', 'the target holds what no target may hold');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refuse('header_timeout', 'the header fields took longer than listen.limits.headerTimeout');
    default:
      return refuse(
        'request_syntax',
        `not HTTP/1.1 as this gateway reads it (${error.code ?? 'unknown error'})`,
      );
  }
}

/** The URL of a listening server. */
export function urlOf(server: Server, scheme: 'http' | 'https' = 'http'): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return `unix:${address}`;
  const { family, port } = address;
  return `${scheme}://${family === 'IPv6' ? `[${address.address}]` : address.address}:${port}`;
}
