import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { startLiveGateway } from '../../support/gateway/live-gateway.ts';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/tls/${name}`, import.meta.url));
const read = (name: string): Buffer => readFileSync(fixture(name));

t.test('a renewed authority of a backend counts from its file on, without a restart', async (t) => {
  const backend = createServer({ cert: read('server.crt'), key: read('server.key') }, (_req, res) =>
    res.end('hello'),
  );
  await once(backend.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => {
    backend.close();
    backend.closeAllConnections();
  });
  const { port } = backend.address() as AddressInfo;

  const live = await startLiveGateway(
    t,
    `listen: { port: 0 }
admin: { port: 0 }
upstreams: { backend: { url: 'https://localhost:${port}', tls: { ca: ca.pem } } }
routes: [{ name: all, path: /, upstream: backend, access: public }]
`,
    { prepare: (folder) => copyFileSync(fixture('stranger.crt'), join(folder, 'ca.pem')) },
  );
  const refused = await live.get('/');
  t.equal(refused.status, 502);
  t.match(await refused.json(), { code: 'upstream_unreachable' });

  copyFileSync(fixture('authority.crt'), join(live.folder, 'ca.pem'));
  await live.gateway.reload('signal');
  const served = await live.get('/');
  t.equal(served.status, 200);
  t.equal(await served.text(), 'hello');

  copyFileSync(fixture('stranger.crt'), join(live.folder, 'ca.pem'));
  await live.gateway.reload('signal');
  t.equal((await live.get('/')).status, 502);
});
