import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { loadConfig } from '../../../src/config/load.ts';
import { type CountingUpstream, startCountingUpstream } from '../backends/counting-upstream.ts';
import type { FrozenTime } from '../core/frozen-time.ts';
import { createTestGateway, type LogLine, waitUntilReady } from '../gateway/gateway.ts';
import { createKeyServer } from '../tokens/key-server.ts';
import { mint, signingKey } from '../tokens/mint.ts';
import { startTokenEndpoint, type TokenEndpoint } from './token-endpoint.ts';

/** A gateway whose upstream `orders` gets exchanged tokens, with the token endpoint and the backend. */
export interface ExchangeHarness {
  readonly url: string;
  readonly adminUrl: string;
  readonly decisionsUrl: string | undefined;
  readonly grpcUrl: string | undefined;
  readonly endpoint: TokenEndpoint;
  readonly backend: CountingUpstream;
  readonly lines: readonly LogLine[];
  /** Where the file is. */
  readonly folder: string;
  /** The exchange as it is in the file. */
  readonly exchange: Readonly<Record<string, unknown>>;
  /** Replaces a file beside the configuration. */
  writeFile(name: string, text: string): void;
  /** A good token of the caller, with these claims over the usual ones. */
  token(claims?: Readonly<Record<string, unknown>>): string;
  /** Asks with the token of a caller. */
  get(path: string, token?: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** What `Authorization` the backend got with each request since the last time. */
  seen(): readonly (string | undefined)[];
  /** Replaces parts of the file and reloads it. */
  reload(changes: Readonly<Record<string, unknown>>): Promise<string>;
}

export interface ExchangeOptions {
  /** Laid over `exchange`. */
  readonly exchange?: Readonly<Record<string, unknown>>;
  readonly routes?: readonly Readonly<Record<string, unknown>>[];
  /** Laid over the whole file. */
  readonly file?: Readonly<Record<string, unknown>>;
  readonly endpoint?: TokenEndpoint;
  /** How the backend responds. */
  readonly backend?: Parameters<typeof startCountingUpstream>[0];
  /** Only its wall clock counts. */
  readonly time?: FrozenTime;
  /** Files beside the configuration, by name. */
  readonly files?: Readonly<Record<string, string>>;
}

const KEY = signingKey('ES256', { kid: 'k1' });
export const SECRET = 'the gateway+secret/=';

/** Starts it; everything ends with the test. */
export async function startExchange(
  t: { teardown(undo: () => unknown): unknown; testdir(files: Record<string, string>): string },
  options: ExchangeOptions = {},
): Promise<ExchangeHarness> {
  const endpoint = options.endpoint ?? (await startTokenEndpoint(t));
  const keys = await createKeyServer();
  keys.publish(KEY);
  const backend = await startCountingUpstream(options.backend);
  const { time } = options;
  const exchange = {
    grant: 'token-exchange',
    tokenUrl: endpoint.url,
    auth: { clientId: 'gateway', clientSecret: SECRET },
    audience: 'orders',
    scopes: ['orders:read'],
    ...options.exchange,
  };
  let file: Readonly<Record<string, unknown>> = {
    listen: { port: 0 },
    admin: { port: 0 },
    shutdown: { grace: '1s' },
    issuers: { corp: { issuer: keys.issuer(), audiences: ['api'] } },
    upstreams: {
      orders: { url: backend.url, exchange },
      plain: { url: backend.url },
    },
    routes: options.routes ?? [
      { name: 'orders', path: '/orders', upstream: 'orders', access: 'authenticated', websocket: true },
      { name: 'open', path: '/open', upstream: 'orders', access: 'public' },
      { name: 'optional', path: '/optional', upstream: 'orders', access: 'optional' },
      { name: 'plain', path: '/plain', upstream: 'plain', access: 'authenticated' },
    ],
    ...options.file,
  };
  let path = '';
  const read = () => {
    const loaded = loadConfig({ file: path, env: {} });
    return { loaded, config: loaded.config };
  };
  const folder = t.testdir({ ...options.files, 'gateway.yaml': stringify(file) });
  path = `${folder}/gateway.yaml`;
  const { gateway, lines } = await createTestGateway({
    ...read(),
    read,
    ...(time && { clock: time.clock }),
  });
  const { url, adminUrl, decisionsUrl, grpcUrl } = await gateway.listen();
  t.teardown(async () => {
    await gateway.drain();
    await backend.close();
    await keys.close();
  });
  await waitUntilReady(adminUrl);

  const token = (claims: Readonly<Record<string, unknown>> = {}): string => {
    const now = Math.floor((time?.clock() ?? Date.now()) / 1000);
    return mint(KEY, { iss: keys.issuer(), aud: 'api', sub: 'alice', iat: now, exp: now + 3600, ...claims });
  };
  return {
    url,
    adminUrl,
    decisionsUrl,
    grpcUrl,
    endpoint,
    backend,
    lines,
    folder,
    exchange,
    writeFile: (name, text) => writeFileSync(`${folder}/${name}`, text),
    token,
    get: (target, own = token(), headers = {}) =>
      fetch(`${url}${target}`, { headers: { authorization: `Bearer ${own}`, ...headers } }),
    seen: () => backend.requests.splice(0).map(({ headers }) => headers.authorization),
    async reload(changes) {
      file = { ...file, ...changes };
      writeFileSync(path, stringify(file));
      return (await gateway.reload('signal')).result;
    },
  };
}
