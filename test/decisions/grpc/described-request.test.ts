import t from 'tap';
import { type AskedAbout, codeOf } from '../../support/decisions/check-client.ts';
import { startChecks } from '../../support/decisions/start-checks.ts';

const ROUTES = [{ name: 'all', path: '/', upstream: 'none', access: 'public' }];
const NUL = String.fromCharCode(0);

t.test('a CheckRequest that describes no request, or two', async (t) => {
  const { client, lines } = await startChecks(t, { routes: ROUTES });
  const refused: readonly (readonly [string, AskedAbout])[] = [
    ['no method', { method: '' }],
    ['a method that no parser knows', { method: 'FETCH' }],
    ['a method in lower case', { method: 'get' }],
    ['no path', { path: '' }],
    ['an absolute target', { path: 'http://api.test/a' }],
    ['an asterisk', { path: '*', method: 'OPTIONS' }],
    ['a path without a slash', { path: 'a' }],
    ['a query of its own', { http: { query: 'admin=1' } }],
    ['a fragment', { http: { fragment: 'x' } }],
    ['no host', { host: '' }],
    ['a host that is none', { host: 'api test' }],
    ['another Host', { headers: { host: 'other.test' } }],
    [
      'a second Host',
      {
        rawHeaders: [
          ['host', 'api.test'],
          ['host', 'other.test'],
        ],
      },
    ],
    ['another :authority', { headers: { ':authority': 'other.test' } }],
    ['another :path', { headers: { ':path': '/admin' } }],
    ['another :method', { headers: { ':method': 'POST' } }],
    ['an unknown protocol', { protocol: 'HTTP/0.9' }],
    ['a protocol that every object has', { protocol: '__proto__' }],
    ['another such', { protocol: 'constructor' }],
    ['an unknown scheme', { scheme: 'ftp' }],
    ['no source', { source: '' }],
    ['a source that is no address', { source: 'client.test' }],
    ['a source with a port', { source: '192.0.2.7:80' }],
    ['a header field without a name', { headers: { '': 'x' } }],
    ['a name with a space', { headers: { 'x y': 'x' } }],
    ['a name that is no ASCII', { headers: { 'x-ü': 'x' } }],
    ['a line break in a value', { headers: { 'x-a': 'x\r\nx-user-id: mallory' } }],
    ['NUL in a value', { rawHeaders: [['x-a', `x${NUL}`]] }],
  ];
  for (const [name, about] of refused) {
    const result = await client.check(about);
    t.equal(codeOf(result), 'bad_request', name);
    t.equal(result.response.denied_response?.status?.code, 400);
    t.match(lines.at(-1), { code: 'bad_request', status: 400, via: 'ext-authz-grpc' });
  }
});

t.test('a CheckRequest that is in order', async (t) => {
  const { client, lines } = await startChecks(t, { routes: ROUTES });
  const allowed: readonly (readonly [string, AskedAbout])[] = [
    ['as Envoy sends it', {}],
    ['without a scheme and protocol', { scheme: '', protocol: '' }],
    ['the same Host again', { headers: { host: 'api.test' } }],
    ['HTTP/1.0 without a host', { protocol: 'HTTP/1.0', host: '' }],
    [
      'HTTP/2',
      {
        protocol: 'HTTP/2',
        rawHeaders: [
          ['cookie', 'a=1'],
          ['cookie', 'b=2'],
        ],
      },
    ],
    ['HTTP/3', { protocol: 'HTTP/3' }],
    ['bytes that are no UTF-8, in a list', { rawHeaders: [['x-a', Buffer.of(0xe9)]] }],
    ['a body, which is not looked at', { method: 'POST', http: { body: 'x', size: 1 } }],
    ['another, in bytes', { method: 'POST', http: { raw_body: Buffer.from('x') } }],
  ];
  for (const [name, about] of allowed) t.equal(codeOf(await client.check(about)), 'allow', name);

  for (const [source, address] of [
    ['::ffff:192.0.2.9', '192.0.2.9'],
    ['::FFFF:192.0.2.9', '192.0.2.9'],
    ['2001:db8::1', '2001:db8::1'],
  ] as const) {
    await client.check({ source });
    t.equal(lines.at(-1)?.client, address);
  }
});

t.test('a peer that may not ask is refused whatever it asks', async (t) => {
  const { client, lines } = await startChecks(t, {
    routes: ROUTES,
    decisions: { trustedProxies: ['192.0.2.0/24'] },
  });
  for (const result of [await client.check(), await client.checkBytes(Buffer.from('garbage'))]) {
    t.equal(codeOf(result), 'proxy_not_trusted');
    t.equal(result.response.status?.code, 7);
    t.equal(result.response.denied_response?.status?.code, 403);
    t.match(lines.at(-1), { code: 'proxy_not_trusted', status: 403, client: '127.0.0.1' });
  }
  t.equal(
    codeOf(await client.checkBytes(Buffer.alloc(1024 ** 2))),
    'proxy_not_trusted',
    'and nothing is read',
  );
});
