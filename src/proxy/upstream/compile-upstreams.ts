import { createHash } from 'node:crypto';
import type { PathProblem } from '../../config/problem.ts';
import {
  type Config,
  DEFAULT_EJECTION,
  type UpstreamConfig,
  upstreamSchema,
} from '../../config/schema/config.ts';
import type { ReadFile } from '../../config/source/read-file.ts';
import type { ConnectOptions } from '../connector.ts';
import { timeLimit, timerDelay } from './time-limit.ts';
import { createUpstream, type Upstream, type UpstreamAddress } from './upstream.ts';
import { readTlsFiles, type TlsFiles, type UpstreamTls } from './upstream-tls.ts';

export interface CompiledUpstreams {
  /** By what routes call them: a name of the file, or a URL in place. */
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly problems: readonly PathProblem[];
  /** Absolute paths of the certificate and key files that were read, for watching. */
  readonly files: readonly string[];
}

export interface CompileUpstreamsOptions {
  /** Makes a path of the file absolute. */
  readonly resolvePath: (path: string) => string;
  readonly readFile?: ReadFile;
  /** The upstreams of the configuration active; those whose settings did not change are kept, connections and all. */
  readonly previous?: ReadonlyMap<string, Upstream>;
}

/** Makes every upstream that the file names or that a route gives as a URL in place. */
export function compileUpstreams(config: Config, options: CompileUpstreamsOptions): CompiledUpstreams {
  const upstreams = new Map<string, Upstream>();
  const read: TlsFiles[] = [];
  const compile = (name: string, upstream: UpstreamConfig): void => {
    const files = readTlsFiles(upstream.tls, { ...options, path: ['upstreams', name, 'tls'] });
    read.push(files);
    upstreams.set(name, compileUpstream(name, { upstream, tls: files.tls, options }));
  };
  for (const [name, upstream] of Object.entries(config.upstreams)) compile(name, upstream);
  for (const { upstream: url } of config.routes) {
    if (!upstreams.has(url) && /^https?:\/\//i.test(url)) compile(url, upstreamSchema.parse({ url }));
  }
  return {
    upstreams,
    problems: read.flatMap(({ problems }) => problems),
    files: read.flatMap(({ files }) => files),
  };
}

/** The addresses of an upstream, and how to connect to each. */
export function addressesOf(
  upstream: UpstreamConfig,
  tls: UpstreamTls,
  resolvePath: (path: string) => string,
): readonly UpstreamAddress[] {
  const connectTimeoutMs = timeLimit(upstream.timeouts.connect);
  const written = upstream.urls ?? (upstream.url === undefined ? [] : [upstream.url]);
  return written.map((text) => {
    const url = new URL(text);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const isTls = url.protocol === 'https:';
    const connect: ConnectOptions = {
      host,
      port: Number(url.port) || (isTls ? 443 : 80),
      socketPath: upstream.socket === undefined ? undefined : resolvePath(upstream.socket),
      tls: isTls ? { ...tls, serverName: tls.serverName ?? host } : undefined,
      protocol: upstream.protocol,
      connectTimeoutMs,
    };
    return { url, connect };
  });
}

interface Compilation {
  readonly upstream: UpstreamConfig;
  readonly tls: UpstreamTls;
  readonly options: CompileUpstreamsOptions;
}

function compileUpstream(name: string, { upstream, tls, options }: Compilation): Upstream {
  const addresses = addressesOf(upstream, tls, options.resolvePath);
  const { connect, response, idle, keepAlive, age } = upstream.timeouts;
  const { failures, base, max } = upstream.ejection ?? DEFAULT_EJECTION;
  const { health } = upstream;
  const settings = {
    name,
    clientHost: upstream.hostHeader === 'client',
    addresses,
    balance: upstream.balance ?? 'roundRobin',
    maxRunning: upstream.connections,
    retries: upstream.retries,
    timeouts: {
      connectMs: timeLimit(connect),
      responseMs: timeLimit(response),
      idleMs: timeLimit(idle),
      keepAliveMs: timerDelay(keepAlive),
      ageMs: age,
    },
    ejection: addresses.length > 1 ? { failures, baseMs: base, maxMs: max } : undefined,
    health: health && {
      path: health.path,
      intervalMs: timerDelay(health.interval),
      timeoutMs: timeLimit(health.timeout),
    },
  } as const;
  const identity = createHash('sha256').update(JSON.stringify(settings)).digest('base64url');
  const previous = options.previous?.get(name);
  return previous?.identity === identity ? previous : createUpstream({ ...settings, identity });
}
