import type { ConnectTls } from '../../../src/proxy/connector.ts';
import type { UpstreamTimeouts } from '../../../src/proxy/dispatcher.ts';
import type { UpstreamSettings } from '../../../src/proxy/upstream/upstream.ts';

export interface UpstreamOptions extends Partial<Omit<UpstreamSettings, 'addresses' | 'timeouts'>> {
  readonly timeouts?: Partial<UpstreamTimeouts>;
  readonly tls?: ConnectTls | undefined;
  readonly protocol?: 'h1' | 'h2';
  readonly socketPath?: string;
}

const TIMEOUTS: UpstreamTimeouts = {
  connectMs: 2_000,
  responseMs: 10_000,
  idleMs: 10_000,
  keepAliveMs: 4_000,
  ageMs: 300_000,
};

/** The settings of an upstream at these URLs, with defaults for what a test leaves out. */
export function upstreamSettings(
  urls: string | readonly string[],
  { tls, protocol = 'h1', socketPath, ...options }: UpstreamOptions = {},
): UpstreamSettings {
  const timeouts = { ...TIMEOUTS, ...options.timeouts };
  return {
    name: 'backend',
    identity: 'backend',
    clientHost: false,
    balance: 'roundRobin',
    maxRunning: undefined,
    retries: 0,
    ejection: undefined,
    health: undefined,
    ...options,
    timeouts,
    addresses: [urls].flat().map((text) => {
      const url = new URL(text);
      return {
        url,
        connect: {
          host: url.hostname,
          port: Number(url.port),
          socketPath,
          tls: url.protocol === 'https:' ? (tls ?? noTrust(url.hostname)) : undefined,
          protocol,
          connectTimeoutMs: timeouts.connectMs,
        },
      };
    }),
  };
}

function noTrust(serverName: string): ConnectTls {
  return { ca: undefined, cert: undefined, key: undefined, serverName };
}
