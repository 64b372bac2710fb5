import { readFileSync } from 'node:fs';
import t from 'tap';
import { type Config, configSchema } from '../../../src/config/schema/config.ts';
import { addressesOf, compileUpstreams } from '../../../src/proxy/upstream/compile-upstreams.ts';

const FIXTURES = new URL('../../fixtures/tls/', import.meta.url);
const resolvePath = (path: string): string => new URL(path, FIXTURES).pathname;

function configOf(upstreams: Record<string, unknown>, routes: string[] = ['orders']): Config {
  return configSchema.parse({
    upstreams,
    routes: routes.map((upstream, at) => ({ name: `r${at}`, path: `/r${at}`, upstream, access: 'public' })),
  });
}

t.test('named upstreams and URLs in place are found by what routes call them', async (t) => {
  const config = configOf({ orders: { url: 'http://127.0.0.1:3000' } }, [
    'orders',
    'http://127.0.0.1:3001/base',
  ]);
  const { upstreams, problems } = compileUpstreams(config, { resolvePath });
  t.same(problems, []);
  t.same([...upstreams.keys()], ['orders', 'http://127.0.0.1:3001/base']);
  t.match(upstreams.get('http://127.0.0.1:3001/base')?.pick(), { prefix: '/base', servername: undefined });
});

t.test('times have defaults', async (t) => {
  const config = configOf({ orders: { url: 'http://127.0.0.1:3000', timeouts: { response: '1s' } } });
  const timeouts = compileUpstreams(config, { resolvePath }).upstreams.get('orders')?.timeouts;
  t.same(timeouts, {
    connectMs: 2_000,
    responseMs: 1_000,
    idleMs: 300_000,
    keepAliveMs: 4_000,
    ageMs: 300_000,
  });
});

t.test('a reload keeps the upstream whose settings are the same and makes the others anew', async (t) => {
  const first = configOf({
    kept: { url: 'http://127.0.0.1:3000' },
    moved: { url: 'http://127.0.0.1:3001' },
    retimed: { url: 'http://127.0.0.1:3002' },
    secured: { url: 'https://127.0.0.1:3003', tls: { ca: 'authority.crt' } },
  });
  const second = configOf({
    kept: { url: 'http://127.0.0.1:3000' },
    moved: { url: 'http://127.0.0.1:4001' },
    retimed: { url: 'http://127.0.0.1:3002', timeouts: { idle: '1s' } },
    secured: { url: 'https://127.0.0.1:3003', tls: { ca: 'authority.crt' } },
  });
  const before = compileUpstreams(first, { resolvePath }).upstreams;
  const options = { resolvePath, previous: before };
  const after = compileUpstreams(second, options).upstreams;
  t.equal(after.get('kept'), before.get('kept'));
  t.equal(after.get('secured'), before.get('secured'));
  t.not(after.get('moved'), before.get('moved'));
  t.not(after.get('retimed'), before.get('retimed'));
  const renewed = compileUpstreams(second, {
    ...options,
    readFile: () => readFileSync(resolvePath('stranger.crt')),
  });
  t.not(
    renewed.upstreams.get('secured'),
    before.get('secured'),
    'a file with other content is another setting',
  );
});

t.test('certificate files that cannot be used are problems with their place', async (t) => {
  const cases: [Record<string, string>, RegExp, string][] = [
    [{ ca: 'absent.crt' }, /cannot read `absent.crt`: there is no such file/, 'ca'],
    [{ ca: 'server.key' }, /no PEM certificate/, 'ca'],
    [{ ca: 'make.sh' }, /no PEM certificate/, 'ca'],
    [{ cert: 'client.crt' }, /needs both/, 'tls'],
    [{ key: 'client.key' }, /needs both/, 'tls'],
    [{ cert: 'client.crt', key: 'server.key' }, /belongs to it/, 'tls'],
    [{ cert: 'make.sh', key: 'client.key' }, /belongs to it/, 'tls'],
  ];
  for (const [tls, message, last] of cases) {
    const config = configOf({ orders: { url: 'https://127.0.0.1:3000', tls } });
    const { problems } = compileUpstreams(config, { resolvePath });
    t.equal(problems.length, 1, JSON.stringify(tls));
    t.match(problems[0]?.message, message);
    t.equal(problems[0]?.path.at(-1), last);
  }
});

t.test('the files of certificates are reported, for watching', async (t) => {
  const tls = { ca: 'authority.crt', cert: 'client.crt', key: 'client.key' };
  const config = configOf({ orders: { url: 'https://127.0.0.1:3000', tls } });
  const { files, problems } = compileUpstreams(config, { resolvePath });
  t.same(problems, []);
  t.same(files, [resolvePath('authority.crt'), resolvePath('client.crt'), resolvePath('client.key')]);
});

t.test('several addresses, a socket and their settings become an upstream', async (t) => {
  const config = configOf({
    orders: {
      urls: ['http://127.0.0.1:3000/a', 'http://127.0.0.1:3001/b/'],
      balance: 'leastConnections',
      connections: 7,
      retries: 2,
      health: { path: '/healthz' },
      ejection: { failures: 1 },
    },
    local: { url: 'http://app', socket: 'run/app.sock' },
  });
  const { upstreams } = compileUpstreams(config, { resolvePath });
  const orders = upstreams.get('orders');
  t.equal(orders?.retries, 2);
  t.same(
    orders?.status().map(({ url }) => url),
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3001'],
  );
  t.match(orders?.pick(), { prefix: '/a' });
  t.match(orders?.pick(), { prefix: '/b' });
  const local = config.upstreams.local;
  if (local === undefined) return;
  const tls = { ca: undefined, cert: undefined, key: undefined, serverName: undefined };
  t.match(addressesOf(local, tls, resolvePath)[0]?.connect, { socketPath: resolvePath('run/app.sock') });
});

t.test('an upstream has either one address or several', async (t) => {
  for (const upstream of [{}, { url: 'http://a', urls: ['http://b'] }, { urls: [] }]) {
    t.throws(() => configOf({ orders: upstream }), JSON.stringify(upstream));
  }
});
