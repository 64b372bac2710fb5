import type { EndpointReport, GatewayReport } from '../../admin/report.ts';
import type { Config } from '../../config/schema/config.ts';
import { VERSION } from '../../core/version.ts';
import { durationSamples, histogram } from '../../telemetry/duration-histogram.ts';
import { counter, gauge, type Metric, type Sample, single } from '../../telemetry/metric.ts';
import { CALL_BOUNDS_MS } from '../../tokens/endpoints/call-stats.ts';
import { describeRevocations } from './revocation-metrics.ts';

const STATES = ['waiting', 'fresh', 'stale', 'expired', 'introspected'] as const;

/** Describes the state of one process as metrics; those of its requests are in `telemetry/request-metrics.ts`. */
export function describeGateway(report: GatewayReport, { listen }: Config): Metric[] {
  const { issuers, cache, connections } = report;
  const byIssuer = (value: (issuer: (typeof issuers)[number]) => number | null): Sample[] =>
    issuers.flatMap((issuer) => {
      const number = value(issuer);
      return number === null ? [] : [{ labels: { issuer: issuer.name }, value: number }];
    });
  return [
    gauge('sealgate_connections', 'Open client connections.', single(connections), 'sum'),
    gauge(
      'sealgate_connections_limit',
      'Client connections that listen.limits.connections allows.',
      single(listen.limits.connections),
      'sum',
    ),
    gauge(
      'sealgate_issuer_keys',
      'Usable keys of an issuer.',
      byIssuer(({ state, keys }) => (state === 'introspected' ? null : keys)),
      'min',
    ),
    gauge(
      'sealgate_issuer_keys_age_seconds',
      'Time since the keys of an issuer were fetched.',
      byIssuer(({ ageSeconds }) => ageSeconds),
    ),
    gauge(
      'sealgate_issuer_state',
      'One for the state an issuer is in: waiting (no keys yet), fresh, stale (old keys serve), expired (too old to serve), introspected (it has no keys).',
      issuers.flatMap(({ name, state }) =>
        STATES.map((one) => ({ labels: { issuer: name, state: one }, value: one === state ? 1 : 0 })),
      ),
    ),
    counter(
      'sealgate_issuer_key_fetches_total',
      'Attempts to fetch the keys of an issuer.',
      byIssuer(({ fetches }) => fetches),
    ),
    counter(
      'sealgate_issuer_key_fetch_failures_total',
      'Attempts that brought no usable key set.',
      byIssuer(({ failures }) => failures),
    ),
    gauge('sealgate_token_cache_entries', 'Tokens remembered.', single(cache.entries), 'sum'),
    gauge('sealgate_token_cache_bytes', 'Estimated memory of remembered tokens.', single(cache.bytes), 'sum'),
    counter('sealgate_token_cache_hits_total', 'Tokens that were remembered.', single(cache.hits)),
    counter('sealgate_token_cache_misses_total', 'Tokens that had to be verified.', single(cache.misses)),
    counter(
      'sealgate_token_cache_evictions_total',
      'Tokens forgotten for want of room.',
      single(cache.evictions),
    ),
    ...describeProofs(report.proofs),
    ...describeRevocations(report.revocations),
    ...describeUpstreams(report),
    ...describeEndpoints(report),
  ];
}

function describeProofs(proofs: GatewayReport['proofs']): Metric[] {
  if (proofs.length === 0) return [];
  return [
    counter(
      'sealgate_dpop_proofs_total',
      'DPoP proofs of bound tokens by how they ended: accepted, invalid, replayed, nonce (none or an old one), limited (too many of one key), unavailable (not known whether it was used before).',
      proofs.flatMap(({ issuer, outcomes }) =>
        Object.entries(outcomes).map(([outcome, value]) => ({ labels: { issuer, outcome }, value })),
      ),
    ),
    ...describeReplayMemory(proofs),
  ];
}

/** The memory of proofs, which one process holds for all. */
export function describeReplayMemory(proofs: GatewayReport['proofs']): Metric[] {
  const memories = proofs.flatMap(({ issuer, memory }) => (memory === null ? [] : [{ issuer, ...memory }]));
  if (memories.length === 0) return [];
  return [
    gauge(
      'sealgate_dpop_replay_entries',
      'Used DPoP proofs that are remembered.',
      memories.map(({ issuer, entries }) => ({ labels: { issuer }, value: entries })),
    ),
    gauge(
      'sealgate_dpop_replay_entries_limit',
      'Used DPoP proofs that `replay` lets the gateway remember.',
      memories.map(({ issuer, maxEntries }) => ({ labels: { issuer }, value: maxEntries })),
    ),
  ];
}

function describeUpstreams({ upstreams }: GatewayReport): Metric[] {
  const byTarget = (
    value: (target: GatewayReport['upstreams'][number]['targets'][number]) => number | null,
  ): Sample[] =>
    upstreams.flatMap(({ name, targets }) =>
      targets.flatMap((target) => {
        const number = value(target);
        return number === null ? [] : [{ labels: { upstream: name, target: target.url }, value: number }];
      }),
    );
  return [
    gauge(
      'sealgate_upstream_running_requests',
      'Requests under way at a backend.',
      byTarget(({ running }) => running),
      'sum',
    ),
    gauge(
      'sealgate_upstream_connections',
      'Open connections to a backend.',
      byTarget(({ connections }) => connections),
      'sum',
    ),
    gauge(
      'sealgate_upstream_healthy',
      'One while a backend that is watched is healthy.',
      byTarget(({ healthy }) => (healthy === null ? null : Number(healthy))),
      'min',
    ),
  ];
}

/** Of files that have endpoints asked, alone. */
function describeEndpoints({ endpoints }: GatewayReport): Metric[] {
  if (endpoints.length === 0) return [];
  const byEndpoint = (value: (report: EndpointReport) => number): Sample[] =>
    endpoints.map((report) => ({ labels: labelsOf(report), value: value(report) }));
  const duration = 'sealgate_endpoint_request_duration_seconds';
  return [
    counter(
      'sealgate_endpoint_requests_total',
      'Requests to an endpoint of a provider, by how they ended: ok, rejected (an error status), invalid, timeout, unreachable.',
      endpoints.flatMap((report) =>
        Object.entries(report.calls).map(([outcome, value]) => ({
          labels: { ...labelsOf(report), outcome },
          value,
        })),
      ),
    ),
    histogram(
      duration,
      'Time until an endpoint of a provider had responded, or did not.',
      endpoints.flatMap((report) =>
        durationSamples(
          { boundsMs: CALL_BOUNDS_MS, counts: [...report.durations], sumMs: report.durationSumMs },
          { name: duration, labels: labelsOf(report) },
        ),
      ),
    ),
    gauge(
      'sealgate_endpoint_requests_in_flight',
      'Requests that wait for an endpoint of a provider.',
      byEndpoint(({ inFlight }) => inFlight),
      'sum',
    ),
    gauge(
      'sealgate_endpoint_cache_entries',
      'Responses of an endpoint that are kept.',
      byEndpoint(({ cache }) => cache.entries),
      'sum',
    ),
    gauge(
      'sealgate_endpoint_cache_bytes',
      'Estimated memory of the responses that are kept.',
      byEndpoint(({ cache }) => cache.bytes),
      'sum',
    ),
    counter(
      'sealgate_endpoint_cache_hits_total',
      'Tokens whose response was kept.',
      byEndpoint(({ cache }) => cache.hits),
    ),
    counter(
      'sealgate_endpoint_cache_misses_total',
      'Tokens that the provider had to be asked about.',
      byEndpoint(({ cache }) => cache.misses),
    ),
    counter(
      'sealgate_endpoint_cache_evictions_total',
      'Responses forgotten for want of room.',
      byEndpoint(({ cache }) => cache.evictions),
    ),
  ];
}

function labelsOf({ endpoint, name }: EndpointReport) {
  return { endpoint, name };
}

/** The state of the gateway as a whole, without its traffic. */
export interface ControlState {
  readonly ready: boolean;
  readonly reloads: Readonly<Record<'applied' | 'unchanged' | 'refused', number>>;
  readonly current: boolean;
  readonly appliedAtMs: number;
  readonly workers: number;
  readonly unresponsiveWorkers: number;
  readonly workerRestarts: number;
}

/** Describes readiness, configuration and workers as metrics. */
export function describeControl(state: ControlState): Metric[] {
  return [
    gauge('sealgate_build_info', 'The version that runs.', [
      { labels: { version: VERSION, node: process.version }, value: 1 },
    ]),
    gauge('sealgate_ready', 'One while the gateway should get traffic.', single(Number(state.ready))),
    counter(
      'sealgate_config_reloads_total',
      'Configurations that were applied, found unchanged, or refused.',
      Object.entries(state.reloads).map(([result, value]) => ({ labels: { result }, value })),
    ),
    gauge(
      'sealgate_config_last_reload_successful',
      'Zero while the file on disk is refused and an older configuration serves.',
      single(Number(state.current)),
    ),
    gauge(
      'sealgate_config_applied_timestamp_seconds',
      'When the active configuration took effect.',
      single(state.appliedAtMs / 1000),
    ),
    gauge('sealgate_workers', 'Processes that serve requests.', single(state.workers)),
    gauge(
      'sealgate_workers_unresponsive',
      'Workers that do not respond; their other metrics are the last ones they reported.',
      single(state.unresponsiveWorkers),
    ),
    counter(
      'sealgate_worker_restarts_total',
      'Workers that ended and were replaced.',
      single(state.workerRestarts),
    ),
  ];
}
