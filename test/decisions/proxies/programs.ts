import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Test } from 'tap';
import { freePorts } from '../../support/backends/ports.ts';
import type { AskingProxy, Neighbors } from './asking-proxy.ts';
import { replaceAddresses, runProgram } from './run-program.ts';

const EXAMPLES = resolve(import.meta.dirname, '../../../config/examples/decisions');

const isThere = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;

const example = (name: string, addresses: Readonly<Record<string, string>>): string =>
  replaceAddresses(readFileSync(join(EXAMPLES, name), 'utf8'), addresses);

const neighborsOf = ({ decisions, backend }: Neighbors) => ({
  '127.0.0.1:8081': `127.0.0.1:${decisions}`,
  '127.0.0.1:3000': `127.0.0.1:${backend}`,
});

const NGINX: AskingProxy = {
  name: 'nginx',
  missing: isThere('nginx', '-v') ? undefined : 'nginx is not installed',
  relaysBody: false,
  unavailable: { down: 503, slow: 503 },
  async start(t, neighbors) {
    const folder = t.testdir();
    const [port = 0] = await freePorts(1);
    writeFileSync(
      join(folder, 'sealgate.conf'),
      example('nginx/sealgate.conf', {
        ...neighborsOf(neighbors),
        'listen 80;': `listen 127.0.0.1:${port};`,
      }),
    );
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    );
    writeFileSync(
      join(folder, 'nginx.conf'),
      `pid ${folder}/pid;
error_log stderr crit;
daemon off;
events { worker_connections 512; }
http {
  access_log off;
  ${temporary.join('\n  ')}
  include ${folder}/sealgate.conf;
}
`,
    );
    const asRoot = process.getuid?.() === 0 ? ['-g', 'user root;'] : [];
    await runProgram(t, ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf'), ...asRoot], { port });
    return port;
  },
};

const CADDY: AskingProxy = {
  name: 'Caddy',
  missing: isThere('caddy', 'version') ? undefined : 'caddy is not installed',
  relaysBody: true,
  unavailable: { down: 502, slow: 504 },
  async start(t, neighbors) {
    const folder = t.testdir();
    const [port = 0] = await freePorts(1);
    const file = join(folder, 'Caddyfile');
    writeFileSync(
      file,
      example('caddy/Caddyfile', {
        ...neighborsOf(neighbors),
        'http://api.example.com {': `http://api.example.com:${port} {\n\tbind 127.0.0.1`,
      }),
    );
    await runProgram(t, ['caddy', 'run', '--config', file, '--adapter', 'caddyfile'], {
      port,
      env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    });
    return port;
  },
};

const HAPROXY: AskingProxy = {
  name: 'HAProxy',
  missing: isThere('haproxy', '-v') ? undefined : 'haproxy is not installed',
  relaysBody: true,
  unavailable: { down: 503, slow: 504 },
  async start(t, neighbors) {
    const folder = t.testdir();
    const [port = 0] = await freePorts(1);
    // One name in the abstract namespace for each run: tests run side by side.
    const listener = `abns@sealgate-${process.pid}-${port}`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'haproxy.cfg'),
      example('haproxy/haproxy.cfg', {
        ...neighborsOf(neighbors),
        'bind :80\n': `bind 127.0.0.1:${port}\n`,
        'port 9090': `port ${neighbors.admin}`,
        'abns@sealgate': listener,
        '/etc/haproxy/sealgate.lua': join(folder, 'sealgate.lua'),
      }),
    );
    writeFileSync(
      join(folder, 'sealgate.lua'),
      example('haproxy/sealgate.lua', { 'abns@sealgate': listener }),
    );
    await runProgram(t, ['haproxy', '-db', '-f', join(folder, 'haproxy.cfg')], { port });
    return port;
  },
};

/** The proxies that Debian has a package of. */
const PROXIES: readonly AskingProxy[] = [NGINX, CADDY, HAPROXY];

/** Runs a part of the tests through each of them. */
export function throughEach(
  t: Test,
  what: string,
  check: (t: Test, proxy: AskingProxy) => Promise<void>,
): void {
  for (const proxy of PROXIES) {
    t.test(`through ${proxy.name}: ${what}`, { skip: proxy.missing ?? false, timeout: 90_000 }, (t) =>
      check(t, proxy),
    );
  }
}
