import type { Clock } from '../../core/time/clock.ts';
import { createAccessLog } from '../../telemetry/access-log.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { createRecentDecisions, type RecentDecisions } from '../../telemetry/recent-decisions.ts';
import { createRequestMetrics, type RequestMetrics } from '../../telemetry/request-metrics.ts';
import type { RequestRecord } from '../../telemetry/request-record.ts';
import type { RequestSpans } from '../../telemetry/tracing.ts';
import { createTrafficHistory, type TrafficHistory } from '../../telemetry/traffic-history.ts';

/** Everything that is remembered of requests. Outlives configurations. */
export interface Observation {
  readonly requests: RequestMetrics;
  readonly decisions: RecentDecisions;
  readonly history: TrafficHistory;
  /** Hands the record of a finished request to every sink: access log, metrics, status page and trace. */
  observe(record: RequestRecord, spans: RequestSpans | undefined): void;
}

export interface ObservationOptions {
  readonly log: Logger;
  readonly clock: Clock;
  readonly allowedShare: () => number;
  readonly worker: number | undefined;
}

/** Starts observing. */
export function createObservation({ log, clock, allowedShare, worker }: ObservationOptions): Observation {
  const requests = createRequestMetrics();
  const decisions = createRecentDecisions();
  const history = createTrafficHistory();
  const writeAccessLine = createAccessLog({ log, allowedShare, worker });
  return {
    requests,
    decisions,
    history,
    observe(record, spans) {
      const nowMs = clock();
      writeAccessLine(record);
      requests.observe(record);
      decisions.add(record, nowMs);
      history.add(record, nowMs);
      spans?.end(record);
    },
  };
}
