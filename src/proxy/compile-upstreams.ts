import { createHash, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { PathProblem } from '../config/problem.ts';
import { type ReadFile, readFileBounded, whyUnreadable } from '../config/read-file.ts';
import type { Config, UpstreamConfig } from '../config/schema.ts';
import type { EndpointTls } from './connector.ts';
import { createUpstream, type Upstream, type UpstreamTimeouts } from './upstream.ts';

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
  /** The upstreams of the configuration in force; those whose settings did not change are kept, connections and all. */
  readonly previous?: ReadonlyMap<string, Upstream>;
}

const DEFAULT_TIMEOUTS: UpstreamTimeouts = {
  connectMs: 2_000,
  responseMs: 30_000,
  idleMs: 300_000,
  keepAliveMs: 4_000,
};

const MAX_PEM_BYTES = 1024 * 1024;
const IN_PLACE: Omit<UpstreamConfig, 'url'> = { hostHeader: 'upstream', timeouts: {} };

/** What is collected while the upstreams are made. */
interface Compilation extends CompileUpstreamsOptions {
  readonly problems: PathProblem[];
  readonly files: string[];
}

/** Makes every upstream that the file names or that a route gives as a URL in place. */
export function compileUpstreams(config: Config, options: CompileUpstreamsOptions): CompiledUpstreams {
  const upstreams = new Map<string, Upstream>();
  const compilation: Compilation = { ...options, problems: [], files: [] };
  for (const [name, upstream] of Object.entries(config.upstreams)) {
    upstreams.set(name, compileUpstream(name, upstream, compilation));
  }
  for (const { upstream: url } of config.routes) {
    if (upstreams.has(url) || !/^https?:\/\//i.test(url)) continue;
    upstreams.set(url, compileUpstream(url, { ...IN_PLACE, url }, compilation));
  }
  return { upstreams, problems: compilation.problems, files: compilation.files };
}

function compileUpstream(name: string, config: UpstreamConfig, compilation: Compilation): Upstream {
  const url = new URL(config.url);
  const { connect, response, idle, keepAlive } = config.timeouts;
  const timeouts: UpstreamTimeouts = {
    connectMs: connect ?? DEFAULT_TIMEOUTS.connectMs,
    responseMs: response ?? DEFAULT_TIMEOUTS.responseMs,
    idleMs: idle ?? DEFAULT_TIMEOUTS.idleMs,
    keepAliveMs: keepAlive ?? DEFAULT_TIMEOUTS.keepAliveMs,
  };
  const tls = url.protocol === 'https:' ? compileTls(name, config, url, compilation) : undefined;
  const clientHost = config.hostHeader === 'client';
  const identity = createHash('sha256')
    .update(JSON.stringify([name, url.href, clientHost, timeouts, tls]))
    .digest('base64url');
  const previous = compilation.previous?.get(name);
  if (previous?.identity === identity) return previous;
  return createUpstream({ name, identity, url, clientHost, timeouts, tls });
}

function compileTls(name: string, config: UpstreamConfig, url: URL, compilation: Compilation): EndpointTls {
  const path = ['upstreams', name, 'tls'];
  const read = (key: 'ca' | 'cert' | 'key'): string | undefined => {
    const file = config.tls?.[key];
    if (file === undefined) return undefined;
    const absolute = compilation.resolvePath(file);
    compilation.files.push(absolute);
    try {
      return Buffer.from((compilation.readFile ?? readFileBounded)(absolute, MAX_PEM_BYTES)).toString(
        'latin1',
      );
    } catch (error) {
      const message = `cannot read the file: ${whyUnreadable(error)}`;
      compilation.problems.push({ severity: 'error', path: [...path, key], message });
      return undefined;
    }
  };
  const tls: EndpointTls = {
    ca: read('ca'),
    cert: read('cert'),
    key: read('key'),
    serverName: config.tls?.serverName ?? url.hostname.replace(/^\[|\]$/g, ''),
  };
  compilation.problems.push(...tlsProblems(path, tls));
  return tls;
}

function tlsProblems(path: readonly string[], { ca, cert, key }: EndpointTls): PathProblem[] {
  if ((cert === undefined) !== (key === undefined)) {
    const message = 'a client certificate needs both `cert` and `key`';
    return [{ severity: 'error', path, message }];
  }
  if (ca !== undefined && !isPemCertificates(ca)) {
    return [
      { severity: 'error', path: [...path, 'ca'], message: 'it holds no PEM certificate that can be read' },
    ];
  }
  try {
    createSecureContext({ cert, key });
    return [];
  } catch {
    const message = '`cert` and `key` are not a PEM certificate and the key that belongs to it';
    return [{ severity: 'error', path, message }];
  }
}

/** OpenSSL takes a bundle without any certificate for an empty one, which would trust nobody silently. */
function isPemCertificates(pem: string): boolean {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.length > 0 && blocks.every(isCertificate);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem) instanceof X509Certificate;
  } catch {
    return false;
  }
}
