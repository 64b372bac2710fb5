import { STATUS_CODES } from 'node:http';
import type { Via } from '../core/via.ts';
import {
  createHistogram,
  type DurationHistogram,
  durationSamples,
  histogram,
  observeDuration,
  REQUEST_BOUNDS_MS,
  VERIFICATION_BOUNDS_MS,
} from './duration-histogram.ts';
import { counter, type Metric } from './metric.ts';
import type { RequestRecord } from './request-record.ts';
import { type OutcomeKind, outcomeKind } from './traffic-history.ts';

/** What is counted of a finished request. */
export type CountedRequest = Pick<
  RequestRecord,
  | 'route'
  | 'method'
  | 'status'
  | 'code'
  | 'via'
  | 'wouldRefuse'
  | 'durationMs'
  | 'upstreamMs'
  | 'verificationMs'
>;

/** The questions of other proxies in one way of asking since the start, by what they got. */
export interface QuestionTraffic extends Readonly<Record<OutcomeKind, number>> {
  readonly via: Via;
}

/** The traffic of one route since the start, for the status page. */
export interface RouteTraffic {
  readonly route: string;
  readonly requests: number;
  /** Decisions other than `allow`, by code. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Responses by class: `2xx`, `4xx`, … */
  readonly statuses: Readonly<Record<string, number>>;
  /** Requests by duration, in the buckets of `REQUEST_BOUNDS_MS`. */
  readonly durations: readonly number[];
}

export interface RequestMetrics {
  observe(request: CountedRequest): void;
  /** Forgets routes that are no longer in the file, so that reloads cannot grow the metrics without end. */
  retainRoutes(names: ReadonlySet<string>): void;
  metrics(): Metric[];
  traffic(): RouteTraffic[];
  /** Only of ways in which somebody asked. */
  questions(): QuestionTraffic[];
}

/** The label of requests that no route matched. */
export const NO_ROUTE = 'none';

const METHOD_LABELS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
]);

interface Count {
  readonly labels: {
    readonly route: string;
    readonly method: string;
    readonly status: string;
    readonly code: string;
    /** Only of questions of other proxies: to Prometheus, no label is an empty one. */
    readonly via?: Via;
  };
  value: number;
}

interface RouteTally {
  /** By method, status, code and way of asking in one text. */
  readonly counts: Map<string, Count>;
  /** Code → requests that only passed because their route reports. */
  readonly wouldRefuse: Map<string, number>;
  readonly total: DurationHistogram;
  readonly upstream: DurationHistogram;
  readonly verification: DurationHistogram;
}

/** Counts finished requests. Every label is bounded: routes by the file, codes by the refusal table, methods and statuses by lists. */
export function createRequestMetrics(): RequestMetrics {
  const routes = new Map<string, RouteTally>();
  const questions = new Map<Via, Record<OutcomeKind, number>>();

  function tallyOf(route: string): RouteTally {
    const known = routes.get(route);
    if (known !== undefined) return known;
    const tally = {
      counts: new Map(),
      wouldRefuse: new Map(),
      total: createHistogram(REQUEST_BOUNDS_MS),
      upstream: createHistogram(REQUEST_BOUNDS_MS),
      verification: createHistogram(VERIFICATION_BOUNDS_MS),
    };
    routes.set(route, tally);
    return tally;
  }

  function countQuestion(via: Via, record: CountedRequest): void {
    let outcomes = questions.get(via);
    if (outcomes === undefined) {
      outcomes = { allowed: 0, refused: 0, failed: 0 };
      questions.set(via, outcomes);
    }
    outcomes[outcomeKind(record)] += 1;
  }

  return {
    observe(record) {
      const { route = NO_ROUTE, code, via, wouldRefuse, upstreamMs, verificationMs } = record;
      const tally = tallyOf(route);
      const method = METHOD_LABELS.has(record.method) ? record.method : 'other';
      const status = statusLabel(record.status);
      const key = via === undefined ? `${method} ${status} ${code}` : `${method} ${status} ${code} ${via}`;
      const count = tally.counts.get(key);
      if (count === undefined) {
        const labels = { route, method, status, code, ...(via && { via }) };
        tally.counts.set(key, { labels, value: 1 });
      } else count.value += 1;
      if (via !== undefined) countQuestion(via, record);
      if (wouldRefuse !== undefined) {
        tally.wouldRefuse.set(wouldRefuse, (tally.wouldRefuse.get(wouldRefuse) ?? 0) + 1);
      }
      observeDuration(tally.total, record.durationMs);
      if (upstreamMs !== undefined) observeDuration(tally.upstream, upstreamMs);
      if (verificationMs !== undefined) observeDuration(tally.verification, verificationMs);
    },
    retainRoutes(names) {
      for (const route of routes.keys()) if (route !== NO_ROUTE && !names.has(route)) routes.delete(route);
    },
    metrics: () => describeTallies(routes),
    traffic: () => [...routes].map(([route, tally]) => summarize(route, tally)),
    questions: () => [...questions].map(([via, outcomes]) => ({ via, ...outcomes })),
  };
}

function describeTallies(routes: ReadonlyMap<string, RouteTally>): Metric[] {
  const durations = (kind: 'total' | 'upstream' | 'verification', name: string, help: string): Metric =>
    histogram(
      name,
      help,
      [...routes].flatMap(([route, tally]) => durationSamples(tally[kind], { name, labels: { route } })),
    );
  return [
    counter(
      'sealgate_requests_total',
      'Requests by route, method, status and decision (allow, or the code of the refusal); `via` has how another proxy asked about one.',
      [...routes.values()].flatMap(({ counts }) => [...counts.values()].map((count) => ({ ...count }))),
    ),
    counter(
      'sealgate_would_refuse_total',
      'Requests that passed only because their route reports instead of enforcing, by route and code.',
      [...routes].flatMap(([route, { wouldRefuse }]) =>
        [...wouldRefuse].map(([code, value]) => ({ labels: { route, code }, value })),
      ),
    ),
    durations(
      'total',
      'sealgate_request_duration_seconds',
      'From the arrival of the request head to the end of the response.',
    ),
    durations(
      'upstream',
      'sealgate_upstream_duration_seconds',
      'From sending the request to the backend to the head of its response.',
    ),
    durations(
      'verification',
      'sealgate_verification_duration_seconds',
      'Deciding on the request: path, route, token, access rules. Includes waiting for keys.',
    ),
  ];
}

/** A backend may invent statuses; those are counted by class, so that it cannot invent series. */
function statusLabel(status: number): string {
  return status in STATUS_CODES || status === 499 ? String(status) : `${Math.floor(status / 100)}xx`;
}

function summarize(route: string, { counts, total }: RouteTally): RouteTraffic {
  let requests = 0;
  const refusals: Record<string, number> = {};
  const statuses: Record<string, number> = {};
  for (const { labels, value } of counts.values()) {
    requests += value;
    if (labels.code !== 'allow') refusals[labels.code] = (refusals[labels.code] ?? 0) + value;
    const statusClass = `${labels.status.slice(0, -2)}xx`;
    statuses[statusClass] = (statuses[statusClass] ?? 0) + value;
  }
  return { route, requests, refusals, statuses, durations: [...total.counts] };
}
