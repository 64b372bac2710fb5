/**
 * The reload drill, `npm run drill:reload`: a separate gateway process reloads a new version of its file 200 times by SIGHUP while clients
 * send requests without a pause. Prints its resources after 20, 120 and 220 reloads, and fails if a request was lost, doubled or
 * refused, or if something grew. Takes half a minute; Linux only.
 */
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { startCountingUpstream } from '../test/support/backends/counting-upstream.ts';
import { type GatewayProcess, startGatewayProcess } from '../test/support/gateway/gateway-process.ts';
import { createKeyServer } from '../test/support/tokens/key-server.ts';
import { mint, signingKey } from '../test/support/tokens/mint.ts';

const WARM_UP = 20;
const ROUND = 100;
const ROUTES = 50;
const CLIENTS = 8;
/** The noise of a process; a hundred leaked configurations would be far more. */
const MAY_GROW = { rssMiB: 8, heapMiB: 1, timers: 2, sockets: 2, fds: 2 } as const;

/** On SIGUSR2 the gateway collects its garbage, counts live objects, and prints the counts on standard error. */
const NOTIFY = `data:text/javascript,${encodeURIComponent(`import { Socket } from 'node:net';
import { queryObjects } from 'node:v8';
const Timer = setTimeout(() => {}, 0).constructor;
process.on('SIGUSR2', () => {
  const timers = queryObjects(Timer, { format: 'count' }), sockets = queryObjects(Socket, { format: 'count' });
  const { rss, heapUsed } = process.memoryUsage();
  process.stderr.write(JSON.stringify({ rssMiB: rss / 1048576, heapMiB: heapUsed / 1048576, timers, sockets }) + '\\n');
});`)}`;
/** Memory returns to the system with some delay, so the lowest of several readings counts. */
const READINGS = 5;

const undos: (() => Promise<void>)[] = [];
const key = signingKey('ES256');
const provider = await createKeyServer();
provider.publish(key);
const backend = await startCountingUpstream((_req, res) => res.end('fine'));
undos.push(
  () => backend.close(),
  () => provider.close(),
);

const fileOf = (version: number): string => `listen: { port: 0 }
admin: { port: 0 }
log: { sampling: { allowed: 0 } }
issuers: { corp: { issuer: '${provider.issuer()}', audiences: [api] } }
upstreams: { backend: { url: '${backend.url}' } }
routes:
  - { name: asked, path: /asked, upstream: backend, access: { when: claims.sub != "v${version}" } }
${Array.from({ length: ROUTES - 1 }, (_, n) => `  - { name: r${n}, path: /r${n}/v${version}, upstream: backend, access: authenticated }`).join('\n')}
`;

type Held = Record<keyof typeof MAY_GROW, number>;
const NAMES = Object.keys(MAY_GROW) as (keyof typeof MAY_GROW)[];

/** Lines of standard error read so far; each reading adds one. */
let reported = 0;
async function read({ child, stderr }: GatewayProcess): Promise<Held> {
  const lines = (): string[] =>
    stderr()
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{'));
  child.kill('SIGUSR2');
  while (lines().length === reported) await delay(5);
  reported += 1;
  const held = JSON.parse(lines().at(-1) ?? '') as Omit<Held, 'fds'>;
  return { ...held, fds: readdirSync(`/proc/${child.pid}/fd`).length };
}

async function takeStock(gateway: GatewayProcess): Promise<Held> {
  const readings: Held[] = [];
  for (let n = 0; n < READINGS; n += 1) {
    readings.push(await read(gateway));
    await delay(50);
  }
  return Object.fromEntries(
    NAMES.map((name) => [name, Math.round(Math.min(...readings.map((held) => held[name])) * 10) / 10]),
  ) as Held;
}

async function applied(gateway: GatewayProcess): Promise<number> {
  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  return Number(/config_reloads_total\{result="applied"\} (\d+)/.exec(metrics)?.[1] ?? 0);
}

const gateway = await startGatewayProcess(
  { teardown: (undo) => undos.push(async () => undo()) },
  `${fileOf(0)}`,
  {
    nodeArgs: [`--import=${NOTIFY}`],
  },
);
const now = Math.floor(Date.now() / 1000);
const claims = { iss: provider.issuer(), aud: 'api', sub: 'alice', iat: now, exp: now + 3600 };
const headers = { authorization: `Bearer ${mint(key, claims)}` };
const pool = new Pool(gateway.url, { connections: CLIENTS });
while ((await fetch(`${gateway.adminUrl}/ready`)).status !== 200) await delay(10);

let running = true;
let requests = 0;
/** Set during a measurement, so that no request is running. */
let pause: Promise<void> | undefined;
const failures = new Map<string, number>();
const fail = (what: string): void => void failures.set(what, (failures.get(what) ?? 0) + 1);
const asking = Array.from({ length: CLIENTS }, async () => {
  while (running) {
    await pause;
    requests += 1;
    try {
      const { statusCode, body } = await pool.request({ method: 'GET', path: '/asked', headers });
      await body.dump();
      if (statusCode !== 200) fail(`status ${statusCode}`);
    } catch (error) {
      fail(String(error));
    }
  }
});

let version = 0;
async function reload(times: number): Promise<void> {
  for (const last = version + times; version < last; ) {
    version += 1;
    const before = await applied(gateway);
    writeFileSync(`${gateway.file}.new`, fileOf(version));
    renameSync(`${gateway.file}.new`, gateway.file);
    gateway.child.kill('SIGHUP');
    while ((await applied(gateway)) === before) await delay(2);
  }
}

const stock: Held[] = [];
for (const times of [WARM_UP, ROUND, ROUND]) {
  await reload(times);
  let goOn = (): void => {};
  pause = new Promise((resolve) => {
    goOn = resolve;
  });
  stock.push(await takeStock(gateway));
  pause = undefined;
  goOn();
}
running = false;
await Promise.all(asking);

const [, half, end] = stock as [Held, Held, Held];
const grown = NAMES.filter((name) => end[name] - half[name] > MAY_GROW[name]);
const isExact = requests === backend.requests.length && failures.size === 0;
console.log(
  `${await applied(gateway)} reloads of ${ROUTES} routes under ${CLIENTS} clients, Node ${process.version}: ${requests} requests, ` +
    `${backend.requests.length} at the backend, failed: ${JSON.stringify(Object.fromEntries(failures))}; ` +
    `keys fetched: ${provider.fetches()}; connections to the backend: ${backend.connections()}`,
);
console.table(
  Object.fromEntries(stock.map((held, index) => [`after ${WARM_UP + index * ROUND} reloads`, held])),
);
if (grown.length > 0) console.error(`grew: ${grown.join(', ')}`);

await pool.close();
gateway.child.kill('SIGTERM');
const [code] = await gateway.ended;
for (const undo of undos.reverse()) await undo();
if (!isExact || grown.length > 0 || code !== 0) process.exitCode = 1;
