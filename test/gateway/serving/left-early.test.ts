import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import { connectRaw, rawRequest } from '../../support/clients/raw.ts';
import { startGateway } from '../../support/gateway/gateway.ts';
import { startHarness } from '../../support/gateway/gateway-harness.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';

t.test('who leaves while the keys are waited for costs the backend nothing', async (t) => {
  const key = signingKey('ES256');
  const held: ServerResponse[] = [];
  const provider = createServer((_, res) => held.push(res)).listen(0, '127.0.0.1');
  await once(provider, 'listening');
  const issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  // An event stream would never end by itself.
  const upstream = await startCountingUpstream((req, res) => {
    if (req.url === '/a/whole') res.end('whole');
    else res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  });
  const gateway = await startGateway(
    `issuers: { corp: { issuer: "${issuer}", jwksUri: "${issuer}/keys", audiences: [api] } }
upstreams: { backend: { url: "${upstream.url}" } }
routes: [{ name: a, path: /a, upstream: backend, access: authenticated }]
`,
    { untilReady: false },
  );
  t.teardown(async () => {
    await gateway.close();
    await upstream.close();
    provider.closeAllConnections();
    provider.close();
  });
  if (held.length === 0) await once(provider, 'request');

  const token = mint(key, {
    iss: issuer,
    aud: 'api',
    sub: 'alice',
    exp: Math.floor(Date.now() / 1000) + 600,
  });
  const ask = (path: string) => rawRequest(`GET ${path} HTTP/1.1`, [`Authorization: Bearer ${token}`]);
  const port = Number(new URL(gateway.url).port);
  const [stays, leaves] = [await connectRaw(port), await connectRaw(port)];
  t.teardown(() => stays.destroy());
  leaves.send(ask('/a/events'));
  leaves.destroy();
  await gateway.waitForLine(({ path }) => path === '/a/events');
  stays.send(ask('/a/whole'));
  held[0]?.end(JSON.stringify({ keys: [key.jwk] }));

  t.equal((await stays.read())?.body.toString(), 'whole');
  t.strictSame(
    upstream.requests.map(({ target }) => target),
    ['/a/whole'],
  );
  t.equal(upstream.connections(), 1);
});

t.test('every request of a client that leaves before its pipelined responses is logged', async (t) => {
  const harness = await startHarness(t, { upstream: await startCountingUpstream(() => {}) });
  const connection = await connectRaw(harness.port);
  // Keys, refusals with and without a body, and one that waits to be forwarded.
  connection.send(
    [
      rawRequest('GET /public/slow HTTP/1.1'),
      rawRequest('GET /nowhere HTTP/1.1'),
      rawRequest('POST /protected/1 HTTP/1.1', ['Content-Length: 3'], 'abc'),
      rawRequest('POST /protected/2 HTTP/1.1', ['Content-Length: 0']),
      rawRequest('GET /public/next HTTP/1.1'),
      rawRequest('HEAD /protected/3 HTTP/1.1'),
    ].join(''),
  );
  while (harness.upstream.requests.length === 0) await setImmediate();
  connection.destroy();
  while (harness.lines.length < 6) await setImmediate();
  t.strictSame(harness.lines.map(({ method, path, status, code }) => [method, path, status, code]).sort(), [
    ['GET', '/nowhere', 404, 'route_unknown'],
    ['GET', '/public/next', 499, 'allow'],
    ['GET', '/public/slow', 499, 'allow'],
    ['HEAD', '/protected/3', 401, 'token_missing'],
    ['POST', '/protected/1', 401, 'token_missing'],
    ['POST', '/protected/2', 401, 'token_missing'],
  ]);
  await setImmediate();
  t.equal(harness.lines.length, 6);
});

t.test('what broke while it waited for its turn is never begun at the backend', async (t) => {
  const responses: ServerResponse[] = [];
  const upstream = await startCountingUpstream((_, res) => void responses.push(res));
  const harness = await startHarness(t, { upstream });
  const connection = await connectRaw(harness.port);
  connection.send(rawRequest('GET /public/1 HTTP/1.1'));
  connection.send(rawRequest('POST /public/2 HTTP/1.1', ['Transfer-Encoding: chunked'], 'no size\r\n'));
  while (responses.length === 0) await setImmediate();
  responses[0]?.end('one');
  t.equal((await connection.read())?.body.toString(), 'one');
  t.equal((await connection.read())?.code, 'bad_request');
  t.equal(await connection.closed(), true);
  t.equal(upstream.connections(), 1, 'the connection of the first request is not taken for it');
  t.strictSame(
    upstream.requests.map(({ target }) => target),
    ['/public/1'],
  );
});
