/** What is remembered of a judged request; an access record is one. */
export interface DecidedRequest {
  readonly requestId: string;
  readonly method: string;
  readonly route: string | undefined;
  readonly status: number;
  /** `allow`, or the code of the refusal. */
  readonly code: string;
  readonly reason: string | undefined;
  readonly issuer: string | undefined;
}

/** One judged request, as `/status/decisions` shows it: names and codes, no path and no claim value. */
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
}

export interface RecentDecisions {
  add(record: DecidedRequest, nowMs: number): void;
  /** Newest first. */
  list(): RecentDecision[];
}

/** How many decisions are kept. */
export const DECISIONS_KEPT = 200;

/** Of each code, so many in a second are all remembered, and of more than that the first. */
const KEPT_PER_SECOND = 100;

/**
 * Remembers the last decisions. A record is only pointed at; it is put into words when somebody asks. Under load only some are kept:
 * what is pointed at outlives its request, and all of thousands a second would cost more in garbage than they tell.
 */
export function createRecentDecisions(capacity = DECISIONS_KEPT): RecentDecisions {
  const quotas = new Map<string, DecisionQuota>();
  const records = new Array<DecidedRequest | undefined>(capacity).fill(undefined);
  const times = new Float64Array(capacity);
  let next = 0;
  return {
    add(record, nowMs) {
      if (!admits(quotas, record.code, nowMs)) return;
      records[next] = record;
      times[next] = nowMs;
      next = next + 1 === capacity ? 0 : next + 1;
    },
    list() {
      const decisions: RecentDecision[] = [];
      for (let age = 1; age <= capacity; age += 1) {
        const slot = (next - age + capacity) % capacity;
        const record = records[slot];
        if (record === undefined) break;
        decisions.push(describe(record, times[slot] as number));
      }
      return decisions;
    },
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

function describe(record: DecidedRequest, timeMs: number): RecentDecision {
  return {
    time: new Date(timeMs).toISOString(),
    requestId: record.requestId,
    method: record.method,
    route: record.route ?? null,
    status: record.status,
    code: record.code,
    reason: record.reason ?? null,
    issuer: record.issuer ?? null,
  };
}
