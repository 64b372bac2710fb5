import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A proxy before a provider, with an address of its own. */
export interface Shim {
  readonly url: string;
  /** Where the provider itself listens. */
  leadTo(url: string): void;
  close(): Promise<void>;
}

/**
 * Takes RFC 9207 out of a provider: the announcement out of its metadata, and `iss` out of its redirects. The provider has the address of the
 * shim as its issuer.
 */
export async function startShim(): Promise<Shim> {
  let target = new URL('http://127.0.0.1:1');
  const server = createServer((req, res) => {
    const { url = '/', method, headers } = req;
    const forwarded = request(
      { host: target.hostname, port: target.port, path: url, method, headers },
      (from) => {
        const fields = { ...from.headers };
        if (fields.location !== undefined) fields.location = withoutIss(fields.location);
        if (!url.includes('/.well-known/')) {
          res.writeHead(from.statusCode ?? 502, fields);
          from.pipe(res);
          return;
        }
        void text(from).then((body) => {
          const { authorization_response_iss_parameter_supported: _, ...document } = JSON.parse(body);
          res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
        });
      },
    );
    req.pipe(forwarded);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    leadTo(url) {
      target = new URL(url);
    },
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function withoutIss(location: string): string {
  if (!URL.canParse(location)) return location;
  const url = new URL(location);
  url.searchParams.delete('iss');
  return url.href;
}
