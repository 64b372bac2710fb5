import { request } from 'node:http';
import t from 'tap';
import { freezeTime, until } from '../../support/core/frozen-time.ts';
import { startExchange } from '../../support/exchange/exchange-harness.ts';
import { issue, type Respond } from '../../support/exchange/token-endpoint.ts';

/** The client's address is what this proxy states. */
const BEHIND_PROXY = { listen: { port: 0, trustedProxies: ['127.0.0.1'] } };
const from = (at: number) => ({ 'x-forwarded-for': `192.0.2.${at}` });

/** Responds to all that wait at once. */
function held(): { readonly respond: Respond; release(): void } {
  const waiting: (() => void)[] = [];
  const good = issue();
  return {
    respond: (asked, response) => void waiting.push(() => good(asked, response)),
    release: () => {
      for (const go of waiting.splice(0)) go();
    },
  };
}

t.test('first uses that come at once ask once, also when one of the clients leaves', async (t) => {
  const { endpoint, backend, token, get, seen, url, lines } = await startExchange(t);
  const own = token();
  const { respond, release } = held();
  endpoint.respond = respond;
  const leaving = request(`${url}/orders/gone`, { headers: { authorization: `Bearer ${own}` } });
  leaving.on('error', () => {}).end();
  await until(() => endpoint.requests.length === 1);
  const others = Array.from({ length: 20 }, () => get('/orders', own));
  t.equal((await get('/plain', own)).status, 200, 'the others arrived before it');
  leaving.destroy();
  await until(() => lines.some(({ status }) => status === 499));
  release();
  for (const response of await Promise.all(others)) t.equal(response.status, 200);
  t.equal(endpoint.requests.length, 1);
  t.notOk(
    backend.requests.some(({ target }) => target === '/orders/gone'),
    'nothing goes up for the client that left',
  );
  t.strictSame([...new Set(seen())].sort(), ['Bearer exchanged-1-orders', undefined].sort());
});

t.test('a message whose client leaves while its token is waited for goes nowhere', async (t) => {
  const mcp = { tools: { '*': 'allow' } };
  const { endpoint, backend, token, get, url, lines } = await startExchange(t, {
    routes: [{ name: 'tools', path: '/mcp', upstream: 'orders', access: 'authenticated', mcp }],
  });
  const { respond, release } = held();
  endpoint.respond = respond;
  const own = token();
  const headers = { authorization: `Bearer ${own}`, 'content-type': 'application/json' };
  const leaving = request(`${url}/mcp`, { method: 'POST', headers });
  leaving.on('error', () => {});
  leaving.end('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}');
  await until(() => endpoint.requests.length === 1);
  leaving.destroy();
  await until(() => lines.some(({ status }) => status === 499));
  release();
  t.equal((await get('/mcp', own)).status, 200, 'what was obtained serves the next request');
  t.strictSame(
    backend.requests.map(({ method }) => method),
    ['GET'],
  );
  t.equal(endpoint.requests.length, 1);
});

t.test('so many tokens are exchanged at once, and no more', async (t) => {
  const { endpoint, token, get, seen } = await startExchange(t, {
    exchange: { timeout: '60s' },
    file: BEHIND_PROXY,
  });
  const { respond, release } = held();
  endpoint.respond = respond;
  const tokens = Array.from({ length: 128 }, (_, at) => token({ sub: `u${at}` }));
  const first = tokens.map((own, at) => get('/orders', own, from(Math.floor(at / 8))));
  await until(() => endpoint.requests.length === 128);
  const refused = await get('/orders', token({ sub: 'late' }), from(16));
  t.equal(refused.status, 503);
  t.match(await refused.json(), { code: 'overloaded' });
  t.equal(refused.headers.get('retry-after'), '1');
  const joins = get('/orders', tokens[0]);
  t.equal((await get('/plain')).status, 200, 'other upstreams do not notice');
  release();
  for (const response of await Promise.all([...first, joins])) t.equal(response.status, 200);
  endpoint.respond = issue({ access_token: 'late' });
  t.equal((await get('/orders', token({ sub: 'late' }))).status, 200);
  // One is that of the route without exchange.
  t.equal(new Set(seen()).size, 130, 'each caller has a token of its own');
});

t.test('one address has half of the places, so that it blocks nobody else', async (t) => {
  const { endpoint, token, get } = await startExchange(t, {
    exchange: { timeout: '60s' },
    file: BEHIND_PROXY,
  });
  const { respond, release } = held();
  endpoint.respond = respond;
  const flood = Array.from({ length: 70 }, (_, at) => get('/orders', token({ jti: `${at}` }), from(1)));
  const codes: number[] = [];
  for (const one of flood) void one.then(({ status }) => codes.push(status));
  await until(() => codes.length === 6);
  t.equal(endpoint.requests.length, 64);
  const other = get('/orders', token({ sub: 'bob' }), from(2));
  await until(() => endpoint.requests.length === 65);
  release();
  t.equal((await other).status, 200);
  await Promise.all(flood);
  t.strictSame(codes.sort(), [...Array(64).fill(200), ...Array(6).fill(503)]);
});

t.test('what is cached, and until when', async (t) => {
  const time = freezeTime();
  const { endpoint, token, get, seen } = await startExchange(t, { time });
  /** How often the endpoint is asked for two requests, so many seconds apart. */
  const asked = async (name: string, expiresIn: unknown, seconds: number, claims = {}): Promise<number> => {
    const before = endpoint.requests.length;
    endpoint.respond = issue({ expires_in: expiresIn });
    const own = token({ sub: name, exp: time.clock() / 1000 + 36_000, ...claims });
    t.equal((await get('/orders', own)).status, 200);
    time.jump(seconds * 1000);
    t.equal((await get('/orders', own)).status, 200);
    return endpoint.requests.length - before;
  };
  for (const [name, expiresIn, seconds, expected] of [
    ['no lifetime', undefined, 0, 2],
    ['a lifetime as text', '3600', 3569.999, 1],
    ['a lifetime as text, in its last 30 seconds', '3600', 3570, 2],
    ['another text', '3600s', 0, 2],
    ['a text with a sign', '-3600', 0, 2],
    ['a text of a fraction', '3600.5', 0, 2],
    ['no digits', '', 0, 2],
    ['too many digits', '99999999999', 0, 2],
    ['null', null, 0, 2],
    ['nothing', 0, 0, 2],
    ['less than nothing', -3600, 0, 2],
    ['half a minute', 30, 0, 2],
    ['a second more', 31, 0.999, 1],
    ['a second more, which is over', 31, 1, 2],
    ['90 seconds, in the first 60', 90, 59.999, 1],
    ['90 seconds, at the 60th', 90, 60, 2],
    ['an hour, just before its last 30 seconds', 3600, 3569.999, 1],
    ['an hour, in its last 30 seconds', 3600, 3570, 2],
  ] as const) {
    t.equal(await asked(name, expiresIn, seconds), expected, name);
  }
  // The caller's token has 30 s of tolerance: at its very end it is refused, not exchanged again.
  const now = time.clock() / 1000;
  endpoint.respond = issue({ expires_in: 36_000 });
  const short = token({ sub: 'short', exp: now + 60 });
  t.equal((await get('/orders', short)).status, 200);
  time.jump(89_999);
  t.equal((await get('/orders', short)).status, 200);
  const before = endpoint.requests.length;
  seen();
  time.jump(1);
  t.equal((await get('/orders', short)).status, 401);
  t.equal(endpoint.requests.length, before);
  t.strictSame(seen(), []);
});

t.test('the cache takes no more memory than it may', async (t) => {
  const { endpoint, token, get } = await startExchange(t, { exchange: { maxBytes: '4KiB' } });
  const tokens = Array.from({ length: 30 }, (_, at) => token({ sub: `u${at}` }));
  for (const own of tokens) await get('/orders', own);
  t.equal(endpoint.requests.length, 30);
  await get('/orders', tokens.at(-1));
  t.equal(endpoint.requests.length, 30, 'the latest is there');
  await get('/orders', tokens[0]);
  t.equal(endpoint.requests.length, 31, 'the first had to go');
});
