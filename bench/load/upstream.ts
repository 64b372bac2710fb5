import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CORE,
  freePort,
  hasProgram,
  type PinnedProcess,
  startPinned,
  untilListening,
} from '../measure/pinned-process.ts';
import { MCP_PATH } from './mcp.ts';

const FALLBACK = fileURLToPath(new URL('upstream.mjs', import.meta.url));
export const SMALL_BYTES = 1024;
export const LARGE_BYTES = 10 * 1024 * 1024;
export const LARGE_PATH = '/large/file';

export interface Upstream extends PinnedProcess {
  readonly port: number;
}

/** Serves 1 KiB at every path, to POST at `/mcp`, and 10 MiB below `/large`: nginx if installed, else Node. */
export async function startUpstream(folder: string): Promise<Upstream> {
  const port = await freePort();
  const argv = hasProgram('nginx')
    ? nginx(port, join(folder, 'upstream'))
    : [process.execPath, FALLBACK, String(port)];
  const program = startPinned({ core: CORE.load, argv, folder });
  await untilListening(port);
  return { ...program, port };
}

function nginx(port: number, folder: string): string[] {
  mkdirSync(folder);
  const small = JSON.stringify({ text: 'x'.repeat(SMALL_BYTES - 11) });
  writeFileSync(join(folder, 'small.json'), small);
  writeFileSync(join(folder, 'large.bin'), Buffer.alloc(LARGE_BYTES, 0x61));
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `${nginxPreamble(folder)}
http {
  ${nginxTemporaryPaths(folder)}
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 1h;
  open_file_cache max=4; open_file_cache_valid 1h;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    root ${folder};
    location / { try_files /small.json =500; default_type application/json; }
    location = ${MCP_PATH} { default_type application/json; return 200 '${small}'; }
    location /large { try_files /large.bin =500; default_type application/octet-stream; }
  }
}
`,
  );
  return ['nginx', '-c', file, '-e', join(folder, 'error.log')];
}

/** One process in the foreground that writes only below `folder`. */
export function nginxPreamble(folder: string): string {
  return `daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 8192; }`;
}

export function nginxTemporaryPaths(folder: string): string {
  return ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join(' ');
}
