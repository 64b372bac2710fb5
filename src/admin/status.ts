import { VERSION } from '../core/version.ts';
import type { Via } from '../core/via.ts';
import { estimateQuantileMs, REQUEST_BOUNDS_MS } from '../telemetry/duration-histogram.ts';
import type { RecentDecision } from '../telemetry/recent-decisions.ts';
import { NO_ROUTE, type QuestionTraffic } from '../telemetry/request-metrics.ts';
import type { TrafficSlice } from '../telemetry/traffic-history.ts';
import type { ProofReport } from '../tokens/dpop/proof-pool.ts';
import { CALL_BOUNDS_MS } from '../tokens/endpoints/call-stats.ts';
import type { RevocationReport } from '../tokens/revocation/revocations.ts';
import type { CacheReport, EndpointReport, GatewayReport, IssuerReport, UpstreamReport } from './report.ts';

/** A route of the file. */
export interface RouteFacts {
  readonly name: string;
  readonly host: string | null;
  readonly path: string;
  /** Whether the route matches its path only, not paths below it. */
  readonly exact: boolean;
  /** Null for all. */
  readonly methods: readonly string[] | null;
  readonly upstream: string;
  /** `public`, `optional`, `authenticated`, or its rules in words. */
  readonly access: string;
  readonly mode: 'enforce' | 'report';
}

/** The result of one attempt to activate a configuration. */
export interface ReloadReport {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly trigger: 'start' | 'signal' | 'file' | 'request' | 'retry';
  readonly result: 'applied' | 'unchanged' | 'refused';
  /** Why it was refused, in the words of `sealgate check`. Never has a substituted value. */
  readonly problems: readonly string[];
}

/** The state of the process besides its traffic. */
export interface ProcessFacts {
  readonly file: string;
  readonly startedAtMs: number;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly workers: number;
  /** Numbers of workers that do not respond. */
  readonly unresponsiveWorkers: readonly number[];
  readonly routes: readonly RouteFacts[];
  /** In which ways other proxies can ask; undefined where they cannot. */
  readonly ways?: readonly Via[] | undefined;
  /** Newest first. */
  readonly reloads: readonly ReloadReport[];
}

export interface RouteStatus extends RouteFacts {
  readonly requests: number;
  readonly refusals: Readonly<Record<string, number>>;
  readonly statuses: Readonly<Record<string, number>>;
  /** Estimated from the histogram; null before the first request. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
}

/** An endpoint of a provider. */
export interface EndpointStatus extends Omit<EndpointReport, 'durations' | 'durationSumMs'> {
  /** Estimated from the histogram; null before the first call. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
}

/** What is revoked, and what was ended because of it. */
export interface RevocationStatus extends RevocationReport {
  readonly cut: number;
}

/** The body of `GET /status`. */
export interface GatewayStatus {
  readonly status: 'ready' | 'not ready' | 'draining';
  readonly version: string;
  readonly node: string;
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  readonly workers: number;
  /** Workers that do not respond: their last report is shown; they are replaced if it lasts. */
  readonly unresponsiveWorkers: readonly number[];
  readonly connections: number;
  readonly config: {
    readonly file: string;
    /** When the configuration became active. */
    readonly appliedAt: string | null;
    /** False while the file on disk is refused and an older configuration is active. */
    readonly current: boolean;
  };
  readonly reloads: readonly ReloadReport[];
  readonly routes: readonly RouteStatus[];
  /** Requests without a matching route. */
  readonly unmatched: Omit<RouteStatus, keyof RouteFacts>;
  /** Questions of other proxies, by the way of asking; absent in files without `decisions`. They are among the requests of `routes`, too. */
  readonly questions?: readonly QuestionTraffic[];
  readonly issuers: readonly IssuerReport[];
  readonly upstreams: readonly UpstreamReport[];
  /** Endpoints of providers that the gateway asks; absent in files that have none asked. */
  readonly endpoints?: readonly EndpointStatus[];
  /** DPoP proofs by how they ended; absent in files without `dpop`. */
  readonly proofs?: readonly ProofReport[];
  /** Absent while nothing is revoked and the file lets nothing be. */
  readonly revocations?: RevocationStatus;
  readonly cache: CacheReport;
  readonly history: readonly TrafficSlice[];
}

export interface StatusInput {
  readonly facts: ProcessFacts;
  readonly report: GatewayReport;
  readonly nowMs: number;
}

/** Combines the state of the process and the reports of its workers. */
export function describeStatus({ facts, report, nowMs }: StatusInput): GatewayStatus {
  const traffic = new Map(report.traffic.map((entry) => [entry.route, entry]));
  const trafficOf = (route: string): Omit<RouteStatus, keyof RouteFacts> => {
    const { requests = 0, refusals = {}, statuses = {}, durations = [] } = traffic.get(route) ?? {};
    const quantile = (share: number): number | null => {
      const value = estimateQuantileMs(durations, REQUEST_BOUNDS_MS, share);
      return value === undefined ? null : Math.round(value * 100) / 100;
    };
    return { requests, refusals, statuses, p50Ms: quantile(0.5), p95Ms: quantile(0.95) };
  };
  return {
    status: facts.draining ? 'draining' : facts.ready ? 'ready' : 'not ready',
    version: VERSION,
    node: process.version,
    startedAt: new Date(facts.startedAtMs).toISOString(),
    uptimeSeconds: Math.round((nowMs - facts.startedAtMs) / 1000),
    workers: facts.workers,
    unresponsiveWorkers: facts.unresponsiveWorkers,
    connections: report.connections,
    config: {
      file: facts.file,
      appliedAt: facts.reloads.find(({ result }) => result === 'applied')?.time ?? null,
      current: facts.reloads[0]?.result !== 'refused',
    },
    reloads: facts.reloads,
    routes: facts.routes.map((route) => ({ ...route, ...trafficOf(route.name) })),
    unmatched: trafficOf(NO_ROUTE),
    ...(facts.ways && { questions: facts.ways.map((via) => questionsOf(via, report)) }),
    issuers: report.issuers,
    upstreams: report.upstreams,
    ...(report.endpoints.length > 0 && { endpoints: report.endpoints.map(endpointStatus) }),
    ...(report.proofs.length > 0 && { proofs: report.proofs }),
    ...revocationStatus(report),
    cache: report.cache,
    history: report.history,
  };
}

function revocationStatus({ revocations: { isUsed, kept, cut } }: GatewayReport): {
  readonly revocations?: RevocationStatus;
} {
  return isUsed && kept !== null ? { revocations: { ...kept, cut } } : {};
}

function endpointStatus({ durations, durationSumMs: _, ...report }: EndpointReport): EndpointStatus {
  const quantile = (share: number): number | null => {
    const value = estimateQuantileMs(durations, CALL_BOUNDS_MS, share);
    return value === undefined ? null : Math.round(value * 100) / 100;
  };
  return { ...report, p50Ms: quantile(0.5), p95Ms: quantile(0.95) };
}

function questionsOf(via: Via, { questions }: GatewayReport): QuestionTraffic {
  return questions.find((traffic) => traffic.via === via) ?? { via, allowed: 0, refused: 0, failed: 0 };
}

export type { RecentDecision };
