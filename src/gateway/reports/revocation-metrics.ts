import type { GatewayReport } from '../../admin/report.ts';
import { counter, gauge, type Metric, type Sample, single } from '../../telemetry/metric.ts';

/** What is revoked, by the process that keeps it, and what was cut. Nothing in files that revoke nothing. */
export function describeRevocations({ isUsed, kept, cut }: GatewayReport['revocations']): Metric[] {
  if (!isUsed) return [];
  const cuts = counter(
    'sealgate_revocation_cut_total',
    'Requests, streams and WebSockets that were ended because their token was revoked meanwhile.',
    single(cut),
  );
  if (kept === null) return [cuts];
  const { store, events } = kept;
  return [
    gauge(
      'sealgate_revocation_entries',
      'Active revocations, by where they came from.',
      bySource(kept.sources),
    ),
    gauge(
      'sealgate_revocation_entries_limit',
      'Revocations that revocation.maxEntries lets be active.',
      single(kept.maxEntries),
    ),
    counter(
      'sealgate_revocation_arrived_total',
      'Revocations that arrived and counted, by source.',
      bySource(kept.arrived),
    ),
    counter(
      'sealgate_revocation_refused_total',
      'Revocations that found no room, by source.',
      bySource(kept.refused),
    ),
    cuts,
    gauge(
      'sealgate_revocation_file_wrong_lines',
      'Lines of revocation.file that cannot be read and do not count.',
      kept.wrongLines === null ? [] : single(kept.wrongLines),
    ),
    gauge(
      'sealgate_revocation_store_up',
      'One while the store of revocations responds.',
      store === null ? [] : single(Number(store.isUp)),
    ),
    gauge(
      'sealgate_revocation_store_silent_seconds',
      'Time since all that the store has was known here.',
      store === null || store.silentSeconds === null ? [] : single(store.silentSeconds),
    ),
    gauge(
      'sealgate_revocation_store_behind_entries',
      'Changes in the store that are not known here yet.',
      store === null ? [] : single(store.behind),
    ),
    counter(
      'sealgate_revocation_events_total',
      'Logout tokens and security events that providers pushed, by what became of them: accepted, repeated, ignored, invalid, full, unavailable.',
      events.flatMap(({ issuer, kind, outcomes }) =>
        Object.entries(outcomes).map(([outcome, value]) => ({ labels: { issuer, kind, outcome }, value })),
      ),
    ),
  ];
}

function bySource(counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([source, value]) => ({ labels: { source }, value }));
}
