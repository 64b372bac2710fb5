import type { RecentDecision } from '../telemetry/recent-decisions.ts';
import { DECISIONS_KEPT } from '../telemetry/recent-decisions.ts';
import type { QuestionTraffic, RouteTraffic } from '../telemetry/request-metrics.ts';
import type { OutcomeKind, TrafficSlice } from '../telemetry/traffic-history.ts';
import type { ProofReport } from '../tokens/dpop/proof-pool.ts';
import type { RevocationReport } from '../tokens/revocation/revocations.ts';

/** The state of one issuer's keys. */
export interface IssuerReport {
  readonly name: string;
  /** `waiting`: none yet; `fresh`; `stale`: the last fetch failed, older keys are used; `expired`: too old to use; `introspected`: it has none. */
  readonly state: 'waiting' | 'fresh' | 'stale' | 'expired' | 'introspected';
  /** Number of usable keys. */
  readonly keys: number;
  readonly ageSeconds: number | null;
  readonly nextRefreshSeconds: number | null;
  readonly lastError: string | null;
  readonly fetches: number;
  readonly failures: number;
}

export interface UpstreamReport {
  readonly name: string;
  readonly targets: readonly UpstreamEndpointReport[];
}

export interface UpstreamEndpointReport {
  /** Origin of the backend, without anything secret. */
  readonly url: string;
  /** Null without health checks. */
  readonly healthy: boolean | null;
  /** Running requests. */
  readonly running: number;
  readonly connections: number;
}

export interface CacheReport {
  readonly entries: number;
  readonly bytes: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
}

/** The calls of one endpoint of a provider, and what is kept of its responses. */
export interface EndpointReport {
  readonly endpoint: 'introspection' | 'token';
  /** The configured name of the issuer or upstream. */
  readonly name: string;
  /** By how they ended: `ok`, `rejected`, `invalid`, `timeout`, `unreachable`. */
  readonly calls: Readonly<Record<string, number>>;
  /** Of calls, by the buckets of `CALL_BOUNDS_MS`. */
  readonly durations: readonly number[];
  readonly durationSumMs: number;
  readonly inFlight: number;
  /** Why the last call failed; null where it did not. */
  readonly lastError: string | null;
  readonly cache: CacheReport;
}

/** What is revoked, as one process knows it. */
export interface ProcessRevocationReport {
  /** Whether the file lets anything be revoked, or something is. */
  readonly isUsed: boolean;
  /** Of the process that keeps the entries; null of its workers. */
  readonly kept: RevocationReport | null;
  /** Requests that were ended because their token was revoked meanwhile. */
  readonly cut: number;
}

/** One process's traffic: plain data, so that workers can send it. */
export interface GatewayReport {
  readonly traffic: readonly RouteTraffic[];
  readonly questions: readonly QuestionTraffic[];
  readonly history: readonly TrafficSlice[];
  readonly decisions: readonly RecentDecision[];
  readonly issuers: readonly IssuerReport[];
  readonly upstreams: readonly UpstreamReport[];
  /** Of files that have any asked. */
  readonly endpoints: readonly EndpointReport[];
  readonly cache: CacheReport;
  /** Of the issuers with `dpop`. */
  readonly proofs: readonly ProofReport[];
  readonly revocations: ProcessRevocationReport;
  readonly connections: number;
}

/** Merges the reports of several workers; of keys the worst state counts, since some requests get it. */
export function mergeReports(reports: readonly GatewayReport[]): GatewayReport {
  return {
    traffic: mergeBy(
      reports.flatMap(({ traffic }) => traffic),
      ({ route }) => route,
      (a, b) => ({
        route: a.route,
        requests: a.requests + b.requests,
        refusals: addCounts(a.refusals, b.refusals),
        statuses: addCounts(a.statuses, b.statuses),
        durations: addEach(a.durations, b.durations),
      }),
    ),
    questions: mergeBy(
      reports.flatMap(({ questions }) => questions),
      ({ via }) => via,
      (a, b) => ({ via: a.via, ...addOutcomes(a, b) }),
    ),
    history: mergeBy(
      reports.flatMap(({ history }) => history),
      ({ startMs }) => String(startMs),
      (a, b) => ({ startMs: a.startMs, ...addOutcomes(a, b) }),
    ).sort((a, b) => a.startMs - b.startMs),
    decisions: reports
      .flatMap(({ decisions }) => decisions)
      .sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0))
      .slice(0, DECISIONS_KEPT),
    issuers: mergeBy(
      reports.flatMap(({ issuers }) => issuers),
      ({ name }) => name,
      (a, b) => (STATE_RANK[b.state] > STATE_RANK[a.state] ? b : a),
    ),
    upstreams: mergeBy(
      reports.flatMap(({ upstreams }) => upstreams),
      ({ name }) => name,
      (a, b) => ({
        name: a.name,
        targets: mergeBy([...a.targets, ...b.targets], ({ url }) => url, mergeTargets),
      }),
    ),
    endpoints: mergeBy(
      reports.flatMap(({ endpoints }) => endpoints),
      ({ endpoint, name }) => `${endpoint} ${name}`,
      (a, b) => ({
        ...a,
        calls: addCounts(a.calls, b.calls),
        durations: addEach(a.durations, b.durations),
        durationSumMs: a.durationSumMs + b.durationSumMs,
        inFlight: a.inFlight + b.inFlight,
        lastError: a.lastError ?? b.lastError,
        cache: addCaches(a.cache, b.cache),
      }),
    ),
    cache: reports.map(({ cache }) => cache).reduce(addCaches, NO_CACHE),
    proofs: mergeBy(
      reports.flatMap(({ proofs }) => proofs),
      ({ issuer }) => issuer,
      (a, b) => ({
        issuer: a.issuer,
        outcomes: addCounts(a.outcomes, b.outcomes) as ProofReport['outcomes'],
        memory: a.memory ?? b.memory,
      }),
    ),
    revocations: {
      isUsed: reports.some(({ revocations }) => revocations.isUsed),
      kept: reports.find(({ revocations }) => revocations.kept !== null)?.revocations.kept ?? null,
      cut: reports.reduce((sum, { revocations }) => sum + revocations.cut, 0),
    },
    connections: reports.reduce((sum, { connections }) => sum + connections, 0),
  };
}

/** Of what keeps nothing. */
export const NO_CACHE: CacheReport = { entries: 0, bytes: 0, hits: 0, misses: 0, evictions: 0 };

function addCaches(a: CacheReport, b: CacheReport): CacheReport {
  return {
    entries: a.entries + b.entries,
    bytes: a.bytes + b.bytes,
    hits: a.hits + b.hits,
    misses: a.misses + b.misses,
    evictions: a.evictions + b.evictions,
  };
}

function addEach(a: readonly number[], b: readonly number[]): readonly number[] {
  return a.map((count, bucket) => count + (b[bucket] ?? 0));
}

const STATE_RANK = { introspected: 0, fresh: 0, stale: 1, expired: 2, waiting: 3 } as const satisfies Record<
  IssuerReport['state'],
  number
>;

function mergeTargets(a: UpstreamEndpointReport, b: UpstreamEndpointReport): UpstreamEndpointReport {
  return {
    url: a.url,
    healthy: a.healthy === null ? b.healthy : a.healthy && b.healthy !== false,
    running: a.running + b.running,
    connections: a.connections + b.connections,
  };
}

function mergeBy<T>(items: readonly T[], keyOf: (item: T) => string, merge: (a: T, b: T) => T): T[] {
  const merged = new Map<string, T>();
  for (const item of items) {
    const key = keyOf(item);
    const before = merged.get(key);
    merged.set(key, before === undefined ? item : merge(before, item));
  }
  return [...merged.values()];
}

function addOutcomes(a: Outcomes, b: Outcomes): Outcomes {
  return { allowed: a.allowed + b.allowed, refused: a.refused + b.refused, failed: a.failed + b.failed };
}

type Outcomes = Readonly<Record<OutcomeKind, number>>;

function addCounts(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Record<string, number> {
  const sum: Record<string, number> = { ...a };
  for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
