import type { IssuerReadiness } from '../../admin/readiness.ts';
import {
  type CacheReport,
  type EndpointReport,
  type GatewayReport,
  type IssuerReport,
  NO_CACHE,
  type ProcessRevocationReport,
  type UpstreamReport,
} from '../../admin/report.ts';
import type { RouteFacts } from '../../admin/status.ts';
import { VIAS, type Via } from '../../core/via.ts';
import { describeAccess } from '../../pipeline/access/authorize.ts';
import { exchangesToken } from '../../pipeline/decision/decide-exchange.ts';
import type { ProofPool } from '../../tokens/dpop/proof-pool.ts';
import type { CallCacheStats, CallStats } from '../../tokens/endpoints/call-stats.ts';
import type { RevocationReport } from '../../tokens/revocation/revocations.ts';
import type { Generation } from '../generation.ts';
import type { Observation } from './observation.ts';

/** What a report is made of. */
export interface ReportSources {
  readonly generation: Generation;
  readonly observation: Observation;
  readonly proofs: ProofPool;
  /** Undefined where another process keeps them. */
  readonly revocations: RevocationReport | undefined;
  /** Requests that were ended because their token was revoked meanwhile. */
  readonly cut: number;
  /** Open client connections. */
  readonly connections: number;
  readonly nowMs: number;
}

/** Reports the traffic of this process as plain data. */
export function reportGateway({
  generation,
  observation,
  proofs,
  revocations,
  cut,
  connections,
  nowMs,
}: ReportSources): GatewayReport {
  return {
    traffic: observation.requests.traffic(),
    questions: observation.requests.questions(),
    history: observation.history.slices(nowMs),
    decisions: observation.decisions.list(generation.decisions !== undefined),
    issuers: reportIssuers(generation),
    upstreams: reportUpstreams(generation),
    endpoints: reportEndpoints(generation),
    cache: reportCache(generation),
    proofs: proofs.report(generation.proofs),
    revocations: reportRevocations(generation, revocations, cut),
    connections,
  };
}

function reportRevocations(
  { config: { admin, issuers }, revocation }: Generation,
  kept: RevocationReport | undefined,
  cut: number,
): ProcessRevocationReport {
  const arrives =
    admin.token !== undefined ||
    revocation.places.length > 0 ||
    Object.values(issuers).some(({ logout, events }) => (logout ?? events) !== undefined);
  return { isUsed: arrives || cut > 0 || (kept?.entries ?? 0) > 0, kept: kept ?? null, cut };
}

/** The state of each issuer's keys. */
export function reportIssuers({ verifier }: Generation): IssuerReport[] {
  return verifier
    .status()
    .map(({ name, state, keys, ageMs, nextRefreshMs, lastError, fetches, failures }) => ({
      name,
      state,
      keys,
      ageSeconds: toSeconds(ageMs),
      nextRefreshSeconds: toSeconds(nextRefreshMs),
      lastError: lastError ?? null,
      fetches,
      failures,
    }));
}

/** What readiness depends on. An issuer without keys has nothing to wait for. */
export function toReadiness({ name, keys, state }: IssuerReport): IssuerReadiness {
  return { name, hasKeys: keys > 0 || state === 'introspected' };
}

function toSeconds(ms: number | undefined): number | null {
  return ms === undefined || !Number.isFinite(ms) ? null : Math.round(ms / 1000);
}

function reportUpstreams({ upstreams }: Generation): UpstreamReport[] {
  return [...upstreams.values()].map((upstream) => ({ name: upstream.name, targets: upstream.status() }));
}

/** The endpoints of providers that the gateway asks. */
function reportEndpoints({ verifier, introspection, exchanges }: Generation): EndpointReport[] {
  const caches = verifier.introspectionStats();
  return [
    ...(introspection?.stats() ?? []).map((calls) => reportEndpoint(calls, caches.get(calls.name))),
    ...exchanges.stats().map(({ calls, cache }) => reportEndpoint(calls, cache)),
  ];
}

/** One of them, with what is kept of its responses. */
function reportEndpoint(
  { endpoint, name, calls, durations, inFlight, lastError }: CallStats,
  cache: CallCacheStats | undefined,
): EndpointReport {
  return {
    endpoint,
    name,
    calls,
    durations: durations.counts,
    durationSumMs: durations.sumMs,
    inFlight,
    lastError: lastError ?? null,
    cache: cache ?? NO_CACHE,
  };
}

function reportCache({ verifier }: Generation): CacheReport {
  const stats = verifier.cacheStats();
  if (stats === undefined) return NO_CACHE;
  const { accepted, rejected, hits, misses } = stats;
  return {
    entries: accepted.entries + rejected.entries,
    bytes: accepted.bytes + rejected.bytes,
    hits,
    misses,
    evictions: accepted.evictions + rejected.evictions,
  };
}

/** The routes of the file as the status shows them. */
export function describeRoutes({ gate }: Generation): RouteFacts[] {
  return gate.routes.map(({ config, access, exchanger, reportsOnly }) => ({
    name: config.name,
    host: config.host ?? null,
    path: config.path,
    exact: config.exact,
    methods: config.methods ?? null,
    upstream: withoutPassword(config.upstream),
    access: `${describeAccess(access)}${exchangesToken({ access, exchanger }) ? '; token exchanged' : ''}`,
    mode: reportsOnly ? 'report' : 'enforce',
  }));
}

/** In which ways other proxies can ask; undefined where they cannot. */
export function waysOfAsking({ config: { decisions } }: Generation): readonly Via[] | undefined {
  return decisions === undefined
    ? undefined
    : VIAS.filter((via) => via !== 'ext-authz-grpc' || decisions.grpc !== undefined);
}

/** An upstream may be a URL in place, and a URL may hold a password. */
function withoutPassword(upstream: string): string {
  return URL.canParse(upstream) ? new URL(upstream).origin : upstream;
}
