import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { type CountingUpstream, startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import { connectRaw, rawRequest } from '../../support/clients/raw.ts';
import { type GatewayProcess, startGatewayProcess } from '../../support/gateway/gateway-process.ts';

const fileOf = (backend: string, shutdown: string) => `listen: { port: 0 }
admin: { port: 0 }
shutdown: ${shutdown}
upstreams: { backend: { url: '${backend}' } }
routes: [{ name: all, path: /, upstream: backend, access: public }]
`;

interface GatewayWithBackend {
  readonly gateway: GatewayProcess;
  readonly upstream: CountingUpstream;
  /** Responses that wait for the test to send them. */
  readonly responses: ServerResponse[];
  /** Resolves once the backend has so many requests. */
  arrived(count: number): Promise<void>;
}

async function startWithBackend(
  t: Tap,
  shutdown: string,
  nodeArgs: readonly string[] = [],
): Promise<GatewayWithBackend> {
  const responses: ServerResponse[] = [];
  let notify = (): void => {};
  const upstream = await startCountingUpstream((req, res) => {
    if (req.url === '/quick') {
      res.end('quick');
      return;
    }
    if (req.url === '/cookies') {
      res.writeHead(200, { 'set-cookie': ['a=1', 'b=2'] }).end('cookies');
      return;
    }
    responses.push(res);
    notify();
  });
  t.teardown(() => upstream.close());
  const gateway = await startGatewayProcess(t, fileOf(upstream.url, shutdown), { nodeArgs });
  return {
    gateway,
    upstream,
    responses,
    arrived: (count) =>
      new Promise((there) => {
        notify = () => {
          if (responses.length >= count) there();
        };
        notify();
      }),
  };
}

async function accepts(url: string): Promise<boolean> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  const [error] = await Promise.race([once(socket, 'connect'), once(socket, 'error')]).catch((reason) => [
    reason,
  ]);
  socket.destroy();
  return error === undefined;
}

type Tap = Parameters<typeof startGatewayProcess>[0];

t.test(
  'SIGTERM: not ready at once, still accepting, a response to every accepted request, exit 0',
  async (t) => {
    const { gateway, responses, arrived } = await startWithBackend(t, '{ delay: 700ms, grace: 10s }');
    const slow = fetch(`${gateway.url}/slow`);
    const stream = fetch(`${gateway.url}/stream`);
    await arrived(2);
    responses[1]?.write('first ');
    const streamed = await stream;

    gateway.child.kill('SIGTERM');
    await gateway.line('draining');
    t.equal((await fetch(`${gateway.adminUrl}/ready`)).status, 503, 'readiness is off first');
    t.equal((await fetch(`${gateway.adminUrl}/live`)).status, 200);
    const late = await fetch(`${gateway.url}/quick`);
    t.equal(late.status, 200, 'a late request is still served');
    t.equal(late.headers.get('connection'), 'close', 'so that the client goes elsewhere next time');

    await new Promise((done) => setTimeout(done, 900));
    await t.rejects(fetch(`${gateway.url}/quick`), 'after the delay nothing is accepted');
    responses[0]?.end('slow but there');
    responses[1]?.end('last');
    t.equal(await (await slow).text(), 'slow but there');
    t.equal(await text(streamed.body as never), 'first last');
    t.same(await gateway.ended, [0, null]);
    t.match(gateway.lines.at(-1), { msg: 'ended', outcome: 'clean' });
    t.equal(gateway.stderr(), '');
  },
);

t.test('a request that comes after accepting has ended gets its response with every field', async (t) => {
  const { gateway, responses, arrived } = await startWithBackend(t, '{ grace: 10s }');
  const connection = await connectRaw(Number(new URL(gateway.url).port));
  connection.send(rawRequest('GET /slow HTTP/1.1'));
  await arrived(1);
  gateway.child.kill('SIGTERM');
  while (await accepts(gateway.url));
  connection.send(rawRequest('GET /cookies HTTP/1.1'));
  responses[0]?.end('slow');
  t.equal((await connection.read())?.body.toString(), 'slow');
  const response = await connection.read();
  t.equal(response?.body.toString(), 'cookies');
  t.strictSame(response?.headers['set-cookie'], ['a=1', 'b=2']);
  t.strictSame(response?.headers.connection, ['close']);
  t.same(await gateway.ended, [0, null]);
});

t.test('a client that takes its time for what is left of its response is waited for', async (t) => {
  const { gateway, responses, arrived } = await startWithBackend(t, '{ grace: 20s }');
  const { socket, send } = await connectRaw(Number(new URL(gateway.url).port));
  socket.removeAllListeners('data');
  socket.pause();
  send(rawRequest('GET /large HTTP/1.1'));
  await arrived(1);
  const bytes = 24 * 1024 * 1024;
  responses[0]?.end(Buffer.alloc(bytes, 'x'));
  await new Promise((done) => setTimeout(done, 300));
  gateway.child.kill('SIGTERM');
  while (await accepts(gateway.url));
  let taken = 0;
  socket.on('data', (chunk: Buffer) => {
    taken += chunk.length;
  });
  socket.resume();
  await once(socket, 'end');
  t.ok(taken > bytes, 'all of it');
  socket.destroy();
  t.same(await gateway.ended, [0, null]);
});

t.test('a client that does not close what was ended breaks nothing off', async (t) => {
  const { gateway } = await startWithBackend(t, '{ grace: 20s }');
  const connection = await connectRaw(Number(new URL(gateway.url).port));
  connection.send(rawRequest('GET /quick HTTP/1.1', ['Connection: close']));
  t.equal((await connection.read())?.status, 200);
  gateway.child.kill('SIGTERM');
  const drip = setInterval(() => connection.socket.writable && connection.send('x'), 50);
  t.same(await gateway.ended, [0, null]);
  clearInterval(drip);
  connection.destroy();
});

t.test('an idle connection does not hold the end up', async (t) => {
  const { gateway } = await startWithBackend(t, '{ grace: 30s }');
  const port = Number(new URL(gateway.url).port);
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /quick HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'data');
  const silent = connect(port, '127.0.0.1');
  await once(silent, 'connect');
  gateway.child.kill('SIGTERM');
  t.same(await gateway.ended, [0, null]);
  socket.destroy();
  silent.destroy();
});

t.test('what does not finish within the grace is refused and cut, and the exit code is 1', async (t) => {
  const { gateway, responses, arrived } = await startWithBackend(t, '{ grace: 300ms }');
  const pending = fetch(`${gateway.url}/hang`);
  const begun = fetch(`${gateway.url}/begun`);
  await arrived(2);
  responses[1]?.write('part of it');
  responses[0]?.write('part of it');
  const streams = [pending, begun];
  const silent = fetch(`${gateway.url}/silent`);
  await arrived(3);
  gateway.child.kill('SIGTERM');
  const refusal = await silent;
  t.equal(refusal.status, 503);
  t.match(await refusal.json(), { code: 'shutting_down' });
  for (const stream of streams) await t.rejects(stream.then((response) => response.text()));
  t.same(await gateway.ended, [1, null]);
  const cut = gateway.lines
    .filter(({ code }) => code === 'shutting_down')
    .map(({ path, status }) => [path, status]);
  t.same(cut.sort(), [
    ['/begun', 200],
    ['/hang', 200],
    ['/silent', 503],
  ]);
  t.match(gateway.lines.at(-1), { msg: 'ended', outcome: 'cut' });
});

t.test('a second signal ends at once', async (t) => {
  const { gateway, arrived } = await startWithBackend(t, '{ delay: 60s, grace: 60s }');
  void fetch(`${gateway.url}/hang`).catch(() => {});
  await arrived(1);
  gateway.child.kill('SIGTERM');
  await gateway.line('draining');
  gateway.child.kill('SIGTERM');
  t.same(await gateway.ended, [1, null]);
});

t.test('SIGINT drains as well', async (t) => {
  const { gateway } = await startWithBackend(t, '{ grace: 1s }');
  gateway.child.kill('SIGINT');
  t.same(await gateway.ended, [0, null]);
});

for (const [name, code] of [
  ['exception', "throw new Error('boom')"],
  ['rejection', "Promise.reject(new Error('boom'))"],
] as const) {
  t.test(`an ${name} that nobody caught is logged and ends the process with 1`, async (t) => {
    const preload = `data:text/javascript,process.on('SIGUSR2',()=>{${code}})`;
    const { gateway } = await startWithBackend(t, '{ grace: 1s }', [`--import=${preload}`]);
    gateway.child.kill('SIGUSR2');
    t.same(await gateway.ended, [1, null]);
    t.match(gateway.lines.at(-1), { level: 'fatal', msg: /uncaught/, err: { message: 'boom' } });
  });
}
