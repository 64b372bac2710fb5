import { Pool } from 'undici';
import { UpstreamConnection } from './connection.ts';
import type { Endpoint } from './connector.ts';
import type { Sender } from './target.ts';
import type { UpstreamTimeouts } from './upstream.ts';

/** Bytes of header fields that a backend's answer may have; more is `upstream_invalid`. */
const MAX_RESPONSE_HEADER_BYTES = 64 * 1024;

export interface SenderSettings {
  readonly origin: string;
  readonly endpoint: Endpoint;
  readonly timeouts: UpstreamTimeouts;
}

/** Sends over HTTP/1.1: undici's pool, one request at a time on each connection. */
export function createH1Sender({ origin, endpoint, timeouts }: SenderSettings): Sender {
  return new H1Sender(origin, {
    pipelining: 1,
    maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
    headersTimeout: timeouts.responseMs,
    bodyTimeout: timeouts.idleMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    // A backend may ask for a shorter time, never for a longer one.
    keepAliveMaxTimeout: timeouts.keepAliveMs,
    keepAliveTimeoutThreshold: 1_000,
    factory: (to: URL, options: object) =>
      new UpstreamConnection(to, options, { endpoint, maxAgeMs: timeouts.ageMs }),
  });
}

class H1Sender extends Pool implements Sender {
  get connections(): number {
    return this.stats.connected;
  }
}
