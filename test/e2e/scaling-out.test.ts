import t from 'tap';
import { request } from 'undici';
import { startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { REPLICAS, startLoad, startReplicas } from '../support/gateway/replicas.ts';
import { hasHaproxy, startHaproxy } from '../support/peers/haproxy.ts';
import { hasRedisServer, startRedisServer } from '../support/peers/redis-server.ts';

const haproxy = hasHaproxy ? false : 'haproxy is not installed';
const redis = hasRedisServer() ? false : 'redis-server is not installed';
const ROUTES = 'routes: [{ name: all, path: /, upstream: backend, access: public }]';

async function statusOf(url: string, headers: Record<string, string> = {}): Promise<number> {
  const { statusCode, body } = await request(url, { headers });
  await body.dump();
  return statusCode;
}

t.test(
  'three gateways behind HAProxy are replaced one by one, and no request fails',
  { skip: haproxy, timeout: 60_000 },
  async (t) => {
    const upstream = await startCountingUpstream((_req, res) => res.end('fine'));
    t.teardown(() => upstream.close());
    const replicas = await startReplicas(
      t,
      `shutdown: { delay: 800ms, grace: 5s }
upstreams: { backend: { url: '${upstream.url}' } }
${ROUTES}
`,
    );
    const url = await startHaproxy(t, replicas.ports);
    const load = await startLoad(t, url);
    for (let index = 0; index < REPLICAS; index += 1) {
      t.same(await replicas.replace(index), [0, null], `gateway ${index + 1} ended cleanly`);
      // The rollout continues once HAProxy sends it traffic again, as with an orchestrator.
      await replicas.gateways[index]?.line('request');
    }
    await load.stop();
    t.same(load.failures, [], `${load.requests()} requests`);
    t.ok(load.requests() > 100, `${load.requests()} requests`);
  },
);

t.test(
  'three gateways behind HAProxy with one Redis share one limit',
  { skip: haproxy || redis, timeout: 60_000 },
  async (t) => {
    const limit = 30;
    const store = await startRedisServer();
    const upstream = await startCountingUpstream((_req, res) => res.end('fine'));
    t.teardown(async () => {
      await upstream.close();
      await store.stop();
    });
    // With 30 an hour, one request is regained every two minutes, which is longer than this test may take.
    const replicas = await startReplicas(
      t,
      `rateLimitStore: { url: '${store.url}', timeout: 5s }
upstreams: { backend: { url: '${upstream.url}' } }
routes:
  - { name: limited, path: /limited, upstream: backend, access: public, rateLimit: { max: ${limit}, window: 1h, by: ip } }
  - { name: other, path: /other, upstream: backend, access: public, rateLimit: { max: 1000, window: 1h, by: ip } }
`,
    );
    // Until it is connected to the store, a gateway refuses.
    for (const { url } of replicas.gateways) {
      for (let attempts = 1; (await statusOf(`${url}/other`)) !== 200; attempts += 1) {
        if (attempts === 500) throw new Error('the store never responded');
      }
    }
    const url = await startHaproxy(t, replicas.ports);
    const responses = await Promise.all(Array.from({ length: 2 * limit }, () => statusOf(`${url}/limited`)));
    t.same(responses.toSorted(), [...Array(limit).fill(200), ...Array(limit).fill(429)]);
    t.equal(upstream.requests.filter(({ target }) => target === '/limited').length, limit);
    for (const { adminUrl } of replicas.gateways) {
      const metrics = await (await request(`${adminUrl}/metrics`)).body.text();
      t.match(metrics, /sealgate_requests_total\{route="limited"[^}]*\} [1-9]/, 'each served some of them');
    }
    // The count is shared: without HAProxy, every gateway responds that it is used up.
    for (const gateway of replicas.gateways) t.equal(await statusOf(`${gateway.url}/limited`), 429);
  },
);
