import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import t, { type Test } from 'tap';
import { startCountingUpstream } from '../../../support/backends/counting-upstream.ts';
import {
  connectFrames,
  type FrameClient,
  type FrameClientOptions,
  frame,
  goawayFrame,
  literal,
  resetFrame,
  TYPE,
} from '../../../support/clients/http2-client.ts';
import { type Harness, startHarness } from '../../../support/gateway/gateway-harness.ts';
import { hasOpenssl, makeAuthority } from '../../../support/tls/certificates.ts';

const skip = hasOpenssl() ? false : 'openssl is not installed';
const authority = skip ? undefined : makeAuthority('test-ca');
const own = authority?.issue('localhost');

// They wait more than they work.
t.jobs = 4;

const MIB = 1024 * 1024;
/** More than fits into the windows that clients open by default (RFC 9113 §6.9.2). */
const MORE = 80 * 1024;
const FILLER = Buffer.alloc(8 * MIB, 'x');
/** Short, but long enough for a client on a busy machine to acknowledge a ping. */
const LIMITS = { headerTimeout: '2s', bodyIdle: '3s' };

/** The backend responds with as many bytes as the path names; `/quiet` begins an event stream and ends it when `wake` is called. */
async function startForwarderHarness(t: Test, listen: object = {}) {
  let wake = (): void => {};
  let wakeLate = (): void => {};
  const upstream = await startCountingUpstream((req, res) => {
    if (req.url?.endsWith('/late')) wakeLate = () => res.end();
    else if (!req.url?.endsWith('/quiet'))
      res.end(FILLER.subarray(0, Number(req.url?.split('/').at(-1)) || 0));
    else {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      wake = () => res.end('data: late\n\n');
    }
  });
  const harness = await startHarness(t, {
    upstream,
    files: { 'tls.crt': own?.cert ?? '', 'tls.key': own?.key ?? '' },
    listen: { limits: LIMITS, tls: { cert: 'tls.crt', key: 'tls.key' }, ...listen },
    file: { shutdown: { grace: '15s' } },
  });
  const open = (options: Omit<FrameClientOptions, 'ca'> = {}): Promise<FrameClient> =>
    connectFrames(harness.port, { ca: authority?.cert, ...options });
  const openGood = () => {
    const session = connectHttp2(`https://127.0.0.1:${harness.port}`, {
      ca: authority?.cert,
      servername: 'localhost',
      maxSessionMemory: 64,
    });
    session.on('error', () => {});
    t.teardown(() => session.destroy());
    return session;
  };
  return { harness, upstream, open, openGood, wake: () => wake(), wakeLate: () => wakeLate() };
}

interface Ending {
  readonly options?: Omit<FrameClientOptions, 'ca'>;
  /** Plays the ending with requests below `path`; returns how many there were. */
  readonly run: (client: FrameClient, path: string) => number | Promise<number>;
  /** The client still holds its connection when all is over, and the gateway lets it. */
  readonly staysConnected?: boolean;
}

/** Streams that a client may have open at once. */
const ODD = Array.from({ length: 20 }, (_, at) => 2 * at + 1);

/** Every way in which a client can leave, or stay without doing its part. */
const ENDINGS: Readonly<Record<string, Ending>> = {
  'leaves amid refused uploads': { run: (client, path) => uploadAndLeave(client, `/protected${path}`) },
  'leaves amid uploads': { run: (client, path) => uploadAndLeave(client, `/public${path}`) },
  'leaves amid responses': {
    async run(client, path) {
      for (const stream of ODD) client.request(stream, `/public${path}/${MORE}`);
      await until(() => client.frames.some(({ type }) => type === TYPE.data));
      client.socket.destroy();
      return ODD.length;
    },
  },
  'never reads': {
    async run(client, path) {
      client.socket.pause();
      for (const stream of ODD.slice(0, 2)) {
        client.request(stream, `/public${path}/${8 * MIB}`);
        client.grant(stream, 8 * MIB);
      }
      client.grant(0, 1024 * MIB);
      return 2;
    },
  },
  'acknowledges no ping': {
    options: { responses: false },
    run(client, path) {
      client.request(1, `/public${path}/quiet`);
      return 1;
    },
  },
  'takes nothing of refusals': {
    options: { initialWindow: 0 },
    staysConnected: true,
    run(client, path) {
      for (const stream of ODD) client.request(stream, `/protected${path}`);
      return ODD.length;
    },
  },
  'takes nothing of responses': {
    options: { initialWindow: 0 },
    staysConnected: true,
    run(client, path) {
      for (const stream of ODD) client.request(stream, `/public${path}/${MORE}`);
      return ODD.length;
    },
  },
  'takes nothing of empty responses': {
    options: { initialWindow: 0 },
    staysConnected: true,
    run(client, path) {
      for (const stream of ODD) client.request(stream, `/public${path}/0`);
      return ODD.length;
    },
  },
  'takes nothing on its connection': {
    options: { initialWindow: MIB },
    staysConnected: true,
    run(client, path) {
      for (const stream of ODD) client.request(stream, `/public${path}/${MORE}`);
      return ODD.length;
    },
  },
  'takes nothing of one response and all of the others': {
    options: { initialWindow: 0 },
    staysConnected: true,
    async run(client, path) {
      client.request(1, `/public${path}/${MORE}`);
      let count = 1;
      for (let stream = 3; client.resetOf(1) === undefined; stream += 2) {
        client.request(stream, `/public${path}/0`, { method: 'HEAD' });
        count += 1;
        await until(() => client.isWhole(stream));
      }
      return count;
    },
  },
  'stops amid a body': {
    staysConnected: true,
    run(client, path) {
      for (const stream of ODD) {
        client.request(stream, `/public${path}`, { method: 'POST', ends: false });
        client.data(stream, Buffer.from('half'));
      }
      return ODD.length;
    },
  },
  'never ends a refused body': {
    staysConnected: true,
    run(client, path) {
      client.request(1, `/protected${path}`, { method: 'POST', ends: false });
      const drip = setInterval(() => {
        client.data(1, Buffer.from('x'));
        if (client.resetOf(1) !== undefined || client.socket.destroyed) clearInterval(drip);
      }, 50);
      return 1;
    },
  },
  'takes nothing of a refusal and never ends its body': {
    options: { initialWindow: 0 },
    staysConnected: true,
    run(client, path) {
      for (const stream of ODD) client.request(stream, `/protected${path}`, { method: 'POST', ends: false });
      return ODD.length;
    },
  },
  'resets every stream': {
    staysConnected: true,
    async run(client, path) {
      for (const stream of ODD) client.request(stream, `/public${path}/${MORE}`);
      await until(() => client.frames.some(({ type }) => type === TYPE.headers));
      for (const stream of ODD) client.send(resetFrame(stream, constants.NGHTTP2_CANCEL));
      return ODD.length;
    },
  },
  'resets every body': {
    staysConnected: true,
    run(client, path) {
      for (const stream of ODD) {
        client.request(stream, `/public${path}`, { method: 'POST', ends: false });
        client.data(stream, Buffer.alloc(2000, 'x'));
        client.send(resetFrame(stream, constants.NGHTTP2_NO_ERROR));
      }
      return ODD.length;
    },
  },
  'sends GOAWAY and stays': {
    options: { halfOpen: true },
    run(client, path) {
      for (const stream of ODD) client.request(stream, `/public${path}/10`);
      client.send(goawayFrame(constants.NGHTTP2_NO_ERROR));
      return ODD.length;
    },
  },
  'sends GOAWAY, reads nothing and stays': {
    options: { halfOpen: true, initialWindow: 0 },
    run(client, path) {
      for (const stream of ODD) client.request(stream, `/public${path}/${MORE}`);
      client.send(goawayFrame(constants.NGHTTP2_NO_ERROR));
      return ODD.length;
    },
  },
  'sends GOAWAY with an error and stays': {
    options: { halfOpen: true },
    async run(client, path) {
      for (const stream of ODD) client.request(stream, `/public${path}/${MORE}`);
      await until(() => client.frames.some(({ type }) => type === TYPE.headers));
      client.send(goawayFrame(constants.NGHTTP2_INTERNAL_ERROR));
      return ODD.length;
    },
  },
  'ends its side amid bodies and stays': {
    options: { halfOpen: true },
    async run(client, path) {
      for (const stream of ODD) client.request(stream, `/public${path}`, { method: 'POST', ends: false });
      // What the server has not read when the end arrives may be lost.
      await until(() => client.frames.some(({ type, flags }) => type === TYPE.settings && flags === 1));
      client.send(frame({ type: TYPE.ping, stream: 0, body: Buffer.from('the last') }));
      await until(() => client.frames.some(({ type, flags }) => type === TYPE.ping && flags === 1));
      client.socket.end();
      return ODD.length;
    },
  },
  'breaks the protocol and stays': {
    options: { halfOpen: true },
    async run(client, path) {
      for (const stream of ODD) client.request(stream, `/public${path}/${MORE}`);
      await until(() => client.frames.some(({ type }) => type === TYPE.headers));
      client.send(frame({ type: TYPE.window, stream: 0, body: Buffer.alloc(4) }));
      return ODD.length;
    },
  },
  'sends nothing at all': { options: { halfOpen: true }, run: () => 0 },
  'pings and asks nothing': {
    options: { halfOpen: true },
    run(client) {
      const pings = setInterval(() => {
        client.send(frame({ type: TYPE.ping, stream: 0, body: Buffer.alloc(8) }));
        if (client.socket.destroyed || client.socket.readableEnded) clearInterval(pings);
      }, 50);
      return 0;
    },
  },
  'never ends the fields of its first request': {
    options: { halfOpen: true },
    run(client) {
      const fields = literal([':method', 'GET', ':scheme', 'https', ':path', '/public']);
      client.send(frame({ type: TYPE.headers, stream: 1, body: fields }));
      const drip = setInterval(() => {
        client.send(frame({ type: TYPE.continuation, stream: 1, body: literal(['x', 'y']) }));
        if (client.socket.destroyed || client.socket.readableEnded) clearInterval(drip);
      }, 100);
      return 0;
    },
  },
};

/** Sends twenty bodies of 9 KB and leaves at once: the gateway reads them when their client is gone. */
function uploadAndLeave(client: FrameClient, path: string): number {
  for (const stream of ODD) {
    client.request(stream, path, { method: 'POST', ends: false });
    client.data(stream, Buffer.alloc(9000, 'x'));
  }
  setImmediate(() => client.socket.destroy());
  return 0;
}

t.test('no ending of a client leaves anything behind', { skip, timeout: 60_000 }, async (t) => {
  const { harness, open, openGood } = await startForwarderHarness(t);
  const served = serveAllTheWhile(openGood());
  const clients: FrameClient[] = [];
  t.teardown(() => clients.forEach(({ socket }) => void socket.destroy()));
  let staying = 0;
  const counts = await Promise.all(
    Object.entries(ENDINGS).flatMap(([name, { options, run, staysConnected }]) =>
      Array.from({ length: 2 }, async () => {
        const client = await open(options);
        clients.push(client);
        if (staysConnected) staying += 1;
        return { name, count: await run(client, `/${name.replace(/\W/g, '-')}`) };
      }),
    ),
  );

  const expected = new Map<string, number>();
  for (const { name, count } of counts) expected.set(name, (expected.get(name) ?? 0) + count);
  for (const [name, count] of expected) {
    const linesOf = () => harness.lines.filter(({ path }) => path.includes(`/${name.replace(/\W/g, '-')}`));
    await until(() => count === 0 || linesOf().length >= count, 30_000);
    if (count > 0) t.equal(linesOf().length, count, `${name}: one access line for each request`);
  }
  await until(async () => (await connectionsOf(harness)) <= staying + 1, 30_000);
  await until(async () => (await runningAt(harness)) === 0);
  t.equal(new Set(harness.lines.map(({ requestId }) => requestId)).size, harness.lines.length);
  t.ok((await served()) > 10, 'a good client was served all the while');
  t.equal(await harness.drain(), 'clean');
  t.strictSame(harness.warnings, []);
});

t.test(
  'connections whose clients leave amid uploads make room for others',
  { skip, timeout: 60_000 },
  async (t) => {
    const { harness, open, openGood } = await startForwarderHarness(t, {
      limits: { ...LIMITS, connections: 12 },
    });
    await Promise.all(
      Array.from({ length: 10 }, async () => uploadAndLeave(await open(), '/protected/upload')),
    );
    await until(async () => (await connectionsOf(harness)) === 0, 20_000);
    t.equal(await statusOf(openGood(), '/public/10'), 200);
    t.equal(await harness.drain(), 'clean');
  },
);

t.test('a quiet event stream lives as long as its client acknowledges pings', { skip }, async (t) => {
  const { harness, openGood, wake } = await startForwarderHarness(t);
  const session = openGood();
  let pings = 0;
  session.on('ping', () => {
    pings += 1;
  });
  const stream = session.request({ ':path': '/public/quiet' });
  let text = '';
  stream.on('data', (piece: Buffer) => {
    text += piece;
  });
  await once(stream, 'response');
  // Each of them after a whole `bodyIdle` of silence.
  await until(() => pings >= 3, 40_000);
  wake();
  await once(stream, 'close');
  t.equal(text, 'data: late\n\n');
  t.match(harness.lines, [{ code: 'allow', status: 200 }]);
});

t.test(
  'a shutdown gives a quiet event stream its time as long as its client is there',
  { skip },
  async (t) => {
    const { harness, openGood, wake } = await startForwarderHarness(t);
    const session = openGood();
    const stream = session.request({ ':path': '/public/quiet' });
    let text = '';
    stream.on('data', (piece: Buffer) => {
      text += piece;
    });
    await once(stream, 'response');
    let asked = 0;
    // Node does not ping while a session closes; settings are what a client confirms as well.
    session.on('remoteSettings', () => {
      asked += 1;
    });
    const drained = harness.drain();
    await until(() => asked >= 3, 14_000);
    wake();
    await once(stream, 'close');
    t.equal(text, 'data: late\n\n');
    t.equal(await drained, 'clean');
  },
);

t.test('a response may begin as late as the backend likes', { skip }, async (t) => {
  await Promise.all(
    ['HEAD', 'GET', 'POST'].map(async (method) => {
      const { openGood, upstream, wakeLate } = await startForwarderHarness(t);
      const session = openGood();
      let pings = 0;
      session.on('ping', () => {
        pings += 1;
      });
      const stream = session.request({ ':method': method, ':path': '/public/late' });
      if (method === 'POST') stream.end('body');
      const responded = once(stream.resume(), 'response');
      await until(() => pings >= 2 && upstream.requests.length === 1, 30_000);
      wakeLate();
      t.equal((await responded)[0][':status'], 200, method);
    }),
  );
});

t.test('an idle connection is not pinged, and is closed cleanly', { skip }, async (t) => {
  const { harness, open, wake } = await startForwarderHarness(t);
  const client = await open();
  client.request(1, '/public/10');
  await until(() => client.isWhole(1));
  const other = await open();
  other.request(1, '/public/quiet');
  const pingsOf = ({ frames }: FrameClient) =>
    frames.filter(({ type, flags }) => type === TYPE.ping && flags === 0).length;
  await until(() => pingsOf(other) >= 2, 20_000);
  t.equal(pingsOf(client), 0);
  wake();
  t.equal(await harness.drain(), 'clean');
});

t.test(
  'a client that takes little by little may take as long as it likes, beside others',
  { skip, timeout: 60_000 },
  async (t) => {
    const { harness, open } = await startForwarderHarness(t);
    const client = await open({ initialWindow: 0 });
    client.grant(0, 64 * MIB);
    client.request(1, `/public/sips/${8 * MIB}`);
    const sipUntil = performance.now() + 7_000;
    for (let stream = 3; performance.now() < sipUntil && client.resetOf(1) === undefined; stream += 2) {
      const before = client.bytesOf(1);
      client.grant(1, 16 * 1024);
      // Others keep the connection busy meanwhile.
      client.request(stream, '/public/0', { method: 'HEAD' });
      await until(
        () => client.isWhole(stream) && (client.bytesOf(1) > before || client.resetOf(1) !== undefined),
      );
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    client.grant(1, 8 * MIB);
    await until(() => client.isWhole(1) || client.resetOf(1) !== undefined);
    t.equal(client.bytesOf(1), 8 * MIB);
    t.equal(harness.lines.filter(({ code }) => code !== 'allow').length, 0);
  },
);

t.test(
  'a client that takes little at a time gets all of its response',
  { skip, timeout: 60_000 },
  async (t) => {
    const { harness, open } = await startForwarderHarness(t);
    // As much as a client holds back that is slow itself: it never leaves the windows shut, and never opens them far.
    const client = await open({ initialWindow: 4096 });
    client.request(1, `/public/${96 * 1024}`);
    for (let taken = 4096; taken < 96 * 1024; taken += 4096) {
      await until(() => client.bytesOf(1) === taken || client.resetOf(1) !== undefined);
      await new Promise((resolve) => setTimeout(resolve, 160));
      client.grant(0, 4096);
      client.grant(1, 4096);
    }
    await until(() => client.isWhole(1) || client.resetOf(1) !== undefined);
    t.equal(client.bytesOf(1), 96 * 1024);
    await until(() => harness.lines.length === 1);
    t.match(harness.lines, [{ code: 'allow', status: 200 }]);
  },
);

t.test('a stalled response has its own reason in the log', { skip }, async (t) => {
  const { harness, open } = await startForwarderHarness(t);
  const client = await open({ initialWindow: 0 });
  client.request(1, `/public/${MIB}`);
  client.request(3, '/protected');
  await until(() => harness.lines.length === 2, 20_000);
  t.match(
    [...harness.lines].sort((a, b) => a.status - b.status),
    [
      { status: 200, code: 'request_timeout', reason: /took nothing of its response/ },
      { status: 401, code: 'token_missing' },
    ],
  );
  await until(() => client.resetOf(1) !== undefined && client.resetOf(3) !== undefined);
  client.request(5, '/public/0', { method: 'HEAD' });
  await until(() => client.isWhole(5));
  client.socket.destroy();
});

t.test('a large upload that is refused gets its whole response, and no reset', { skip }, async (t) => {
  const { openGood } = await startForwarderHarness(t);
  const session = openGood();
  const stream = session.request({ ':method': 'POST', ':path': '/protected' });
  let body = '';
  stream.on('data', (piece: Buffer) => {
    body += piece;
  });
  stream.end(Buffer.alloc(24 * MIB));
  const [[headers]] = await Promise.all([once(stream, 'response'), once(stream, 'close')]);
  t.equal(headers[':status'], 401);
  t.equal(JSON.parse(body).code, 'token_missing');
  t.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
  t.ok(session.socket.bytesWritten > 23 * MIB, 'it was read to its end');
});

t.test('a shutdown does not wait for clients that are gone', { skip, timeout: 30_000 }, async (t) => {
  const { harness, open } = await startForwarderHarness(t);
  const clients = await Promise.all([open({ responses: false }), open({ initialWindow: 0 }), open(), open()]);
  for (const [at, client] of clients.entries()) client.request(1, `/public/${at === 0 ? 'quiet' : 8 * MIB}`);
  clients[2]?.socket.pause();
  clients[3]?.request(3, '/protected', { method: 'POST', ends: false });
  await until(() => harness.upstream.requests.length === 4);
  t.equal(await harness.drain(), 'clean');
  for (const { socket } of clients) socket.destroy();
});

/** Asks again and again over one connection until the returned function is called, which gives how often it was served. */
function serveAllTheWhile(session: ReturnType<typeof connectHttp2>): () => Promise<number> {
  let isRunning = true;
  const asking = (async () => {
    let count = 0;
    for (; isRunning; count += 1) {
      const status = await statusOf(session, '/public/1000');
      if (status !== 200) throw new Error(`the good client got ${status}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    session.close();
    return count;
  })();
  asking.catch(() => {});
  return () => {
    isRunning = false;
    return asking;
  };
}

async function statusOf(session: ReturnType<typeof connectHttp2>, path: string): Promise<unknown> {
  const stream = session.request({ ':path': path });
  stream.on('error', () => {});
  const [headers] = await once(stream.resume(), 'response');
  if (!stream.destroyed) await once(stream, 'close');
  return headers[':status'];
}

async function statusOfGateway({ adminUrl }: Harness) {
  return (await (await fetch(`${adminUrl}/status`)).json()) as {
    connections: number;
    upstreams: { targets: { running: number }[] }[];
  };
}

async function connectionsOf(harness: Harness): Promise<number> {
  return (await statusOfGateway(harness)).connections;
}

async function runningAt(harness: Harness): Promise<number> {
  const { upstreams } = await statusOfGateway(harness);
  return upstreams.flatMap(({ targets }) => targets).reduce((sum, { running }) => sum + running, 0);
}

async function until(holds: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
