import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { freePorts } from '../support/backends/ports.ts';

/** A server nobody here wrote, holding `/public` and `/admin`; each response names its area in `x-area`. */
export interface RealBackend {
  readonly name: string;
  readonly url: string;
  /** The request lines it took so far, as it wrote them down. */
  requestLines(): readonly string[];
  stop(): Promise<void>;
}

export type BackendName = 'nginx' | 'apache' | 'node';

const PROGRAMS = { nginx: 'nginx', apache: 'apache2', node: undefined } as const;

/** Why a backend cannot be started here, or false. */
export function whyNot(name: BackendName): string | false {
  const program = PROGRAMS[name];
  if (program === undefined) return false;
  try {
    execFileSync(program, ['-v'], {
      stdio: 'ignore',
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    return false;
  } catch {
    return `${program} is not installed`;
  }
}

export function startRealBackend(name: BackendName): Promise<RealBackend> {
  return name === 'node' ? startNode() : startProgram(name);
}

/** As credulous as a hand-written server can be: decodes until nothing changes, and takes any slash for one. */
async function startNode(): Promise<RealBackend> {
  const lines: string[] = [];
  const server = createServer({ keepAliveTimeout: 30_000 }, (req, res) => {
    lines.push(`${req.method} ${req.url} HTTP/${req.httpVersion}`);
    req.resume();
    res.writeHead(200, {
      'x-area': areaOf(req.url ?? ''),
      'x-saw-user': String(req.headers['x-user-id'] ?? ''),
    });
    res.end();
  });
  server.on('clientError', ({ code }: NodeJS.ErrnoException, socket) => {
    // The end of a connection within a body is that of a client that left; the head before it has its line already.
    if (code !== 'HPE_INVALID_EOF_STATE') lines.push('what is no request');
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    name: 'node',
    url: `http://127.0.0.1:${port}`,
    requestLines: () => lines,
    async stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function areaOf(target: string): string {
  let path = (target.split('?')[0] ?? '').replace(/^https?:\/\/[^/]*/i, '');
  for (let before = ''; before !== path; ) {
    before = path;
    path = path.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
  const plain = posix
    .normalize(
      path
        .replaceAll('\\', '/')
        .replace(/;[^/]*/g, '')
        .replace(/\0.*/s, ''),
    )
    .toLowerCase();
  if (/^\/*admin(?:\/|$)/.test(plain)) return 'admin';
  return /^\/*public(?:\/|$)/.test(plain) ? 'public' : 'other';
}

async function startProgram(name: 'nginx' | 'apache'): Promise<RealBackend> {
  const folder = mkdtempSync(join(tmpdir(), `sealgate-${name}-`));
  const [port = 0] = await freePorts(1);
  // Apache serves as another user.
  chmodSync(folder, 0o755);
  const config = join(folder, 'server.conf');
  writeFileSync(config, CONFIGS[name](folder, port));
  const [program, args] =
    name === 'nginx' ? ['nginx', ['-c', config]] : ['apache2', ['-f', config, '-DFOREGROUND']];
  const child = spawn(program as string, args as string[], {
    stdio: 'ignore',
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  });
  const url = `http://127.0.0.1:${port}`;
  await responses(url, child);
  const log = join(folder, 'requests.log');
  return {
    name,
    url,
    requestLines: () => readLines(log).filter((line) => !line.includes(PROBE)),
    async stop() {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const CONFIGS = {
  nginx: (folder: string, port: number) => `
daemon off; pid ${folder}/pid; error_log ${folder}/error.log; worker_processes 1;
events { worker_connections 512; }
http {
  log_format lines '$request'; access_log ${folder}/requests.log lines;
  client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b; fastcgi_temp_path ${folder}/c; uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
  server {
    listen 127.0.0.1:${port}; keepalive_timeout 30s; underscores_in_headers on;
    add_header x-saw-user $http_x_user_id always;
    location / { add_header x-area other always; return 200; }
    location /public { add_header x-area public always; add_header x-saw-user $http_x_user_id always; return 200; }
    location /admin { add_header x-area admin always; add_header x-saw-user $http_x_user_id always; return 200; }
  }
}
`,
  apache: (folder: string, port: number) => `
ServerRoot ${folder}
ServerName localhost
PidFile ${folder}/pid
Listen 127.0.0.1:${port}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
User www-data
Group www-data
ErrorLog ${folder}/error.log
LogFormat "%r" lines
CustomLog ${folder}/requests.log lines
DocumentRoot ${folder}
KeepAliveTimeout 30
MaxKeepAliveRequests 0
AllowEncodedSlashes On
TraceEnable On
<Location />
  Header always set x-area other
  Header always set x-saw-user "expr=%{req:X-User-Id}"
</Location>
<LocationMatch "(?i)^/+public">
  Header always set x-area public
</LocationMatch>
<LocationMatch "(?i)^/+admin">
  Header always set x-area admin
</LocationMatch>
`,
} as const;

/** What this file itself asks, to know when a program is up. */
const PROBE = '/probe-of-the-test';

async function responses(url: string, child: { exitCode: number | null }): Promise<void> {
  for (let attempts = 0; attempts < 200; attempts++) {
    if (child.exitCode !== null) throw new Error(`the backend ended with ${child.exitCode}`);
    const status = await fetch(url + PROBE).then(
      (response) => response.status,
      () => 0,
    );
    if (status !== 0) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('the backend never responded');
}

function readLines(file: string): readonly string[] {
  return existsSync(file) ? readFileSync(file, 'latin1').split('\n').slice(0, -1) : [];
}
