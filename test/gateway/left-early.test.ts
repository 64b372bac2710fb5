import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { startCountingUpstream } from '../support/counting-upstream.ts';
import { startGateway } from '../support/gateway.ts';
import { mint, signingKey } from '../support/mint.ts';
import { connectRaw, rawRequest } from '../support/raw.ts';

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
