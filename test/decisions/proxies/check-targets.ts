import type { Test } from 'tap';
import { OVERRIDES } from '../../../src/core/header-names.ts';
import { type AskingHarness, bearer, valuesOf } from './asking-harness.ts';

/** What a client may send so that another method or URL is decided on than forwarded, or taken for real by the backend. */
const INJECTED: readonly string[] = [
  'X-Original-URL: http://api.example.com/public',
  'X-Original-Method: GET',
  'X-Forwarded-Method: GET',
  'X-Forwarded-Host: evil.example.com',
  'X-Forwarded-Proto: https',
  'X-Forwarded-For: 192.0.2.66',
  'X-Forwarded-Prefix: /evil',
  'X-Http_Method.Override: GET',
  ...[...OVERRIDES].flatMap((name) => [`${name}: /public`, `${name.replaceAll('-', '_')}: /public`]),
];

/** Of those, what clients and frameworks do send. They are dropped, so that nobody is refused for them. */
const DROPPED: readonly string[] = [
  ...['x-http-method-override', 'x-http-method', 'x-method-override', 'x-original-url', 'x-original-uri'],
  ...['x-original-method', 'x-rewrite-url', 'x-forwarded-uri', 'x-forwarded-method'],
];

/** By these backends know the client's address. */
const ADDRESSES = [
  'Forwarded: for=192.0.2.66',
  'X-Real-IP: 192.0.2.66',
  'X-Client-IP: 192.0.2.66',
  'True-Client-IP: 192.0.2.66',
];

/** About proxies; none of it is for a backend. */
const ABOUT_PROXIES = [
  'Proxy: http://evil.example.com',
  'Proxy-Authorization: Basic ZXZpbDpldmls',
  'Proxy-Connection: X-User-Id',
  'Keep-Alive: X-User-Id',
  'Trailer: X-User-Id',
];

/** Paths that another reader may take for another one. Each is refused, or decided on and forwarded byte for byte. */
const AMBIGUOUS: readonly string[] = [
  ...[
    '/public/../orders',
    '/public/%2e%2e/orders',
    '/public/.%2E/orders',
    '/public/./../orders',
    '/orders/..',
  ],
  ...[
    '/public%2F..%2Forders',
    '/public%2Forders',
    '//orders',
    '/public//orders',
    '/public;/../orders',
    '/public;x=y',
  ],
  ...[
    '/public\\..\\orders',
    '/public%5C..%5Corders',
    '/public/%00',
    '/public/%252e%252e/orders',
    '/public/%zz',
    '/public%3Fx',
  ],
];

/** What is decided on is what is forwarded. */
export async function checkTargets(t: Test, harness: AskingHarness): Promise<void> {
  const { send, sendAllowed, sendRefused, arrived } = harness;

  for (const target of [
    '/orders/caf%C3%A9?x=%2F&y=//../&z=a;b',
    '/orders/a+b/~c',
    '/orders/?',
    '/orders/%41',
  ])
    t.equal((await sendAllowed(`GET ${target} HTTP/1.1`, [bearer()])).target, target, target);
  for (const target of ['/slashes/a%2Fb', '/slashes/a;b=c/d'])
    t.equal((await sendAllowed(`GET ${target} HTTP/1.1`, [bearer()])).target, target, target);

  t.comment('paths with two readings');
  for (const path of AMBIGUOUS) {
    const before = arrived.length;
    const { status } = await send(`GET ${path} HTTP/1.1`, []);
    t.ok(status >= 400, `${path}: ${status}`);
    t.equal(arrived.length, before, path);
    // With a token that opens everything but `write`: it is refused for its form.
    t.ok((await send(`GET ${path} HTTP/1.1`, [bearer()])).status >= 400, path);
  }

  t.comment('injected descriptions');
  for (const line of INJECTED) {
    // Refused, although what is injected would be allowed.
    t.ok((await sendRefused('GET /orders HTTP/1.1', [line])).status >= 400, line);
    t.ok(
      (await sendRefused('POST /orders HTTP/1.1', [bearer(), 'Content-Length: 0', line])).status >= 400,
      line,
    );
    // Allowed without it: then it is refused or gone.
    const before = arrived.length;
    const { status } = await send('GET /orders HTTP/1.1', [bearer(), line, line]);
    t.ok(status === 200 || status === 400, `${line}: ${status}`);
    const [got] = arrived.slice(before);
    t.equal(got !== undefined, status === 200);
    t.notMatch(JSON.stringify(got?.fields ?? []), /evil|192\.0\.2|"\/public|\/public"/, line);
    for (const name of OVERRIDES)
      if (got !== undefined) t.strictSame(valuesOf(got, name), [], `${name} with ${line}`);
  }
  for (const name of DROPPED)
    t.ok(await sendAllowed('GET /orders HTTP/1.1', [bearer(), `${name}: /public`]), `${name} is dropped`);
  t.notMatch(
    (await sendAllowed('GET /orders HTTP/1.1', [bearer(), ...ADDRESSES])).fields.join(),
    '192.0.2.66',
  );
  const about = await sendAllowed('GET /orders HTTP/1.1', [bearer(), ...ABOUT_PROXIES]);
  for (const line of ABOUT_PROXIES)
    t.strictSame(valuesOf(about, line.slice(0, line.indexOf(':')).toLowerCase()), [], line);

  const forwarded = await sendAllowed('GET /orders HTTP/1.1', [
    bearer(),
    'X-Forwarded-For: 192.0.2.66',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: evil.example.com',
  ]);
  t.strictSame(valuesOf(forwarded, 'x-forwarded-for'), ['127.0.0.1']);
  t.strictSame(valuesOf(forwarded, 'x-forwarded-proto'), ['http']);
  t.match(valuesOf(forwarded, 'x-forwarded-host'), [/^api\.example\.com/]);

  t.comment('hosts');
  t.strictSame(valuesOf(await sendAllowed('GET /host HTTP/1.1', [bearer()]), 'host'), ['api.example.com']);
  for (const [line, ...headers] of [
    ['GET /host HTTP/1.1', 'Host: other.example.com'],
    ['GET http://other.example.com/host HTTP/1.1', 'Host: api.example.com'],
    ['GET /host HTTP/1.1', 'Host: other.example.com', 'X-Forwarded-Host: api.example.com'],
    ['GET /host HTTP/1.1', 'Host: api.example.com', 'Host: other.example.com'],
    ['GET /host HTTP/1.1', 'Host: other.example.com', 'Host: api.example.com'],
    ['GET /host HTTP/1.1', 'Host: api.example.com/host?'],
    ['GET /host HTTP/1.1', 'Host: api.example.com@other.example.com'],
    ['GET /host HTTP/1.1', 'Host: '],
    ['GET /host HTTP/1.1', 'Host: other.example.com,api.example.com'],
    ['GET /host HTTP/1.1', 'Host: other.example.com, api.example.com'],
    ['GET /host HTTP/1.1', 'Host: api.example.com,other.example.com'],
  ] as const) {
    const before = arrived.length;
    await send(line, [bearer(), ...headers]);
    for (const got of arrived.slice(before)) t.fail(`${line} ${headers} arrived: ${got.fields}`);
  }

  t.comment('absolute-form targets');
  for (const line of [
    'GET http://api.example.com/host HTTP/1.1',
    'GET http://API.example.com:80/host?a=b HTTP/1.1',
    // Some take any version for 1.1.
    'GET http://api.example.com/host HTTP/1.2',
    'GET http://api.example.com/host HTTP/2.0',
  ]) {
    for (const host of ['api.example.com', 'other.example.com']) {
      const before = arrived.length;
      await send(line, [bearer(), `Host: ${host}`]);
      // Routed and forwarded by what it names; the backend gets one host, that one.
      for (const got of arrived.slice(before)) {
        t.match(got.target, /^\/host(?:\?a=b)?$/);
        t.match(valuesOf(got, 'host'), [/^api\.example\.com(?::80)?$/i]);
      }
    }
    await sendRefused(line.replace('/host', '/orders'));
    await sendRefused(line.replace('/host', '/public/../orders'), [bearer()]);
  }
  for (const line of [
    'OPTIONS * HTTP/1.1',
    'CONNECT api.example.com:443 HTTP/1.1',
    'TRACE /public HTTP/1.1',
  ]) {
    const before = arrived.length;
    // Some respond by themselves, some close.
    await send(line, [bearer()]).catch(() => undefined);
    t.equal(arrived.length, before, line);
  }
}
