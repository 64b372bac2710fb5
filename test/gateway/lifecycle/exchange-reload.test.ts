import t from 'tap';
import { startExchange } from '../../support/exchange/exchange-harness.ts';
import { issue, startTokenEndpoint } from '../../support/exchange/token-endpoint.ts';

const ROUTE = { name: 'orders', path: '/orders', upstream: 'orders', access: 'authenticated' };

t.test('a reload keeps the tokens of exchanges that it leaves as they are, and no others', async (t) => {
  const endpoint = await startTokenEndpoint(t);
  const other = await startTokenEndpoint(t);
  const harness = await startExchange(t, {
    endpoint,
    routes: [ROUTE],
    files: { secret: 'first\n' },
    exchange: { auth: { clientId: 'gateway', clientSecret: '${file:secret}' } },
  });
  const { backend, token, get, reload, folder } = harness;
  const own = token();
  const asked = async (): Promise<readonly string[]> => {
    endpoint.requests.length = 0;
    other.requests.length = 0;
    t.equal((await get('/orders', own)).status, 200);
    return [...endpoint.requests, ...other.requests].map(({ headers }) =>
      Buffer.from(String(headers.authorization).slice(6), 'base64').toString(),
    );
  };
  t.strictSame(await asked(), ['gateway:first']);
  t.strictSame(await asked(), []);
  const exchange = harness.exchange;
  const upstreams = (changes: Record<string, unknown>) => ({
    upstreams: { orders: { url: backend.url, exchange: { ...exchange, ...changes } } },
  });
  t.equal(await reload({ identity: { reserved: ['x-more'] }, ...upstreams({}) }), 'applied');
  t.strictSame(await asked(), [], 'another change of the file');
  for (const [name, changes] of Object.entries({
    audience: { audience: 'others' },
    scopes: { scopes: ['orders:write'] },
    resource: { resource: 'https://orders.example' },
    grant: { grant: 'jwt-bearer' },
    timeout: { timeout: '4s' },
    client: { auth: { clientId: 'other', clientSecret: '${file:secret}' } },
    endpoint: { tokenUrl: other.url },
  })) {
    t.equal(await reload(upstreams(changes)), 'applied', name);
    t.equal((await asked()).length, 1, name);
    t.equal((await asked()).length, 0, name);
    t.equal(await reload(upstreams({})), 'applied');
    t.equal((await asked()).length, 1, `${name}, and back`);
  }
  harness.writeFile('secret', 'second\n');
  t.equal(await reload({}), 'applied');
  t.strictSame(await asked(), ['gateway:second'], 'a new secret');
  t.ok(folder);
});

t.test('a request that began under the old settings ends with them', async (t) => {
  const endpoint = await startTokenEndpoint(t);
  let release = () => {};
  endpoint.respond = (asked, response) => {
    release = () => issue()(asked, response);
  };
  const { backend, token, get, reload, exchange, seen } = await startExchange(t, {
    endpoint,
    routes: [ROUTE],
  });
  const own = token();
  const first = get('/orders', own);
  while (endpoint.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const changed = { ...exchange, audience: 'others' };
  t.equal(await reload({ upstreams: { orders: { url: backend.url, exchange: changed } } }), 'applied');
  release();
  t.equal((await first).status, 200);
  endpoint.respond = issue();
  t.equal((await get('/orders', own)).status, 200);
  t.strictSame(seen(), ['Bearer exchanged-1-orders', 'Bearer exchanged-1-others']);
});
