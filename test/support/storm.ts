import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Test } from 'tap';
import { makeCertificates } from './certificates.ts';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts';
import { createRandom } from './mutated-responses.ts';
import { startStormBackend } from './storm-backend.ts';
import type { Ending } from './storm-endings.ts';

/** After every kind has been played a few times, this many at random; `npm run fuzz` plays 10,000, or until its minutes are over. */
const RANDOM_ENDINGS = Math.ceil(Number(process.env.FUZZ_CASES ?? 4_000) / 100);
const MINUTES = Number(process.env.FUZZ_MINUTES ?? 1) / 4;
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_000);
/** How often each kind is played, all at once. */
const TIMES = 2;
const AT_ONCE = 6;
/** Endings at random between two counts. */
const ROUND = 200;
/** All time-outs of the file below are over by then, and those for closing; the rest is for a busy machine. */
const ALL_OVER_MS = 60_000;

const MIB = 1024 * 1024;

const certificates = makeCertificates();
/** False, or why no storm can be played over TLS. */
export const skipTls = certificates === undefined ? 'openssl is not installed' : false;

/** Plays every kind of ending over TCP or TLS, then some at random, and checks that nothing is left of them. */
export async function playStorm(
  t: Test,
  { kinds, isTls }: { readonly kinds: readonly Ending[]; readonly isTls: boolean },
): Promise<void> {
  const storm = await startStorm(t, isTls);
  await storm.play(t, Array.from({ length: TIMES }, () => kinds).flat());

  t.comment(`seed ${SEED}`);
  const random = createRandom(SEED);
  const untilMs = performance.now() + MINUTES * 60_000;
  for (let played = 0; played < RANDOM_ENDINGS && performance.now() < untilMs; played += ROUND) {
    const round = Math.min(ROUND, RANDOM_ENDINGS - played);
    await storm.play(
      t,
      Array.from({ length: round }, () => kinds[random(kinds.length)] as Ending),
    );
  }
  storm.gateway.child.kill('SIGTERM');
  t.same(await storm.gateway.ended, [0, null]);
  t.equal(storm.gateway.stderr(), '');
}

interface Storm {
  readonly gateway: GatewayProcess;
  /** Plays them beside a good client, and checks that nothing is left while every client is still there. */
  play(t: Test, endings: readonly Ending[]): Promise<void>;
}

/** What the gateway holds. */
interface Held {
  readonly connections: number;
  readonly running: number;
  readonly backend: number;
  readonly sockets: number;
  readonly descriptors: number;
}

/** Prints what the event loop waits for. */
const RESOURCES = `data:text/javascript,${encodeURIComponent(`process.on('SIGUSR2', () => {
  const kinds = process.getActiveResourcesInfo();
  const sockets = kinds.filter((kind) => kind === 'TCPSocketWrap' || kind === 'TLSWrap').length;
  process.stdout.write(JSON.stringify({ msg: 'resources', sockets, rss: process.memoryUsage().rss }) + '\\n');
});`)}`;

const KEY = {
  kty: 'EC',
  crv: 'P-256',
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
};

async function startStorm(t: Test, isTls: boolean): Promise<Storm> {
  const backend = await startStormBackend();
  t.teardown(() => backend.close());
  const { folder } = certificates ?? { folder: '' };
  const gateway = await startGatewayProcess(
    t,
    `listen: { port: 0, ${isTls ? `tls: { cert: ${folder}/server.pem, key: ${folder}/server.key },` : ''} limits: { bodyIdle: 3s, headerTimeout: 10s } }
admin: { port: 0 }
shutdown: { grace: 10s }
issuers: { corp: { issuer: https://issuer.example, audiences: [api], jwks: { keys: [${JSON.stringify({ ...KEY, kid: 'k' })}] } } }
upstreams: { backend: { url: '${backend.url}', timeouts: { response: 40s, idle: 40s, keepAlive: 1s } } }
routes:
  - { name: public, path: /public, upstream: backend, access: public }
  - { name: impatient, path: /impatient, upstream: backend, access: public, timeouts: { response: 1s } }
  - { name: protected, path: /protected, upstream: backend, access: authenticated }
  - { name: limited, path: /limited, upstream: backend, access: public, bodyLimit: 100KiB }
  - { name: socket, path: /socket, upstream: backend, access: public, websocket: true }
`,
    { nodeArgs: ['--import', RESOURCES] },
  );
  const port = Number(new URL(gateway.url).port);
  const sockets = new Set<Socket>();
  const opened = async (socket: Socket, event: string): Promise<Socket> => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.setMaxListeners(0);
    socket.once('close', () => sockets.delete(socket));
    await Promise.race([once(socket, event), once(socket, 'close')]).catch(() => {});
    return socket;
  };
  const destroyAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  t.teardown(destroyAll);
  const tls = { rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] };
  const connectTcp = () => opened(connect({ port, host: '127.0.0.1', allowHalfOpen: true }), 'connect');
  const below = new WeakMap<Socket, Socket>();
  const connectOver = isTls
    ? async () => {
        const socket = await connectTcp();
        const secured = connectTls({ socket, ...tls });
        below.set(secured, socket);
        return opened(secured, 'secureConnect');
      }
    : connectTcp;
  const reset = (socket: Socket): void => void (below.get(socket) ?? socket).resetAndDestroy();

  const hold = async (): Promise<Held> => {
    const { connections, upstreams } = (await (await fetch(`${gateway.adminUrl}/status`)).json()) as Status;
    const running = upstreams[0]?.targets[0]?.running ?? 0;
    return { connections, running, backend: backend.connections(), ...(await resourcesOf(gateway)) };
  };
  const before = await hold();
  let played = 0;
  let expected = 0;

  async function playOne({ play, lines }: Ending): Promise<void> {
    played += 1;
    expected += lines ?? 0;
    await play({ connect: connectOver, connectTcp, reset, id: `e${played}` });
  }

  return {
    gateway,
    async play(t, endings) {
      const good = startGoodClient(gateway.url);
      const waiting = [...endings];
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await playOne(next);
        }),
      );
      t.strictSame(await good.stop(), [], 'a good client is served all the while');

      const deadline = performance.now() + ALL_OVER_MS;
      let held = await hold();
      while (!isNoMore(held, before) && performance.now() < deadline) {
        await new Promise((later) => setTimeout(later, 100));
        held = await hold();
      }
      t.ok(isNoMore(held, before), `nothing is left: ${JSON.stringify({ before, held })}`);
      t.ok(rssOf(gateway) < 450 * MIB, `memory: ${Math.round(rssOf(gateway) / MIB)} MiB`);
      const lines = gateway.lines.filter(({ msg }) => msg === 'request');
      t.equal(
        new Set(lines.map(({ requestId }) => requestId)).size,
        lines.length,
        'no request has two lines',
      );
      const requests = lines.filter(
        ({ path }) => path !== '' && !/^\/public\/ok\/good|^\/protected\/many/.test(String(path)),
      );
      t.equal(requests.length, expected, 'every request has a line');
      const unparsed = lines.filter(({ path }) => path === '');
      t.ok(unparsed.length <= played, 'no connection has more than one error of its parser');
      destroyAll();
    },
  };
}

interface Status {
  readonly connections: number;
  readonly upstreams: { readonly targets: { readonly running: number }[] }[];
}

function isNoMore(held: Held, before: Held): boolean {
  return (Object.keys(held) as (keyof Held)[]).every((kind) => held[kind] <= before[kind]);
}

interface Resources {
  readonly sockets: number;
  readonly rss: number;
}

function resourceLines({ lines }: GatewayProcess): Resources[] {
  return lines.filter(({ msg }) => msg === 'resources') as unknown as Resources[];
}

async function resourcesOf(gateway: GatewayProcess): Promise<Pick<Held, 'sockets' | 'descriptors'>> {
  const known = resourceLines(gateway).length;
  gateway.child.kill('SIGUSR2');
  while (resourceLines(gateway).length === known) await new Promise((later) => setTimeout(later, 5));
  const folder = `/proc/${gateway.child.pid}/fd`;
  const { sockets } = resourceLines(gateway).at(-1) as Resources;
  return { sockets, descriptors: existsSync(folder) ? readdirSync(folder).length : 0 };
}

function rssOf(gateway: GatewayProcess): number {
  return resourceLines(gateway).at(-1)?.rss ?? 0;
}

/** Asks again and again on new connections; `stop` gives whatever was not a 200. */
function startGoodClient(url: string): { stop(): Promise<unknown[]> } {
  const failures: unknown[] = [];
  let isWanted = true;
  const ask = isHttps(url) ? requestTls : request;
  const running = (async () => {
    do {
      const req = ask(`${url}/public/ok/good`, { agent: false, rejectUnauthorized: false }).end();
      try {
        const [res] = await once(req, 'response');
        if (res.statusCode !== 200) failures.push(res.statusCode);
        await once(res.resume(), 'close');
      } catch (error) {
        failures.push(error);
      }
    } while (isWanted);
  })();
  return {
    async stop() {
      isWanted = false;
      await running;
      return failures;
    },
  };
}

function isHttps(url: string): boolean {
  return url.startsWith('https:');
}
