import t from 'tap';
import { startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { REPLICAS, startLoad, startReplicas } from '../support/gateway/replicas.ts';
import { hasNginx, startNginxFront } from '../support/peers/nginx.ts';
import { createKeyServer } from '../support/tokens/key-server.ts';
import { mint, signingKey } from '../support/tokens/mint.ts';

const skip = hasNginx ? false : 'nginx is not installed';

t.test(
  'three gateways behind nginx are replaced one by one, and no request fails',
  { skip, timeout: 60_000 },
  async (t) => {
    const key = signingKey('ES256');
    const provider = await createKeyServer();
    provider.publish(key);
    const upstream = await startCountingUpstream((_req, res) => res.end('fine'));
    t.teardown(async () => {
      await upstream.close();
      await provider.close();
    });
    // The delay is longer than nginx keeps idle connections. Each new gateway must be able to verify tokens from its first request on.
    const replicas = await startReplicas(
      t,
      `shutdown: { delay: 1200ms, grace: 5s }
issuers: { corp: { issuer: '${provider.issuer()}', audiences: [api] } }
upstreams: { backend: { url: '${upstream.url}' } }
routes: [{ name: all, path: /, upstream: backend, access: authenticated }]
`,
    );
    const url = await startNginxFront(t, replicas.ports);
    const now = Math.floor(Date.now() / 1000);
    const token = mint(key, { iss: provider.issuer(), aud: 'api', sub: 'alice', iat: now, exp: now + 600 });
    const load = await startLoad(t, url, { headers: { authorization: `Bearer ${token}` } });
    for (let index = 0; index < REPLICAS; index += 1) {
      t.same(await replicas.replace(index), [0, null], `gateway ${index + 1} ended cleanly`);
      await replicas.gateways[index]?.line('request');
    }
    await load.stop();
    t.same(load.failures, [], `${load.requests()} requests`);
    t.ok(load.requests() > 100, `${load.requests()} requests`);
  },
);
