import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Dispatcher, Pool } from 'undici';
import { hasNginx, startNginx } from '../test/support/peers/nginx.ts';
import { startForwarder } from '../test/support/proxy/forwarder.ts';

/**
 * What forwarding alone costs: CPU per request of this project's forwarder beside the minimum with Node's own
 * server and undici. Needs nginx as backend and wrk for load: `node --import tsx bench/forwarding.ts [rounds] [seconds]`.
 */
const VARIANTS = { bare: bareProxy, sealgate: sealgateProxy } as const;
type Variant = keyof typeof VARIANTS;

/** Node's `http` and undici's `dispatch`, headers copied unchanged: no checks, no identity, no rules. */
async function bareProxy(upstream: string): Promise<number> {
  const pool = new Pool(upstream);
  const server = createServer((req, res) => {
    let resume: () => void = () => {};
    res.on('drain', () => resume());
    const hasBody =
      req.headers['content-length'] !== undefined || req.headers['transfer-encoding'] !== undefined;
    const headers = { ...req.headers };
    delete headers.host;
    delete headers.connection;
    delete headers['transfer-encoding'];
    const handler: Dispatcher.DispatchHandler = {
      onConnect() {},
      onHeaders(status, raw, resumeUpstream) {
        resume = resumeUpstream;
        res.writeHead(
          status,
          raw.map((part) => part.toString('latin1')),
        );
        return true;
      },
      onData: (chunk) => res.write(chunk),
      onComplete() {
        res.end();
      },
      onError() {
        res.destroy();
      },
    };
    pool.dispatch(
      {
        path: req.url ?? '/',
        method: req.method as Dispatcher.HttpMethod,
        headers,
        body: hasBody ? req : null,
      } as Dispatcher.DispatchOptions,
      handler,
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function sealgateProxy(upstream: string): Promise<number> {
  return (await startForwarder(upstream, { keepOutcomes: false })).port;
}

interface Round {
  readonly cpuMicros: number;
  readonly perSecond: number;
  readonly p99: string;
}

async function measure(variant: Variant, upstream: string, path: string, seconds: number): Promise<Round> {
  const child = fork(fileURLToPath(import.meta.url), ['--proxy', variant, upstream], {
    execArgv: ['--import=tsx'],
  });
  const [port] = (await once(child, 'message')) as [number];
  spawn('taskset', ['-acp', '0', String(child.pid)], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}${path}`;
  await load(url, 2);
  const before = cpuSeconds(child);
  const { requests, text } = await load(url, seconds);
  const cpu = cpuSeconds(child) - before;
  child.kill();
  await once(child, 'exit');
  return {
    cpuMicros: (cpu / requests) * 1e6,
    perSecond: requests / seconds,
    p99: /99%\s+(\S+)/.exec(text)?.[1] ?? '?',
  };
}

async function load(url: string, seconds: number): Promise<{ requests: number; text: string }> {
  const args = [
    '1',
    'wrk',
    '-t1',
    '-c64',
    `-d${seconds}s`,
    '--latency',
    '-H',
    `Authorization: Bearer ${'x'.repeat(800)}`,
    url,
  ];
  const wrk = spawn('taskset', ['-c', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  wrk.stdout.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  await once(wrk, 'exit');
  return { requests: Number(/(\d+) requests in/.exec(text)?.[1] ?? 0), text };
}

function cpuSeconds(child: ChildProcess): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

const BODIES = { '1 KiB': '/1k', ...(process.env.SMALL ? {} : { '10 MiB': '/10m' }) };

async function main(rounds: number, seconds: number): Promise<void> {
  if (!hasNginx) throw new Error('needs nginx');
  const nginx = await startNginx(`location = /1k { return 200 "${'x'.repeat(1024)}"; }`);
  writeFileSync(join(nginx.root, '10m'), Buffer.alloc(10 * 1024 * 1024, 'x'));
  for (const [size, path] of Object.entries(BODIES)) {
    const results: Record<Variant, Round[]> = { bare: [], sealgate: [] };
    for (let round = 0; round < rounds; round++) {
      for (const variant of Object.keys(VARIANTS) as Variant[]) {
        results[variant].push(await measure(variant, nginx.url, path, seconds));
      }
    }
    report(size, results);
  }
  await nginx.close();
}

function report(size: string, results: Record<Variant, Round[]>): void {
  console.log(`responses of ${size}`);
  const bare = median(results.bare.map(({ cpuMicros }) => cpuMicros));
  for (const [variant, all] of Object.entries(results)) {
    const cpu = median(all.map(({ cpuMicros }) => cpuMicros));
    const rate = median(all.map(({ perSecond }) => perSecond));
    console.log(
      `  ${variant.padEnd(10)} ${cpu.toFixed(1).padStart(8)} µs CPU/request  ${(cpu / bare).toFixed(2)} × bare  ` +
        `${rate.toFixed(1).padStart(8)} requests/s  p99 ${all.map(({ p99 }) => p99).join(' ')}`,
    );
  }
}

const [, , first, second, upstream] = process.argv;
if (first === '--proxy') {
  process.send?.(await VARIANTS[second as Variant](upstream as string));
} else {
  await main(Number(first ?? 3), Number(second ?? 5));
}
