import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { Config } from '../../../config/schema/config.ts';
import { connectionOf } from '../client-connection.ts';
import type { ClientConnections } from '../client-connections.ts';
import type { ListenerEvents } from '../listener-events.ts';
import {
  admitsClient,
  type ListenerTls,
  renewListenerTls,
  tlsServerOptions,
  underneath,
} from '../listener-tls.ts';
import { createHttp2Sessions } from './http2-listener.ts';

type Limits = Config['listen']['limits'];

/** A server for HTTP/2 alone. */
export interface Http2Server {
  /** Accepts connections. */
  readonly server: Server;
  /** Applies what can change while it runs. */
  follow(limits: Limits, tls: ListenerTls | undefined): void;
  /** Accepts no more connections and requests; resolves once the last connection has closed. */
  close(): Promise<void>;
}

interface Http2ServerParts {
  /** Gets every accepted connection. */
  readonly connections: ClientConnections;
  readonly request: ListenerEvents['request'];
  readonly tls: ListenerTls | undefined;
  readonly limits: Limits;
  /** Requests that one connection may have running. */
  readonly concurrentStreams: number;
}

/**
 * Makes a server whose clients speak HTTP/2 at once, with TLS or without (RFC 9113 §3.3). They keep their connections: a client that is
 * another proxy sends no request for the sake of the connection, and one that meets a closing connection may be lost.
 */
export function createHttp2Server(parts: Http2ServerParts): Http2Server {
  const { connections, tls, request, concurrentStreams } = parts;
  let { limits } = parts;
  let isClosing = false;
  const sessions = createHttp2Sessions({
    request,
    limits,
    currentLimits: () => limits,
    concurrentStreams,
    keepsIdle: true,
  });
  const server =
    tls === undefined
      ? createServer({ noDelay: true })
      : createTlsServer({ noDelay: true, ...tlsServerOptions(tls, { limits, protocols: ['h2'] }) });
  server.maxConnections = limits.connections;
  server.prependListener('connection', (socket: Socket) => connections.take(socket));
  if (tls === undefined) server.on('connection', serve);
  else {
    server.on('secureConnection', (socket: TLSSocket) => {
      connectionOf(underneath(socket)).secured(socket);
      if (!admitsClient(tls, socket)) socket.destroy();
      // A client without ALPN has agreed to nothing.
      else if (socket.alpnProtocol === 'h2') serve(socket);
      else socket.destroy();
    });
    server.on('tlsClientError', (_: Error, socket: TLSSocket) => socket.destroy());
  }

  function serve(socket: Socket): void {
    // A handshake may end after the server.
    if (isClosing) {
      socket.destroy();
      return;
    }
    connectionOf(socket).isMultiplexed = true;
    sessions.serve(socket);
  }

  return {
    server,
    follow(nextLimits, nextTls) {
      limits = nextLimits;
      server.maxConnections = limits.connections;
      renewListenerTls(server, nextTls);
    },
    close() {
      isClosing = true;
      sessions.retire();
      return new Promise((resolve) => {
        if (server.listening) server.close(() => resolve());
        else resolve();
      });
    },
  };
}
