import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A request as the backend saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  /** Names and values in turn, as on the wire. */
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly trailers: readonly string[];
}

export interface CountingUpstream {
  readonly url: string;
  readonly port: number;
  /** Bytes that arrived at its sockets since the last `reset`. */
  bytes(): number;
  /** Whole requests since the last `reset`. */
  readonly requests: SeenRequest[];
  /** Open connections. */
  connections(): number;
  reset(): void;
  close(): Promise<void>;
}

/**
 * A backend that counts below its parser, so that half a request is seen too. By default it responds with 200 and, as JSON, the
 * method and target that it saw.
 */
export async function startCountingUpstream(
  response: (req: IncomingMessage, res: ServerResponse, body: Buffer) => void = respondWithEcho,
): Promise<CountingUpstream> {
  const requests: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  let counted = 0;
  const server = createServer({ keepAliveTimeout: 30_000 }, (req, res) => {
    const pieces: Buffer[] = [];
    req.on('data', (piece: Buffer) => pieces.push(piece));
    req.on('error', () => {});
    req.on('end', () => {
      const body = Buffer.concat(pieces);
      requests.push({
        method: req.method ?? '',
        target: req.url ?? '',
        rawHeaders: req.rawHeaders,
        headers: req.headers,
        body,
        trailers: req.rawTrailers,
      });
      response(req, res, body);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    // Node's parser reads past JavaScript; the socket still knows how much came.
    socket.on('close', () => {
      counted += socket.bytesRead - (before.get(socket) ?? 0);
      sockets.delete(socket);
    });
  });
  const before = new WeakMap<Socket, number>();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    bytes: () =>
      [...sockets].reduce((sum, socket) => sum + socket.bytesRead - (before.get(socket) ?? 0), counted),
    connections: () => sockets.size,
    reset() {
      requests.length = 0;
      counted = 0;
      for (const socket of sockets) before.set(socket, socket.bytesRead);
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function respondWithEcho(req: IncomingMessage, res: ServerResponse, body: Buffer): void {
  const seen = JSON.stringify({ method: req.method, target: req.url, bytes: body.length });
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(seen) });
  res.end(req.method === 'HEAD' ? undefined : seen);
}
