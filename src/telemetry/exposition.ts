import type { Counter } from 'prom-client';
import type { Metric } from './metric.ts';

type PromClient = typeof import('prom-client');

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

let loading: Promise<PromClient> | undefined;

/** Loaded by the first request for metrics, so that the start does not wait for it. */
function loadPromClient(): Promise<PromClient> {
  loading ??= import('prom-client').then((module) => {
    const client = 'default' in module ? (module.default as PromClient) : module;
    client.collectDefaultMetrics();
    countCpuFromTheStart(client);
    return client;
  });
  return loading;
}

/** Prom-client counts CPU time from its load, which here is the first scrape. This adds the time since the start of the process. */
function countCpuFromTheStart({ register }: PromClient): void {
  const { user, system } = process.cpuUsage();
  const micros = {
    process_cpu_user_seconds_total: user,
    process_cpu_system_seconds_total: system,
    process_cpu_seconds_total: user + system,
  };
  for (const [name, value] of Object.entries(micros)) {
    (register.getSingleMetric(name) as Counter | undefined)?.inc(value / 1e6);
  }
}

/** Metrics of the process itself: CPU, memory, garbage collection, event-loop lag. */
export async function collectProcessMetrics(): Promise<Metric[]> {
  const { register } = await loadPromClient();
  const metrics = (await register.getMetricsAsJSON()) as unknown as Metric[];
  // Prom-client leaves out of a merge what cannot be added up, such as the start time.
  return metrics.map((metric) =>
    (metric.aggregator as string) === 'omit' ? { ...metric, aggregator: 'min' } : metric,
  );
}

/** Writes metrics as Prometheus' text format 0.0.4; those of several workers are merged, each by its `aggregator`. */
export async function renderMetrics(workers: readonly (readonly Metric[])[]): Promise<string> {
  const { AggregatorRegistry, Registry } = await loadPromClient();
  const [only, ...others] = workers;
  if (only === undefined) return '';
  if (others.length > 0) return AggregatorRegistry.aggregate(workers as unknown as object[]).metrics();
  const registry = new Registry();
  for (const metric of only) registry.registerMetric({ ...metric, get: async () => metric } as never);
  return registry.metrics();
}
