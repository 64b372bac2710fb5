import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ALGORITHM_NAMES, AUDIENCE, ISSUER } from '../load/tokens.ts';
import { nginxPreamble, nginxTemporaryPaths } from '../load/upstream.ts';
import { CORE, freePort, hasProgram, startPinned, untilListening } from '../measure/pinned-process.ts';
import type { Ground, Peer, RunningPeer } from './peer.ts';
import { PROGRAM, startSealgate } from './sealgate.ts';

/* Proxies that ask another process about each request. Both processes share the measured core and count as one. */

/** A process that is asked, and where. */
interface Decider extends RunningPeer {
  readonly decisionsPort: number;
  readonly adminPort: number;
}

interface Chain {
  readonly name: string;
  /** Of the distribution. */
  readonly program: string;
  readonly missing: () => string | undefined;
  readonly startDecider: (ground: Ground) => Promise<Decider>;
  /** Writes the file of the proxy. */
  readonly configure: (ground: Ground, ports: { readonly port: number; readonly asked: Decider }) => void;
  readonly argv: (folder: string) => readonly string[];
}

function chainPeer(chain: Chain): Peer {
  return {
    name: chain.name,
    algorithms: ALGORITHM_NAMES,
    missing: () => (hasProgram(chain.program) ? chain.missing() : chain.program),
    async start(ground) {
      const { folder } = ground;
      const deciderFolder = join(folder, 'decider');
      mkdirSync(deciderFolder);
      const asked = await chain.startDecider({ ...ground, folder: deciderFolder });
      const port = await freePort();
      chain.configure(ground, { port, asked });
      const proxy = startPinned({ core: CORE.measured, argv: chain.argv(folder), folder });
      await untilListening(port);
      return {
        ...proxy,
        port,
        further: asked.pid,
        close: async () => {
          await Promise.all([proxy.close(), asked.close()]);
        },
      };
    },
  };
}

const withSealgate = {
  missing: () => (existsSync(PROGRAM) ? undefined : 'dist/main.js (npm run build)'),
  startDecider: (ground: Ground) => startSealgate({ routes: 10, issuers: 1 }, ground, true),
} as const;

/** The text of an example file with other addresses, each of which must be in it. */
function example(name: string, addresses: Readonly<Record<string, string>>): string {
  const file = fileURLToPath(new URL(`../../config/examples/decisions/${name}`, import.meta.url));
  let text = readFileSync(file, 'utf8');
  for (const [from, to] of Object.entries(addresses)) {
    if (!text.includes(from)) throw new Error(`${name} does not have ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

function writeNginx(folder: string, server: string): void {
  writeFileSync(
    join(folder, 'nginx.conf'),
    `${nginxPreamble(folder)}
http {
  ${nginxTemporaryPaths(folder)}
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;
${server}
}
`,
  );
}

const nginxArgv = (folder: string) => [
  'nginx',
  '-c',
  join(folder, 'nginx.conf'),
  '-e',
  join(folder, 'error.log'),
];

export const nginxSealgate = chainPeer({
  ...withSealgate,
  name: 'nginx, auth_request to Sealgate',
  program: 'nginx',
  configure: ({ folder, upstreamPort }, { port, asked }) =>
    writeNginx(
      folder,
      example('nginx/sealgate.conf', {
        '127.0.0.1:8081': `127.0.0.1:${asked.decisionsPort}`,
        '127.0.0.1:3000': `127.0.0.1:${upstreamPort}`,
        'listen 80;': `listen 127.0.0.1:${port} backlog=4096;`,
      }),
    ),
  argv: nginxArgv,
});

export const haproxySealgate = chainPeer({
  ...withSealgate,
  name: 'HAProxy, Lua to Sealgate',
  program: 'haproxy',
  configure: ({ folder, upstreamPort }, { port, asked }) => {
    const listener = `abns@sealgate-bench-${port}`;
    const script = join(folder, 'sealgate.lua');
    writeFileSync(script, example('haproxy/sealgate.lua', { 'abns@sealgate': listener }));
    writeFileSync(
      join(folder, 'haproxy.cfg'),
      example('haproxy/haproxy.cfg', {
        '127.0.0.1:8081': `127.0.0.1:${asked.decisionsPort}`,
        '127.0.0.1:3000': `127.0.0.1:${upstreamPort}`,
        'bind :80\n': `bind 127.0.0.1:${port} backlog 4096\n`,
        'port 9090': `port ${asked.adminPort}`,
        'abns@sealgate': listener,
        '/etc/haproxy/sealgate.lua': script,
      }),
    );
  },
  argv: (folder) => ['haproxy', '-db', '-f', join(folder, 'haproxy.cfg')],
});

const VERIFIER = fileURLToPath(new URL('servers/verifier-jose.mjs', import.meta.url));

/** What one writes in an afternoon: no identity but the subject, no challenge, no rules. */
export const nginxJose = chainPeer({
  name: 'nginx, auth_request to Node http + jose',
  program: 'nginx',
  missing: () =>
    existsSync(fileURLToPath(new URL('../node_modules/jose', import.meta.url)))
      ? undefined
      : 'npm --prefix bench ci',
  async startDecider({ folder, issuer, node }) {
    const port = await freePort();
    const env = { NODE_ENV: 'production', PORT: String(port), ISSUER, AUDIENCE, JWKS_URI: issuer.jwksUri };
    const verifier = startPinned({ core: CORE.measured, argv: [node, VERIFIER], env, folder });
    await untilListening(port);
    return { ...verifier, port, decisionsPort: port, adminPort: port };
  },
  configure: ({ folder, upstreamPort }, { port, asked }) =>
    writeNginx(
      folder,
      `  upstream verifier { server 127.0.0.1:${asked.decisionsPort}; keepalive 32; }
  upstream backend { server 127.0.0.1:${upstreamPort}; keepalive 32; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /verify {
      internal;
      proxy_pass http://verifier; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_pass_request_body off; proxy_set_header Content-Length "";
    }
    location / {
      auth_request /verify;
      auth_request_set $user $upstream_http_x_user_id;
      proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header X-User-Id $user; proxy_set_header Authorization "";
    }
  }`,
    ),
  argv: nginxArgv,
});
