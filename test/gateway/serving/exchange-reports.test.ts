import t from 'tap';
import { until } from '../../support/core/frozen-time.ts';
import { SECRET, startExchange } from '../../support/exchange/exchange-harness.ts';
import { issue, respondWith } from '../../support/exchange/token-endpoint.ts';

t.test(
  'status, page, metrics and log have the calls of an exchange and its cache, and nothing of tokens',
  async (t) => {
    const { endpoint, token, get, adminUrl, lines } = await startExchange(t, { exchange: { timeout: '1s' } });
    const admin = async (path: string): Promise<string> => (await fetch(adminUrl + path)).text();
    const own = token();
    const status = async () => JSON.parse(await admin('/status')).endpoints;
    await get('/orders', own);
    await get('/orders', own);
    t.match(await status(), [
      {
        endpoint: 'token',
        name: 'orders',
        calls: { ok: 1, rejected: 0 },
        inFlight: 0,
        lastError: null,
        cache: { hits: 1, misses: 1, entries: 1 },
      },
    ]);

    const others = ['a', 'b', 'c', 'd'].map((sub) => token({ sub }));
    endpoint.respond = respondWith(400, { error: 'invalid_grant', error_description: own });
    t.equal((await get('/orders', others[0])).status, 403);
    t.match(
      await status(),
      [{ calls: { rejected: 1 }, lastError: null }],
      'that is the matter of the caller',
    );
    t.notOk(lines.some(({ level, endpoint }) => level === 'warn' && endpoint === 'token'));

    endpoint.respond = respondWith(401, { error: 'invalid_client', error_description: own });
    t.equal((await get('/orders', others[1])).status, 503);
    t.match(await status(), [
      { calls: { rejected: 2 }, lastError: /does not accept the client credentials/ },
    ]);
    endpoint.respond = () => {};
    t.equal((await get('/orders', others[2])).status, 503);
    t.match(await status(), [{ calls: { timeout: 1 }, lastError: /no complete response in time/ }]);
    endpoint.respond = issue();
    t.equal((await get('/orders', others[3])).status, 200);

    const metrics = await admin('/metrics');
    const labels = 'endpoint="token",name="orders"';
    for (const line of [
      `sealgate_endpoint_requests_total{${labels},outcome="ok"} 2`,
      `sealgate_endpoint_requests_total{${labels},outcome="rejected"} 2`,
      `sealgate_endpoint_requests_total{${labels},outcome="timeout"} 1`,
      `sealgate_endpoint_request_duration_seconds_count{${labels}} 5`,
    ])
      t.ok(metrics.includes(line), line);
    t.match(metrics, /sealgate_endpoint_cache_\w+\{endpoint="token",name="orders"[^}]*\} [1-9]/);
    t.match(metrics, /sealgate_requests_total\{[^}]*status="503",code="exchange_unavailable"[^}]*\} 2/);
    t.match(metrics, /sealgate_requests_total\{[^}]*status="403",code="exchange_refused"[^}]*\} 1/);
    const page = await admin('/');
    t.match(page, /Endpoints of providers/);

    await until(() => lines.some(({ msg }) => msg === 'the endpoint of the provider responds again'));
    const called = lines.filter(({ msg }) => msg === 'asked an endpoint of the provider');
    t.equal(called.length, 5);
    t.match(called[0], { level: 'debug', endpoint: 'token', upstream: 'orders', status: 200, outcome: 'ok' });
    t.match(
      lines.filter(({ msg }) => msg === 'the endpoint of the provider does not serve'),
      [{ level: 'warn', upstream: 'orders' }, { level: 'warn' }],
    );
    const all = JSON.stringify(lines) + JSON.stringify(await status()) + metrics + page;
    for (const secret of [own, ...others, SECRET, 'exchanged-1']) t.notOk(all.includes(secret.slice(-30)));
  },
);
