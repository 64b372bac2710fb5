import { createServer } from 'node:net';
import { PassThrough } from 'node:stream';
import t, { type Test } from 'tap';
import { response } from '../support/backends/upstream.ts';
import { startForwarderHarness } from '../support/proxy/forwarder.ts';
import { ask, listen, openDispatcher, send } from '../support/proxy/h1-harness.ts';

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKS = 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';

interface Early {
  readonly bytes: string;
  readonly status: number;
  readonly body: string;
  readonly end: 'complete' | string;
}

const RESPONSES: Readonly<Record<string, Early>> = {
  '413 with a length': {
    bytes: response('413 Content Too Large', ['connection: close'], 'too big'),
    status: 413,
    body: 'too big',
    end: 'complete',
  },
  '401 without body': { bytes: response('401 Unauthorized'), status: 401, body: '', end: 'complete' },
  '200 with chunks': { bytes: `${OK}${CHUNKS}`, status: 200, body: 'hello', end: 'complete' },
  '500 after an interim response': {
    bytes: `HTTP/1.1 100 Continue\r\n\r\n${response('500 X', [], 'no')}`,
    status: 500,
    body: 'no',
    end: 'complete',
  },
  '200 with a body of some size': {
    bytes: response('200 OK', [], 'x'.repeat(40_000)),
    status: 200,
    body: 'x'.repeat(40_000),
    end: 'complete',
  },
  // It cannot be known whether it is complete.
  'a body up to the end of the connection': {
    bytes: `${OK}\r\nhello`,
    status: 200,
    body: 'hello',
    end: 'SEALGATE_RESPONSE_CUT',
  },
  'half a body': {
    bytes: `${OK}Content-Length: 9\r\n\r\nhello`,
    status: 200,
    body: 'hello',
    end: 'SEALGATE_RESPONSE_CUT',
  },
  'half a head': { bytes: OK, status: 0, body: '', end: 'lost' },
  nothing: { bytes: '', status: 0, body: '', end: 'lost' },
};

const LOST = /^(?:ECONNRESET|EPIPE|SEALGATE_CONNECTION_LOST)$/;

/** A backend that responds to the first bytes of an upload and resets the connection under the rest of it, which is written before anybody can read. */
async function upload(t: Test, bytes: string, pieces: readonly number[]) {
  const body = new PassThrough({ highWaterMark: 1 << 30 });
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(bytes, 'latin1', () => {
        socket.resetAndDestroy();
        for (const size of pieces) body.write(Buffer.alloc(size, 'u'));
      });
    });
  });
  const dispatcher = openDispatcher(t, await listen(t, server));
  body.write('the beginning');
  const heard = send(dispatcher, { method: 'POST', body });
  await heard.over;
  return { heard, dispatcher, body };
}

t.test(
  'a response that waits to be read is relayed, although the rest of the upload cannot be written',
  async (t) => {
    for (const [name, { bytes, status, body, end }] of Object.entries(RESPONSES)) {
      for (const pieces of [[10], [1_000_000], [10, 10, 10, 1_000_000, 10]]) {
        const label = `${name}, ${pieces.length} more`;
        const { heard, dispatcher, body: sent } = await upload(t, bytes, pieces);
        t.equal(heard.status, status, label);
        t.equal(heard.body, body, label);
        if (end === 'complete') t.equal(heard.calls.at(-1), 'complete', label);
        else t.match(heard.error?.code, end === 'lost' ? LOST : end, label);
        t.equal(dispatcher.connections, 0, `${label}: the connection is not used again`);
        t.ok(sent.destroyed, `${label}: nothing more is taken from the client`);
        await new Promise(setImmediate);
        t.notOk(
          heard.calls.some((call) => call.startsWith('late')),
          `${label}: reported once`,
        );
      }
    }
  },
);

t.test('a response to half an upload ends the upload, also where the backend would read on', async (t) => {
  let opened = 0;
  const server = createServer((socket) => {
    opened += 1;
    socket.on('error', () => {});
    socket.once('data', () => socket.write(response('413 Content Too Large', [], 'too big')));
    socket.resume();
  });
  const dispatcher = openDispatcher(t, await listen(t, server));
  const body = new PassThrough();
  body.write('half');
  const heard = await ask(dispatcher, { method: 'POST', body, bodyLength: 8 });
  t.strictSame([heard.status, heard.body, heard.calls.at(-1)], [413, 'too big', 'complete']);
  t.ok(body.destroyed);
  t.equal(dispatcher.connections, 0);
  const next = new PassThrough();
  next.end('next');
  t.equal((await ask(dispatcher, { method: 'POST', body: next, bodyLength: 4 })).status, 413);
  t.equal(opened, 2, 'the next request goes over another connection');
});

t.test(
  'a backend that goes away without a response while it is sent to is waited for no longer than it takes to read',
  async (t) => {
    const before = performance.now();
    const { heard } = await upload(t, '', [1_000_000]);
    t.match(heard.error?.code, LOST);
    t.ok(performance.now() - before < 1_500);
  },
);

t.test(
  'a body that crosses the limit ends the request to the backend, and what had begun is broken off',
  async (t) => {
    const cases: readonly (readonly [early: string, status: number, kind: string])[] = [
      ['', 413, 'refused'],
      [`${OK}Content-Length: 9\r\n\r\nearly`, 200, 'finished'],
      [`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n`, 200, 'finished'],
    ];
    for (const [early, status, kind] of cases) {
      const { backend, gateway, client } = await startForwarderHarness(
        t,
        ({ socket }) => socket.write(early),
        {
          plan: { bodyLimit: 10 },
        },
      );
      const c = client();
      c.write(`POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`);
      if (early === '') while (backend.requests.length === 0) await new Promise(setImmediate);
      else await c.until(/early/);
      c.write('9\r\ntoo much!\r\n');
      const { text } = await c.end();
      t.ok(text.startsWith(`HTTP/1.1 ${status} `), `${early}: ${text}`);
      t.equal(text.split('HTTP/1.1 ').length, 2, 'one response');
      t.notMatch(text, /\r\n0\r\n\r\n$/, 'a broken one does not pass for a whole one');
      const outcome = await gateway.nextOutcome();
      const refusal =
        outcome.kind === 'refused' ? outcome.refusal : outcome.kind === 'finished' && outcome.failure;
      t.match({ kind: outcome.kind, refusal }, { kind, refusal: { code: 'body_too_large' } });
      const [socket] = backend.sockets;
      if (socket?.closed === false) await new Promise((resolve) => socket.once('close', resolve));
      t.equal(gateway.upstream.status()[0]?.connections, 0, 'the connection to the backend is over');
      t.notMatch(
        backend.bytes[0]?.toString(),
        /too much|\r\n0\r\n\r\n$/,
        'and the request was not made whole',
      );
    }
  },
);
