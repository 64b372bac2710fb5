import type { Labels, Metric, Sample } from './metric.ts';

/** Upper bounds in milliseconds: narrow where the gateway's own work is, wide where backends and clients take their time. */
export const REQUEST_BOUNDS_MS = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
] as const;
/** For work that takes microseconds when remembered and seconds when keys must be fetched. */
export const VERIFICATION_BOUNDS_MS = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 100, 1000, 5000,
] as const;

/** The duration that a share of the observations stayed below, interpolated within its bucket; undefined when there are none. */
export function estimateQuantileMs(
  counts: readonly number[],
  boundsMs: readonly number[],
  share: number,
): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let below = 0;
  for (const [bucket, boundMs] of boundsMs.entries()) {
    const count = counts[bucket] ?? 0;
    if (below + count >= share * total) {
      const floorMs = bucket === 0 ? 0 : (boundsMs[bucket - 1] as number);
      return floorMs + (boundMs - floorMs) * ((share * total - below) / count);
    }
    below += count;
  }
  return boundsMs.at(-1);
}

/** Counts durations by bucket. Our own few lines, because prom-client hashes the labels at each observation. */
export interface DurationHistogram {
  readonly boundsMs: readonly number[];
  /** One for each bucket, and a last one for durations beyond all bounds. */
  readonly counts: number[];
  sumMs: number;
}

export function createHistogram(boundsMs: readonly number[]): DurationHistogram {
  return { boundsMs, counts: new Array<number>(boundsMs.length + 1).fill(0), sumMs: 0 };
}

export function observeDuration(histogram: DurationHistogram, durationMs: number): void {
  const { boundsMs, counts } = histogram;
  let bucket = 0;
  while (bucket < boundsMs.length && durationMs > (boundsMs[bucket] as number)) bucket += 1;
  counts[bucket] = (counts[bucket] as number) + 1;
  histogram.sumMs += durationMs;
}

/** The series of a histogram (seconds, cumulative buckets), named after the metric it belongs to. */
export function durationSamples(
  { boundsMs, counts, sumMs }: DurationHistogram,
  { name, labels }: { readonly name: string; readonly labels: Labels },
): Sample[] {
  let cumulative = 0;
  const buckets = counts.map((count, bucket): Sample => {
    cumulative += count;
    const boundMs = boundsMs[bucket];
    const le = boundMs === undefined ? '+Inf' : boundMs / 1000;
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: cumulative };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sumMs / 1000 },
    { metricName: `${name}_count`, labels, value: cumulative },
  ];
}

/** Puts the series of several histograms under one metric. */
export function histogram(name: string, help: string, values: readonly Sample[]): Metric {
  return { name, help, type: 'histogram', aggregator: 'sum', values };
}
