import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';

/** A request for a token, as the endpoint got it. */
export interface TokenRequest {
  readonly headers: IncomingMessage['headers'];
  /** The parameters, each of which came once. */
  readonly form: Readonly<Record<string, string>>;
  /** The caller's token. */
  readonly subject: string;
}

export type Respond = (request: TokenRequest, response: ServerResponse) => void;

/** A token endpoint that responds as a test has it. */
export interface TokenEndpoint {
  readonly url: string;
  readonly requests: TokenRequest[];
  /** By default, each request is given a new token for its audience. */
  respond: Respond;
  /** Open connections. */
  connections(): number;
  /** Refuses connections until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
}

/** A response of RFC 8693 §2.3, with these members over those of a good one; undefined takes one away. */
export function issue(members: Record<string, unknown> = {}): Respond {
  let issued = 0;
  return (request, response) => {
    issued += 1;
    respondWith(200, {
      access_token: `exchanged-${issued}-${request.form.audience ?? 'any'}`,
      issued_token_type: ACCESS_TOKEN_TYPE,
      token_type: 'Bearer',
      expires_in: 300,
      ...members,
    })(request, response);
  };
}

export function respondWith(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Respond {
  return (_, response) => {
    response.writeHead(status, {
      'content-type': 'application/json;charset=UTF-8',
      'cache-control': 'no-store',
      ...headers,
    });
    response.end(typeof value === 'string' ? value : JSON.stringify(value));
  };
}

/** Starts it; it ends with the test. */
export async function startTokenEndpoint(t: {
  teardown(undo: () => void | Promise<void>): unknown;
}): Promise<TokenEndpoint> {
  const server = createServer((request, response) => void reply(request, response));
  let open = 0;
  server.on('connection', (socket) => {
    open += 1;
    socket.on('close', () => {
      open -= 1;
    });
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  await listen(0);
  t.teardown(stop);
  const { port } = server.address() as AddressInfo;

  const endpoint: TokenEndpoint = {
    url: `http://127.0.0.1:${port}/token`,
    requests: [],
    respond: issue(),
    connections: () => open,
    down: stop,
    up: () => listen(port),
  };

  async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    const pairs = [...new URLSearchParams(await text(request))];
    const form = Object.fromEntries(pairs);
    const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
    if (request.method !== 'POST' || !isForm || Object.keys(form).length !== pairs.length) {
      response.writeHead(400).end('not a form');
      return;
    }
    const subject = form.subject_token ?? form.assertion ?? '';
    const asked: TokenRequest = { headers: request.headers, form, subject };
    endpoint.requests.push(asked);
    endpoint.respond(asked, response);
  }
  return endpoint;
}
