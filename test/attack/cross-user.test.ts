import type { IncomingMessage, ServerResponse } from 'node:http';
import t from 'tap';
import { startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { connectRaw, type RawConnection, rawRequest } from '../support/clients/raw.ts';
import { startHarness } from '../support/gateway/gateway-harness.ts';

const CONNECTIONS = 64;

// The long drill takes as long as it is asked to.
t.setTimeout(0);
const USERS = 50;
/** A short drill in CI; `CROSS_USER_SECONDS=60` for the long one. */
const SECONDS = Number(process.env.CROSS_USER_SECONDS ?? 5);
/** How often a big response repeats its one line: some 200 KiB. */
const REPEATS = 12_000;

/** How the backend treats a request; the path of the request chooses it. */
const MOODS = [
  'plain',
  'plain',
  'plain',
  'plain',
  'busy',
  'big',
  'slow',
  'resetBefore',
  'resetMidway',
] as const;
/** What the client does with its own request. */
const MANNERS = ['read', 'read', 'read', 'read', 'read', 'slow', 'cancel', 'cancelMidway'] as const;

interface Tally {
  responses: number;
  refusals: number;
  broken: number;
  canceled: number;
}

t.test(
  'under cancels, slow readers, resets and 503s each response belongs to its caller, and nothing is left over',
  async (t) => {
    const taken = new Map<string, number>();
    const upstream = await startCountingUpstream((req, res) => {
      const [, , mood = '', nonce = ''] = (req.url ?? '').split('/');
      taken.set(nonce, (taken.get(nonce) ?? 0) + 1);
      BACKEND[mood as (typeof MOODS)[number]](req, res, `${req.headers['x-user-id']} ${nonce}\n`);
    });
    const harness = await startHarness(t, { upstream });
    const tokens = await Promise.all(
      Array.from({ length: USERS }, (_, i) => harness.issuer.token({ sub: `user-${i}` })),
    );
    const warnings: string[] = [];
    const note = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', note);
    t.teardown(() => process.off('warning', note));
    const socketsBefore = openSockets();

    const tally: Tally = { responses: 0, refusals: 0, broken: 0, canceled: 0 };
    const wrong: string[] = [];
    const asked = new Map<string, { readonly mood: string; readonly method: string }>();
    let next = 0;
    const until = performance.now() + SECONDS * 1000;
    const rss: number[] = [];
    const sampler = setInterval(() => {
      // What the test itself remembers of each request must not pass for a leak.
      harness.lines.length = 0;
      upstream.requests.length = 0;
      rss.push(process.memoryUsage().rss);
    }, 200);
    await Promise.all(Array.from({ length: CONNECTIONS }, (_, at) => behave(at)));
    clearInterval(sampler);

    t.strictSame(wrong.slice(0, 5), []);
    for (const [nonce, { mood, method }] of asked) {
      // The one repeat that is allowed: a request without a body whose reused connection was gone before any response.
      const most = mood === 'resetBefore' && method === 'GET' ? 2 : 1;
      if ((taken.get(nonce) ?? 0) > most)
        t.fail(`${method} ${mood} reached the backend ${taken.get(nonce)} times`);
    }
    for (const nonce of taken.keys()) if (!asked.has(nonce)) t.fail('a request that nobody sent');
    t.comment(
      JSON.stringify({
        ...tally,
        requests: asked.size,
        rssMiB: rss.map((bytes) => Math.round(bytes / 1024 ** 2)).filter((_, i) => i % 10 === 0),
      }),
    );
    t.ok(tally.responses > 100 && tally.canceled > 10 && tally.broken > 10, JSON.stringify(tally));
    const settled = rss.slice(Math.floor(rss.length / 2));
    const grown = Math.max(...settled.slice(-5)) - Math.max(...settled.slice(0, 5));
    t.ok(grown < 64 * 1024 ** 2, `RSS grew by ${Math.round(grown / 1024 ** 2)} MiB in the second half`);
    t.strictSame(warnings, []);
    t.strictSame(
      harness.warnings.filter(({ level }) => level === 'error'),
      [],
    );
    // Kept connections to the backend end by themselves; those of clients are gone with them.
    for (let attempts = 0; openSockets() > socketsBefore && attempts < 400; attempts++) await pause(25);
    t.ok(openSockets() <= socketsBefore, `${openSockets()} sockets, ${socketsBefore} before`);

    async function behave(at: number): Promise<void> {
      let connection: RawConnection | undefined;
      for (let turn = at; performance.now() < until; turn++) {
        connection ??= await connectRaw(harness.port);
        const user = (turn * 7 + at) % USERS;
        const mood = MOODS[Math.floor(Math.random() * MOODS.length)] as string;
        const manner = MANNERS[Math.floor(Math.random() * MANNERS.length)] as string;
        const method = Math.random() < 0.3 ? 'POST' : 'GET';
        const nonce = `n${next++}`;
        asked.set(nonce, { mood, method });
        const headers = [
          `Authorization: Bearer ${tokens[user]}`,
          ...(method === 'POST' ? ['Content-Length: 5'] : []),
        ];
        connection.send(
          rawRequest(
            `${method} /protected/${mood}/${nonce} HTTP/1.1`,
            headers,
            method === 'POST' ? 'hello' : '',
          ),
        );
        if (manner === 'cancel' || manner === 'cancelMidway') {
          if (manner === 'cancelMidway') await pause(Math.random() * 20);
          tally.canceled += 1;
          connection.destroy();
          connection = undefined;
          continue;
        }
        if (manner === 'slow') {
          connection.socket.pause();
          await pause(30);
          connection.socket.resume();
        }
        const response = await connection.read(method).catch((error: Error) => wrong.push(error.message));
        if (typeof response !== 'object') {
          tally.broken += 1;
          connection.destroy();
          connection = undefined;
        } else if (response.code !== undefined) tally.refusals += 1;
        else {
          tally.responses += 1;
          const expected = `user-${user} ${nonce}\n`;
          const part = mood === 'big' ? response.body : response.body.subarray(0, expected.length);
          if (part.length < expected.length || !part.equals(Buffer.alloc(part.length, expected)))
            wrong.push(`${expected} got ${part}`);
        }
      }
      connection?.destroy();
    }
  },
);

type Behave = (req: IncomingMessage, res: ServerResponse, line: string) => void;

const BACKEND = {
  plain: (_, res, line) => res.end(line),
  busy: (_, res, line) => {
    res.writeHead(503, { 'retry-after': '1' });
    res.end(line);
  },
  big: (_, res, line) => {
    const lines = line.repeat(REPEATS);
    res.writeHead(200, { 'content-length': lines.length });
    res.write(line);
    res.end(lines.slice(line.length));
  },
  slow: (_, res, line) => {
    res.write(line);
    setTimeout(() => res.end('late'), 30);
  },
  resetBefore: (req) => req.socket.resetAndDestroy(),
  resetMidway: (req, res, line) => {
    res.writeHead(200, { 'content-length': 1000 });
    res.write(line);
    setTimeout(() => req.socket.resetAndDestroy(), 5);
  },
} as const satisfies Record<(typeof MOODS)[number], Behave>;

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
