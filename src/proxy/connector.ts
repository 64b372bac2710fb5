import { connect as connectTcp, isIP, type NetConnectOpts, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, connect as connectTls, type TLSSocket } from 'node:tls';
import { ConnectTimeout, lossOf } from './errors.ts';

/** Where a backend listens and how to connect to it. Compiled at load. */
export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  /** Absolute path of a Unix socket to connect to instead of host and port. */
  readonly socketPath: string | undefined;
  readonly protocol: 'h1' | 'h2';
  /** Present for https: backends. Verification is not an option in here: it is always on. */
  readonly tls: ConnectTls | undefined;
  readonly connectTimeoutMs: number;
}

export interface ConnectTls {
  /** PEM; undefined trusts the authorities that Node ships or the system names. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** The name that the certificate must carry, and that is sent as SNI unless it is an address. */
  readonly serverName: string;
}

/** Where the bytes that come are read to, and who takes them, in place of the socket's own stream. */
export type ReadBuffering = OnReadOpts & { readonly buffer: () => Buffer };

type Connected = (error: Error | null, socket?: Socket) => void;

/** How often TCP asks whether a silent peer is still there. */
const TCP_KEEP_ALIVE_MS = 60_000;
const READ_BUFFER_BYTES = 64 * 1024;

/**
 * Opens a connection and calls back once: with the socket when it may carry a request (for TLS: after the
 * certificate was verified), or with the error. The time limit covers name lookup, TCP and TLS together.
 */
export function openConnection(
  connect: ConnectOptions,
  connected: Connected,
  reading?: ReadBuffering,
): Socket {
  const socket =
    connect.tls === undefined ? plainSocket(connect, reading) : tlsSocket(connect, connect.tls, reading);
  let callback: Connected | undefined = connected;
  const settle = (error: Error | null): void => {
    clearTimeout(timer);
    const once = callback;
    callback = undefined;
    if (once === undefined) return;
    if (error === null) once(null, socket);
    else once(error);
  };
  const timer = setTimeout(() => socket.destroy(new ConnectTimeout()), connect.connectTimeoutMs);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  socket.once(connect.tls === undefined ? 'connect' : 'secureConnect', () => settle(null));
  socket.on('error', settle);
  socket.once('close', () => settle(lossOf({ withinResponse: false })));
  return socket;
}

function plainSocket(connect: ConnectOptions, onread: ReadBuffering | undefined): Socket {
  const options: NetConnectOpts & { highWaterMark: number } = {
    ...placeOf(connect),
    onread,
    highWaterMark: READ_BUFFER_BYTES,
  };
  return connectTcp(options);
}

function tlsSocket(connect: ConnectOptions, tls: ConnectTls, onread: ReadBuffering | undefined): TLSSocket {
  const options: ConnectionOptions & { highWaterMark: number; onread: ReadBuffering | undefined } = {
    ...placeOf(connect),
    onread,
    // Stated, because NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment would otherwise turn it off.
    rejectUnauthorized: true,
    // SNI must not be an address (RFC 6066 §3); what the certificate must name is stated apart from it.
    servername: isIP(tls.serverName) === 0 ? tls.serverName : '',
    checkServerIdentity: (_host, certificate) => checkServerIdentity(tls.serverName, certificate),
    minVersion: 'TLSv1.2',
    ALPNProtocols: [ALPN_NAMES[connect.protocol]],
    highWaterMark: READ_BUFFER_BYTES,
    ca: tls.ca,
    cert: tls.cert,
    key: tls.key,
  };
  return connectTls(options);
}

const ALPN_NAMES = { h1: 'http/1.1', h2: 'h2' } as const;

function placeOf({
  host,
  port,
  socketPath,
}: ConnectOptions): { path: string } | { host: string; port: number } {
  return socketPath === undefined ? { host, port } : { path: socketPath };
}
