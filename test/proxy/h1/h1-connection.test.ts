import dns from 'node:dns';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Dispatcher, UpstreamRequest } from '../../../src/proxy/dispatcher.ts';
import { type RawUpstream, type Reply, response, startRawUpstream } from '../../support/backends/upstream.ts';
import {
  ask,
  type DispatcherOptions,
  Listener,
  listen,
  openDispatcher,
  type Reactions,
  request,
  send,
} from '../../support/proxy/h1-harness.ts';
import { makeCertificates } from '../../support/tls/certificates.ts';

const ALL_MOMENTS = /error|complete|late/;
const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
const HALF = `${OK}Content-Length: 10\r\n\r\nhello`;
const FINE = response('200 OK', [], 'fine');

interface ForwarderHarness {
  readonly backend: RawUpstream;
  readonly dispatcher: Dispatcher;
}

async function harness(t: Test, respond: Reply, options: DispatcherOptions = {}): Promise<ForwarderHarness> {
  const backend = await startRawUpstream(respond);
  t.teardown(() => backend.close());
  return { backend, dispatcher: openDispatcher(t, backend.port, options) };
}

/** The first request of a test gets these bytes in response, further ones `fine`. */
function first(bytes: string, then: (socket: Socket) => void = () => {}): Reply {
  let asked = 0;
  return ({ socket }) => {
    asked += 1;
    socket.write(asked === 1 ? bytes : FINE, 'latin1', () => asked === 1 && then(socket));
  };
}

/** Every request gets these bytes in response. */
function sends(bytes: string, then: (socket: Socket) => void = () => {}): Reply {
  return ({ socket }) => void socket.write(bytes, 'latin1', () => then(socket));
}

const silent: Reply = () => {};
const fine: Reply = ({ socket }) => void socket.write(FINE);
const post = (...pieces: string[]): Pick<UpstreamRequest, 'method' | 'body'> => ({
  method: 'POST',
  body: Readable.from(pieces.map((piece) => Buffer.from(piece))),
});
/** The beginning of a body whose end is not known yet. */
function unfinished(): Readable {
  const body = new PassThrough();
  body.write('hello');
  return body;
}
/** An error on its way to the end is none of the test's business. */
const gone = (socket: Socket | undefined): Promise<unknown> =>
  socket === undefined || socket.closed
    ? Promise.resolve()
    : new Promise((resolve) => socket.once('close', resolve));

/** Takes two seconds, and runs beside all the rest. */
async function useLongTimes(t: Test): Promise<{ codes: unknown[]; ms: number; left: number }> {
  const backend = await startRawUpstream(({ socket, target }) => {
    if (target === '/stall') socket.write(HALF);
    if (target === '/rest') socket.write(FINE);
  });
  t.teardown(() => backend.close());
  const dispatcher = openDispatcher(t, backend.port, { keepAliveMs: 3_000 });
  const before = performance.now();
  const [silence, stall] = await Promise.all([
    ask(dispatcher, { responseMs: 2_000 }),
    ask(dispatcher, { path: '/stall', idleMs: 2_000 }),
    ask(dispatcher, { path: '/rest' }),
  ]);
  while (dispatcher.connections > 0) await delay(50);
  return {
    codes: [silence.error?.code, stall.error?.code],
    ms: performance.now() - before,
    left: dispatcher.connections,
  };
}

const longTimes = useLongTimes(t);

t.test(
  'a connection is used again after a response that ended beyond doubt, and after no other',
  async (t) => {
    const cases: readonly (readonly [
      name: string,
      bytes: string,
      reused: boolean,
      parts?: Partial<UpstreamRequest>,
    ])[] = [
      ['a length', response('200 OK', [], 'x'), true],
      ['no length to speak of', response('200 OK'), true],
      ['chunks', `${CHUNKED}1\r\nx\r\n0\r\n\r\n`, true],
      ['trailers', `${CHUNKED}1\r\nx\r\n0\r\nA: b\r\n\r\n`, true],
      ['204', 'HTTP/1.1 204 X\r\n\r\n', true],
      ['304', 'HTTP/1.1 304 X\r\n\r\n', true],
      ['an interim response before it', `HTTP/1.1 103 X\r\n\r\n${FINE}`, true],
      ['a body upwards', FINE, true, post('body')],
      ['a response to HEAD', `${OK}Content-Length: 0\r\n\r\n`, false, { method: 'HEAD' }],
      ['204 with a length', 'HTTP/1.1 204 X\r\nContent-Length: 1\r\n\r\n', false],
      ['304 with a length', 'HTTP/1.1 304 X\r\nContent-Length: 1\r\n\r\n', false],
      ['204 with chunks', 'HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n', false],
      ['a backend that closes', response('200 OK', ['connection: close'], 'x'), false],
      [
        'a backend that states it twice',
        response('200 OK', ['connection: x', 'Connection: CLOSE'], 'x'),
        false,
      ],
      ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx', false],
      ['a backend that waits for a second only', response('200 OK', ['keep-alive: timeout=1'], 'x'), false],
      ['a backend that waits for nothing', response('200 OK', ['keep-alive: timeout=0'], 'x'), false],
      ['a second response', response('200 OK', [], 'x') + FINE, false],
      ['a byte too many', `${response('200 OK', [], 'x')}x`, false],
      ['a line too many', `${CHUNKED}1\r\nx\r\n0\r\n\r\n\r\n`, false],
    ];
    for (const [name, bytes, reused, parts] of cases) {
      const { backend, dispatcher } = await harness(t, first(bytes));
      const one = await ask(dispatcher, parts);
      t.equal(one.calls.at(-1), 'complete', name);
      const two = await ask(dispatcher);
      t.equal(two.body, 'fine', `${name}: the next response is the next request's`);
      t.equal(backend.sockets.length, reused ? 1 : 2, `${name}: ${reused ? 'reused' : 'not reused'}`);
      t.strictSame([one.controller?.served, backend.requests.length], [reused ? 2 : 1, 2], name);
      if (!reused) await gone(backend.sockets[0]);
      const isLast = /\r\nconnection: close\r\n/.test(backend.bytes[0]?.toString() ?? '');
      t.equal(isLast, parts?.method === 'HEAD', `${name}: the backend learns it when it is known beforehand`);
      await dispatcher.destroy();
    }
  },
);

t.test('bytes on an idle connection end it', async (t) => {
  const { backend, dispatcher } = await harness(t, fine);
  for (const bytes of [FINE, '\r\n', 'H', 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n']) {
    await ask(dispatcher);
    t.equal(dispatcher.connections, 1);
    backend.sockets.at(-1)?.write(bytes);
    await gone(backend.sockets.at(-1));
    t.equal(dispatcher.connections, 0);
  }
  t.equal((await ask(dispatcher)).body, 'fine');
  t.equal(backend.sockets.length, 5);
});

t.test('bytes that came before a request was written are not the response to it', async (t) => {
  const { backend, dispatcher } = await harness(t, fine);
  await ask(dispatcher);
  const asked = await new Promise<Listener>((resolve) => {
    // Timers run before sockets are read, and what is gathered is written after that.
    setTimeout(() => {
      backend.sockets[0]?.write(response('200 OK', [], 'of somebody else'));
      resolve(send(dispatcher, post('mine')));
    }, 1);
  });
  t.equal((await asked.over).error?.code, 'SEALGATE_RESPONSE_INVALID');
  t.strictSame(asked.heads, []);
});

interface Failure {
  readonly respond: Reply;
  readonly code: string | RegExp;
  readonly status?: number;
  readonly parts?: () => Partial<UpstreamRequest>;
  /** It goes over a connection of its own in any case. */
  readonly isAlone?: boolean;
}

const FAILURES: Readonly<Record<string, Failure>> = {
  'a close before the response': { respond: ({ socket }) => socket.end(), code: 'SEALGATE_CONNECTION_LOST' },
  'a reset before the response': { respond: ({ socket }) => socket.resetAndDestroy(), code: 'ECONNRESET' },
  'a close within the head': {
    respond: sends(OK, (socket) => socket.end()),
    code: 'SEALGATE_CONNECTION_LOST',
  },
  'a reset within the head': {
    respond: sends(OK, (socket) => socket.resetAndDestroy()),
    code: /ECONNRESET|SEALGATE_CONNECTION_LOST/,
  },
  'a close after an interim response': {
    respond: sends('HTTP/1.1 100 X\r\n\r\n', (socket) => socket.end()),
    status: 100,
    code: 'SEALGATE_CONNECTION_LOST',
  },
  'a close within the body': {
    respond: sends(HALF, (socket) => socket.end()),
    status: 200,
    code: 'SEALGATE_RESPONSE_CUT',
  },
  'a reset within the body': {
    respond: sends(HALF, (socket) => socket.resetAndDestroy()),
    status: 200,
    code: /ECONNRESET|SEALGATE_RESPONSE_CUT/,
  },
  'a close within a chunk': {
    respond: sends(`${CHUNKED}5\r\nhel`, (socket) => socket.end()),
    status: 200,
    code: 'SEALGATE_RESPONSE_CUT',
  },
  'a close before the last chunk': {
    respond: sends(`${CHUNKED}5\r\nhello\r\n`, (socket) => socket.end()),
    status: 200,
    code: 'SEALGATE_RESPONSE_CUT',
  },
  'a close within the trailers': {
    respond: sends(`${CHUNKED}0\r\nA: b\r\n`, (socket) => socket.end()),
    status: 200,
    code: 'SEALGATE_RESPONSE_CUT',
  },
  'a reset of a body that ends with the connection': {
    respond: sends(`${OK}\r\nhello`, (socket) => socket.resetAndDestroy()),
    status: 200,
    code: 'ECONNRESET',
  },
  'a later reset of a body that ends with the connection': {
    respond: sends(`${OK}\r\nhello`, (socket) => setTimeout(() => socket.resetAndDestroy(), 20)),
    status: 200,
    code: 'ECONNRESET',
  },
  'a reset of such a body while a request is still being sent': {
    respond: sends(`${OK}\r\nhello`, (socket) => socket.resetAndDestroy()),
    status: 200,
    parts: () => ({ method: 'POST', body: unfinished(), bodyLength: 10 }),
    code: /ECONNRESET|SEALGATE_RESPONSE_CUT/,
  },
  'what is no HTTP': { respond: sends('220 mail.example ESMTP\r\n'), code: 'SEALGATE_RESPONSE_INVALID' },
  'a head that is none': { respond: sends(`${OK}A b\r\n\r\n`), code: 'SEALGATE_RESPONSE_INVALID' },
  'lines of LF': { respond: sends('HTTP/1.1 200 OK\n\n'), code: 'SEALGATE_RESPONSE_INVALID' },
  'two lengths': {
    respond: sends(`${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx`),
    code: 'SEALGATE_RESPONSE_INVALID',
  },
  'a chunk that is none': { respond: sends(`${CHUNKED}x\r\n`), code: 'SEALGATE_RESPONSE_INVALID' },
  'a change of protocol': {
    respond: sends('HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n'),
    code: 'SEALGATE_RESPONSE_INVALID',
  },
  'fields without an end': {
    respond: sends(`${OK}A: ${'x'.repeat(66_000)}`),
    code: 'SEALGATE_RESPONSE_TOO_LARGE',
  },
  'no response in time': { respond: silent, code: 'SEALGATE_NO_RESPONSE', parts: () => ({ responseMs: 40 }) },
  'no response but interim ones': {
    respond: ({ socket }) => {
      socket.write('HTTP/1.1 102 X\r\n\r\n');
      const timer = setInterval(() => socket.write('HTTP/1.1 102 X\r\n\r\n'), 10);
      socket.on('close', () => clearInterval(timer));
    },
    status: 102,
    code: 'SEALGATE_NO_RESPONSE',
    parts: () => ({ responseMs: 300 }),
  },
  'a head that drips': {
    respond: ({ socket }) => {
      socket.write(OK);
      const timer = setInterval(() => socket.write('A: b\r\n'), 10);
      socket.on('close', () => clearInterval(timer));
    },
    code: 'SEALGATE_NO_RESPONSE',
    parts: () => ({ responseMs: 60 }),
  },
  'a body that stalls': {
    respond: sends(HALF),
    status: 200,
    code: 'SEALGATE_RESPONSE_STALLED',
    parts: () => ({ idleMs: 40 }),
  },
  'an end that stalls': {
    respond: sends(`${CHUNKED}5\r\nhello\r\n0\r\n`),
    status: 200,
    code: 'SEALGATE_RESPONSE_STALLED',
    parts: () => ({ idleMs: 40 }),
  },
  'no response to a body in time': {
    respond: silent,
    code: 'SEALGATE_NO_RESPONSE',
    parts: () => ({ ...post('body'), responseMs: 40 }),
  },
  'a body that is not taken': {
    respond: ({ socket }) => void socket.pause(),
    code: 'SEALGATE_NO_RESPONSE',
    parts: () => ({
      method: 'POST',
      body: Readable.from(Array.from({ length: 600 }, () => Buffer.alloc(32 * 1024))),
      responseMs: 60,
    }),
  },
  'a body that is shorter than stated': {
    respond: silent,
    code: 'SEALGATE_REQUEST_UNFIT',
    parts: () => ({ ...post('four'), bodyLength: 5 }),
  },
  'a body that is longer than stated': {
    respond: silent,
    code: 'SEALGATE_REQUEST_UNFIT',
    parts: () => ({ ...post('four'), bodyLength: 3 }),
  },
  'a target with a line break': {
    respond: silent,
    code: 'SEALGATE_REQUEST_UNFIT',
    parts: () => ({ path: '/ HTTP/1.1\r\nHost: x\r\n\r\nGET /' }),
  },
  'a body that breaks': {
    respond: silent,
    code: 'BROKEN',
    parts: () => ({
      method: 'PUT',
      body: new Readable({
        read() {
          this.destroy(Object.assign(new Error('broken'), { code: 'BROKEN' }));
        },
      }),
    }),
  },
  'a handshake that another protocol responds to': {
    respond: sends('\x81\x00'),
    code: 'SEALGATE_RESPONSE_INVALID',
    parts: () => ({ isHandshake: true }),
    isAlone: true,
  },
};

t.test('whatever goes wrong is heard of once, and leaves neither connection nor body', async (t) => {
  const reused = async (
    name: string,
    { respond, code, status = 0, parts, isAlone = false }: Failure,
  ): Promise<void> => {
    // The second time the connection served another request before.
    for (const before of isAlone ? [0] : [0, 1]) {
      let asked = 0;
      const { backend, dispatcher } = await harness(t, (seen) => {
        asked += 1;
        if (asked > before) respond(seen);
        else fine(seen);
      });
      for (let i = 0; i < before; i++) await ask(dispatcher);
      const asking = parts?.() ?? {};
      const heard = await ask(dispatcher, asking);
      const label = before === 0 ? name : `${name}, on a reused connection`;
      t.match(heard.error?.code, code, label);
      t.equal(heard.status, status, `${label}: what was heard before`);
      t.equal(dispatcher.connections, 0, `${label}: no connection`);
      t.ok(asking.body?.destroyed ?? true, `${label}: no body`);
      await dispatcher.close();
      await Promise.all(
        backend.sockets.map(async (socket) => {
          socket.resume();
          await gone(socket);
        }),
      );
      t.equal(heard.calls.filter((call) => ALL_MOMENTS.test(call)).join(), 'error', label);
    }
  };
  await Promise.all(Object.entries(FAILURES).map(([name, failure]) => reused(name, failure)));
});

t.test('whether a byte of a response came is known', async (t) => {
  const cases: readonly (readonly [Reply, boolean])[] = [
    [({ socket }) => socket.end(), false],
    [first('H', (socket) => socket.end()), true],
    [first('HTTP/1.1 100 X\r\n\r\n', (socket) => socket.end()), true],
  ];
  for (const [respond, hasResponse] of cases) {
    const { dispatcher } = await harness(t, respond);
    t.equal((await ask(dispatcher)).controller?.hasResponse, hasResponse);
  }
});

t.test('a backend that cannot be reached is reported before anything is sent', async (t) => {
  const port = await listen(
    t,
    createServer((socket) => socket.on('error', () => {})),
  );
  const closing = await listen(
    t,
    createServer((socket) => socket.destroy()),
  );
  const tls = { ca: undefined, cert: undefined, key: undefined, serverName: 'localhost' };
  const cases: Readonly<Record<string, readonly [Dispatcher, code: string | undefined]>> = {
    'nothing listens': [openDispatcher(t, 1), 'ECONNREFUSED'],
    'no socket file': [openDispatcher(t, 0, { socketPath: join(tmpdir(), 'no-such.sock') }), 'ENOENT'],
    'a TLS handshake that never ends': [
      openDispatcher(t, port, { tls, connectMs: 40 }),
      'SEALGATE_CONNECT_TIMEOUT',
    ],
    'a TLS handshake that is cut': [openDispatcher(t, closing, { tls }), 'ECONNRESET'],
  };
  for (const [name, [dispatcher, code]] of Object.entries(cases)) {
    const { body } = post('body');
    const heard = await ask(dispatcher, { method: 'POST', body });
    t.equal(heard.error?.code, code, name);
    t.strictSame(heard.calls, ['error'], name);
    t.notOk(body?.destroyed, `${name}: the body is untouched, for a retry`);
    body?.destroy();
    await dispatcher.close();
  }
});

t.test('a handler may end the request from within any call, and send the next one at once', async (t) => {
  const bytes = `HTTP/1.1 103 X\r\n\r\n${CHUNKED}5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n`;
  const quiet = CHUNKED;
  const end = (heard: Listener, isGoingOn = true): boolean => {
    heard.controller?.destroy(new Error('enough'));
    return isGoingOn;
  };
  const moments: Readonly<Record<string, readonly [bytes: string, (self: () => Listener) => Reactions]>> = {
    'about to be sent': [bytes, (self) => ({ onRequestStart: () => end(self(), true) })],
    'about to be sent, and not wanted': [bytes, (self) => ({ onRequestStart: () => end(self(), false) })],
    'an interim head': [
      bytes,
      (self) => ({ onResponseStart: ({ status }) => void (status === 103 && end(self())) }),
    ],
    'a head': [bytes, (self) => ({ onResponseStart: ({ status }) => void (status === 200 && end(self())) })],
    data: [bytes, (self) => ({ onResponseData: () => end(self(), true) })],
    'data, and a pause': [bytes, (self) => ({ onResponseData: () => end(self(), false) })],
    quiet: [quiet, (self) => ({ onReadEnd: () => void end(self()) })],
    'a head that is thrown over': [
      bytes,
      () => ({
        onResponseStart: () => {
          throw new Error('enough');
        },
      }),
    ],
    'data that is thrown over': [
      bytes,
      () => ({
        onResponseData: () => {
          throw new Error('enough');
        },
      }),
    ],
  };
  for (const [name, [responded, react]] of Object.entries(moments)) {
    for (const before of [0, 1]) {
      let asked = 0;
      const { backend, dispatcher } = await harness(t, ({ socket }) => {
        asked += 1;
        socket.write(
          asked <= before || asked > before + (name.startsWith('about') ? 0 : 1) ? FINE : responded,
        );
      });
      for (let i = 0; i < before; i++) await ask(dispatcher);
      let retry: Listener | undefined;
      const heard: Listener = new Listener({
        ...react(() => heard),
        onResponseError: () => {
          retry = send(dispatcher);
        },
      });
      dispatcher.send(request(), heard);
      await heard.over;
      t.equal(heard.error?.message, 'enough', name);
      if (name.startsWith('about')) t.equal(heard.controller?.served, before, `${name}: nothing was sent`);
      t.equal((await retry?.over)?.body, 'fine', `${name}: the next one gets its response`);
      t.equal(backend.sockets.length, 2, `${name}: over another connection`);
      t.notOk(
        heard.calls.some((call) => call.startsWith('late')),
        name,
      );
    }
  }
});

t.test('a request that is sent as the one before completes goes over the same connection', async (t) => {
  const { backend, dispatcher } = await harness(t, ({ socket, target }) => {
    socket.write(response('200 OK', [], target.repeat(1000)));
  });
  const bodies: string[] = [];
  await new Promise<void>((resolve) => {
    const next = (left: number): void => {
      const heard: Listener = send(
        dispatcher,
        { path: `/${left}` },
        {
          onResponseEnd: () => {
            bodies.push(heard.body);
            if (left === 0) resolve();
            else next(left - 1);
          },
        },
      );
    };
    next(20);
  });
  t.strictSame(
    bodies,
    Array.from({ length: 21 }, (_, i) => `/${20 - i}`.repeat(1000)),
  );
  t.equal(backend.sockets.length, 1);
});

t.test('a request that is called off leaves the connection to the next one', async (t) => {
  const { backend, dispatcher } = await harness(t, fine);
  for (const before of [0, 1]) {
    const calledOff = send(dispatcher, {}, { onRequestStart: () => false });
    if (before === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    t.strictSame(calledOff.calls, ['start']);
    t.equal((await ask(dispatcher)).body, 'fine');
    t.strictSame(calledOff.calls, ['start']);
  }
  t.equal(backend.sockets.length, 1);
  t.equal(backend.requests.length, 2);
});

t.test(
  'a handler that pauses gets nothing more than was read, and everything once it continues',
  async (t) => {
    const size = 16 * 1024 * 1024;
    const body = Buffer.alloc(size, 'abcdefghijklmnopqrstuvwxyz');
    const heads = { length: `${OK}Content-Length: ${size}\r\n\r\n`, close: `${OK}\r\n` };
    for (const [name, head] of Object.entries(heads)) {
      const { backend, dispatcher } = await harness(t, ({ socket }) => {
        socket.write(head);
        socket.write(body, () => name === 'close' && socket.end());
      });
      let reported = 0;
      const heard = send(
        dispatcher,
        { idleMs: 500 },
        {
          onResponseData(chunk) {
            reported += chunk.length;
            return reported > 1_000_000;
          },
        },
      );
      const at = await new Promise<number>((resolve) => {
        // Longer than the idle time: it is the client that is waited for.
        setTimeout(resolve, 700, 0);
      });
      t.ok(reported > at && reported <= 128 * 1024, `${name}: ${reported} bytes came before the pause`);
      t.ok((backend.sockets[0]?.writableLength ?? 0) > 0, `${name}: the backend is held back`);
      t.notOk(heard.calls.includes('error'), `${name}: a pause has no deadline`);
      while (reported <= 1_000_000) {
        heard.controller?.resume();
        await new Promise(setImmediate);
      }
      await heard.over;
      t.ok(Buffer.from(heard.body, 'latin1').equals(body), name);
    }
  },
);

t.test('what a paused handler did not take is not kept by the next request', async (t) => {
  const { backend, dispatcher } = await harness(
    t,
    ({ socket }) => void socket.write(response('200 OK', [], 'x'.repeat(50_000))),
  );
  const one = await ask(dispatcher, {}, { onResponseData: () => false });
  t.equal(one.body.length, 50_000);
  t.equal((await ask(dispatcher)).body.length, 50_000);
  one.controller?.resume();
  t.equal((await ask(dispatcher)).body.length, 50_000);
  t.equal(backend.sockets.length, 1);
});

t.test('bodies upwards are written as they were announced', async (t) => {
  const { backend, dispatcher } = await harness(t, (seen) => {
    seen.whole.then(
      () => seen.socket.write(FINE),
      () => {},
    );
  });
  const big = Array.from({ length: 40 }, (_, i) => String(i % 10).repeat(30_000));
  const cases: readonly (readonly [pieces: string[], length: number | undefined, onWire?: string])[] = [
    [['hello'], 5, 'hello'],
    [['hel', 'lo'], 5, 'hello'],
    [[], 0, ''],
    [['hello'], undefined, '5\r\nhello\r\n0\r\n\r\n'],
    [['hello', 'world!'], undefined, '5\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n'],
    [[], undefined, '0\r\n\r\n'],
    [big, 1_200_000],
    [big, undefined],
  ];
  for (const [pieces, bodyLength, onWire] of cases) {
    const seenBefore = backend.bytes[0]?.length ?? 0;
    t.equal((await ask(dispatcher, { ...post(...pieces), bodyLength })).body, 'fine');
    const seen = backend.requests.at(-1);
    t.equal(seen?.body.toString(), pieces.join(''), `${pieces.length} pieces, ${bodyLength ?? 'chunks'}`);
    const bytes = backend.bytes[0]?.subarray(seenBefore).toString() ?? '';
    if (onWire !== undefined) t.equal(bytes.slice(bytes.indexOf('\r\n\r\n') + 4), onWire);
  }
  const empty = new PassThrough({ objectMode: true });
  for (const piece of [Buffer.alloc(0), Buffer.from('x'), Buffer.alloc(0)]) empty.write(piece);
  empty.end();
  t.equal(
    (await ask(dispatcher, { method: 'PUT', body: empty })).body,
    'fine',
    'an empty piece is not the last chunk',
  );
  t.equal(backend.requests.at(-1)?.body.toString(), 'x');
  t.equal(backend.sockets.length, 1);
});

t.test(
  'a body waits while the backend does not take it, and the backend while the client sends nothing',
  async (t) => {
    const { backend, dispatcher } = await harness(t, (seen) => {
      seen.socket.pause();
      setTimeout(() => seen.socket.resume(), seen.target === '/big' ? 400 : 0);
      seen.whole.then(
        () => seen.socket.write(FINE),
        () => {},
      );
    });
    let taken = 0;
    const big = new Readable({
      read() {
        taken += 1;
        this.push(taken > 640 ? null : Buffer.alloc(32 * 1024));
      },
    });
    const heard = send(dispatcher, { method: 'PUT', path: '/big', body: big });
    await delay(100);
    t.ok(taken < 600, `${taken} of 640 pieces were taken from the client`);
    t.equal((await heard.over).body, 'fine');
    t.equal(backend.requests[0]?.body.length, 640 * 32 * 1024);

    const slowBody = new PassThrough();
    slowBody.write('a');
    const slowly = send(dispatcher, { method: 'PUT', body: slowBody, responseMs: 20 });
    await delay(80);
    slowBody.end('b');
    t.equal((await slowly.over).body, 'fine', 'a slow client is not a slow backend');
  },
);

t.test('a response before the end of the body is the response, and ends the connection', async (t) => {
  for (const early of [response('413 Too Large', [], 'no'), 'HTTP/1.1 413 Too Large\r\n\r\nno']) {
    const { backend, dispatcher } = await harness(t, ({ socket }) => {
      socket.write(early);
      if (!early.includes('length')) socket.end();
    });
    const body = new PassThrough();
    body.write('the beginning');
    const heard = await ask(dispatcher, { method: 'POST', body });
    t.strictSame([heard.status, heard.body, heard.calls.at(-1)], [413, 'no', 'complete']);
    t.ok(body.destroyed);
    t.equal(dispatcher.connections, 0);
    await gone(backend.sockets[0]);
  }
  // The head may come early; what counts is that all was sent when the response ends.
  const { backend, dispatcher } = await harness(t, (seen) => {
    seen.socket.write(`${OK}Content-Length: 4\r\n\r\n`);
    seen.whole.then(
      () => seen.socket.write('fine'),
      () => {},
    );
  });
  const body = new PassThrough();
  body.write('a');
  const heard = send(dispatcher, { method: 'POST', body }, { onResponseStart: () => void body.end('b') });
  t.equal((await heard.over).body, 'fine');
  t.equal((await ask(dispatcher, post('c'))).body, 'fine');
  t.equal(backend.sockets.length, 1);
});

t.test('a handshake hands the socket over, with what came behind the head', async (t) => {
  const agreed = 'HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n';
  for (const bytes of [agreed, `${agreed}first`, `HTTP/1.1 103 X\r\n\r\n${agreed}first`]) {
    const { backend, dispatcher } = await harness(t, first(bytes));
    const heard = await ask(dispatcher, { isHandshake: true });
    t.equal(heard.calls.at(-1), 'upgrade');
    t.equal(dispatcher.connections, 0, 'the pool has nothing to do with it any more');
    await dispatcher.close();
    backend.sockets[0]?.write(' and last');
    let came = '';
    heard.socket?.setEncoding('latin1').on('data', (piece: string) => {
      came += piece;
    });
    heard.socket?.resume();
    while (!came.endsWith('last')) await new Promise(setImmediate);
    t.equal(came, bytes.endsWith('first') ? 'first and last' : ' and last');
    heard.socket?.destroy();
    t.notOk(heard.calls.some((call) => call.startsWith('late')));
  }
});

t.test('a handshake that is declined is a response, and its connection is not used again', async (t) => {
  for (const bytes of [response('403 No', [], 'no'), `${CHUNKED}2\r\nno\r\n0\r\n\r\n`]) {
    const { backend, dispatcher } = await harness(t, first(bytes));
    t.equal((await ask(dispatcher, { isHandshake: true })).body, 'no');
    t.equal((await ask(dispatcher)).body, 'fine');
    t.equal(backend.sockets.length, 2);
  }
});

t.test('closing waits for what runs, breaking off does not, and both settle at every moment', async (t) => {
  const moments: Readonly<
    Record<string, (dispatcher: Dispatcher, backend: RawUpstream) => Promise<Listener | undefined>>
  > = {
    'nothing was ever sent': async () => undefined,
    'a connection is idle': async (dispatcher) => ask(dispatcher),
    'it connects': async (dispatcher) => send(dispatcher, { path: '/later' }),
    'a response is waited for': async (dispatcher, backend) => {
      const heard = send(dispatcher, { path: '/later' });
      while (backend.requests.length === 0) await new Promise(setImmediate);
      return heard;
    },
    'a response is read': async (dispatcher) => {
      const heard = send(dispatcher, { path: '/half' });
      while (heard.status === 0) await new Promise(setImmediate);
      return heard;
    },
    'a body is sent': async (dispatcher, backend) => {
      const heard = send(dispatcher, { path: '/later', ...post('a', 'b') });
      while (backend.requests.length === 0) await new Promise(setImmediate);
      return heard;
    },
  };
  const respond: Reply = ({ socket, target }) => {
    if (target === '/half') socket.write(FINE.slice(0, -2));
    const left = target === '/half' ? FINE.slice(-2) : FINE;
    setTimeout(() => socket.write(left), target === '/' ? 0 : 30);
  };
  for (const [name, reach] of Object.entries(moments)) {
    for (const how of ['close', 'destroy', 'both'] as const) {
      const { backend, dispatcher } = await harness(t, respond, { keepAliveMs: 60_000 });
      const heard = await reach(dispatcher, backend);
      const done =
        how === 'destroy'
          ? [dispatcher.destroy(), dispatcher.destroy()]
          : [dispatcher.close(), dispatcher.close()];
      if (how === 'both') done.push(dispatcher.destroy(), dispatcher.close());
      const refused = await ask(dispatcher);
      t.equal(
        refused.error?.code,
        'SEALGATE_DISPATCHER_CLOSED',
        `${how} while ${name}: nothing more is sent`,
      );
      await Promise.all(done);
      t.equal(dispatcher.connections, 0);
      await heard?.over;
      const wasOver = heard === undefined || name === 'a connection is idle';
      if (how === 'close' || wasOver) t.equal(heard?.body ?? 'fine', 'fine', `${how} while ${name}`);
      else t.equal(heard.error?.code, 'SEALGATE_DISPATCHER_CLOSED', `${how} while ${name}`);
      await Promise.all(backend.sockets.map(gone));
    }
  }
});

t.test('connections are kept no longer than either side wants', async (t) => {
  const asked: Readonly<Record<string, readonly [DispatcherOptions, fields: string[], atMostMs: number]>> = {
    'our own time': [{ keepAliveMs: 30 }, [], 3_000],
    "the backend's, less a margin": [{ keepAliveMs: 60_000 }, ['keep-alive: timeout=2'], 1_950],
    'the shorter of both': [{ keepAliveMs: 30 }, ['keep-alive: timeout=2'], 950],
  };
  await Promise.all(
    Object.entries(asked).map(async ([name, [options, fields, atMostMs]]) => {
      const { backend, dispatcher } = await harness(
        t,
        ({ socket }) => void socket.write(response('200 OK', fields, 'x')),
        options,
      );
      await ask(dispatcher);
      const before = performance.now();
      t.equal(dispatcher.connections, 1, name);
      await gone(backend.sockets[0]);
      t.ok(performance.now() - before < atMostMs, name);
      t.equal(dispatcher.connections, 0, name);
    }),
  );
  const { backend, dispatcher } = await harness(t, fine, { ageMs: -1 });
  await ask(dispatcher);
  t.match(backend.bytes[0]?.toString(), 'connection: close\r\n', 'too old for another one');
  await gone(backend.sockets[0]);
});

t.test('TLS, Unix sockets, and names of which one address does not respond', async (t) => {
  const certificates = makeCertificates();
  if (certificates === undefined) {
    t.pass('openssl is missing', { skip: true });
    return;
  }
  const { ca, cert, key } = certificates;
  const sizes = [0, 1, 16_384, 16_385, 65_536, 300_000];
  const body = Buffer.alloc(300_000, 'abcdefghijklmnopqrstuvwxyz');
  const respond = (target: string): Buffer => body.subarray(0, Number(target.slice(1)));
  const listener = (req: { url?: string | undefined }, res: { end(bytes: Buffer): void }): void =>
    void res.end(respond(req.url ?? ''));
  const path = join(tmpdir(), `sealgate-${process.pid}.sock`);
  const plain = await listen(t, createHttpServer(listener));
  const secure = await listen(t, createHttpsServer({ cert, key }, listener));
  await listen(t, createHttpServer(listener), { path });
  const tls = { ca, cert: undefined, key: undefined, serverName: 'localhost' };

  const lookup = dns.lookup;
  t.teardown(() => {
    dns.lookup = lookup;
  });
  // Whatever this machine takes its own name for: nothing listens at the first address.
  dns.lookup = ((_name: string, options: { all?: boolean }, found: (...args: unknown[]) => void): void => {
    const both = [
      { address: '::1', family: 6 },
      { address: '127.0.0.1', family: 4 },
    ];
    if (options.all) setImmediate(found, null, both);
    else setImmediate(found, null, '127.0.0.1', 4);
  }) as typeof dns.lookup;

  const dispatchers: Readonly<Record<string, Dispatcher>> = {
    plain: openDispatcher(t, plain),
    TLS: openDispatcher(t, secure, { tls }),
    'a Unix socket': openDispatcher(t, 0, { socketPath: path }),
    'a name with two addresses': openDispatcher(t, plain, { host: 'localhost' }),
    'TLS and a name with two addresses': openDispatcher(t, secure, { host: 'localhost', tls }),
  };
  for (const [name, dispatcher] of Object.entries(dispatchers)) {
    for (const size of sizes) {
      const heard = await ask(dispatcher, { path: `/${size}` });
      t.ok(Buffer.from(heard.body, 'latin1').equals(respond(`/${size}`)), `${name}: ${size} bytes`);
    }
    const paused = send(dispatcher, { path: '/300000' }, { onResponseData: () => false });
    while (!paused.calls.includes('complete')) {
      paused.controller?.resume();
      await new Promise(setImmediate);
    }
    t.equal((await paused.over).body.length, 300_000, `${name}: in pauses`);
    t.equal(paused.controller?.served, sizes.length + 1, `${name}: over one connection`);
    await dispatcher.close();
  }
});

function tracked(start: typeof setInterval, note: (timer: NodeJS.Timeout) => void) {
  return (call: () => void, ms: number): NodeJS.Timeout => {
    const timer = start(call, ms);
    note(timer);
    return timer;
  };
}

t.test('no timer and no socket is left of what was sent', async (t) => {
  const count = (): string => {
    const kinds = process.getActiveResourcesInfo().filter((kind) => /Timeout|Socket|Connect/.test(kind));
    return kinds.sort().join();
  };
  await longTimes;
  const running = new Set<unknown>();
  t.intercept(globalThis, 'setInterval', { value: tracked(setInterval, (timer) => running.add(timer)) });
  const clear = (timer: NodeJS.Timeout): void => void running.delete(timer);
  t.intercept(globalThis, 'clearInterval', { value: clear });
  const { backend, dispatcher } = await harness(t, ({ socket, target }) => {
    if (target === '/reset') socket.resetAndDestroy();
    else if (target !== '/silent') socket.write(FINE);
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const before = count();
  await Promise.all(['/', '/', '/reset', '/silent'].map((path) => ask(dispatcher, { path, responseMs: 40 })));
  const tunnelled = ask(dispatcher, { isHandshake: true });
  await tunnelled;
  await dispatcher.close();
  await Promise.all(backend.sockets.map(gone));
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(count(), before);
  t.equal(running.size, 0, 'nor what keeps no process alive');
});

t.test('long times are counted in ticks: never early, and late by two at most', async (t) => {
  const { codes, ms, left } = await longTimes;
  t.strictSame(codes, ['SEALGATE_NO_RESPONSE', 'SEALGATE_RESPONSE_STALLED']);
  t.equal(left, 0);
  t.ok(ms >= 2_000 && ms < 8_000, `${ms} ms`);
});
