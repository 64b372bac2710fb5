import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** What a request to an endpoint of a provider was, as its server sees it. */
export interface EndpointRequest {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly form: URLSearchParams;
  /** SHA-256 of the client's certificate, where it showed one. */
  readonly certificate: string | undefined;
}

export type Respond = (request: EndpointRequest, response: ServerResponse) => void;

/** An endpoint of a provider that responds as a test scripts it. Every path is the endpoint, but those of metadata. */
export interface ScriptedEndpoint {
  readonly origin: string;
  readonly url: string;
  respond: Respond;
  /** The document at both well-known places; without one they are 404. */
  metadata: Readonly<Record<string, unknown>> | undefined;
  /** Those that were received in full, without those for metadata. */
  readonly requests: EndpointRequest[];
  /** Running now, and the most there were at once. */
  readonly running: { now: number; most: number };
  /** Refuses connections until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
  close(): Promise<void>;
}

/** Opens it, on a free port of the loopback address; with `tls` over HTTPS. */
export async function openEndpoint(respond: Respond, tls?: ServerOptions): Promise<ScriptedEndpoint> {
  const server: Server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  const listen = (port: number) => new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  const stop = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const origin = tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`;

  const endpoint: ScriptedEndpoint = {
    origin,
    url: `${origin}/endpoint`,
    respond,
    metadata: undefined,
    requests: [],
    running: { now: 0, most: 0 },
    down: stop,
    up: () => listen(port),
    close: stop,
  };

  function serve(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    if (path.includes('/.well-known/')) {
      if (endpoint.metadata === undefined) response.writeHead(404).end();
      else sendJson(response, endpoint.metadata);
      return;
    }
    const { running } = endpoint;
    running.now += 1;
    running.most = Math.max(running.most, running.now);
    response.on('close', () => {
      running.now -= 1;
    });
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { fingerprint256 } = (request.socket as TLSSocket).getPeerCertificate?.() ?? {};
      const received = {
        path,
        headers: request.headers,
        form: new URLSearchParams(Buffer.concat(chunks).toString()),
        certificate: fingerprint256,
      };
      endpoint.requests.push(received);
      endpoint.respond(received, response);
    });
  }

  return endpoint;
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** Responses that no gateway may take for a good one, by what is wrong with them. Each ends with its connection. */
export const HOSTILE_RESPONSES: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'no response': () => {},
  'a reset': (response) => void response.destroy(),
  'a body in drips': (response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"active":true');
    const drip = setInterval(() => response.write(' '), 5);
    response.on('close', () => clearInterval(drip));
  },
  'a body that breaks off': (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 });
    response.write('{"active":true}');
    setImmediate(() => response.destroy());
  },
  '10 MiB': (response) => sendJson(response, `{"active":true,"pad":"${'x'.repeat(10 * 1024 ** 2)}"}`),
  '10 MiB announced': (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 10 * 1024 ** 2 });
    response.write('{"active":true');
  },
  '64 KiB and a byte': (response) => sendJson(response, `{"active":true}${' '.repeat(64 * 1024 - 14)}`),
  HTML: (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>'),
  'HTML that is JSON': (response) =>
    void response.writeHead(200, { 'content-type': 'text/html' }).end('{"active":true}'),
  'no body': (response) => void response.writeHead(200).end(),
  'a list': (response) => sendJson(response, [{ active: true }]),
  'a text': (response) => sendJson(response, '"active"'),
  'names twice': (response) => sendJson(response, '{"active":false,"active":true}'),
  'names twice, one escaped': (response) => sendJson(response, '{"active":false,"\\u0061ctive":true}'),
  'objects too deep': (response) =>
    sendJson(response, `{"active":true,"a":${'['.repeat(100)}${']'.repeat(100)}}`),
  'bytes that are not UTF-8': (response) =>
    void response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(Buffer.from('7b22616374697665223a747275652c2261223a22ff227d', 'hex')),
  compressed: (response) =>
    void response
      .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
      .end('{"active":true}'),
  'a signed JWT (RFC 9701)': (response) =>
    void response
      .writeHead(200, { 'content-type': 'application/token-introspection+jwt' })
      .end('eyJhbGciOiJub25lIn0.eyJhY3RpdmUiOnRydWV9.'),
  'a redirect': (response) => void response.writeHead(307, { location: '/elsewhere' }).end('{"active":true}'),
  'status 201': (response) => sendJson(response, { active: true }, 201),
  'status 204': (response) => void response.writeHead(204).end(),
};
