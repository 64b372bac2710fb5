import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** More than all buffers between two processes hold. */
const LONG = Buffer.alloc(14 * 1024 * 1024, 'x');
const SLOW_MS = 300;
const DEAF_MS = 1_000;

/** The backend of a storm: what it does is the last name but one of the path, so that every ending can have a path of its own. */
export interface StormBackend {
  readonly url: string;
  readonly connections: () => number;
  close(): void;
}

/** Starts it on a free port. */
export async function startStormBackend(): Promise<StormBackend> {
  const sockets = new Set<Socket>();
  const server = createServer((req, res) => {
    req.on('error', () => {});
    if (behaviorOf(req) === 'deaf') setTimeout(() => req.resume(), DEAF_MS);
    else req.resume();
    respond(req, res);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('upgrade', agreeOrDecline);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => sockets.size,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function respond(req: IncomingMessage, res: ServerResponse): void {
  switch (behaviorOf(req)) {
    case 'long':
      res.end(LONG);
      break;
    case 'slow':
      setTimeout(() => res.end('slow'), SLOW_MS);
      break;
    case 'never':
      break;
    case 'early':
      res.writeHead(413).end('early');
      break;
    default:
      req.on('end', () => res.end('ok'));
  }
}

function agreeOrDecline(req: IncomingMessage, socket: Socket): void {
  // What was upgraded is left half-open.
  socket.on('end', () => socket.end()).resume();
  switch (behaviorOf(req)) {
    case 'declined':
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
      break;
    case 'long':
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${LONG.length}\r\n\r\n`);
      socket.write(LONG);
      break;
    case 'never':
      break;
    default:
      agree(req, socket);
  }
}

/** Agrees and sends frames for as long as somebody takes them. */
function agree(req: IncomingMessage, socket: Socket): void {
  const accept = createHash('sha1')
    .update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  const frame = Buffer.concat([Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]), Buffer.alloc(65_536)]);
  const pour = (): void => {
    while (socket.writable && socket.write(frame));
  };
  socket.on('drain', pour);
  pour();
}

function behaviorOf({ url = '' }: IncomingMessage): string {
  return url.split('/').at(-2) ?? '';
}
