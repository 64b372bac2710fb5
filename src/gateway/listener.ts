import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket, TlsOptions } from 'node:tls';
import type { Config } from '../config/schema.ts';
import { type Refusal, refuse } from '../core/refusals.ts';
import { ClientRequest } from './client-request.ts';
import { createHttp2Listener } from './http2-listener.ts';
import { GatewayResponse, type ListenerEvents } from './listener-events.ts';
import { applyLimits, KEEP_ALIVE_MS } from './listener-limits.ts';
import { type ListenerTls, showsBadCertificate } from './listener-tls.ts';

/** The latest response on a connection, and how many there were; on the socket itself, since a look-up for each request shows. */
const LATEST = Symbol('latest response');
const CARRIED = Symbol('requests carried');
type ClientSocket = Duplex & { [LATEST]?: GatewayResponse; [CARRIED]?: number };

type Limits = Config['listen']['limits'];

/**
 * Makes the client-facing server: strict parsing, every limit of the file, and our own answers to parser errors. With TLS, clients
 * that agree to it are served over HTTP/2.
 */
export function createListener(limits: Limits, events: ListenerEvents, tls?: ListenerTls): Server {
  const options = {
    IncomingMessage: ClientRequest as typeof IncomingMessage,
    ServerResponse: GatewayResponse,
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headerTimeout,
    // A total would cut long legal uploads; the idle time of bodies is judged while forwarding.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(1000, Math.max(50, Math.floor(limits.headerTimeout / 4))),
    keepAliveTimeout: KEEP_ALIVE_MS,
    noDelay: true,
    insecureHTTPParser: false,
    // We judge Host ourselves, with a body that explains.
    requireHostHeader: false,
  } satisfies ServerOptions<typeof IncomingMessage, typeof GatewayResponse>;
  const server =
    tls === undefined ? createServer(options) : createTlsServer({ ...options, ...tlsOptions(tls, limits) });
  applyLimits(server, limits);

  const onRequest = (req: IncomingMessage, res: GatewayResponse): void => {
    const socket = req.socket as ClientSocket;
    socket[LATEST] = res;
    if (limits.requests !== undefined) {
      const served = (socket[CARRIED] ?? 0) + 1;
      socket[CARRIED] = served;
      // Node's own limit announces the close, and then leaves the connection open.
      if (served >= limits.requests) res.shouldKeepAlive = false;
    }
    events.request(req, res);
  };

  server.on('request', onRequest);
  server.on('checkContinue', onRequest);
  server.on('checkExpectation', onRequest);
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => {
    // A parser that hands a socket over leaves it without an error listener.
    socket.on('error', () => socket.destroy());
    afterResponse((socket as ClientSocket)[LATEST], () => events.upgrade(req, socket, head));
  });
  server.on('connect', (req: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => socket.destroy());
    const refusal = refuse('method_never_forwarded', 'CONNECT is not a method of this gateway', {
      allow: [],
    });
    afterResponse((socket as ClientSocket)[LATEST], () => events.unparsed(refusal, socket, req));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const res = (socket as ClientSocket)[LATEST];
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    // What broke is the body of the latest request: once its answer has begun, only the connection can say so.
    if (res !== undefined && !res.req.complete && res.headersSent && !res.writableFinished) {
      socket.destroy();
      return;
    }
    const refusal = parserRefusal(error);
    if (res !== undefined && !res.req.complete && !res.headersSent) events.brokenBody(refusal, res);
    else afterResponse(res, () => events.unparsed(refusal, socket, undefined));
  });
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
    if (tls.clientCert === 'optional' && showsBadCertificate(socket)) socket.destroy();
    else if (socket.alpnProtocol === 'h2' && http2 !== undefined) http2.serve(socket);
    else for (const serve of serveHttp1) serve.call(server, socket);
  });
  // A failed handshake is no request: there is nobody to answer in a language both speak.
  server.removeAllListeners('tlsClientError');
  server.on('tlsClientError', (_: Error, socket: TLSSocket) => socket.destroy());
}

/** Runs `then` once the response before it on the connection is out, so that pipelined answers keep their order. */
function afterResponse(res: GatewayResponse | undefined, then: () => void): void {
  if (res === undefined || res.writableFinished || res.destroyed) then();
  else res.once('finish', then);
}

/** Which refusal an error of Node's HTTP parser or its timers is. Its own text may quote the request, so only its code is told. */
function parserRefusal(error: NodeJS.ErrnoException): Refusal {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return refuse('headers_too_large', 'the header fields exceed listen.limits.headerBytes');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return refuse('bad_request', 'the chunk extensions of the body are too large');
    case 'HPE_INVALID_URL':
      return refuse('ambiguous_path', 'the target holds what no target may hold');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refuse('request_timeout', 'the header fields took longer than listen.limits.headerTimeout');
    default:
      return refuse(
        'bad_request',
        `not HTTP/1.1 as this gateway reads it (${error.code ?? 'unknown error'})`,
      );
  }
}
