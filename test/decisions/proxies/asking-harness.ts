import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Test } from 'tap';
import { freePorts } from '../../support/backends/ports.ts';
import { connectRaw, type RawResponse } from '../../support/clients/raw.ts';
import { type GatewayProcess, startGatewayProcess } from '../../support/gateway/gateway-process.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';
import type { AskingProxy } from './asking-proxy.ts';

const KEY = signingKey('ES256');
const ISSUER = 'https://issuer.example.com';

/** A request as the backend got it. */
export interface Arrived {
  readonly method: string;
  readonly target: string;
  /** Of HTTP. */
  readonly version?: string;
  /** Names and values in turn, as on the wire. */
  readonly fields: readonly string[];
  readonly body: string;
}

interface Besides {
  /** Of the proxy. */
  readonly port: number;
  /** Of the gateway. */
  readonly ports: { readonly decisions: number; readonly admin: number };
  /** Requests that reached the backend, handshakes too. */
  readonly arrived: Arrived[];
}

/** A proxy that asks a built gateway, before a backend that records what it gets. */
export interface AskingHarness extends Besides {
  readonly gateway: GatewayProcess;
  /** Sends exactly these header lines after the request line. `Host: api.example.com` comes first, unless a line is a Host. */
  send(line: string, headers?: readonly string[], body?: string): Promise<RawResponse>;
  /** `send` of a request that must not reach the backend. */
  sendRefused(line: string, headers?: readonly string[], body?: string): Promise<RawResponse>;
  /** `send` of a request that must reach the backend once. Gives what arrived. */
  sendAllowed(line: string, headers?: readonly string[], body?: string): Promise<Arrived>;
}

/** An `Authorization` line with a token that has these claims. */
export function bearer(claims: Record<string, unknown> = {}): string {
  return `Authorization: Bearer ${token(claims)}`;
}

export function token(claims: Record<string, unknown> = {}): string {
  const now = Math.floor(Date.now() / 1000);
  return mint(KEY, {
    iss: ISSUER,
    aud: 'api',
    sub: 'ada',
    scope: 'orders:read',
    iat: now,
    exp: now + 600,
    ...claims,
  });
}

/** The file of the gateway: with the identity headers of config/examples/decisions/gateway.yaml, and a route for each thing to try. */
export const fileWith = (
  ports: { readonly decisions: number; readonly admin: number },
  routes = '',
): string =>
  `decisions: { port: ${ports.decisions} }
listen: { port: 0 }
admin: { port: ${ports.admin} }
issuers: { main: { issuer: ${ISSUER}, audiences: [api], jwks: ${JSON.stringify({ keys: [KEY.jwk] })} } }
identity: { headers: { x-user-email: email } }
routes:
  - { name: public, path: /public, upstream: none, access: public }
  - { name: read, path: /orders, methods: [GET, HEAD], upstream: none, access: { scopes: [orders:read] } }
  - { name: write, path: /orders, methods: [POST], upstream: none, access: { scopes: [orders:write] } }
  - { name: host, path: /host, host: api.example.com, upstream: none, access: authenticated }
  - { name: slashes, path: /slashes, allow: [encodedSlash, doubleSlash, semicolon], upstream: none, access: authenticated }
  - { name: forwarding, path: /forwarding, upstream: none, access: authenticated, identity: { forwardToken: true } }
  - { name: cookie, path: /cookie, upstream: none, access: authenticated, tokenFrom: [{ cookie: session }] }
  - { name: query, path: /query, upstream: none, access: authenticated, tokenFrom: [{ query: access_token }] }
  - { name: limited, path: /limited, upstream: none, access: authenticated, rateLimit: { max: 1, window: 1h, by: subject } }
  - { name: scripts, path: /scripts, upstream: none, access: authenticated, cors: { origins: [https://app.example.com], methods: [GET, PUT], headers: [x-wanted], exposeHeaders: [x-shown], credentials: true, maxAge: 1h } }
  - { name: chat, path: /chat, upstream: none, access: authenticated, websocket: true }
${routes}`;

/** Starts all three; they end with the test. */
export async function startAsking(t: Test, proxy: AskingProxy): Promise<AskingHarness> {
  const [decisions = 0, admin = 0] = await freePorts(2);
  const ports = { decisions, admin };
  const gateway = await startGatewayProcess(t, fileWith(ports));
  return { gateway, ...harnessOf(await startBesides(t, proxy, ports)) };
}

/** Starts the proxy and the backend, with the gateway at these ports, or with none. */
export async function startBesides(t: Test, proxy: AskingProxy, ports?: Besides['ports']): Promise<Besides> {
  const [decisions = 0, admin = 0] = await freePorts(2);
  const backend = await startRecordingBackend(t);
  const own = ports ?? { decisions, admin };
  return {
    port: await proxy.start(t, { ...own, backend: backend.port }),
    ports: own,
    arrived: backend.arrived,
  };
}

export function harnessOf(besides: Besides): Omit<AskingHarness, 'gateway'> {
  const { port, arrived } = besides;
  const send: AskingHarness['send'] = async (line, headers = [], body = '') => {
    const hasHost = headers.some((header) => /^host:/i.test(header));
    const lines = [line, ...(hasHost ? [] : ['Host: api.example.com']), ...headers];
    const connection = await connectRaw(port);
    try {
      connection.send(`${lines.join('\r\n')}\r\n\r\n${body}`);
      const response = await connection.read(line.split(' ', 1)[0]);
      if (response === undefined) throw new Error(`no response to ${line}`);
      return response;
    } finally {
      connection.destroy();
    }
  };
  return {
    ...besides,
    send,
    async sendRefused(...request) {
      const before = arrived.length;
      const response = await send(...request);
      if (response.status < 400) throw new Error(`${request[0]} was responded to with ${response.status}`);
      if (arrived.length !== before) throw new Error(`${request[0]} reached the backend, refused or not`);
      return response;
    },
    async sendAllowed(...request) {
      const before = arrived.length;
      const response = await send(...request);
      if (response.status !== 200)
        throw new Error(`${request[0]} was responded to with ${response.status}: ${response.body}`);
      const [first, ...more] = arrived.slice(before);
      if (first === undefined || more.length > 0)
        throw new Error(`${request[0]} arrived ${more.length + 1} times`);
      return first;
    },
  };
}

/** The values of a field in every spelling that a backend may take for it. */
export function valuesOf({ fields }: Arrived, name: string): readonly string[] {
  const fold = (spelling: string) => spelling.toLowerCase().replace(/[^a-z0-9]/g, '-');
  return fields.filter((_, at) => at % 2 === 1 && fold(fields[at - 1] as string) === name);
}

interface RecordingBackend {
  readonly port: number;
  readonly arrived: Arrived[];
}

/** Responds to everything with 200 and to handshakes with 101; what is sent over the opened connection comes back. */
async function startRecordingBackend(t: Test): Promise<RecordingBackend> {
  const arrived: Arrived[] = [];
  const record = (req: IncomingMessage, body: string) =>
    arrived.push({
      method: req.method ?? '',
      target: req.url ?? '',
      version: req.httpVersion,
      fields: req.rawHeaders,
      body,
    });
  const sockets = new Set<Socket>();
  const server = createServer((req, res) => {
    let body = '';
    req.setEncoding('latin1').on('data', (piece: string) => {
      body += piece;
    });
    req.on('end', () => {
      record(req, body);
      // A backend with CORS of its own.
      if (req.url?.startsWith('/scripts')) res.setHeader('access-control-allow-origin', '*');
      res.end('of the backend');
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('upgrade', (req, socket) => {
    record(req, '');
    socket.on('error', () => undefined);
    const lines = [
      'HTTP/1.1 101 Switching Protocols',
      'Connection: Upgrade',
      `Upgrade: ${req.headers.upgrade}`,
      `Sec-WebSocket-Accept: ${acceptFor(req.headers['sec-websocket-key'])}`,
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  });
  return { port: (server.address() as { port: number }).port, arrived };
}

/** HAProxy checks it (RFC 6455 §4.2.2). */
function acceptFor(key = ''): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** Replaces the file of a running gateway and waits until the new one is active. */
export async function reloadWith({ gateway }: AskingHarness, text: string): Promise<void> {
  const before = gateway.lines.filter(({ msg }) => msg === 'configuration applied').length;
  writeFileSync(gateway.file, text);
  gateway.child.kill('SIGHUP');
  while (gateway.lines.filter(({ msg }) => msg === 'configuration applied').length === before) {
    await once(gateway.child.stdout as NodeJS.ReadableStream, 'data');
  }
}
