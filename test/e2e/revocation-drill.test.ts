import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { until } from '../support/core/frozen-time.ts';
import { REPLICAS, startLoad, startReplicas } from '../support/gateway/replicas.ts';
import { hasRedisServer, startRedisServer } from '../support/peers/redis-server.ts';
import { createKeyServer } from '../support/tokens/key-server.ts';
import { mint, signingKey } from '../support/tokens/mint.ts';

const USERS = 100;
const REVOKED = 30;
const ADMIN_TOKEN = 'the-token-of-the-admin-listener';
const KEY = signingKey('ES256', { kid: 'k1' });

/** Something that a user has open: two streams of events and a WebSocket each. */
interface Open {
  readonly user: number;
  readonly kind: 'events' | 'websocket';
  /** When it was ended, by the monotonic clock. */
  endedAtMs: number | undefined;
  end: string;
  /** What came last. */
  last: string;
  close(): void;
}

/** Takes WebSockets, streams of events and plain requests; what it sends, all that is open gets. */
async function startBackend(t: Test) {
  const streams = new Set<ServerResponse>();
  const server = createServer((req, res) => {
    if (req.url !== '/events') {
      res.end('ok');
      return;
    }
    streams.add(res);
    res.on('close', () => streams.delete(res));
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: open\n\n');
  });
  const sockets = new WebSocketServer({ server });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const client of sockets.clients) client.terminate();
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    send(text: string) {
      for (const stream of streams) stream.write(`data: ${text}\n\n`);
      for (const client of sockets.clients) client.send(text);
    },
  };
}

t.test('300 streams and WebSockets of 100 users at three gateways, and 30 users revoked', async (t) => {
  if (!hasRedisServer()) throw new Error('needs redis-server');
  const redis = await startRedisServer();
  t.teardown(() => redis.stop());
  const backend = await startBackend(t);
  const keys = await createKeyServer();
  t.teardown(() => keys.close());
  keys.publish(KEY);
  const issuer = keys.issuer();
  const { ports } = await startReplicas(
    t,
    `issuers: { corp: { issuer: "${issuer}", jwksUri: "${issuer}/keys", audiences: [api] } }
revocation: { store: "${redis.url}" }
upstreams: { backend: { url: "${backend.url}" } }
routes: [{ name: all, path: /, upstream: backend, access: authenticated, websocket: true }]
`,
    { adminToken: ADMIN_TOKEN, workers: 2 },
  );
  const now = Math.floor(Date.now() / 1000);
  const tokenOf = (user: number) =>
    mint(KEY, {
      ...{ iss: issuer, aud: 'api', sub: `user-${user}`, sid: `session-${user}`, jti: `token-${user}` },
      ...{ iat: now, exp: now + 3_600 },
    });

  const all = await Promise.all(
    Array.from({ length: USERS }, async (_, user) => {
      const authorization = `Bearer ${tokenOf(user)}`;
      const portOf = (nth: number) => ports[(user + nth) % REPLICAS]?.port as number;
      return Promise.all([
        openEvents(user, portOf(0), authorization),
        openEvents(user, portOf(1), authorization),
        openWebSocket(user, portOf(2), authorization),
      ]);
    }),
  );
  const open = all.flat();
  t.teardown(() => {
    for (const one of open) one.close();
  });
  t.equal(open.length, 3 * USERS);
  const loads = await Promise.all(
    ports.map(({ port }) =>
      startLoad(t, `http://127.0.0.1:${port}`, {
        headers: { authorization: `Bearer ${tokenOf(USERS - 1)}` },
      }),
    ),
  );
  await until(() => loads.every(({ requests }) => requests() > 20));

  // By subject, by session and by token, each at another gateway.
  const entryOf = (user: number) => ({
    issuer: 'corp',
    ...(user < 10
      ? { subject: `user-${user}` }
      : user < 20
        ? { sid: `session-${user}` }
        : { jti: `token-${user}` }),
  });
  const startedAtMs = performance.now();
  const responses = await Promise.all(
    ports.map(({ adminPort }, at) =>
      fetch(`http://127.0.0.1:${adminPort}/revocations`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify(Array.from({ length: 10 }, (_, one) => entryOf(10 * at + one))),
      }),
    ),
  );
  t.same(
    responses.map(({ status }) => status),
    [204, 204, 204],
  );
  const theirs = open.filter(({ user }) => user < REVOKED);
  await until(() => theirs.every(({ endedAtMs }) => endedAtMs !== undefined));
  const times = theirs.map(({ endedAtMs = Number.NaN }) => endedAtMs - startedAtMs).sort((a, b) => a - b);
  t.comment(
    `${theirs.length} ended after ${times[0]?.toFixed(0)} to ${times.at(-1)?.toFixed(0)} ms, half of them within ${times[times.length >> 1]?.toFixed(0)} ms`,
  );
  t.ok((times.at(-1) ?? Number.NaN) < 1_000, 'within a second');
  t.same([...new Set(theirs.map(({ end }) => end))].sort(), ['4001 token revoked', 'aborted']);

  // Exactly theirs: all others still get what the backend sends.
  backend.send('after');
  const others = open.filter(({ user }) => user >= REVOKED);
  await until(() => others.every(({ last }) => last.includes('after')));
  t.same(
    others.filter(({ endedAtMs }) => endedAtMs !== undefined),
    [],
  );
  t.notOk(theirs.some(({ last }) => last.includes('after')));
  for (const load of loads) {
    await load.stop();
    t.same(load.failures, []);
  }

  // And at each gateway their tokens are refused.
  for (const user of [0, 10, 20, 30]) {
    for (const { port } of ports) {
      const { status } = await fetch(`http://127.0.0.1:${port}/`, {
        headers: { authorization: `Bearer ${tokenOf(user)}` },
      });
      t.equal(status, user < REVOKED ? 401 : 200, `user ${user}`);
    }
  }
});

async function openEvents(user: number, port: number, authorization: string): Promise<Open> {
  const sent = get({ port, path: '/events', headers: { authorization }, agent: false });
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
  const open: Open = {
    ...{ user, kind: 'events', endedAtMs: undefined, end: '', last: '' },
    close: () => response.destroy(),
  };
  const ended = (how: string): void => {
    open.endedAtMs ??= performance.now();
    open.end ||= how;
  };
  response.setEncoding('utf8').on('data', (text: string) => {
    open.last = text;
  });
  response.on('error', (error) => ended(error.message)).on('end', () => ended('whole'));
  return open;
}

async function openWebSocket(user: number, port: number, authorization: string): Promise<Open> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { authorization } });
  const open: Open = {
    ...{ user, kind: 'websocket', endedAtMs: undefined, end: '', last: '' },
    close: () => socket.terminate(),
  };
  socket.on('message', (text) => {
    open.last = String(text);
  });
  socket.on('close', (code, reason) => {
    open.endedAtMs ??= performance.now();
    open.end ||= `${code} ${reason}`;
  });
  await once(socket, 'open');
  return open;
}
