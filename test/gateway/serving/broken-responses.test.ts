import http from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { startGateway } from '../../support/gateway/gateway.ts';

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

t.test('a response that the backend breaks off is shown in the line', async (t) => {
  const line = await lineOf(t, (_, res) => {
    res.writeHead(200, { 'content-length': '100' });
    res.write('part', () => res.destroy());
  });
  t.match(line, { status: 200, code: 'upstream_invalid', upstreamMs: Number });
});
