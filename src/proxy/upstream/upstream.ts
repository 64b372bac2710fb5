import type { ConnectOptions } from '../connector.ts';
import type { BrokenConnection, UpstreamTimeouts } from '../dispatcher.ts';
import { faultOf } from '../errors.ts';
import { createH1Dispatcher } from '../h1/h1-dispatcher.ts';
import { createH2Dispatcher } from '../h2/h2-dispatcher.ts';
import { UPSTREAM_FAULTS, type UpstreamFault } from '../upstream-faults.ts';
import { type BalanceName, createBalance, type PickEndpoint } from './balance.ts';
import { Ejection, type EjectionPolicy } from './ejection.ts';
import { type HealthPolicy, type HealthWatch, watchHealth } from './health-check.ts';
import { UpstreamEndpoint } from './upstream-endpoint.ts';
import { pathPrefix } from './upstream-path.ts';

/** The state of one endpoint. */
export interface EndpointStatus {
  /** Origin, without anything secret. */
  readonly url: string;
  /** Null when nothing watches it. */
  readonly healthy: boolean | null;
  /** Requests and tunnels under way. */
  readonly running: number;
  readonly connections: number;
}

/** A backend and its endpoints. Made at load and closed once nothing uses it. */
export interface Upstream {
  readonly name: string;
  /** Equal for equal settings: a reload keeps the upstream, with its warm connections, when this is the same. */
  readonly identity: string;
  /** True when the backend sees the client's Host instead of its own. */
  readonly clientHost: boolean;
  /** The path of its addresses, which is put before forwarded paths: empty, or without a slash at its end. Undefined where they differ. */
  readonly prefix: string | undefined;
  readonly timeouts: UpstreamTimeouts;
  /** How often a request that got no response is retried. */
  readonly retries: number;
  readonly pick: PickEndpoint;
  status(): readonly EndpointStatus[];
  /** Starts the health checks, if there are any; once. `failed` is called for every connection that fails. */
  watch(changed: (change: UpstreamChange) => void, failed?: (failure: ConnectionFailure) => void): void;
  /** Lets running requests finish, then closes every connection. */
  close(): Promise<void>;
  /** Breaks running requests off. */
  destroy(): Promise<void>;
}

/** An address of a backend became healthy or unhealthy. */
export interface UpstreamChange {
  readonly upstream: string;
  readonly url: string;
  readonly healthy: boolean;
}

/** A connection to a backend that was not opened, or that broke while it carried a request. */
export interface ConnectionFailure {
  readonly upstream: string;
  readonly upstreamAddress: string;
  readonly during: BrokenConnection['during'];
  readonly cause: UpstreamFault;
  /** As the access line words it. */
  readonly reason: string;
  readonly durationMs: number;
}

/** One place where a backend listens. */
export interface UpstreamAddress {
  readonly url: URL;
  readonly connect: ConnectOptions;
}

export interface UpstreamSettings {
  readonly name: string;
  readonly identity: string;
  readonly clientHost: boolean;
  readonly addresses: readonly UpstreamAddress[];
  readonly balance: BalanceName;
  readonly maxRunning: number | undefined;
  readonly retries: number;
  readonly timeouts: UpstreamTimeouts;
  readonly ejection: EjectionPolicy | undefined;
  readonly health: HealthPolicy | undefined;
}

/** Makes the upstream of one backend; connections are opened when requests come. */
export function createUpstream(settings: UpstreamSettings, now: () => number = Date.now): Upstream {
  const { name, identity, clientHost, timeouts, retries, health, addresses } = settings;
  let report: ((failure: ConnectionFailure) => void) | undefined;
  const failed = (upstreamAddress: string, { error, during, durationMs }: BrokenConnection): void => {
    const cause = report && faultOf(error, during === 'connect');
    if (cause === undefined) return;
    const { reason } = UPSTREAM_FAULTS[cause];
    report?.({ upstream: name, upstreamAddress, during, cause, reason, durationMs: Math.round(durationMs) });
  };
  const endpoints = addresses.map((address) => createEndpoint(address, { ...settings, now, failed }));
  const balance = { ...settings, endpoints };
  let watches: readonly HealthWatch[] | undefined;
  const end = async (how: 'close' | 'destroy'): Promise<void> => {
    for (const watch of watches ?? []) watch.stop();
    await Promise.all(endpoints.map(({ dispatcher }) => dispatcher[how]()));
  };
  return {
    name,
    identity,
    clientHost,
    prefix: endpoints.every(({ prefix }) => prefix === endpoints[0]?.prefix)
      ? endpoints[0]?.prefix
      : undefined,
    timeouts,
    retries,
    pick: createBalance(balance),
    status: () =>
      endpoints.map(({ label, healthy, running, dispatcher }) => ({
        url: label,
        healthy: healthy ?? null,
        running,
        connections: dispatcher.connections,
      })),
    watch(changed, connectionFailed) {
      report = connectionFailed;
      if (health === undefined || watches !== undefined) return;
      watches = endpoints.map((endpoint) =>
        watchHealth(endpoint, health, ({ label, healthy }) =>
          changed({ upstream: name, url: label, healthy: healthy === true }),
        ),
      );
    },
    close: () => end('close'),
    destroy: () => end('destroy'),
  };
}

interface TargetContext {
  readonly now: () => number;
  readonly failed: (upstreamAddress: string, broken: BrokenConnection) => void;
}

const DISPATCHERS = { h1: createH1Dispatcher, h2: createH2Dispatcher } as const;

function createEndpoint(
  { url, connect }: UpstreamAddress,
  { timeouts, ejection, now, failed }: UpstreamSettings & TargetContext,
): UpstreamEndpoint {
  return new UpstreamEndpoint({
    label: url.origin,
    dispatcher: DISPATCHERS[connect.protocol]({
      origin: url.origin,
      host: url.host,
      connect,
      timeouts,
      failed: (broken) => failed(url.origin, broken),
    }),
    prefix: pathPrefix(url.pathname),
    ejection: ejection && new Ejection(ejection),
    now,
  });
}
