import t from 'tap';
import type { RefusalCode } from '../../src/core/refusals.ts';
import { exchangeRaw, rawRequest } from '../support/clients/raw.ts';
import { startHarness } from '../support/gateway/gateway-harness.ts';

/** Targets with two readings. Each would be `/admin` or an escape from `/public` to some backend. */
const AMBIGUOUS: readonly string[] = [
  // Dot segments
  '/public/../admin',
  '/public/./admin',
  '/./admin',
  '/../admin',
  '/public/..',
  '/public/.',
  '/public/%2e%2e/admin',
  '/public/%2E%2E/admin',
  '/public/.%2e/admin',
  '/public/%2e./admin',
  '/%2e/admin',
  '/public/%2e',
  '/public/..?x',
  // Encoded separators
  '/public/..%2fadmin',
  '/public%2f..%2fadmin',
  '/public%2Fx',
  '/public%5cx',
  '/public/..%5cadmin',
  '/public%5C..%5Cadmin',
  // Backslash
  '/public\\..\\admin',
  '/admin\\x',
  '/\\admin',
  '/public/..\\admin',
  // Parameters
  '/public;/../admin',
  '/public/..;/admin',
  '/admin;x',
  '/public/;x',
  '/public;jsessionid=1',
  // Empty segments
  '//admin',
  '//',
  '/public//admin',
  '/public//',
  '///',
  '//api.example.com/admin',
  // Encoded twice
  '/public/%252e%252e/admin',
  '/public/%252fadmin',
  '/public%255cadmin',
  '/public/%2500',
  '/public/%25252e',
  '/public/%250a',
  // Controls, broken escapes, overlong and foreign encodings
  '/public/%00',
  '/admin%00',
  '/public/%0a',
  '/public/%0d%0aX:y',
  '/public/%1f',
  '/public/%7f',
  '/public/%u002e',
  '/public/%',
  '/public/%2',
  '/public/%zz',
  '/public/%c0%ae%c0%ae/admin',
  '/public/%c0%af',
  '/public/%e0%80%ae',
  '/public/%f8%80%80%80%ae',
  '/public/%ff',
  '/public/%ed%a0%80',
  '/public/"x"',
  '/public/<x>',
  '/public/{x}',
  '/public/|x',
  '/public/^x',
  '/public/`x`',
  // Fragments
  '/public#/admin',
  '/admin#',
  '/public?x#y',
  // Other forms
  'http://api.example.com/admin',
  'http://api.example.com/public',
  'HTTP://api.example.com/public',
  'https://evil.example/public',
  'http://admin@api.example.com/public',
  'http:///public',
  '*',
];

/** Targets that the parser itself does not take: the response is the same, and the connection closes. */
const UNPARSED: readonly string[] = [
  'admin',
  './admin',
  '\\admin',
  '#',
  '?',
  '?/admin',
  '%2fadmin',
  '/public/\xe9',
  '/public/\xff',
  '/public?\xe9',
  '/public\x00',
  '/public\x01',
  '/public\x7f',
  '/public\x0b',
  '/public\tx',
  '/public?\x00',
  'api.example.com:80',
];

/** Odd, but with one reading; the bytes go up as they came. */
const PASSED: readonly string[] = [
  '/public',
  '/public/',
  '/public/a%20b',
  '/public/%C3%A9',
  '/public/%41%64min',
  '/public/100%25',
  '/public/%25aa',
  '/public/%2541',
  '/public/...',
  '/public/..a',
  '/public/a..',
  '/public/.well-known',
  "/public/~a-b_c.d!$&'()*+,=:@",
  '/public/[x]',
  `/public/${'a'.repeat(8000)}`,
  '/public?',
  '/public??',
  '/public?../admin',
  '/public?x=/../admin',
  '/public?x=%2e%2e%2f',
  '/public?x=%00%zz%',
  '/public?a;b|c{d}e^f`"<>\\',
  '/public?//',
  '/%70ublic/x',
  '/publi%63',
];

t.test('a target with two readings is refused and costs the backend nothing', async (t) => {
  const harness = await startHarness(t);
  const token = await harness.issuer.token({ scope: 'admin' });
  for (const target of AMBIGUOUS) {
    for (const authorization of [[], [`Authorization: Bearer ${token}`]]) {
      const { response } = await exchangeRaw(
        harness.port,
        rawRequest(`GET ${target} HTTP/1.1`, authorization),
      );
      t.equal(response?.code, 'ambiguous_path' satisfies RefusalCode, JSON.stringify(target));
      t.equal(response?.status, 400);
    }
  }
  for (const target of UNPARSED) {
    const { response, closed } = await exchangeRaw(harness.port, rawRequest(`GET ${target} HTTP/1.1`));
    t.equal(response?.code, 'ambiguous_path', JSON.stringify(target));
    t.equal(closed, true);
  }
  t.equal(harness.upstream.bytes(), 0);
});

t.test('what has one reading goes up byte for byte', async (t) => {
  const harness = await startHarness(t);
  for (const target of PASSED) {
    harness.upstream.reset();
    const { response } = await exchangeRaw(harness.port, rawRequest(`GET ${target} HTTP/1.1`));
    t.equal(response?.status, 200, JSON.stringify(target.slice(0, 60)));
    t.equal(harness.upstream.requests[0]?.target, target);
  }
});

/** What looks like a protected path is checked as one, or matches nothing. */
const CHECKED: readonly (readonly [string, RefusalCode])[] = [
  ['/admin', 'token_missing'],
  ['/admin/', 'token_missing'],
  ['/admin/x', 'token_missing'],
  ['/%61dmin', 'token_missing'],
  ['/%61%64%6d%69%6e/x', 'token_missing'],
  ['/adm%69n?x', 'token_missing'],
  [`/admin/${'a'.repeat(5000)}`, 'token_missing'],
  ['/Admin', 'route_unknown'],
  ['/ADMIN', 'route_unknown'],
  ['/%41dmin', 'route_unknown'],
  ['/adminx', 'route_unknown'],
  ['/admi', 'route_unknown'],
  ['/admin.', 'route_unknown'],
  ['/admin%20', 'route_unknown'],
  ['/admin.json', 'route_unknown'],
  ['/publicx', 'route_unknown'],
  ['/', 'route_unknown'],
  ['/health', 'route_unknown'],
  ['/favicon.ico', 'route_unknown'],
  ['/metrics', 'route_unknown'],
  ['/ready', 'route_unknown'],
];

t.test('every spelling of a protected path is checked, and no other path is open', async (t) => {
  const harness = await startHarness(t);
  for (const [target, code] of CHECKED) {
    for (const header of ['User-Agent: kube-probe/1.30', 'User-Agent: ELB-HealthChecker/2.0', 'X: y']) {
      const { response } = await exchangeRaw(harness.port, rawRequest(`GET ${target} HTTP/1.1`, [header]));
      t.equal(response?.code, code, target.slice(0, 40));
    }
  }
  t.equal(harness.upstream.bytes(), 0);
});

/** Fields by which some frameworks let a client change the method or path. */
const OVERRIDES: readonly string[] = [
  'X-Forwarded-Uri',
  'X-Forwarded-Path',
  'X-Forwarded-Method',
  'X-Original-URL',
  'X-Original-URI',
  'X-Original-Method',
  'X-Rewrite-URL',
  'X-HTTP-Method-Override',
  'X-HTTP-Method',
  'X-Method-Override',
  'X_HTTP_Method_Override',
  'x.rewrite.url',
];

t.test('fields that override path or method change no decision and do not go up', async (t) => {
  const harness = await startHarness(t);
  for (const name of OVERRIDES) {
    for (const value of ['/public', '/admin', 'GET', 'DELETE']) {
      harness.upstream.reset();
      const denied = await exchangeRaw(
        harness.port,
        rawRequest('POST /admin HTTP/1.1', [`${name}: ${value}`, 'Content-Length: 0']),
      );
      t.equal(denied.response?.code, 'token_missing', name);
      t.equal(harness.upstream.bytes(), 0);
      const passed = await exchangeRaw(
        harness.port,
        rawRequest('GET /public HTTP/1.1', [`${name}: ${value}`]),
      );
      t.equal(passed.response?.status, 200);
      t.equal(harness.upstream.requests[0]?.headers[name.toLowerCase()], undefined, `${name} stays here`);
    }
  }
});

t.test(
  'TRACE and CONNECT are refused everywhere; every other method needs a rule like any other',
  async (t) => {
    const harness = await startHarness(t, {
      routes: [
        { name: 'public', path: '/public', upstream: 'backend', access: 'public' },
        { name: 'admin', path: '/admin', upstream: 'backend', access: 'authenticated' },
        { name: 'reads', path: '/reads', methods: ['GET'], upstream: 'backend', access: 'public' },
      ],
    });
    for (const target of ['/public', '/admin', '/nowhere']) {
      const { response } = await exchangeRaw(harness.port, rawRequest(`TRACE ${target} HTTP/1.1`));
      t.equal(response?.code, 'method_not_allowed', target);
      t.equal(response?.status, 405);
    }
    for (const target of ['/public', 'api.example.com:443', 'api.example.com', '*', '127.0.0.1:22']) {
      const { response, closed } = await exchangeRaw(harness.port, rawRequest(`CONNECT ${target} HTTP/1.1`));
      t.equal(response?.code, 'method_not_allowed', target);
      t.equal(closed, true);
    }
    for (const method of ['HEAD', 'OPTIONS', 'PROPFIND', 'PURGE', 'DELETE', 'QUERY', 'M-SEARCH', 'SOURCE']) {
      const length = 'Content-Length: 0';
      const admin = await exchangeRaw(
        harness.port,
        rawRequest(`${method} /admin HTTP/1.1`, [length]),
        method,
      );
      t.equal(
        admin.response?.status,
        method === 'QUERY' && admin.response?.status === 400 ? 400 : 401,
        method,
      );
      const reads = await exchangeRaw(
        harness.port,
        rawRequest(`${method} /reads HTTP/1.1`, [length]),
        method,
      );
      t.equal(reads.response?.status, reads.response?.code === 'bad_request' ? 400 : 405, method);
      if (reads.response?.status === 405) t.strictSame(reads.response.headers.allow, ['GET'], method);
    }
    t.equal(harness.upstream.bytes(), 0);
  },
);

t.test('OPTIONS * is refused, and so is any absolute form, with any Host', async (t) => {
  const harness = await startHarness(t);
  for (const line of [
    'OPTIONS * HTTP/1.1',
    'GET http://api.example.com/public HTTP/1.1',
    'GET https://api.example.com/public HTTP/1.1',
    'GET ws://api.example.com/public HTTP/1.1',
    'GET ftp://api.example.com/public HTTP/1.1',
  ]) {
    const { response } = await exchangeRaw(harness.port, rawRequest(line));
    t.equal(response?.status, 400, line);
  }
  t.equal(harness.upstream.bytes(), 0);
});

/** What a parameter holds decoded stays out of the path that goes up. */
t.test('a rewrite never decodes what follows it', async (t) => {
  const harness = await startHarness(t, {
    routes: [{ name: 'u', path: '/users/:id', rewrite: '/v2/u', upstream: 'backend', access: 'public' }],
  });
  for (const [target, up] of [
    ['/users/7/x%20y?z=%20', '/v2/u/x%20y?z=%20'],
    ['/users/%C3%A9/a%3Fb', '/v2/u/a%3Fb'],
    ['/users/a%3Fb%23c', '/v2/u'],
    ['/users/7?x', '/v2/u?x'],
    ['/users/7/', '/v2/u/'],
  ] as const) {
    harness.upstream.reset();
    const { response } = await exchangeRaw(harness.port, rawRequest(`GET ${target} HTTP/1.1`));
    t.equal(response?.status, 200, target);
    t.equal(harness.upstream.requests[0]?.target, up);
  }
});
