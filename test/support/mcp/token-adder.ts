import { createServer, request } from 'node:http';
import { type Listening, listen } from '../../../demo/process/listen.ts';

/**
 * Adds an access token to every request and changes nothing else, for clients that cannot log in. `target` is asked with each
 * request, because it may start later.
 */
export async function startTokenAdder(token: string, target: () => string): Promise<Listening> {
  return listen(
    createServer((req, res) => {
      const headers = { ...req.headers, authorization: `Bearer ${token}` };
      const forwarded = request(`${target()}${req.url}`, { method: req.method, headers }, (response) => {
        res.writeHead(response.statusCode ?? 502, response.rawHeaders);
        response.pipe(res);
        response.on('error', () => res.destroy());
      });
      forwarded.on('error', () => res.destroy());
      res.on('close', () => forwarded.destroy());
      req.pipe(forwarded);
    }),
    {},
  );
}
