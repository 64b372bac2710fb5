import { Pool } from 'undici';
import type { Refusal } from '../core/refusals.ts';
import { UpstreamConnection } from './connection.ts';
import type { Endpoint } from './connector.ts';
import { pathPrefix } from './forward-path.ts';

/** Bytes of header fields that a backend's answer may have; more is `upstream_invalid`. */
const MAX_RESPONSE_HEADER_BYTES = 64 * 1024;

/** One address of a backend with its connections. */
export interface Target {
  readonly pool: Pool;
  /** Put before the forwarded path: empty, or a path without a slash at its end. */
  readonly prefix: string;
  /** Stated for each https: request, since undici would take it from the Host field. */
  readonly servername: string | undefined;
}

/** How it stands with one address of a backend. */
export interface TargetStatus {
  /** Origin, without anything secret. */
  readonly url: string;
  /** Null when nothing watches it. */
  readonly healthy: boolean | null;
  /** Requests under way. */
  readonly running: number;
  readonly connections: number;
}

export interface UpstreamTimeouts {
  readonly connectMs: number;
  /** From the end of the request to the head of the answer. */
  readonly responseMs: number;
  /** Longest gap in the body of an answer. */
  readonly idleMs: number;
  /** How long an idle connection is kept. */
  readonly keepAliveMs: number;
}

/** A backend, ready to be sent to. Made at load and closed once nothing uses it. */
export interface Upstream {
  readonly name: string;
  /** Equal for equal settings: a reload keeps the upstream, with its warm connections, when this is the same. */
  readonly identity: string;
  /** True when the backend sees the client's Host instead of its own. */
  readonly clientHost: boolean;
  readonly timeouts: UpstreamTimeouts;
  pick(): Target | Refusal;
  status(): readonly TargetStatus[];
  /** Lets running exchanges finish, then closes every connection. */
  close(): Promise<void>;
  /** Breaks running exchanges off. */
  destroy(): Promise<void>;
}

export interface UpstreamSettings {
  readonly name: string;
  readonly identity: string;
  readonly url: URL;
  readonly clientHost: boolean;
  readonly timeouts: UpstreamTimeouts;
  readonly tls: Endpoint['tls'];
}

/** Makes the upstream of one backend; connections are opened when requests come. */
export function createUpstream(settings: UpstreamSettings): Upstream {
  const { name, identity, clientHost, timeouts } = settings;
  const target = createTarget(settings);
  return {
    name,
    identity,
    clientHost,
    timeouts,
    pick: () => target,
    status: () => {
      const { running, connected } = target.pool.stats;
      return [{ url: settings.url.origin, healthy: null, running, connections: connected }];
    },
    close: () => target.pool.close(),
    destroy: () => target.pool.destroy(),
  };
}

function createTarget({ url, tls, timeouts }: UpstreamSettings): Target {
  const endpoint: Endpoint = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (tls === undefined ? 80 : 443),
    tls,
    connectTimeoutMs: timeouts.connectMs,
  };
  const pool = new Pool(url.origin, {
    pipelining: 1,
    maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
    headersTimeout: timeouts.responseMs,
    bodyTimeout: timeouts.idleMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    // A backend may ask for a shorter time, never for a longer one.
    keepAliveMaxTimeout: timeouts.keepAliveMs,
    keepAliveTimeoutThreshold: 1_000,
    factory: (origin, options: object) => new UpstreamConnection(origin, options, endpoint),
  });
  return { pool, prefix: pathPrefix(url.pathname), servername: tls?.serverName };
}
