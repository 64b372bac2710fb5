import http from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { startGateway } from '../support/gateway.ts';

async function startBackend(t: Test, listener: http.RequestListener): Promise<string> {
  const server = http.createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function lineOf(t: Test, listener: http.RequestListener) {
  const url = await startBackend(t, listener);
  const gateway = await startGateway(`routes: [{ name: r, path: /, upstream: '${url}', access: public }]\n`);
  t.teardown(() => gateway.close());
  const line = gateway.waitForLine(({ path }) => path === '/here');
  await fetch(`${gateway.url}/here?secret=1`)
    .then((response) => response.text())
    .catch(() => undefined);
  return await line;
}

t.test(
  'the line of a forwarded request has every field of the contract, and how long the backend took',
  async (t) => {
    const line = await lineOf(t, (_, res) => res.end('ok'));
    t.match(line, {
      level: 'info',
      method: 'GET',
      status: 200,
      route: 'r',
      code: 'allow',
      client: '127.0.0.1',
    });
    t.match(line, { time: /^\d{4}-/, requestId: /./, durationMs: Number, upstreamMs: Number });
    t.ok(Number(line.upstreamMs) <= Number(line.durationMs));
  },
);

t.test('an answer that the backend breaks off is told of in the line', async (t) => {
  const line = await lineOf(t, (_, res) => {
    res.writeHead(200, { 'content-length': '100' });
    res.write('part', () => res.destroy());
  });
  t.match(line, { status: 200, code: 'upstream_invalid', upstreamMs: Number });
});
