import { STATUS_CODES } from 'node:http';
import {
  createDurationHistogram,
  type DurationHistogram,
  histogram,
  REQUEST_BOUNDS_MS,
  VERIFICATION_BOUNDS_MS,
} from './duration-histogram.ts';
import { counter, type Metric, type Sample } from './metric.ts';

/** What is counted of a finished request; an access record is one. */
export interface FinishedRequest {
  /** The name of the route; undefined when none took it. */
  readonly route: string | undefined;
  readonly method: string;
  readonly status: number;
  /** `allow`, or the code of the refusal. */
  readonly code: string;
  /** The code with which access rules that only report would have refused. */
  readonly wouldRefuse?: string | undefined;
  readonly durationMs: number;
  readonly upstreamMs: number | undefined;
}

/** What the traffic of one route was since the start, for the status page. */
export interface RouteTraffic {
  readonly route: string;
  readonly requests: number;
  /** Decisions other than `allow`, by code. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Answers by class: `2xx`, `4xx`, … */
  readonly statuses: Readonly<Record<string, number>>;
  /** How many requests took how long, by the buckets of `REQUEST_BOUNDS_MS`. */
  readonly durations: readonly number[];
}

export interface RequestMetrics {
  /** `verificationMs` is how long the decision took; undefined when none was made. */
  observe(request: FinishedRequest, verificationMs: number | undefined): void;
  /** Forgets routes that are no longer in the file, so that reloads cannot grow the metrics without end. */
  retainRoutes(names: ReadonlySet<string>): void;
  metrics(): Metric[];
  traffic(): RouteTraffic[];
}

/** The label of requests that no route took. */
export const NO_ROUTE = 'none';

const METHOD_LABELS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const OTHER_METHOD = 'other';
const METHOD_INDEX: Readonly<Record<string, number>> = Object.assign(
  Object.create(null) as Record<string, number>,
  Object.fromEntries(METHOD_LABELS.map((method, index) => [method, index])),
);

interface RouteTally {
  /** Decision code → method and status as one number → count. */
  readonly counts: Map<string, Map<number, number>>;
  /** Code → requests that only passed because their route reports. */
  readonly wouldRefuse: Map<string, number>;
  readonly total: DurationHistogram;
  readonly upstream: DurationHistogram;
  readonly verification: DurationHistogram;
}

const STATUS_SPAN = 1000;

/**
 * Counts finished requests. One map look-up per label instead of a hash of all of them; every label is bounded:
 * routes by the file, codes by the refusal table, methods by a list, statuses by the registered ones.
 */
export function createRequestMetrics(): RequestMetrics {
  const routes = new Map<string, RouteTally>();

  function tallyOf(route: string): RouteTally {
    const known = routes.get(route);
    if (known !== undefined) return known;
    const tally: RouteTally = {
      counts: new Map(),
      wouldRefuse: new Map(),
      total: createDurationHistogram(REQUEST_BOUNDS_MS),
      upstream: createDurationHistogram(REQUEST_BOUNDS_MS),
      verification: createDurationHistogram(VERIFICATION_BOUNDS_MS),
    };
    routes.set(route, tally);
    return tally;
  }

  return {
    observe(record, verificationMs) {
      const tally = tallyOf(record.route ?? NO_ROUTE);
      let counts = tally.counts.get(record.code);
      if (counts === undefined) {
        counts = new Map();
        tally.counts.set(record.code, counts);
      }
      const key = (METHOD_INDEX[record.method] ?? METHOD_LABELS.length) * STATUS_SPAN + record.status;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      const { wouldRefuse } = record;
      if (wouldRefuse !== undefined) {
        tally.wouldRefuse.set(wouldRefuse, (tally.wouldRefuse.get(wouldRefuse) ?? 0) + 1);
      }
      tally.total.observe(record.durationMs);
      if (record.upstreamMs !== undefined) tally.upstream.observe(record.upstreamMs);
      if (verificationMs !== undefined) tally.verification.observe(verificationMs);
    },
    retainRoutes(names) {
      for (const route of routes.keys()) if (route !== NO_ROUTE && !names.has(route)) routes.delete(route);
    },
    metrics: () => describeTallies(routes),
    traffic: () => [...routes].map(([route, tally]) => summarize(route, tally)),
  };
}

function describeTallies(routes: ReadonlyMap<string, RouteTally>): Metric[] {
  const durations = (name: string, help: string, of: (tally: RouteTally) => DurationHistogram): Metric =>
    histogram(
      name,
      help,
      [...routes].flatMap(([route, tally]) => of(tally).samples(name, { route })),
    );
  return [
    counter(
      'sealgate_requests_total',
      'Requests answered, by route, method, status and decision (allow, or the code of the refusal).',
      [...routes].flatMap(([route, tally]) => countSamples(route, tally)),
    ),
    counter(
      'sealgate_would_refuse_total',
      'Requests that passed only because their route reports instead of enforcing, by route and code.',
      [...routes].flatMap(([route, { wouldRefuse }]) =>
        [...wouldRefuse].map(([code, value]) => ({ labels: { route, code }, value })),
      ),
    ),
    durations(
      'sealgate_request_duration_seconds',
      'From the arrival of the request head to the end of the answer.',
      (tally) => tally.total,
    ),
    durations(
      'sealgate_upstream_duration_seconds',
      'From sending the request up to the head of the answer.',
      (tally) => tally.upstream,
    ),
    durations(
      'sealgate_verification_duration_seconds',
      'Judging the request: path, route, token, access rules. Includes waiting for keys.',
      (tally) => tally.verification,
    ),
  ];
}

function countSamples(route: string, { counts }: RouteTally): Sample[] {
  const merged = new Map<string, Sample>();
  for (const [code, byMethod] of counts) {
    for (const [key, value] of byMethod) {
      const method = METHOD_LABELS[Math.floor(key / STATUS_SPAN)] ?? OTHER_METHOD;
      const status = statusLabel(key % STATUS_SPAN);
      const series = `${code} ${method} ${status}`;
      merged.set(series, {
        labels: { route, method, status, code },
        value: value + (merged.get(series)?.value ?? 0),
      });
    }
  }
  return [...merged.values()];
}

/** A backend may invent statuses; those become their class, so that it cannot invent series. */
function statusLabel(status: number): string {
  return status in STATUS_CODES || status === 499 ? String(status) : statusClass(status);
}

function statusClass(status: number): string {
  return `${Math.floor(status / 100)}xx`;
}

function summarize(route: string, { counts, total }: RouteTally): RouteTraffic {
  let requests = 0;
  const refusals: Record<string, number> = {};
  const statuses: Record<string, number> = {};
  for (const [code, byMethod] of counts) {
    for (const [key, value] of byMethod) {
      requests += value;
      if (code !== 'allow') refusals[code] = (refusals[code] ?? 0) + value;
      const label = statusClass(key % STATUS_SPAN);
      statuses[label] = (statuses[label] ?? 0) + value;
    }
  }
  return { route, requests, refusals, statuses, durations: total.counts() };
}
