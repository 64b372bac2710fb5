import { createServer } from 'node:http';
import { type Listening, type ListenOptions, listen } from './process/listen.ts';

interface BackendOptions extends ListenOptions {
  /** Called with one short line per request. */
  readonly log?: (line: string) => void;
}

/** Starts an HTTP backend that knows nothing about tokens and returns what it received. */
export async function startBackend({ log, ...address }: BackendOptions = {}): Promise<Listening> {
  const server = createServer((req, res) => {
    const user = req.headers['x-user-id'] ?? 'nobody';
    log?.(`${req.method} ${req.url} for ${user}`);
    req.resume();
    res.setHeader('content-type', 'application/json');
    const received = { method: req.method, path: req.url, headers: req.headers };
    res.end(`${JSON.stringify(received, null, 2)}\n`);
  });
  return listen(server, address);
}
