import type { Server } from 'node:http';
import { createServer } from 'node:http2';
import type { Socket } from 'node:net';
import type { Config } from '../../../config/schema/config.ts';
import type { ListenerEvents } from '../listener-events.ts';
import { limitsOf } from '../listener-limits.ts';
import { type Http2Connections, keepConnections } from './http2-connections.ts';
import { Http2Request } from './http2-request.ts';
import { Http2Response } from './http2-response.ts';

type Limits = Config['listen']['limits'];

/** Requests that one connection may have running; each is at most one request to a backend. */
const CONCURRENT_STREAMS = 100;
/** Fields that a request may have beyond the limit before its stream is reset instead of refused. */
const SPARE_FIELDS = 64;
/** What a client may send ahead, of one body and of all bodies of a connection. Beyond it there is back-pressure. */
const STREAM_WINDOW_BYTES = 256 * 1024;
const SESSION_WINDOW_BYTES = 1024 * 1024;

/** Serves connections on which HTTP/2 was agreed. The server that accepts them hands them over. */
export interface Http2Sessions extends Omit<Http2Connections, 'add'> {
  serve(socket: Socket): void;
}

export interface Http2SessionsOptions {
  readonly request: ListenerEvents['request'];
  /** At the start, for what cannot change while it runs. */
  readonly limits: Limits;
  /** At every check. */
  readonly currentLimits: () => Limits;
  readonly concurrentStreams?: number;
  /** See `keepConnections`. */
  readonly keepsIdle?: boolean;
}

/** Makes the HTTP/2 side of a TLS server, which ends with it. */
export function createHttp2Listener(
  server: Server,
  limits: Limits,
  { request }: ListenerEvents,
): Http2Sessions {
  const sessions = createHttp2Sessions({ request, limits, currentLimits: () => limitsOf(server) ?? limits });
  endWith(server, { whenIdle: sessions.close, atOnce: sessions.destroy });
  return sessions;
}

/**
 * Serves HTTP/2. It has no push and no extended CONNECT, so clients open WebSockets over HTTP/1.1 (RFC 8441 §3). Floods of resets, pings
 * and settings are cut off by nghttp2's own limits.
 */
export function createHttp2Sessions({
  request,
  limits,
  currentLimits,
  concurrentStreams = CONCURRENT_STREAMS,
  keepsIdle = false,
}: Http2SessionsOptions): Http2Sessions {
  const http2 = createServer({
    Http2ServerRequest: Http2Request,
    Http2ServerResponse: Http2Response,
    maxHeaderListPairs: limits.headers + SPARE_FIELDS,
    settings: {
      maxConcurrentStreams: concurrentStreams,
      // Twice the limit, so that a request slightly over it gets a 431 instead of a reset.
      maxHeaderListSize: limits.headerBytes * 2,
      initialWindowSize: STREAM_WINDOW_BYTES,
      enablePush: false,
    },
  });
  // CONNECT is refused like any other method that no route has.
  for (const event of ['request', 'checkContinue', 'checkExpectation', 'connect']) http2.on(event, request);

  http2.on('sessionError', () => undefined);
  const connections = keepConnections(currentLimits, keepsIdle);
  return {
    serve(socket) {
      http2.once('session', (session) => {
        session.setLocalWindowSize(SESSION_WINDOW_BYTES);
        connections.add(socket, session);
      });
      http2.emit('connection', socket);
    },
    close: connections.close,
    retire: connections.retire,
    destroy: connections.destroy,
  };
}

/** Ends HTTP/2 sessions when Node ends HTTP/1.1 connections. */
function endWith(server: Server, end: { readonly whenIdle: () => void; readonly atOnce: () => void }): void {
  const { close, closeAllConnections } = server;
  server.close = function closeWithSessions(callback) {
    end.whenIdle();
    return close.call(this, callback);
  };
  server.closeAllConnections = function closeAllWithSessions() {
    end.atOnce();
    closeAllConnections.call(this);
  };
}
