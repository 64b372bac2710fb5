import { dirname } from 'node:path';
import type { Test } from 'tap';
import { stringify } from 'yaml';
import { loadConfig } from '../../../src/config/load.ts';
import type { Clock } from '../../../src/core/time/clock.ts';
import type { RequestRecord } from '../../../src/telemetry/request-record.ts';
import { type CountingUpstream, startCountingUpstream } from '../backends/counting-upstream.ts';
import { createKeyServer } from '../tokens/key-server.ts';
import { mint, signingKey } from '../tokens/mint.ts';
import { createTestGateway, waitUntilReady } from './gateway.ts';

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
  /** The port that other proxies ask at, in files with `decisions`. */
  readonly decisionsPort: number | undefined;
  /** Where they ask over gRPC. */
  readonly grpcUrl: string | undefined;
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
  /** Added to the issuer. */
  readonly issuerSettings?: Readonly<Record<string, unknown>>;
  /** Laid over the whole file. */
  readonly file?: Readonly<Record<string, unknown>>;
  readonly upstream?: CountingUpstream;
  /** Files beside the configuration, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Reads the file again when it changes or `reload` is called. Default: never. */
  readonly reloads?: boolean;
  /** Default: that of the system. Tokens are issued by that in any case. */
  readonly clock?: Clock;
}

const KEY = signingKey('ES256', { kid: 'k1' });

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
      test: {
        ...{ issuer: issuer.url, audiences: ['api'], jwksUri: `${issuer.url}/keys`, algorithms: ['ES256'] },
        ...options.issuerSettings,
      },
    },
    upstreams: { backend: { url: upstream.url } },
    routes: options.routes ?? AREAS,
    ...options.file,
  });
  const file = `${t.testdir({ ...options.files, 'gateway.yaml': text })}/gateway.yaml`;
  const read = () => {
    const loaded = loadConfig({ file, env: {} });
    return { loaded, config: loaded.config };
  };
  const { gateway } = await createTestGateway({
    ...read(),
    ...(options.reloads && { read }),
    ...(options.clock && { clock: options.clock }),
    level: 'info',
    onLine(line) {
      if (line.msg === 'request') lines.push(line as unknown as RequestRecord);
      else if (line.level !== 'info') warnings.push(line);
    },
  });
  const { url, adminUrl, decisionsUrl, grpcUrl } = await gateway.listen();
  t.teardown(() => gateway.drain());
  await waitUntilReady(adminUrl);
  return {
    port: Number(new URL(url).port),
    adminUrl,
    decisionsPort: decisionsUrl === undefined ? undefined : Number(new URL(decisionsUrl).port),
    grpcUrl,
    issuer,
    upstream,
    lines,
    warnings,
    folder: dirname(file),
    reload: async () => (await gateway.reload('signal')).result,
    drain: () => gateway.drain(),
  };
}

async function startTestIssuer(): Promise<TestIssuer> {
  const keys = await createKeyServer();
  keys.publish(KEY);
  const url = keys.issuer();
  return {
    url,
    async token(claims) {
      const now = Math.floor(Date.now() / 1000);
      return mint(KEY, { iss: url, aud: 'api', sub: 'alice', iat: now, exp: now + 3600, ...claims });
    },
    close: () => keys.close(),
  };
}
