import t from 'tap';
import { estimateQuantileMs } from '../../src/telemetry/duration-histogram.ts';
import type { Metric } from '../../src/telemetry/metric.ts';
import { type CountedRequest, createRequestMetrics } from '../../src/telemetry/request-metrics.ts';

const READ: CountedRequest = {
  route: 'orders',
  method: 'GET',
  status: 200,
  code: 'allow',
  durationMs: 12,
  upstreamMs: 8,
};

function find(metrics: readonly Metric[], name: string): Metric {
  const metric = metrics.find((candidate) => candidate.name === name);
  if (metric === undefined) throw new Error(`no metric ${name}`);
  return metric;
}

t.test('requests are counted by route, method, status and decision', async (t) => {
  const counts = createRequestMetrics();
  counts.observe({ ...READ, verificationMs: 0.2 });
  counts.observe({ ...READ, verificationMs: 0.02 });
  counts.observe({
    ...READ,
    status: 403,
    code: 'insufficient_scope',
    upstreamMs: undefined,
    verificationMs: 0.1,
  });
  t.same(find(counts.metrics(), 'sealgate_requests_total').values, [
    { labels: { route: 'orders', method: 'GET', status: '200', code: 'allow' }, value: 2 },
    { labels: { route: 'orders', method: 'GET', status: '403', code: 'insufficient_scope' }, value: 1 },
  ]);
});

t.test('nothing a client or a backend sends can make series without end', async (t) => {
  const counts = createRequestMetrics();
  for (let n = 0; n < 500; n += 1) {
    counts.observe({
      ...READ,
      route: undefined,
      method: `M${n}`,
      status: 404,
      code: 'route_unknown',
      verificationMs: 0,
    });
    counts.observe({ ...READ, method: '__proto__', status: 500 + (n % 400), verificationMs: 0 });
  }
  const { values } = find(counts.metrics(), 'sealgate_requests_total');
  t.ok(values.length < 30, `${values.length} series`);
  t.ok(values.every(({ labels }) => labels.method === 'other'));
  t.ok(values.some(({ labels }) => labels.route === 'none' && labels.status === '404'));
  t.ok(values.some(({ labels }) => labels.status === '8xx'));
});

t.test('histograms are cumulative, in seconds, and end at the count', async (t) => {
  const counts = createRequestMetrics();
  counts.observe(READ);
  counts.observe({ ...READ, durationMs: 60_000 });
  const { values } = find(counts.metrics(), 'sealgate_request_duration_seconds');
  const of = (le: unknown) => values.find(({ labels }) => labels.le === le)?.value;
  t.equal(of(0.01), 0);
  t.equal(of(0.025), 1);
  t.equal(of(30), 1);
  t.equal(of('+Inf'), 2);
  t.match(
    values.find(({ metricName }) => metricName?.endsWith('_sum')),
    { value: 60.012 },
  );
  const verification = find(counts.metrics(), 'sealgate_verification_duration_seconds').values;
  t.equal(verification.find(({ metricName }) => metricName?.endsWith('_count'))?.value, 0);
});

t.test('routes that left the file are forgotten, unmatched requests are not', async (t) => {
  const counts = createRequestMetrics();
  counts.observe({ ...READ, verificationMs: 1 });
  counts.observe({ ...READ, route: undefined, code: 'route_unknown', status: 404, verificationMs: 1 });
  counts.retainRoutes(new Set(['other']));
  t.same(
    counts.traffic().map(({ route }) => route),
    ['none'],
  );
});

t.test('the traffic of a route is counted by refusal and status class', async (t) => {
  const counts = createRequestMetrics();
  counts.observe({ ...READ, verificationMs: 1 });
  counts.observe({ ...READ, status: 401, code: 'token_expired', verificationMs: 1 });
  counts.observe({ ...READ, status: 401, code: 'token_expired', method: 'POST', verificationMs: 1 });
  t.match(counts.traffic(), [
    { route: 'orders', requests: 3, refusals: { token_expired: 2 }, statuses: { '2xx': 1, '4xx': 2 } },
  ]);
});

t.test('quantiles are estimated from the buckets', async (t) => {
  t.equal(estimateQuantileMs([0, 0, 0], [1, 2], 0.5), undefined);
  t.equal(estimateQuantileMs([0, 4, 0], [1, 2], 0.5), 1.5);
  t.equal(estimateQuantileMs([2, 0, 2], [1, 2], 0.95), 2, 'beyond the last bound it is the last bound');
});

t.test('questions of other proxies are counted by the way of asking and what they got', async (t) => {
  const counts = createRequestMetrics();
  counts.observe(READ);
  t.same(counts.questions(), [], 'what the gateway forwards is no question');
  counts.observe({ ...READ, via: 'auth-request' });
  counts.observe({ ...READ, via: 'auth-request', status: 401, code: 'token_missing' });
  counts.observe({ ...READ, via: 'auth-request', status: 503, code: 'keys_unavailable' });
  counts.observe({ ...READ, via: 'forward-auth', route: undefined, status: 403, code: 'proxy_not_trusted' });
  t.same(counts.questions(), [
    { via: 'auth-request', allowed: 1, refused: 1, failed: 1 },
    { via: 'forward-auth', allowed: 0, refused: 1, failed: 0 },
  ]);
  counts.retainRoutes(new Set());
  t.equal(counts.questions().length, 2, 'a route that leaves the file takes no question with it');
});
