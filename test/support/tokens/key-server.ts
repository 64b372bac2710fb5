import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SigningKey } from './mint.ts';

/** How the server responds to requests for keys. */
export type Mode =
  | 'good'
  | 'reset'
  | 'error'
  | 'forbidden'
  | 'redirect'
  | 'html'
  | 'empty'
  | 'garbage'
  | 'list'
  | 'huge'
  | 'huge-announced'
  | 'compressed'
  | 'drip'
  | 'hang'
  | 'cut';

/** A provider's key server that misbehaves on command. */
export interface KeyServer {
  readonly origin: string;
  /** Issuer `origin` + path, with its metadata at both well-known places and its keys at path + `/keys`. */
  issuer(path?: string): string;
  readonly jwksUri: string;
  mode: Mode;
  /** The response to requests for metadata; for keys it is `mode`. */
  metadataMode:
    | 'good'
    | 'oauth-only'
    | 'missing'
    | 'error'
    | 'wrong-issuer'
    | 'redirect'
    | 'hang'
    | 'http-keys';
  keys: readonly unknown[];
  /** The path of the keys in the metadata. */
  keysPath: string;
  /** In its place: the whole address. */
  keysUri: string | undefined;
  headers: Record<string, string>;
  /** Paths asked for, in order. */
  readonly asked: string[];
  readonly requests: { readonly path: string; readonly headers: IncomingMessage['headers'] }[];
  /** How often keys were asked for. */
  fetches(): number;
  publish(...keys: readonly SigningKey[]): void;
  /** Refuses connections until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
  close(): Promise<void>;
}

const HUGE_BYTES = 400 * 1024 ** 2;

export async function createKeyServer(): Promise<KeyServer> {
  const server = createServer((request, response) => reply(request, response));
  const listen = (port: number) => new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  const stop = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const drips = new Set<NodeJS.Timeout>();

  const keyServer: KeyServer = {
    origin,
    issuer: (path = '') => origin + path,
    jwksUri: `${origin}/keys`,
    mode: 'good',
    metadataMode: 'good',
    keys: [],
    keysPath: '/keys',
    keysUri: undefined,
    headers: {},
    asked: [],
    requests: [],
    fetches: () => keyServer.asked.filter((path) => !path.includes('/.well-known/o')).length,
    publish(...keys) {
      keyServer.keys = keys.map(({ jwk }) => jwk);
    },
    down: stop,
    up: () => listen(port),
    async close() {
      for (const drip of drips) clearInterval(drip);
      await stop();
    },
  };

  function reply(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    keyServer.asked.push(path);
    keyServer.requests.push({ path, headers: request.headers });
    const oidc = path.indexOf('/.well-known/openid-configuration');
    const oauth = '/.well-known/oauth-authorization-server';
    if (oidc !== -1) serveMetadata(response, path.slice(0, oidc), true);
    else if (path.startsWith(oauth)) serveMetadata(response, path.slice(oauth.length), false);
    else serveKeys(response);
  }

  function serveMetadata(response: ServerResponse, path: string, isOidc: boolean): void {
    const { metadataMode } = keyServer;
    const jwksUri = keyServer.keysUri ?? origin + path + keyServer.keysPath;
    const document = { issuer: origin + path, jwks_uri: jwksUri };
    if (metadataMode === 'hang') return;
    if (metadataMode === 'missing' || (metadataMode === 'oauth-only' && isOidc)) {
      response.writeHead(404).end();
    } else if (metadataMode === 'error') response.writeHead(500).end();
    else if (metadataMode === 'redirect') response.writeHead(302, { location: '/elsewhere' }).end();
    else if (metadataMode === 'wrong-issuer') json(response, { ...document, issuer: 'https://evil.example' });
    else if (metadataMode === 'http-keys')
      json(response, { ...document, jwks_uri: 'http://keys.example/keys' });
    else json(response, document);
  }

  function serveKeys(response: ServerResponse): void {
    const { mode } = keyServer;
    if (mode === 'good') json(response, { keys: keyServer.keys });
    else if (mode === 'reset') response.destroy();
    else if (mode === 'error') response.writeHead(500).end('{"keys":[]}');
    else if (mode === 'forbidden') response.writeHead(403).end();
    else if (mode === 'redirect') response.writeHead(302, { location: '/elsewhere' }).end();
    else if (mode === 'html')
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>login</html>');
    else if (mode === 'empty') json(response, { keys: [] });
    else if (mode === 'garbage') response.writeHead(200).end('{"keys":[{"kty":');
    else if (mode === 'list') json(response, [{ keys: keyServer.keys }]);
    else if (mode === 'huge') flood(response);
    else if (mode === 'huge-announced') {
      response.writeHead(200, { 'content-length': HUGE_BYTES });
      flood(response);
    } else if (mode === 'compressed') {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('gz');
    } else if (mode === 'drip') {
      response.writeHead(200).write('{"keys":[');
      const drip = setInterval(() => response.write(' '), 10);
      drips.add(drip);
      response.on('close', () => clearInterval(drip));
    } else if (mode === 'cut') {
      response.writeHead(200, { 'content-length': 1000 }).write('{"keys":[');
      setImmediate(() => response.destroy());
    }
  }

  function json(response: ServerResponse, body: unknown): void {
    response.writeHead(200, { 'content-type': 'application/json', ...keyServer.headers });
    response.end(JSON.stringify(body));
  }

  return keyServer;
}

/** Writes 400 MiB as fast as they are taken. */
function flood(response: ServerResponse): void {
  const piece = Buffer.alloc(65_536, ' ');
  let left = HUGE_BYTES;
  const pour = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= piece.length;
      if (!response.write(piece)) {
        response.once('drain', pour);
        return;
      }
    }
    response.end();
  };
  response.on('error', () => {});
  pour();
}
