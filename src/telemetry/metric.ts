/** The labels of one series. */
export type Labels = Readonly<Record<string, string | number>>;

/** One number of a metric. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** The name when it differs from the metric's own: `_bucket`, `_sum`, `_count` of histograms. */
  readonly metricName?: string;
}

/**
 * A metric as plain data, in the shape of prom-client's registries, so that workers can send it. `aggregator` determines how the values
 * of several workers become one.
 */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly aggregator: 'sum' | 'max' | 'min' | 'first' | 'average';
  readonly values: readonly Sample[];
}

/** Makes a gauge; by default, the largest value of several workers counts. */
export function gauge(
  name: string,
  help: string,
  values: readonly Sample[],
  aggregator: Metric['aggregator'] = 'max',
): Metric {
  return { name, help, type: 'gauge', aggregator, values };
}

/** Makes a counter; the values of several workers are added. */
export function counter(
  name: string,
  help: string,
  values: readonly Sample[],
  aggregator: Metric['aggregator'] = 'sum',
): Metric {
  return { name, help, type: 'counter', aggregator, values };
}

/** One sample, without labels. */
export function single(value: number): Sample[] {
  return [{ labels: {}, value }];
}
