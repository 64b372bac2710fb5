import { type BalanceName, createBalance, createSingle, type Pick } from './balance.ts';
import type { Endpoint } from './connector.ts';
import { Ejection, type EjectionPolicy } from './ejection.ts';
import { faultOf } from './failure.ts';
import { pathPrefix } from './forward-path.ts';
import { type BrokenConnection, createH1Sender } from './h1-sender.ts';
import { createH2Sender } from './h2-sender.ts';
import { type HealthPolicy, type HealthWatch, watchHealth } from './health-check.ts';
import { Target } from './target.ts';
import { UPSTREAM_FAULTS, type UpstreamFault } from './upstream-faults.ts';

/** How it stands with one address of a backend. */
export interface TargetStatus {
  /** Origin, without anything secret. */
  readonly url: string;
  /** Null when nothing watches it. */
  readonly healthy: boolean | null;
  /** Requests and tunnels under way. */
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
  /** Longest life of a connection. */
  readonly ageMs: number;
}

/** A backend, ready to be sent to. Made at load and closed once nothing uses it. */
export interface Upstream {
  readonly name: string;
  /** Equal for equal settings: a reload keeps the upstream, with its warm connections, when this is the same. */
  readonly identity: string;
  /** True when the backend sees the client's Host instead of its own. */
  readonly clientHost: boolean;
  /** The path of its addresses, which is put before forwarded paths: empty, or without a slash at its end. Undefined where they differ. */
  readonly prefix: string | undefined;
  readonly timeouts: UpstreamTimeouts;
  /** Further tries of a request that no answer came to. */
  readonly retries: number;
  readonly pick: Pick;
  status(): readonly TargetStatus[];
  /** Starts the health checks, if there are any; once. `failed` is called for every connection that fails. */
  watch(changed: (change: UpstreamChange) => void, failed?: (failure: ConnectionFailure) => void): void;
  /** Lets running exchanges finish, then closes every connection. */
  close(): Promise<void>;
  /** Breaks running exchanges off. */
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
  /** What the access line would say of it. */
  readonly reason: string;
  readonly durationMs: number;
}

/** One place where a backend listens. */
export interface UpstreamAddress {
  readonly url: URL;
  readonly endpoint: Endpoint;
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
  const targets = addresses.map((address) => createTarget(address, { ...settings, now, failed }));
  const balance = { ...settings, targets };
  let watches: readonly HealthWatch[] | undefined;
  const end = async (how: 'close' | 'destroy'): Promise<void> => {
    for (const watch of watches ?? []) watch.stop();
    await Promise.all(targets.map(({ sender }) => sender[how]()));
  };
  return {
    name,
    identity,
    clientHost,
    prefix: targets.every(({ prefix }) => prefix === targets[0]?.prefix) ? targets[0]?.prefix : undefined,
    timeouts,
    retries,
    pick: targets.length === 1 ? createSingle(balance) : createBalance(balance),
    status: () =>
      targets.map(({ label, healthy, running, sender }) => ({
        url: label,
        healthy: healthy ?? null,
        running,
        connections: sender.connections,
      })),
    watch(changed, connectionFailed) {
      report = connectionFailed;
      if (health === undefined || watches !== undefined) return;
      watches = targets.map((target) =>
        watchHealth(target, health, ({ label, healthy }) =>
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

const SENDERS = { h1: createH1Sender, h2: createH2Sender } as const;

function createTarget(
  { url, endpoint }: UpstreamAddress,
  { timeouts, ejection, now, failed }: UpstreamSettings & TargetContext,
): Target {
  return new Target({
    label: url.origin,
    sender: SENDERS[endpoint.protocol]({
      origin: url.origin,
      host: url.host,
      endpoint,
      timeouts,
      failed: (broken) => failed(url.origin, broken),
    }),
    prefix: pathPrefix(url.pathname),
    ejection: ejection && new Ejection(ejection),
    now,
  });
}
