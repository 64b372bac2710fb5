import t from 'tap';
import { configSchema } from '../../../src/config/schema/config.ts';
import type { UpstreamRequestPlan } from '../../../src/proxy/forward-job.ts';
import {
  compileUpstreamPlans,
  planUpstreamRequest,
} from '../../../src/proxy/request/upstream-request-plan.ts';
import { compileUpstreams } from '../../../src/proxy/upstream/compile-upstreams.ts';
import {
  type ConfigInput,
  fakeVerifier,
  fileWith,
  gateOf,
  permitOf,
  requestOf,
  tokenOf,
} from '../../support/pipeline/gate.ts';

const CONTEXT = {
  forwarded: {
    client: '192.0.2.1',
    chain: '192.0.2.1',
    proto: 'https',
    host: 'gw.example',
    port: '443',
    prefix: '',
  },
  requestId: 'r-1',
  responseHeaders: ['x-request-id', 'r-1'],
} as const;

async function plan(file: ConfigInput, line: string, ...headers: string[]): Promise<UpstreamRequestPlan> {
  return planBehind('', file, line, ...headers);
}

/** The same with a prefix that proxies before took off. */
async function planBehind(
  prefix: string,
  file: ConfigInput,
  line: string,
  ...headers: string[]
): Promise<UpstreamRequestPlan> {
  const config = configSchema.parse(file);
  const gate = await gateOf(file, fakeVerifier({ good: tokenOf({ sub: 'alice', iss: 'i' }) }));
  const { upstreams } = compileUpstreams(config, { resolvePath: (path) => path });
  const upstreamPlans = compileUpstreamPlans(config, gate.routes, upstreams);
  const permit = permitOf(gate, requestOf(line, ...headers));
  const upstreamPlan = upstreamPlans[permit.route.index];
  if (upstreamPlan === undefined) throw new Error('no forwarding');
  return planUpstreamRequest(permit, upstreamPlan, {
    ...CONTEXT,
    forwarded: { ...CONTEXT.forwarded, prefix },
    method: line.split(' ')[0] as string,
  });
}

t.test('path and query go up byte for byte, the rewrite in front', async (t) => {
  const file = fileWith([{ path: '/orders/:id', rewrite: '/v2' }]);
  t.equal((await plan(file, 'GET /orders/%61%2C/x?b=%zz&a=//')).target, '/v2/x?b=%zz&a=//');
  t.equal((await plan(fileWith([{}]), 'GET /a%2Cb?')).target, '/a%2Cb?');
});

t.test('identity goes up once and a spoofed one never', async (t) => {
  const file = fileWith([{ access: 'authenticated' }], { defaults: { issuers: ['corp'] } });
  const spoofed = [
    'X-User-Id',
    'root',
    'x_user_id',
    'root',
    'Connection',
    'x-user-id',
    'X-Real-IP',
    '6.6.6.6',
  ];
  const { headers } = await plan(file, 'GET /', 'Authorization', 'Bearer good', ...spoofed);
  t.equal(headers.filter((part) => part.toLowerCase() === 'x-user-id').length, 1);
  t.notOk(headers.some((part) => ['root', '6.6.6.6', 'Bearer good'].includes(part)));
  t.equal(headers[headers.indexOf('x-user-id') + 1], 'alice');
  t.equal(headers[headers.indexOf('x-forwarded-for') + 1], '192.0.2.1');
});

t.test('Authorization goes up where the route hands it on', async (t) => {
  const forwards = fileWith([{ access: 'authenticated', identity: { forwardToken: true } }], {
    defaults: { issuers: ['corp'] },
  });
  t.ok((await plan(forwards, 'GET /', 'Authorization', 'Bearer good')).headers.includes('Bearer good'));
  const passes = fileWith([{ passAuthorization: true }]);
  t.ok((await plan(passes, 'GET /', 'Authorization', 'Basic eA==')).headers.includes('Basic eA=='));
  t.notOk(
    (await plan(fileWith([{}]), 'GET /', 'Authorization', 'Basic eA==')).headers.includes('Basic eA=='),
  );
});

t.test('the Host of the client goes up only where the upstream asks for it', async (t) => {
  t.notOk((await plan(fileWith([{}]), 'GET /')).headers.includes('host'));
  const file = fileWith([{}], { upstreams: { app: { url: 'http://127.0.0.1:3000', hostHeader: 'client' } } });
  const { headers } = await plan(file, 'GET /', 'Host', 'Gw.Example:8080');
  t.equal(headers[headers.indexOf('host') + 1], 'Gw.Example:8080');
});

t.test('timeouts and limits of the route override those of its upstream', async (t) => {
  const upstreams = { app: { url: 'http://127.0.0.1:3000', timeouts: { response: '9s', idle: '8s' } } };
  const file = fileWith([{ timeouts: { response: '1s' }, bodyLimit: '1KiB' }], { upstreams });
  t.match(await plan(file, 'GET /'), {
    timeouts: { responseMs: 1_000, idleMs: 8_000 },
    bodyLimit: 1024,
    bodyIdleMs: 60_000,
  });
  t.equal((await plan(fileWith([{}]), 'GET /')).bodyLimit, undefined);
});

t.test('times that only a connection has cannot be set on a route', async (t) => {
  for (const key of ['connect', 'keepAlive']) {
    t.notOk(configSchema.safeParse(fileWith([{ timeouts: { [key]: '1s' } }])).success);
  }
});

t.test('every identity name of the file is hidden in responses of every route', async (t) => {
  const file = fileWith([{ path: '/a', identity: { headers: { 'X-Tenant': 'tenant' } } }, { path: '/b' }], {
    identity: { headers: { 'x-user-id': null }, reserved: ['Remote-User'] },
  });
  const { responseHeaderFilter } = await plan(file, 'GET /b');
  for (const name of ['x-user-id', 'x-user-issuer', 'x-user-scopes', 'x-tenant', 'remote-user']) {
    t.equal(responseHeaderFilter.of(name).action, 'dropped', name);
  }
});

t.test('what redirects are led back by is there only where paths change', async (t) => {
  const rewritten = async (file: ConfigInput, line: string) => (await plan(file, line)).rewritten;
  t.equal(await rewritten(fileWith([{ path: '/orders' }]), 'GET /orders'), undefined);
  const file = fileWith([{ path: '/orders/:id', rewrite: '/v2' }]);
  t.same(await rewritten(file, 'GET /orders/%61/x'), {
    outside: '/orders/%61',
    inside: '/v2',
    before: '',
    announced: '',
  });
  const prefixed = fileWith([{}], { upstreams: { app: { url: 'http://127.0.0.1:3000/base/' } } });
  t.same(await rewritten(prefixed, 'GET /a'), { outside: '', inside: '', before: '', announced: '' });
});

t.test(
  'a backend gets what was taken off the front of the path, by proxies before and by the rewrite',
  async (t) => {
    const announced = async (prefix: string, route: object, line: string, url = 'http://127.0.0.1:3000') => {
      const upstreams = { app: { urls: url.split(' ') } };
      const { headers } = await planBehind(prefix, fileWith([route], { upstreams }), line);
      const values = headers.filter((_, at) => headers[at - 1] === 'x-forwarded-prefix');
      return values.length > 1 ? values : values[0];
    };
    const shop = { path: '/shop', rewrite: '/' };
    const tenant = { path: '/tenants/:t', rewrite: '/' };
    const cases: [string, string | undefined, Promise<unknown>][] = [
      ['nothing', undefined, announced('', { path: '/shop' }, 'GET /shop/x')],
      ['what proxies took off', '/app', announced('/app', { path: '/shop' }, 'GET /shop/x')],
      ['what the rewrite takes off', '/shop', announced('', shop, 'GET /shop/x')],
      ['the route itself', '/shop', announced('', shop, 'GET /shop')],
      ['the route with a slash', '/shop', announced('', shop, 'GET /shop/')],
      ['an exact route', '/shop', announced('', { ...shop, exact: true }, 'GET /shop/?a=1')],
      ['both, in the order of the way', '/app/shop', announced('/app', shop, 'GET /shop/x')],
      ['as this client wrote it', '/%73hop', announced('', shop, 'GET /%73hop/x')],
      ['a parameter', '/tenants/a%20b', announced('', tenant, 'GET /tenants/a%20b/x')],
      ['a comma, which would be a list', '/tenants/a%2Cb', announced('', tenant, 'GET /tenants/a,b/x')],
      ['a part of the path', '/api', announced('', { path: '/api/v2', rewrite: '/v2' }, 'GET /api/v2/x')],
      [
        'no prefix makes it whole',
        undefined,
        announced('', { path: '/orders', rewrite: '/v2/orders' }, 'GET /orders'),
      ],
      [
        'only that of the proxies',
        '/app',
        announced('/app', { path: '/orders', rewrite: '/v2' }, 'GET /orders'),
      ],
      ['put before', undefined, announced('', { rewrite: '/v2' }, 'GET /orders')],
      ['a path of the backend', undefined, announced('', shop, 'GET /shop/x', 'http://127.0.0.1:1/base')],
      [
        'a path of the backend that clients see as well',
        '/shop',
        announced('', { path: '/shop/base', rewrite: '/' }, 'GET /shop/base/x', 'http://127.0.0.1:1/base/'),
      ],
      [
        'addresses with different paths',
        undefined,
        announced('', shop, 'GET /shop/x', 'http://127.0.0.1:1/ http://127.0.0.1:2/base'),
      ],
      [
        'a path with several readings',
        undefined,
        announced('', { ...tenant, allow: ['encodedSlash'] }, 'GET /tenants/a%2Fb/x'),
      ],
      [
        'a path with parameters',
        undefined,
        announced('', { ...tenant, allow: ['semicolon'] }, 'GET /tenants/a;b/x'),
      ],
      [
        'a plain path where others may pass',
        '/tenants/a',
        announced('', { ...tenant, allow: ['encodedSlash'] }, 'GET /tenants/a/x'),
      ],
    ];
    for (const [name, expected, value] of cases) t.equal(await value, expected, name);
  },
);
