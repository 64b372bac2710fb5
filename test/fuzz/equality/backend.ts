import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** What reached the backend of one request. */
export interface Arrival {
  readonly target: string;
  /** Names and values in turn, as on the wire. */
  readonly rawHeaders: readonly string[];
}

export interface RecordingBackend {
  readonly url: string;
  /** What arrived since the last call. */
  takeArrivals(): readonly Arrival[];
  close(): void;
}

/** A backend that responds with 200 and nothing else, to handshakes and expectations too. */
export async function startRecordingBackend(): Promise<RecordingBackend> {
  let arrivals: Arrival[] = [];
  const record = (req: IncomingMessage, res: ServerResponse): void => {
    arrivals.push({ target: req.url ?? '', rawHeaders: req.rawHeaders });
    req.resume();
    res.writeHead(200, { 'content-length': 0 }).end();
  };
  const server = createServer({ keepAliveTimeout: 60_000 }, record);
  // Node would refuse it.
  server.on('checkExpectation', record);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    takeArrivals() {
      const taken = arrivals;
      arrivals = [];
      return taken;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
