import { once } from 'node:events';
import { createServer } from 'node:http';
import { dirname } from 'node:path';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Test } from 'tap';
import { stringify } from 'yaml';
import { loadConfig } from '../../../src/config/load.ts';
import { createGateway } from '../../../src/gateway/gateway.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import type { RequestRecord } from '../../../src/telemetry/request-record.ts';
import { type CountingUpstream, startCountingUpstream } from '../backends/counting-upstream.ts';

/** An issuer that signs what it is asked to and serves its one key. */
export interface TestIssuer {
  readonly url: string;
  /** A good token with these claims over the usual ones. */
  token(claims?: Readonly<Record<string, unknown>>): Promise<string>;
  close(): Promise<void>;
}

/** A whole gateway on a free port, its issuer and a backend that counts. */
export interface Harness {
  readonly port: number;
  readonly adminUrl: string;
  readonly issuer: TestIssuer;
  readonly upstream: CountingUpstream;
  /** The access lines so far. */
  readonly lines: RequestRecord[];
  /** Every log line that is no access line and of level warn or above. */
  readonly warnings: Record<string, unknown>[];
  /** Where the configuration and its files are. */
  readonly folder: string;
  /** Puts what is on disk active; needs the option `reloads`. */
  reload(): Promise<string>;
  drain(): Promise<'clean' | 'cut'>;
}

export interface HarnessOptions {
  readonly routes?: readonly Readonly<Record<string, unknown>>[];
  readonly listen?: Readonly<Record<string, unknown>>;
  /** Laid over the whole file. */
  readonly file?: Readonly<Record<string, unknown>>;
  readonly upstream?: CountingUpstream;
  /** Files beside the configuration, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Reads the file again when it changes or `reload` is called. Default: never. */
  readonly reloads?: boolean;
}

/** A public area, a protected one and one for readers, all on the same backend. */
const AREAS = [
  { name: 'public', path: '/public', upstream: 'backend', access: 'public' },
  { name: 'protected', path: '/protected', upstream: 'backend', access: 'authenticated' },
  { name: 'admin', path: '/admin', upstream: 'backend', access: { scopes: ['admin'] } },
] as const;

/** Starts all of it for one test and takes it down afterwards. */
export async function startHarness(t: Test, options: HarnessOptions = {}): Promise<Harness> {
  const issuer = await startTestIssuer();
  const upstream = options.upstream ?? (await startCountingUpstream());
  t.teardown(() => Promise.all([issuer.close(), upstream.close()]));
  const lines: RequestRecord[] = [];
  const warnings: Record<string, unknown>[] = [];
  const text = stringify({
    listen: { port: 0, ...options.listen },
    admin: { port: 0 },
    shutdown: { grace: '1s' },
    issuers: {
      test: { issuer: issuer.url, audiences: ['api'], jwksUri: `${issuer.url}/jwks`, algorithms: ['ES256'] },
    },
    upstreams: { backend: { url: upstream.url } },
    routes: options.routes ?? AREAS,
    ...options.file,
  });
  const file = `${t.testdir({ ...options.files, 'gateway.yaml': text })}/gateway.yaml`;
  const loaded = loadConfig({ file, env: {} });
  if (loaded.config === undefined) throw new Error(JSON.stringify(loaded.problems));
  const log = createLogger('info', {
    write(line) {
      const entry = JSON.parse(line);
      if (entry.msg === 'request') lines.push(entry);
      else if (entry.level !== 'info') warnings.push(entry);
    },
  });
  const read = () => {
    const again = loadConfig({ file, env: {} });
    return { loaded: again, config: again.config };
  };
  const { gateway, problems } = await createGateway({
    loaded,
    config: loaded.config,
    log,
    ...(options.reloads && { read }),
  });
  if (gateway === undefined) throw new Error(JSON.stringify(problems));
  const { url, adminUrl } = await gateway.listen();
  t.teardown(() => gateway.drain());
  await untilReady(adminUrl);
  return {
    port: Number(new URL(url).port),
    adminUrl,
    issuer,
    upstream,
    lines,
    warnings,
    folder: dirname(file),
    reload: async () => (await gateway.reload('signal')).result,
    drain: () => gateway.drain(),
  };
}

async function untilReady(adminUrl: string): Promise<void> {
  for (let attempts = 0; attempts < 200; attempts++) {
    const response = await fetch(`${adminUrl}/ready`);
    await response.arrayBuffer();
    if (response.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the gateway never became ready');
}

async function startTestIssuer(): Promise<TestIssuer> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const keys = JSON.stringify({
    keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }],
  });
  const server = createServer((_, res) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(keys);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  return {
    url,
    token: (claims) => sign(privateKey, { iss: url, aud: 'api', sub: 'alice', ...claims }),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function sign(key: CryptoKey, claims: Record<string, unknown>): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ iat: now, exp: now + 3600, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
    .sign(key);
}
