import t from 'tap';
import { configSchema } from '../../../src/config/schema/config.ts';
import { isRefusal } from '../../../src/core/refusals.ts';
import {
  checkUpgradeOrigin,
  compileCors,
  corsHeaders,
  requestedMethod,
  respondToPreflight,
} from '../../../src/pipeline/cors/cors.ts';

function parseCors(cors: unknown) {
  const parsed = configSchema.safeParse({
    routes: [{ name: 'r', path: '/', upstream: 'http://127.0.0.1:1', access: 'public', cors }],
  });
  if (!parsed.success) return { fault: parsed.error.issues[0]?.message ?? '' };
  const config = parsed.data.routes[0]?.cors;
  if (config === undefined) throw new Error('no cors');
  return { config };
}

function rules(cors: unknown, served?: readonly string[]) {
  const { config, fault } = parseCors(cors);
  if (config === undefined) throw new Error(fault);
  return compileCors(config, served);
}

const toRecord = (pairs: readonly string[]) =>
  Object.fromEntries(pairs.flatMap((name, at) => (at % 2 === 0 ? [[name, pairs[at + 1]]] : [])));

t.test('a preflight of a listed origin gets what it may do', async (t) => {
  const response = respondToPreflight(
    rules({
      origins: ['https://app.example.com'],
      methods: ['GET', 'PUT'],
      headers: ['Authorization'],
      credentials: true,
      maxAge: '1h',
    }),
    ['https://app.example.com'],
  );
  if (isRefusal(response)) throw new Error(response.reason);
  t.strictSame(toRecord(response.headers), {
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    'access-control-allow-origin': 'https://app.example.com',
    'access-control-allow-credentials': 'true',
    'access-control-allow-methods': 'GET, PUT',
    'access-control-allow-headers': 'Authorization',
    'access-control-max-age': '3600',
  });
});

t.test('a preflight gets the methods that the route takes, and no others', async (t) => {
  const app = 'https://app.example.com';
  const table: [string[] | undefined, string[] | undefined, string | undefined][] = [
    [undefined, undefined, 'GET, HEAD, POST, PUT, PATCH, DELETE'],
    [undefined, ['GET', 'PURGE'], 'GET, PURGE'],
    [['GET', 'PUT'], undefined, 'GET, PUT'],
    [['GET', 'PUT', 'DELETE'], ['POST', 'PUT', 'GET'], 'GET, PUT'],
    [['GET'], ['POST'], undefined],
  ];
  for (const [methods, served, allowed] of table) {
    const response = respondToPreflight(rules({ origins: [app], ...(methods && { methods }) }, served), [
      app,
    ]);
    if (isRefusal(response)) throw new Error(response.reason);
    const name = JSON.stringify([methods, served]);
    t.equal(toRecord(response.headers)['access-control-allow-methods'], allowed, name);
  }
});

t.test('responses to a listed origin may be read, exposed fields too', async (t) => {
  const cors = rules({ origins: ['https://app.example.com'], exposeHeaders: ['X-Total', 'RateLimit'] });
  t.strictSame(toRecord(corsHeaders(cors, ['https://app.example.com'])), {
    vary: 'Origin',
    'access-control-allow-origin': 'https://app.example.com',
    'access-control-expose-headers': 'X-Total, RateLimit, WWW-Authenticate',
  });
});

t.test('challenges may be read without being listed, and are not named twice', async (t) => {
  const table: readonly (readonly [exposeHeaders: string[], exposed: string])[] = [
    [[], 'WWW-Authenticate'],
    [['X-Total'], 'X-Total, WWW-Authenticate'],
    [['www-authenticate', 'X-Total'], 'www-authenticate, X-Total'],
    [['*'], '*, WWW-Authenticate'],
  ];
  const app = 'https://app.example.com';
  for (const [exposeHeaders, exposed] of table) {
    for (const origins of ['*' as const, [app], ['https://*.example.com']]) {
      const fields = toRecord(corsHeaders(rules({ origins, exposeHeaders }), [app]));
      t.equal(fields['access-control-expose-headers'], exposed, JSON.stringify([origins, exposeHeaders]));
    }
    const others = corsHeaders(rules({ origins: [app], exposeHeaders }), ['https://other.example.com']);
    t.strictSame(others, ['vary', 'Origin'], 'another origin learns nothing');
  }
});

const LISTED = [
  'https://app.example.com',
  'https://*.apps.example.com',
  'http://localhost:3000',
  'http://[::1]:3000',
];
const ORIGINS: readonly (readonly [string, boolean])[] = [
  ['https://app.example.com', true],
  ['http://localhost:3000', true],
  ['http://[::1]:3000', true],
  ['https://a.apps.example.com', true],
  ['https://a.b.apps.example.com', true],
  ['https://a-b.apps.example.com', true],
  ['https://apps.example.com', false],
  ['https://.apps.example.com', false],
  ['https://a..apps.example.com', false],
  ['https://-.apps.example.com', false],
  ['https://evil.com/.apps.example.com', false],
  ['https://evil.com#.apps.example.com', false],
  ['https://evil.com\\.apps.example.com', false],
  ['https://evil.com:80.apps.example.com', false],
  ['https://user@a.apps.example.com', false],
  ['https://a.apps.example.com:8443', false],
  ['https://a.apps.example.com.evil.com', false],
  ['https://aapps.example.com', false],
  ['http://a.apps.example.com', false],
  ['https://A.apps.example.com', false],
  ['https://é.apps.example.com', false],
  [`https://${'a.'.repeat(200)}apps.example.com`, false],
  ['http://app.example.com', false],
  ['https://app.example.com:443', false],
  ['https://app.example.com.', false],
  ['https://app.example.com/', false],
  ['https://APP.example.com', false],
  ['https://app.example.com.evil.com', false],
  ['https://evil-app.example.com', false],
  ['https://app.example.com, https://evil.com', false],
  ['https://app.example.com\thttps://evil.com', false],
  ['null', false],
  ['*', false],
  ['', false],
  ['file://', false],
  ['__proto__', false],
  ['localhost:3000', false],
];

t.test('an origin is echoed if and only if it is listed', async (t) => {
  const cors = rules({ origins: LISTED, credentials: true });
  for (const [origin, isListed] of ORIGINS) {
    const headers = toRecord(corsHeaders(cors, [origin]));
    t.equal(headers['access-control-allow-origin'], isListed ? origin : undefined, JSON.stringify(origin));
    t.equal(headers['access-control-allow-credentials'], isListed ? 'true' : undefined);
    t.equal(headers.vary, 'Origin', 'caches keep origins apart');
    const preflight = respondToPreflight(cors, [origin]);
    t.equal(isRefusal(preflight) ? preflight.code : undefined, isListed ? undefined : 'origin_not_allowed');
    t.equal(checkUpgradeOrigin(cors, [origin])?.code, isListed ? undefined : 'origin_not_allowed');
  }
});

t.test('two Origin fields are no origin at all, even if both are listed', async (t) => {
  const cors = rules({ origins: ['https://a.example', 'https://b.example'] });
  const both = ['https://a.example', 'https://b.example'];
  t.strictSame(corsHeaders(cors, both), ['vary', 'Origin']);
  t.ok(isRefusal(respondToPreflight(cors, both)));
  t.equal(checkUpgradeOrigin(cors, both)?.code, 'origin_not_allowed');
});

t.test('without an Origin nothing is allowed, but a WebSocket of no browser may pass', async (t) => {
  const cors = rules({ origins: ['https://a.example'] });
  t.strictSame(corsHeaders(cors, []), ['vary', 'Origin']);
  t.equal(checkUpgradeOrigin(cors, []), undefined);
});

t.test('any origin may read with "*", never with credentials', async (t) => {
  const cors = rules({ origins: '*' });
  t.strictSame(corsHeaders(cors, ['https://anyone.example']), [
    'access-control-allow-origin',
    '*',
    'access-control-expose-headers',
    'WWW-Authenticate',
  ]);
  const preflight = respondToPreflight(cors, ['null']);
  t.notOk(isRefusal(preflight));
  if (!isRefusal(preflight)) t.match(toRecord(preflight.headers), { 'access-control-allow-origin': '*' });
  t.match(parseCors({ origins: '*', credentials: true }).fault, /credentials need listed origins/);
});

const BAD_ORIGINS: readonly unknown[] = [
  [],
  ['*'],
  ['null'],
  ['app.example.com'],
  ['https://app.example.com/'],
  ['https://app.example.com/path'],
  ['https://user@app.example.com'],
  ['https://App.example.com'],
  ['https://app.example.com:443'],
  ['http://app.example.com:80'],
  ['https://app.example.com:0'],
  ['https://*.com'],
  ['https://*'],
  ['https://*example.com'],
  ['https://app.*.example.com'],
  ['https://*.*.example.com'],
  ['*.example.com'],
  ['*://app.example.com'],
  ['https://app.example.com\n'],
  ['ftp://app.example.com'],
  'https://app.example.com',
];

t.test(
  'an origin that no browser sends, or a wildcard that spans too much, is an error of the file',
  async (t) => {
    for (const origins of BAD_ORIGINS) {
      t.type(parseCors({ origins }).fault, 'string', JSON.stringify(origins));
    }
    t.type(parseCors({ origins: ['https://a.example'], headers: ['*'] }).fault, 'string');
    t.type(parseCors({ origins: ['https://a.example'], methods: ['GET, PUT'] }).fault, 'string');
  },
);

t.test('a preflight needs an origin and names its method in a field of any case', async (t) => {
  const asked = ['accept', '*/*', 'Access-Control-Request-Method', 'PUT'];
  t.equal(requestedMethod({ passed: asked, origins: ['https://a.example'] }), 'PUT');
  t.equal(requestedMethod({ passed: asked, origins: [] }), undefined);
  t.equal(requestedMethod({ passed: ['access-control-request-headers', 'x'], origins: ['null'] }), undefined);
});
