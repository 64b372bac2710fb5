import t from 'tap';
import { startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import { exchangeRaw, rawRequest } from '../../support/clients/raw.ts';
import { startHarness } from '../../support/gateway/gateway-harness.ts';
import { hasRedisServer, startRedisServer } from '../../support/peers/redis-server.ts';

const APP = 'https://app.example.com';
const area = (rest: Readonly<Record<string, unknown>>) => [
  { name: 'api', path: '/api', upstream: 'backend', access: 'authenticated', ...rest },
];

t.test('a browser of a listed origin can send requests, read responses, and read refusals', async (t) => {
  const harness = await startHarness(t, {
    routes: area({ cors: { origins: [APP], exposeHeaders: ['X-Total'], credentials: true } }),
  });
  const preflight = await exchangeRaw(
    harness.port,
    rawRequest('OPTIONS /api/1 HTTP/1.1', [
      `Origin: ${APP}`,
      'Access-Control-Request-Method: PUT',
      'Access-Control-Request-Headers: authorization',
    ]),
  );
  t.equal(preflight.response?.status, 204);
  t.match(preflight.response?.headers, {
    'access-control-allow-origin': [APP],
    'access-control-allow-credentials': ['true'],
    'access-control-allow-methods': [/PUT/],
    'access-control-allow-headers': [/Authorization/],
    'access-control-max-age': ['600'],
    vary: [/Origin/],
    'x-request-id': [/./],
  });
  t.equal(preflight.closed, false);
  t.equal(harness.upstream.bytes(), 0);

  const refused = await exchangeRaw(harness.port, rawRequest('GET /api HTTP/1.1', [`Origin: ${APP}`]));
  t.equal(refused.response?.code, 'token_missing');
  t.match(refused.response?.headers, { 'access-control-allow-origin': [APP], vary: ['Origin'] });

  const token = await harness.issuer.token();
  const headers = [`Origin: ${APP}`, `Authorization: Bearer ${token}`];
  const allowed = await exchangeRaw(harness.port, rawRequest('GET /api HTTP/1.1', headers));
  t.match(allowed.response?.headers, {
    'access-control-allow-origin': [APP],
    'access-control-expose-headers': ['X-Total'],
  });
});

t.test('CORS fields of the backend are dropped where the route decides', async (t) => {
  const upstream = await startCountingUpstream((_, res) => {
    res.writeHead(200, {
      'access-control-allow-origin': '*',
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': '*',
      vary: 'Accept',
      'content-length': '0',
    });
    res.end();
  });
  const harness = await startHarness(t, {
    upstream,
    routes: [
      { name: 'api', path: '/api', upstream: 'backend', access: 'public', cors: { origins: [APP] } },
      { name: 'own', path: '/own', upstream: 'backend', access: 'public' },
    ],
  });
  const ask = async (path: string, origin: string) =>
    (await exchangeRaw(harness.port, rawRequest(`GET ${path} HTTP/1.1`, [`Origin: ${origin}`]))).response
      ?.headers ?? {};
  const evil = await ask('/api', 'https://evil.example');
  t.strictSame(
    Object.keys(evil).filter((name) => name.startsWith('access-control')),
    [],
  );
  t.strictSame(evil.vary, ['Accept', 'Origin']);
  const own = await ask('/api', APP);
  t.strictSame(own['access-control-allow-origin'], [APP], 'once');
  t.strictSame(
    (await ask('/own', APP))['access-control-allow-origin'],
    ['*'],
    'a route without cors is the backend’s',
  );
});

t.test('a used up limit is 429 with all its fields, and costs the backend nothing', async (t) => {
  const harness = await startHarness(t, {
    routes: area({ rateLimit: { max: 2, window: '1h', by: 'subject' } }),
  });
  const token = await harness.issuer.token();
  const ask = () =>
    exchangeRaw(harness.port, rawRequest('GET /api HTTP/1.1', [`Authorization: Bearer ${token}`]));
  t.match((await ask()).response, { status: 200, headers: { ratelimit: ['"subject";r=1;t=1800'] } });
  await ask();
  harness.upstream.reset();
  const { response, closed } = await ask();
  t.equal(response?.code, 'rate_limited');
  t.match(response?.headers, {
    'retry-after': [/^(?:1800|1799)$/],
    'ratelimit-policy': ['"subject";q=2;w=3600'],
    'ratelimit-limit': ['2'],
    'ratelimit-remaining': ['0'],
    'ratelimit-reset': [/^\d+$/],
  });
  t.equal(closed, false);
  t.equal(harness.upstream.bytes(), 0);
});

const skip = hasRedisServer() ? false : 'redis-server is not installed';
t.test('gateways of one store share their limits', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const rateLimit = { max: 6, window: '1h', by: 'ip' };
  const options = {
    routes: [{ name: 'api', path: '/api', upstream: 'backend', access: 'public', rateLimit }],
    file: { rateLimitStore: { url: server.url, timeout: '2s' } },
  };
  const harnesses = [await startHarness(t, options), await startHarness(t, options)];
  const ask = async (i: number) =>
    (await exchangeRaw(harnesses[i]?.port ?? 0, rawRequest('GET /api HTTP/1.1'))).response?.status;
  for (const i of [0, 1]) {
    // Until it is connected to the store, a gateway refuses.
    for (let attempts = 0; (await ask(i)) !== 200; attempts++) {
      if (attempts > 200) throw new Error('the store never responded');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  t.strictSame([await ask(0), await ask(1), await ask(0), await ask(1)], [200, 200, 200, 200]);
  t.strictSame([await ask(0), await ask(1)], [429, 429]);
  await server.stop();
  t.equal(await ask(0), 503, 'closed by default');
  t.match(harnesses[0]?.warnings.at(-1), {
    msg: 'the rate limit store does not answer',
    onFailure: 'closed',
  });
  t.notMatch(JSON.stringify(harnesses[0]?.warnings), 'sesame');
});
