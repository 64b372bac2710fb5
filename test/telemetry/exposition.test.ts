import { spawnSync } from 'node:child_process';
import t from 'tap';
import { collectProcessMetrics, renderMetrics } from '../../src/telemetry/exposition.ts';
import { counter, gauge, single } from '../../src/telemetry/metric.ts';
import { createRequestMetrics } from '../../src/telemetry/request-metrics.ts';

async function worker(age: number) {
  const counts = createRequestMetrics();
  counts.observe({
    ...{ route: 'a"b\\c', method: 'GET', status: 200, code: 'allow' },
    ...{ durationMs: 3, upstreamMs: 2, verificationMs: 0.3 },
  });
  return [
    ...counts.metrics(),
    gauge('sealgate_age_seconds', 'An age.', single(age)),
    counter('sealgate_reloads_total', 'Shared by all workers.', single(4), 'max'),
    ...(await collectProcessMetrics()),
  ];
}

t.test('metrics of one process are written as they are', async (t) => {
  const text = await renderMetrics([await worker(5)]);
  t.match(text, 'sealgate_requests_total{route="a\\"b\\\\c",method="GET",status="200",code="allow"} 1');
  t.match(text, 'sealgate_age_seconds 5');
  t.match(text, /^nodejs_eventloop_lag_seconds /m);
  t.match(text, /^process_start_time_seconds /m);
  const seconds = Number(/^process_cpu_seconds_total (\S+)/m.exec(text)?.[1]);
  const { user, system } = process.cpuUsage();
  t.ok(
    seconds > 0.05 && seconds <= (user + system + 1) / 1e6,
    'CPU time counts from the start of the process',
  );
});

t.test('metrics of several workers are merged, each in its own way', async (t) => {
  const text = await renderMetrics([await worker(5), await worker(9)]);
  t.match(text, 'code="allow"} 2');
  t.match(text, 'sealgate_age_seconds 9');
  t.match(text, 'sealgate_reloads_total 4');
  t.match(text, /^process_start_time_seconds /m);
  t.match(text, 'sealgate_request_duration_seconds_bucket{route="a\\"b\\\\c",le="+Inf"} 2');
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

for (const workers of [1, 2]) {
  t.test(
    `promtool finds nothing wrong with the metrics of ${workers} worker(s)`,
    { skip: hasPromtool ? false : 'promtool is not installed' },
    async (t) => {
      const metrics = await Promise.all(Array.from({ length: workers }, (_, n) => worker(n)));
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input: await renderMetrics(metrics),
        encoding: 'utf8',
      });
      const warnings = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('sealgate_'));
      t.same(warnings, []);
      t.ok(status === 0 || status === 3, `exit ${status}: ${stderr}`);
    },
  );
}
