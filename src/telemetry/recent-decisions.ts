import type { Via } from '../core/via.ts';
import type { RequestRecord } from './request-record.ts';

/** What is remembered of a finished request. */
export type DecidedRequest = Pick<
  RequestRecord,
  'requestId' | 'method' | 'route' | 'status' | 'code' | 'reason' | 'issuer' | 'via'
>;

/** One decision, as `/status/decisions` shows it: names and codes, no path and no claim value. */
export interface RecentDecision {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly requestId: string;
  readonly method: string;
  readonly route: string | null;
  readonly status: number;
  readonly code: string;
  readonly reason: string | null;
  readonly issuer: string | null;
  /** How another proxy asked; null for what the gateway forwards or serves itself. Only where other proxies may ask. */
  readonly via?: Via | null;
}

export interface RecentDecisions {
  add(record: DecidedRequest, nowMs: number): void;
  /** Newest first. `showsVia` where other proxies may ask. */
  list(showsVia: boolean): RecentDecision[];
}

/** How many decisions are kept. */
export const DECISIONS_KEPT = 200;

/** The first decisions of each code in a second that are kept. */
const KEPT_PER_SECOND = 100;

interface KeptDecision {
  readonly record: DecidedRequest;
  readonly timeMs: number;
}

/**
 * Remembers the last decisions. Keeps the records themselves and renders them when they are listed. Under load only some are kept,
 * because what outlives its request costs garbage collection (docs/performance.md: "what lives longer than its request").
 */
export function createRecentDecisions(capacity = DECISIONS_KEPT): RecentDecisions {
  const quotas = new Map<string, DecisionQuota>();
  const kept: KeptDecision[] = [];
  let next = 0;
  return {
    add(record, timeMs) {
      if (!admits(quotas, record.code, timeMs)) return;
      kept[next] = { record, timeMs };
      next = (next + 1) % capacity;
    },
    list: (showsVia) =>
      [...kept.slice(next), ...kept.slice(0, next)].reverse().map((decision) => describe(decision, showsVia)),
  };
}

interface DecisionQuota {
  second: number;
  admitted: number;
}

function admits(quotas: Map<string, DecisionQuota>, code: string, nowMs: number): boolean {
  let quota = quotas.get(code);
  if (quota === undefined) {
    quota = { second: 0, admitted: 0 };
    quotas.set(code, quota);
  }
  const second = Math.floor(nowMs / 1000);
  if (second !== quota.second) {
    quota.second = second;
    quota.admitted = 0;
  }
  quota.admitted += 1;
  return quota.admitted <= KEPT_PER_SECOND;
}

function describe({ record, timeMs }: KeptDecision, showsVia: boolean): RecentDecision {
  return {
    time: new Date(timeMs).toISOString(),
    requestId: record.requestId,
    method: record.method,
    route: record.route ?? null,
    status: record.status,
    code: record.code,
    reason: record.reason ?? null,
    issuer: record.issuer ?? null,
    ...(showsVia && { via: record.via ?? null }),
  };
}
