import t from 'tap';
import { startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import { until } from '../../support/core/frozen-time.ts';
import { startGatewayProcess } from '../../support/gateway/gateway-process.ts';
import { metric } from '../../support/gateway/workers-harness.ts';
import { openEndpoint, sendJson } from '../../support/tokens/scripted-endpoint.ts';

t.test('workers divide the questions that may run at a time, and report them together', async (t) => {
  const waiting: (() => void)[] = [];
  const endpoint = await openEndpoint((_, response) => {
    waiting.push(() => sendJson(response, { active: true, aud: 'orders', sub: 'alice' }));
  });
  const backend = await startCountingUpstream();
  t.teardown(async () => {
    await backend.close();
    await endpoint.close();
  });
  const folder = t.testdir({ secret: 'secret\n' });
  const gateway = await startGatewayProcess(
    t,
    `
listen: { port: 0, trustedProxies: [127.0.0.1] }
admin: { port: 0 }
workers: 2
shutdown: { grace: 1s }
issuers:
  legacy:
    issuer: ${endpoint.origin}
    audiences: [orders]
    jwks: none
    introspection:
      url: ${endpoint.url}
      auth: { clientId: gateway, clientSecret: '\${file:${folder}/secret}' }
      concurrency: 5
      timeout: 20s
routes:
  - { name: a, path: /, upstream: "${backend.url}", access: authenticated }
`,
  );
  // A connection of its own each time, so that both workers get some.
  const get = async (at: number): Promise<number> => {
    const response = await fetch(gateway.url, {
      headers: {
        authorization: `Bearer token-${at}`,
        'x-forwarded-for': `192.0.2.${at}`,
        connection: 'close',
      },
    });
    await response.text();
    return response.status;
  };
  const all = Array.from({ length: 40 }, (_, at) => get(at));
  let refused = 0;
  for (const status of all) void status.then((code) => (refused += code === 503 ? 1 : 0));
  await until(() => waiting.length + refused === 40);
  t.ok(endpoint.running.most <= 4, `two workers let two through each: ${endpoint.running.most}`);
  t.ok(endpoint.running.most > 2, 'and both have some');
  t.equal(await metric(gateway, 'sealgate_endpoint_requests_in_flight'), waiting.length);
  const asked = waiting.length;
  for (const respond of waiting.splice(0)) respond();
  const codes = await Promise.all(all);
  t.equal(codes.filter((code) => code === 200).length, asked);
  t.equal(await metric(gateway, 'sealgate_endpoint_requests_total'), asked);
  t.equal(await metric(gateway, 'sealgate_endpoint_cache_entries'), asked);
});
