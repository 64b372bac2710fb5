import { STATUS_CODES } from 'node:http';
import {
  cellsOf,
  type DurationHistogram,
  durationCounts,
  durationSamples,
  histogram,
  observeDuration,
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

/**
 * What lies where in the one array of a route: the kind of its latest requests and how many of them came in a row, then its
 * histograms. Among thousands of routes, each object to look into is a wait for memory.
 */
const LATEST_KIND = 0;
const LATEST_COUNT = 1;
const TOTAL: DurationHistogram = { boundsMs: REQUEST_BOUNDS_MS, at: 2 };
const UPSTREAM: DurationHistogram = {
  boundsMs: REQUEST_BOUNDS_MS,
  at: TOTAL.at + cellsOf(REQUEST_BOUNDS_MS),
};
const VERIFICATION: DurationHistogram = {
  boundsMs: VERIFICATION_BOUNDS_MS,
  at: UPSTREAM.at + cellsOf(REQUEST_BOUNDS_MS),
};
const CELLS = VERIFICATION.at + cellsOf(VERIFICATION_BOUNDS_MS);

interface RouteTally {
  /** Kind (code, method and status as one number) → count, but for the latest in a row. */
  readonly counts: Map<number, number>;
  /** Code → requests that only passed because their route reports. */
  readonly wouldRefuse: Map<string, number>;
  readonly cells: Float64Array;
}

const STATUS_SPAN = 1000;
const METHOD_SPAN = STATUS_SPAN * (METHOD_LABELS.length + 1);

/**
 * Counts finished requests. Two map look-ups for all labels instead of a hash of them; every label is bounded:
 * routes by the file, codes by the refusal table, methods by a list, statuses by the registered ones.
 */
export function createRequestMetrics(): RequestMetrics {
  const routes = new Map<string, RouteTally>();
  const codes: string[] = [];
  const codeNumbers = new Map<string, number>();

  function tallyOf(route: string): RouteTally {
    const known = routes.get(route);
    if (known !== undefined) return known;
    const tally = { counts: new Map(), wouldRefuse: new Map(), cells: new Float64Array(CELLS) };
    routes.set(route, tally);
    return tally;
  }

  function numberOf(code: string): number {
    const known = codeNumbers.get(code);
    if (known !== undefined) return known;
    codeNumbers.set(code, codes.length);
    return codes.push(code) - 1;
  }

  return {
    observe(record, verificationMs) {
      const { counts, cells, wouldRefuse } = tallyOf(record.route ?? NO_ROUTE);
      const method = METHOD_INDEX[record.method] ?? METHOD_LABELS.length;
      const kind = numberOf(record.code) * METHOD_SPAN + method * STATUS_SPAN + record.status;
      if (cells[LATEST_KIND] !== kind) {
        settleLatest(counts, cells);
        cells[LATEST_KIND] = kind;
      }
      cells[LATEST_COUNT] = (cells[LATEST_COUNT] as number) + 1;
      if (record.wouldRefuse !== undefined) {
        wouldRefuse.set(record.wouldRefuse, (wouldRefuse.get(record.wouldRefuse) ?? 0) + 1);
      }
      observeDuration(cells, TOTAL, record.durationMs);
      if (record.upstreamMs !== undefined) observeDuration(cells, UPSTREAM, record.upstreamMs);
      if (verificationMs !== undefined) observeDuration(cells, VERIFICATION, verificationMs);
    },
    retainRoutes(names) {
      for (const route of routes.keys()) if (route !== NO_ROUTE && !names.has(route)) routes.delete(route);
    },
    metrics: () => describeTallies(routes, codes),
    traffic: () => [...routes].map(([route, tally]) => summarize(route, tally, codes)),
  };
}

interface Counted {
  readonly code: string;
  readonly method: string;
  readonly status: number;
  readonly value: number;
}

/** Adds what came in a row to the counts. */
function settleLatest(counts: Map<number, number>, cells: Float64Array): void {
  const kind = cells[LATEST_KIND] as number;
  const count = cells[LATEST_COUNT] as number;
  if (count > 0) counts.set(kind, (counts.get(kind) ?? 0) + count);
  cells[LATEST_COUNT] = 0;
}

function readCounts({ counts, cells }: RouteTally, codes: readonly string[]): Counted[] {
  settleLatest(counts, cells);
  return [...counts].map(([key, value]) => ({
    code: codes[Math.floor(key / METHOD_SPAN)] as string,
    method: METHOD_LABELS[Math.floor((key % METHOD_SPAN) / STATUS_SPAN)] ?? OTHER_METHOD,
    status: key % STATUS_SPAN,
    value,
  }));
}

function describeTallies(routes: ReadonlyMap<string, RouteTally>, codes: readonly string[]): Metric[] {
  const durations = (name: string, help: string, of: DurationHistogram): Metric =>
    histogram(
      name,
      help,
      [...routes].flatMap(([route, tally]) => durationSamples(tally.cells, of, { name, labels: { route } })),
    );
  return [
    counter(
      'sealgate_requests_total',
      'Requests answered, by route, method, status and decision (allow, or the code of the refusal).',
      [...routes].flatMap(([route, tally]) => countSamples(route, readCounts(tally, codes))),
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
      TOTAL,
    ),
    durations(
      'sealgate_upstream_duration_seconds',
      'From sending the request up to the head of the answer.',
      UPSTREAM,
    ),
    durations(
      'sealgate_verification_duration_seconds',
      'Judging the request: path, route, token, access rules. Includes waiting for keys.',
      VERIFICATION,
    ),
  ];
}

function countSamples(route: string, counts: readonly Counted[]): Sample[] {
  const merged = new Map<string, Sample>();
  for (const { code, method, status, value } of counts) {
    const labels = { route, method, status: statusLabel(status), code };
    const series = `${code} ${method} ${labels.status}`;
    merged.set(series, { labels, value: value + (merged.get(series)?.value ?? 0) });
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

function summarize(route: string, tally: RouteTally, codes: readonly string[]): RouteTraffic {
  let requests = 0;
  const refusals: Record<string, number> = {};
  const statuses: Record<string, number> = {};
  for (const { code, status, value } of readCounts(tally, codes)) {
    requests += value;
    if (code !== 'allow') refusals[code] = (refusals[code] ?? 0) + value;
    const label = statusClass(status);
    statuses[label] = (statuses[label] ?? 0) + value;
  }
  return { route, requests, refusals, statuses, durations: durationCounts(tally.cells, TOTAL) };
}
