import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { acceptsConnections, freePorts } from '../backends/ports.ts';
import type { Replica } from '../gateway/replicas.ts';

/** A running nginx with its own configuration and a folder for files. */
export interface Nginx {
  readonly url: string;
  readonly root: string;
  close(): Promise<void>;
}

/** False where nginx is not installed; tests that need it skip by name. */
export const hasNginx = spawnSync('nginx', ['-v']).status === 0;

/** Starts nginx with these directives inside its `server` block. `%ROOT%` stands for the folder. */
export function startNginx(directives: string): Promise<Nginx> {
  return runNginx(
    1,
    (port, root) => `
  types { text/plain txt; application/json json; }
  default_type application/octet-stream;
  client_max_body_size 0;
  server {
    listen 127.0.0.1:${port};
    root ${root};
    ${directives.replaceAll('%ROOT%', root)}
  }`,
  );
}

/** Starts nginx with the sample file of `deploy` in front of the gateways. Gives its URL. */
export async function startNginxFront(t: Test, ports: readonly Replica[]): Promise<string> {
  // Two worker processes, so that there is something to share.
  const nginx = await runNginx(2, (port) => {
    const sample = readFileSync('deploy/nginx/sealgate.conf', 'utf8');
    return ports.reduce(
      (text, replica, index) => text.replace(`10.0.0.1${index + 1}:8080`, `127.0.0.1:${replica.port}`),
      sample.replace('listen 80;', `listen 127.0.0.1:${port};`),
    );
  });
  t.teardown(() => nginx.close());
  return nginx.url;
}

/** Starts nginx with what `http` gives for its `http` block, and waits until it listens. */
async function runNginx(workers: number, http: (port: number, root: string) => string): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-nginx-'));
  const root = join(folder, 'www');
  mkdirSync(root);
  const [port = 0] = await freePorts(1);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  writeFileSync(
    join(folder, 'nginx.conf'),
    `pid ${folder}/pid;
error_log stderr error;
worker_processes ${workers};
daemon off;
events { worker_connections 512; }
http {
  access_log off;
  ${temporary.join('\n  ')}
  ${http(port, root)}
}
`,
  );
  const asRoot = process.getuid?.() === 0 ? ['-g', 'user root;'] : [];
  const child: ChildProcess = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), ...asRoot], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  const ended = once(child, 'exit');
  while (!(await acceptsConnections(port))) {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${errors}`);
    await delay(10);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    root,
    async close() {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
