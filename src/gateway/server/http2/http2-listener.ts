import type { Server } from 'node:http';
import { createServer } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Config } from '../../../config/schema/config.ts';
import type { ListenerEvents } from '../listener-events.ts';
import { limitsOf } from '../listener-limits.ts';
import { keepConnections } from './http2-connections.ts';
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

/** Serves connections on which HTTP/2 was agreed. The TLS server accepts them and hands them over. */
export interface Http2Listener {
  serve(socket: TLSSocket): void;
}

/**
 * Makes the HTTP/2 side of a TLS server. It has no push and no extended CONNECT, so clients open WebSockets over HTTP/1.1
 * (RFC 8441 §3). Floods of resets, pings and settings are cut off by nghttp2's own limits.
 */
export function createHttp2Listener(server: Server, limits: Limits, events: ListenerEvents): Http2Listener {
  const http2 = createServer({
    Http2ServerRequest: Http2Request,
    Http2ServerResponse: Http2Response,
    maxHeaderListPairs: limits.headers + SPARE_FIELDS,
    settings: {
      maxConcurrentStreams: CONCURRENT_STREAMS,
      // Twice the limit, so that a request slightly over it gets a 431 instead of a reset.
      maxHeaderListSize: limits.headerBytes * 2,
      initialWindowSize: STREAM_WINDOW_BYTES,
      enablePush: false,
    },
  });
  // CONNECT is refused like any other method that no route has.
  for (const event of ['request', 'checkContinue', 'checkExpectation', 'connect'])
    http2.on(event, events.request);

  http2.on('sessionError', () => undefined);
  const connections = keepConnections(() => limitsOf(server) ?? limits);
  endWith(server, { whenIdle: connections.close, atOnce: connections.destroy });
  return {
    serve(socket) {
      http2.once('session', (session) => {
        session.setLocalWindowSize(SESSION_WINDOW_BYTES);
        connections.add(socket, session);
      });
      http2.emit('connection', socket);
    },
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
