import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { acceptsConnections } from '../backends/accepts-connections.ts';
import { freePorts } from '../backends/free-ports.ts';
import type { Replica } from '../gateway/replicas.ts';

const FILE = 'deploy/nginx/sealgate.conf';

/** Starts nginx with the sample file of `deploy`, its addresses replaced by those of the gateways, and waits until it listens. Gives its URL. */
export async function startNginxFront(t: Test, ports: readonly Replica[]): Promise<string> {
  const [front = 0] = await freePorts(1);
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-front-'));
  let sample = readFileSync(FILE, 'utf8').replace('listen 80;', `listen 127.0.0.1:${front};`);
  for (const [index, { port }] of ports.entries()) {
    sample = sample.replace(`10.0.0.1${index + 1}:8080`, `127.0.0.1:${port}`);
  }
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  // Two worker processes, so that there is something to share.
  writeFileSync(
    join(folder, 'nginx.conf'),
    `pid ${folder}/pid;
error_log stderr error;
daemon off;
worker_processes 2;
events {}
http {
  access_log off;
  ${temporary.join('\n  ')}
  ${sample}
}
`,
  );
  const asRoot = process.getuid?.() === 0 ? ['-g', 'user root;'] : [];
  const child = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), ...asRoot], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  while (!(await acceptsConnections(front))) {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${errors}`);
    await delay(10);
  }
  return `http://127.0.0.1:${front}`;
}
