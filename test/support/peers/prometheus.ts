import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from '../backends/ports.ts';

/** False where Debian's Prometheus (or another) is not installed; tests that need it skip by name. */
export const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;

export interface PrometheusServer {
  ask(path: string): Promise<unknown>;
  /** The values that an expression has now; none before its series are there. */
  values(expression: string): Promise<number[]>;
  /** The value of an expression that gives one series, as soon as there is one. */
  value(expression: string): Promise<number>;
  stop(): Promise<void>;
}

/** A real Prometheus that scrapes one target each second, as the job `sealgate`, and has the rules of `deploy`. */
export async function startPrometheus(target: string): Promise<PrometheusServer> {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-prometheus-'));
  const [port] = await freePorts(1);
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
  const values = async (expression: string): Promise<number[]> => {
    const response = (await ask(`/api/v1/query?query=${encodeURIComponent(expression)}`).catch(
      () => undefined,
    )) as { data?: { result: { value: [number, string] }[] }; error?: string } | undefined;
    if (response?.error !== undefined) throw new Error(`${expression}: ${response.error}`);
    return (response?.data?.result ?? []).map(({ value }) => Number(value[1]));
  };
  return {
    ask,
    values,
    async value(expression) {
      const deadline = performance.now() + 20_000;
      while (performance.now() < deadline) {
        const [value] = await values(expression);
        if (value !== undefined) return value;
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
