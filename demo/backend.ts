import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface BackendOptions {
  /** Default: a free one. */
  readonly port?: number;
  readonly host?: string;
  /** Gets one short line per request. */
  readonly log?: (line: string) => void;
}

export interface RunningBackend {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts an HTTP backend that knows nothing of tokens: it answers with what it received. */
export async function startBackend({
  port = 0,
  host = '127.0.0.1',
  log,
}: BackendOptions = {}): Promise<RunningBackend> {
  const server = createServer((req, res) => {
    const user = req.headers['x-user-id'] ?? 'nobody';
    log?.(`${req.method} ${req.url} for ${user}`);
    req.resume();
    res.setHeader('content-type', 'application/json');
    const received = { method: req.method, path: req.url, headers: req.headers };
    res.end(`${JSON.stringify(received, null, 2)}\n`);
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
