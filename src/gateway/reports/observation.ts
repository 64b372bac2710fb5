import type { Clock } from '../../core/clock.ts';
import type { AccessRecord } from '../../telemetry/access-line.ts';
import { createAccessLog } from '../../telemetry/access-log.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { createRecentDecisions, type RecentDecisions } from '../../telemetry/recent-decisions.ts';
import { createRequestMetrics, type RequestMetrics } from '../../telemetry/request-metrics.ts';
import { createTrafficHistory, type TrafficHistory } from '../../telemetry/traffic-history.ts';

/** Everything that is remembered of requests. Outlives configurations. */
export interface Observation {
  readonly requests: RequestMetrics;
  readonly decisions: RecentDecisions;
  readonly history: TrafficHistory;
  /** The one place where a finished request is seen: log, metrics, history and last decisions tell the same. */
  observe(record: AccessRecord, verificationMs: number | undefined): void;
}

/** Starts observing. */
export function createObservation({
  log,
  clock,
  allowedShare,
  worker,
}: {
  log: Logger;
  clock: Clock;
  allowedShare: () => number;
  worker: number | undefined;
}): Observation {
  const requests = createRequestMetrics();
  const decisions = createRecentDecisions();
  const history = createTrafficHistory();
  const write = createAccessLog({ log, allowedShare, worker });
  return {
    requests,
    decisions,
    history,
    observe(record, verificationMs) {
      const nowMs = clock();
      write(record);
      requests.observe(record, verificationMs);
      decisions.add(record, nowMs);
      history.add(record, nowMs);
    },
  };
}
