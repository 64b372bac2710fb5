import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as requestTls } from 'node:https';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { Test } from 'tap';
import { createRandom } from '../fuzz/mutated-responses.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway/gateway-process.ts';
import { makeCertificates } from '../support/tls/certificates.ts';
import { startStormBackend } from './backend.ts';
import { GAUGE, memoryOf, type Resources, resourcesOf } from './gauge.ts';
import type { Ending } from './http1-endings.ts';

/** This many are played at random beside every kind; `npm run fuzz` plays 10,000, or until its minutes are over. */
const RANDOM_ENDINGS = Math.ceil(Number(process.env.FUZZ_CASES ?? 4_000) / 100);
const MINUTES = Number(process.env.FUZZ_MINUTES ?? 1) / 4;
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_000);
const AT_ONCE = 12;
const GOOD_PATH = '/public/ok/good';
const GOOD_PAUSE_MS = 10;
/** Endings at random between two counts. */
const ROUND = 200;
/** All time-outs of the file below are over by then, and those for closing; the rest is for a busy machine. */
const ALL_OVER_MS = 60_000;
const GRACE_MS = 10_000;

const MIB = 1024 * 1024;
const inMib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;

const certificates = makeCertificates();
/** False, or why no storm can be played over TLS. */
export const skipTls = certificates === undefined ? 'openssl is not installed' : false;

/** Plays every kind of ending over TCP or TLS, then some at random, and checks that nothing is left of them. */
export async function playStorm(
  t: Test,
  { kinds, isTls }: { readonly kinds: readonly Ending[]; readonly isTls: boolean },
): Promise<void> {
  const storm = await startStorm(t, isTls);
  t.comment(`seed ${SEED}`);
  const random = createRandom(SEED);
  const untilMs = performance.now() + MINUTES * 60_000;
  let every = kinds;
  for (let played = 0; played < RANDOM_ENDINGS && performance.now() < untilMs; played += ROUND) {
    const round = Math.min(ROUND, RANDOM_ENDINGS - played);
    const some = Array.from({ length: round }, () => kinds[random(kinds.length)] as Ending);
    await storm.play(t, shuffle([...every, ...some], random));
    every = [];
  }
  const askedAtMs = performance.now();
  storm.gateway.child.kill('SIGTERM');
  t.same(await storm.gateway.ended, [0, null]);
  t.ok(performance.now() - askedAtMs < GRACE_MS, 'it ends within its grace');
  t.equal(storm.gateway.stderr(), '');
}

function shuffle(endings: Ending[], random: (below: number) => number): Ending[] {
  for (let at = endings.length - 1; at > 0; at--) {
    const other = random(at + 1);
    [endings[at], endings[other]] = [endings[other] as Ending, endings[at] as Ending];
  }
  return endings;
}

interface Storm {
  readonly gateway: GatewayProcess;
  /** Plays them beside a good client, and checks that nothing is left while every client is still there. */
  play(t: Test, endings: readonly Ending[]): Promise<void>;
}

/** What the gateway holds. */
interface Held extends Resources {
  readonly connections: number;
  readonly running: number;
  readonly backend: number;
}

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
    `listen: { port: 0, ${isTls ? `tls: { cert: ${folder}/server.pem, key: ${folder}/server.key },` : ''} limits: { bodyIdle: 3s, headerTimeout: 5s } }
admin: { port: 0 }
shutdown: { grace: ${GRACE_MS}ms }
issuers: { corp: { issuer: https://issuer.example, audiences: [api], jwks: { keys: [${JSON.stringify({ ...KEY, kid: 'k' })}] } } }
upstreams: { backend: { url: '${backend.url}', timeouts: { response: 40s, idle: 40s, keepAlive: 1s } } }
routes:
  - { name: public, path: /public, upstream: backend, access: public }
  - { name: impatient, path: /impatient, upstream: backend, access: public, timeouts: { response: 1s } }
  - { name: protected, path: /protected, upstream: backend, access: authenticated }
  - { name: limited, path: /limited, upstream: backend, access: public, bodyLimit: 100KiB }
  - { name: socket, path: /socket, upstream: backend, access: public, websocket: true }
`,
    { nodeArgs: GAUGE },
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
  const startedWith = await memoryOf(gateway);
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
      const good = isTls
        ? [startGoodClient(gateway.url), startGoodHttp2Client(gateway.url)]
        : [startGoodClient(gateway.url)];
      const waiting = [...endings];
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await playOne(next);
        }),
      );
      for (const { stop } of good) t.strictSame(await stop(), [], 'a good client is served all the while');

      const deadline = performance.now() + ALL_OVER_MS;
      let held = await hold();
      // The last lines may come a little later than the proof that nothing is left.
      while (
        (!isNoMore(held, before) || requestsOf(gateway).length < expected) &&
        performance.now() < deadline
      ) {
        await pause(100);
        held = await hold();
      }
      t.ok(isNoMore(held, before), `nothing is left: ${JSON.stringify({ before, held })}`);
      const { used, rss } = await memoryOf(gateway);
      t.ok(
        used < startedWith.used + 16 * MIB,
        `memory in use: ${inMib(used)}, at first ${inMib(startedWith.used)}`,
      );
      t.ok(rss < 600 * MIB, `memory: ${inMib(rss)}`);
      const lines = gateway.lines.filter(({ msg }) => msg === 'request');
      t.equal(
        new Set(lines.map(({ requestId }) => requestId)).size,
        lines.length,
        'no request has two lines',
      );
      const requests = requestsOf(gateway);
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

/** The access lines of requests that have one each. */
function requestsOf({ lines }: GatewayProcess): readonly unknown[] {
  return lines.filter(
    ({ msg, path }) =>
      msg === 'request' && path !== '' && !/^\/public\/ok\/good|^\/protected\/many/.test(String(path)),
  );
}

function isNoMore(held: Held, before: Held): boolean {
  return (Object.keys(held) as (keyof Held)[]).every((kind) => held[kind] <= before[kind]);
}

interface GoodClient {
  /** Gives whatever was not a 200. */
  stop(): Promise<unknown[]>;
}

/** Asks again and again on new connections. */
function startGoodClient(url: string): GoodClient {
  const ask = url.startsWith('https:') ? requestTls : request;
  return askAgain(async () => {
    const req = ask(`${url}${GOOD_PATH}`, { agent: false, rejectUnauthorized: false }).end();
    const [res] = await once(req, 'response');
    await once(res.resume(), 'close');
    return res.statusCode;
  });
}

/** Asks again and again on one connection over HTTP/2. */
function startGoodHttp2Client(url: string): GoodClient {
  const session = connectHttp2(url, { rejectUnauthorized: false });
  session.on('error', () => {});
  const { stop } = askAgain(async () => {
    const stream = session.request({ ':path': GOOD_PATH });
    const [headers] = await once(stream.resume(), 'response');
    if (!stream.closed) await once(stream, 'close');
    return headers[':status'];
  });
  return {
    async stop() {
      const failures = await stop();
      session.destroy();
      return failures;
    },
  };
}

function askAgain(ask: () => Promise<unknown>): GoodClient {
  const failures: unknown[] = [];
  let isWanted = true;
  const running = (async () => {
    do {
      try {
        const status = await ask();
        if (status !== 200) failures.push(status);
      } catch (error) {
        failures.push(error);
      }
      await pause(GOOD_PAUSE_MS);
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
