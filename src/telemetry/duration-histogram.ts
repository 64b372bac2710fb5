import type { Labels, Metric, Sample } from './metric.ts';

/** Upper bounds in milliseconds: fine where a gateway's own work lies, wide where backends and clients take their time. */
export const REQUEST_BOUNDS_MS = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
] as const;
/** For work that is microseconds when remembered and seconds when keys must be fetched. */
export const VERIFICATION_BOUNDS_MS = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 100, 1000, 5000,
] as const;

/** The duration that a share of the observations stayed below, as far as buckets can tell; undefined when there are none. */
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

/**
 * Counts durations by bucket, in cells of an array that several histograms share: the sum in milliseconds, one for each bucket, and
 * one for what is beyond all bounds. The sum lies next to the shortest durations, which most are, so that both come from memory
 * together. Our own few lines, because prom-client hashes the labels at each observation.
 */
export interface DurationHistogram {
  readonly boundsMs: readonly number[];
  /** Its first cell, the sum. */
  readonly at: number;
}

/** How many cells a histogram takes. */
export function cellsOf(boundsMs: readonly number[]): number {
  return boundsMs.length + 2;
}

export function observeDuration(
  cells: Float64Array,
  { boundsMs, at }: DurationHistogram,
  durationMs: number,
): void {
  let bucket = 0;
  while (bucket < boundsMs.length && durationMs > (boundsMs[bucket] as number)) bucket += 1;
  const counted = at + 1 + bucket;
  cells[counted] = (cells[counted] as number) + 1;
  cells[at] = (cells[at] as number) + durationMs;
}

/** How many fell into each bucket; the last one is beyond all bounds. */
export function durationCounts(cells: Float64Array, { boundsMs, at }: DurationHistogram): number[] {
  return [...cells.subarray(at + 1, at + cellsOf(boundsMs))];
}

/** The series of a histogram (seconds, cumulative buckets), named after the metric it belongs to. */
export function durationSamples(
  cells: Float64Array,
  histogram: DurationHistogram,
  { name, labels }: { readonly name: string; readonly labels: Labels },
): Sample[] {
  const counts = durationCounts(cells, histogram);
  let cumulative = 0;
  const samples: Sample[] = histogram.boundsMs.map((boundMs, bucket) => {
    cumulative += counts[bucket] as number;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: boundMs / 1000 }, value: cumulative };
  });
  cumulative += counts.at(-1) as number;
  const sumMs = cells[histogram.at] as number;
  samples.push(
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: cumulative },
    { metricName: `${name}_sum`, labels, value: sumMs / 1000 },
    { metricName: `${name}_count`, labels, value: cumulative },
  );
  return samples;
}

/** Puts the series of several histograms under one metric. */
export function histogram(name: string, help: string, values: readonly Sample[]): Metric {
  return { name, help, type: 'histogram', aggregator: 'sum', values };
}
