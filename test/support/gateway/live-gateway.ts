import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { loadConfig } from '../../../src/config/load.ts';
import type { Gateway } from '../../../src/gateway/gateway.ts';
import { type CountingUpstream, startCountingUpstream } from '../backends/counting-upstream.ts';
import { createKeyServer, type KeyServer } from '../tokens/key-server.ts';
import { mint, signingKey } from '../tokens/mint.ts';
import { createTestGateway, type LogLine, waitUntilReady } from './gateway.ts';

/** A gateway made from a file on disk, with an issuer that publishes one key and a backend. */
export interface LiveGateway {
  readonly gateway: Gateway;
  readonly url: string;
  readonly adminUrl: string;
  readonly folder: string;
  readonly file: string;
  readonly issuer: KeyServer;
  readonly upstream: CountingUpstream;
  readonly lines: readonly LogLine[];
  /** Replaces the file in one step, as editors and tools do. `ISSUER` and `BACKEND` stand for their URLs. */
  write(text: string): void;
  /** Resolves with the first line from now on that has this message. */
  nextLine(msg: string): Promise<LogLine>;
  token(claims?: Record<string, unknown>): string;
  /** Asks with the token. */
  get(path: string, token?: string): Promise<Response>;
  admin(path: string): Promise<Response>;
}

export interface LiveGatewayOptions {
  readonly upstream?: Parameters<typeof startCountingUpstream>[0];
  /** Where the file is, below the folder. */
  readonly file?: string;
  /** Puts further files there before the start. */
  readonly prepare?: (folder: string) => void;
  /** The file that is there when it listens, after it has read another. */
  readonly replacedBy?: string;
}

const KEY = signingKey('ES256');

/** Starts it; everything ends with the test. */
export async function startLiveGateway(
  t: Test,
  text: string,
  options: LiveGatewayOptions = {},
): Promise<LiveGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-live-'));
  const file = join(folder, options.file ?? 'gateway.yaml');
  const issuer = await createKeyServer();
  issuer.publish(KEY);
  const upstream = await startCountingUpstream(options.upstream);

  const write = (next: string): void => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(
      `${file}.new`,
      next.replaceAll('ISSUER', issuer.issuer()).replaceAll('BACKEND', upstream.url),
    );
    renameSync(`${file}.new`, file);
  };
  if (options.file === undefined) write(text);
  options.prepare?.(folder);

  const read = () => {
    const loaded = loadConfig({ file, env: {} });
    return { loaded, config: loaded.config };
  };
  const { gateway, lines, nextLine } = await createTestGateway({ ...read(), read });
  t.teardown(async () => {
    await gateway.drain();
    await upstream.close();
    await issuer.close();
    rmSync(folder, { recursive: true, force: true });
  });
  if (options.replacedBy !== undefined) write(options.replacedBy);
  const { url, adminUrl } = await gateway.listen();
  await waitUntilReady(adminUrl);

  const token = (claims: Record<string, unknown> = {}): string => {
    const now = Math.floor(Date.now() / 1000);
    return mint(KEY, { iss: issuer.issuer(), aud: 'api', sub: 'alice', iat: now, exp: now + 600, ...claims });
  };
  return {
    gateway,
    url,
    adminUrl,
    folder,
    file,
    issuer,
    upstream,
    lines,
    write,
    nextLine: (msg) => nextLine((line) => line.msg === msg),
    token,
    get: (path, own = token()) => fetch(`${url}${path}`, { headers: { authorization: `Bearer ${own}` } }),
    admin: (path) => fetch(`${adminUrl}${path}`),
  };
}

/** A file with one guarded route, `/a`, and whatever else is given. */
export function liveText(
  more:
    | string
    | {
        readonly routes?: string;
        readonly top?: string;
        readonly upstreams?: string;
        readonly listen?: string;
        readonly corp?: string;
        readonly issuers?: string;
      } = {},
): string {
  const parts = typeof more === 'string' ? { routes: more } : more;
  const { routes = '', top = '', upstreams = '', listen = '', corp = '', issuers = '' } = parts;
  return `listen: { port: 0${listen} }
admin: { port: 0 }
${top}
issuers:
  corp: { issuer: ISSUER, audiences: [api]${corp} }
${issuers}
upstreams:
  backend: { url: BACKEND }
${upstreams}
routes:
  - { name: a, path: /a, upstream: backend, access: authenticated }
${routes}
`;
}
