import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A running nginx of its own configuration, with a folder for files. */
export interface Nginx {
  readonly url: string;
  readonly port: number;
  readonly root: string;
  close(): Promise<void>;
}

/** False where Debian's nginx (or another) is not installed; tests that need it skip by name. */
export const hasNginx = spawnSync('nginx', ['-v']).status === 0;

/** Starts nginx with the given directives inside its `server` block. `%ROOT%` stands for the folder. */
export async function startNginx(directives: string): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-nginx-'));
  const root = join(folder, 'www');
  mkdirSync(root);
  const port = await freePort();
  const config = join(folder, 'nginx.conf');
  writeFileSync(
    config,
    `pid ${folder}/pid;
error_log stderr warn;
worker_processes 1;
daemon off;
events { worker_connections 512; }
http {
  access_log off;
  types { text/plain txt; application/json json; }
  default_type application/octet-stream;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_max_body_size 0;
  server {
    listen 127.0.0.1:${port};
    root ${root};
    ${directives.replaceAll('%ROOT%', root)}
  }
}
`,
  );
  const arguments_ = ['-p', folder, '-c', config, ...(process.getuid?.() === 0 ? ['-g', 'user root;'] : [])];
  const child = spawn('nginx', arguments_, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk;
  });
  const url = `http://127.0.0.1:${port}`;
  while (!(await responses(url))) {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${errors}`);
    await delay(10);
  }
  return {
    url,
    port,
    root,
    async close() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function responses(url: string): Promise<boolean> {
  try {
    await (await fetch(url)).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
