import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { liveText, startLiveGateway } from '../support/live-gateway.ts';

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const promtool = { skip: has('promtool') ? false : 'promtool is not installed' };
const prometheus = { skip: has('prometheus') ? false : 'prometheus is not installed' };

t.test('promtool finds nothing wrong with what /metrics says', promtool, async (t) => {
  const live = await startLiveGateway(t, liveText());
  await live.get('/a');
  await live.get('/a', 'nonsense');
  await live.get('/nowhere');
  const answer = await live.admin('/metrics');
  t.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: await answer.text(),
    encoding: 'utf8',
  });
  const ours = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('sealgate_'));
  t.same(ours, []);
  t.notMatch(stderr, 'error while linting');
});

t.test('a real Prometheus scrapes the gateway and takes its alert rules', prometheus, async (t) => {
  const live = await startLiveGateway(t, liveText());
  for (let n = 0; n < 3; n += 1) await (await live.get('/a')).text();
  await (await live.get('/a', 'nonsense')).text();

  const server = await startPrometheus(new URL(live.adminUrl).host);
  t.teardown(server.stop);
  t.equal(await server.value('up{job="sealgate"}'), 1);
  t.equal(await server.value('sealgate_requests_total{route="a",status="200",code="allow"}'), 3);
  t.equal(await server.value('sealgate_requests_total{code="token_malformed",method="GET"}'), 1);
  t.equal(await server.value('sealgate_request_duration_seconds_count{route="a"}'), 4);
  t.equal(await server.value('sealgate_issuer_state{issuer="corp",state="fresh"}'), 1);
  t.equal(await server.value('sealgate_ready'), 1);
  t.ok(await server.value('nodejs_eventloop_lag_p99_seconds{job="sealgate"}'));
  const { data } = (await server.ask('/api/v1/rules')) as {
    data: { groups: { rules: { health: string }[] }[] };
  };
  t.equal(data.groups[0]?.rules.length, 10);
});

interface PrometheusServer {
  ask(path: string): Promise<unknown>;
  /** The value of an expression that gives one series, as soon as there is one. */
  value(expression: string): Promise<number>;
  stop(): Promise<void>;
}

async function startPrometheus(target: string): Promise<PrometheusServer> {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-prometheus-'));
  const port = await freePort();
  writeFileSync(
    join(folder, 'prometheus.yml'),
    `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ['${resolve('deploy/prometheus/alerts.yaml')}']
scrape_configs: [{ job_name: sealgate, static_configs: [{ targets: ['${target}'] }] }]
`,
  );
  const child: ChildProcess = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  const ask = async (path: string): Promise<unknown> =>
    (await fetch(`http://127.0.0.1:${port}${path}`)).json();
  return {
    ask,
    async value(expression) {
      const deadline = performance.now() + 20_000;
      while (performance.now() < deadline) {
        const answer = (await ask(`/api/v1/query?query=${encodeURIComponent(expression)}`).catch(
          () => undefined,
        )) as { data?: { result: { value: [number, string] }[] } } | undefined;
        const sample = answer?.data?.result[0];
        if (sample !== undefined) return Number(sample.value[1]);
        await delay(100);
      }
      throw new Error(`Prometheus has no ${expression}`);
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
