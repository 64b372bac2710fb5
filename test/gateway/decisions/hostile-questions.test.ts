import t, { type Test } from 'tap';
import { connectRaw, exchangeRaw, rawRequest } from '../../support/clients/raw.ts';
import { type Harness, startHarness } from '../../support/gateway/gateway-harness.ts';

/* Bytes by which somebody could want a 200 that the proxy mode would not give, or a field past it. */

const ROUTES = [
  { name: 'public', path: '/public', upstream: 'none', access: 'public' },
  { name: 'admin', path: '/admin', upstream: 'none', access: { scopes: ['admin'] } },
  {
    name: 'asked',
    path: '/asked',
    upstream: 'none',
    access: 'authenticated',
    tokenFrom: [{ header: 'x-token' }, { query: 'token' }],
  },
  { name: 'socket', path: '/socket', upstream: 'none', access: 'public', websocket: true },
];

const start = (test: Test, decisions: Readonly<Record<string, unknown>> = {}): Promise<Harness> =>
  startHarness(test, {
    routes: ROUTES,
    listen: { limits: { headerBytes: '20KiB' } },
    file: { decisions: { port: 0, ...decisions } },
  });

const FORWARDED = [
  'X-Forwarded-Method: GET',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: api.example',
  'X-Forwarded-Uri: /public',
  'X-Forwarded-For: 203.0.113.7',
];
const ORIGINAL = [
  'X-Original-Method: GET',
  'X-Original-URL: https://api.example/public',
  'X-Forwarded-For: 203.0.113.7',
];
const ENVOY = ['X-Forwarded-Proto: https', 'X-Forwarded-For: 203.0.113.7'];

const without = (fields: readonly string[], name: string) =>
  fields.filter((field) => !field.startsWith(`${name}:`));
/** With this field in the place of the one of its name. */
const replaced = (fields: readonly string[], field: string) =>
  fields.map((one) => (one.split(':')[0] === field.split(':')[0] ? field : one));

t.test('paths and methods that lead to no way of asking', async (t) => {
  const harness = await start(t);
  for (const [line, code] of [
    ['GET http://x/forward-auth HTTP/1.1', 'route_unknown'],
    ['GET //forward-auth HTTP/1.1', 'route_unknown'],
    ['GET /forward-auth;x HTTP/1.1', 'route_unknown'],
    ['GET /forward-auth/ HTTP/1.1', 'route_unknown'],
    ['GET /FORWARD-AUTH HTTP/1.1', 'route_unknown'],
    ['GET /forward%2dauth HTTP/1.1', 'route_unknown'],
    ['GET /x/../forward-auth HTTP/1.1', 'route_unknown'],
    ['GET /Ext-Authz/public HTTP/1.1', 'route_unknown'],
    ['GET http://x/ext-authz/public HTTP/1.1', 'route_unknown'],
    ['OPTIONS * HTTP/1.1', 'route_unknown'],
    ['GET /ext-authz// HTTP/1.1', 'ambiguous_path'],
    ['GET /ext-authz//public HTTP/1.1', 'ambiguous_path'],
    ['GET /ext-authz/../admin HTTP/1.1', 'ambiguous_path'],
    ['GET /ext-authz/public/..%2fadmin HTTP/1.1', 'ambiguous_path'],
    ['GET /ext-authz/public%00 HTTP/1.1', 'ambiguous_path'],
    ['GET /ext-authz/public\\..\\admin HTTP/1.1', 'ambiguous_path'],
    ['GET /ext-authz/public;x HTTP/1.1', 'ambiguous_path'],
    ['GET /ext-authz/http://x/public HTTP/1.1', 'ambiguous_path'],
    ['CONNECT /ext-authz/public HTTP/1.1', 'method_not_allowed'],
    ['TRACE /ext-authz/public HTTP/1.1', 'method_not_allowed'],
    ['get /ext-authz/public HTTP/1.1', 'bad_request'],
    ['GET /ext-authz/p\xfcblic HTTP/1.1', 'ambiguous_path'],
    ['GET /ext-authz/public HTTP/2.0', 'bad_request'],
    ['GET /ext-authz/public', 'bad_request'],
  ] as const) {
    const { response } = await exchangeRaw(harness.decisionsPort as number, rawRequest(line, [...ENVOY]));
    t.equal(response?.code, code, line);
    t.ok((response?.status ?? 0) >= 400, line);
  }
  t.equal(harness.lines.filter(({ status }) => status < 400).length, 0);
});

t.test('a type of gRPC never makes a 200 of a refusal, whatever is asked', async (t) => {
  const harness = await start(t);
  const stranger = await start(t, { trustedProxies: ['192.0.2.1'] });
  for (const type of ['application/grpc', 'application/grpc-web+proto', 'Application/GRPC+json']) {
    for (const [name, { decisionsPort }, line, fields] of [
      ['at no way', harness, 'POST /auth HTTP/1.1', FORWARDED],
      ['at the root', harness, 'POST / HTTP/1.1', FORWARDED],
      ['without fields', harness, 'POST /forward-auth HTTP/1.1', []],
      ['without a token', harness, 'POST /ext-authz/admin HTTP/1.1', ENVOY],
      ['badly framed', harness, 'POST /ext-authz/public HTTP/1.1', [...ENVOY, 'Transfer-Encoding: gzip']],
      ['CONNECT', harness, 'CONNECT api.example:443 HTTP/1.1', ENVOY],
      ['by a stranger', stranger, 'POST /forward-auth HTTP/1.1', FORWARDED],
      ['by a stranger, at no way', stranger, 'POST /auth HTTP/1.1', FORWARDED],
    ] as const) {
      const bytes = rawRequest(line, [...fields, `Content-Type: ${type}`]);
      const { response } = await exchangeRaw(decisionsPort as number, bytes);
      t.ok((response?.status ?? 0) >= 400, `${name}: ${response?.status}`);
      t.same(response?.headers['content-type'], ['application/problem+json'], name);
    }
  }
});

t.test('fields that describe the request count in one form only', async (t) => {
  const harness = await start(t);
  const rows: readonly (readonly [
    name: string,
    line: string,
    fields: readonly string[],
    code: string | undefined,
  ])[] = [
    ['as it is', 'GET /forward-auth HTTP/1.1', FORWARDED, undefined],
    [
      'names in any case',
      'GET /forward-auth HTTP/1.1',
      FORWARDED.map((field) => field.toUpperCase().replace('/PUBLIC', '/public')),
      undefined,
    ],
    [
      'two in one line',
      'GET /forward-auth HTTP/1.1',
      replaced(FORWARDED, 'X-Forwarded-Uri: /admin, /public'),
      'ambiguous_path',
    ],
    [
      'an absolute target',
      'GET /forward-auth HTTP/1.1',
      replaced(FORWARDED, 'X-Forwarded-Uri: http://x/public'),
      'ambiguous_path',
    ],
    [
      'an authority',
      'GET /forward-auth HTTP/1.1',
      replaced(FORWARDED, 'X-Forwarded-Uri: //x/public'),
      'ambiguous_path',
    ],
    [
      'a tab',
      'GET /forward-auth HTTP/1.1',
      replaced(FORWARDED, 'X-Forwarded-Uri: /public\t/x'),
      'ambiguous_path',
    ],
    [
      'a fragment',
      'GET /forward-auth HTTP/1.1',
      replaced(FORWARDED, 'X-Forwarded-Uri: /public#/../admin'),
      'ambiguous_path',
    ],
    [
      'bytes beyond ASCII',
      'GET /forward-auth HTTP/1.1',
      replaced(FORWARDED, 'X-Forwarded-Uri: /publ\xedc'),
      'ambiguous_path',
    ],
    ['an empty target', 'GET /forward-auth HTTP/1.1', replaced(FORWARDED, 'X-Forwarded-Uri:'), 'bad_request'],
    [
      'two hosts',
      'GET /forward-auth HTTP/1.1',
      replaced(FORWARDED, 'X-Forwarded-Host: api.example, x'),
      'bad_request',
    ],
    [
      'user info',
      'GET /forward-auth HTTP/1.1',
      replaced(FORWARDED, 'X-Forwarded-Host: a@api.example'),
      'bad_request',
    ],
    ['an empty host', 'GET /forward-auth HTTP/1.1', replaced(FORWARDED, 'X-Forwarded-Host:'), 'bad_request'],
    [
      'a host beyond ASCII',
      'GET /forward-auth HTTP/1.1',
      replaced(FORWARDED, 'X-Forwarded-Host: \xe4pi.example'),
      'bad_request',
    ],
    [
      'two methods',
      'GET /forward-auth HTTP/1.1',
      replaced(FORWARDED, 'X-Forwarded-Method: GET, POST'),
      'bad_request',
    ],
    [
      'a small method',
      'GET /forward-auth HTTP/1.1',
      replaced(FORWARDED, 'X-Forwarded-Method: get'),
      'bad_request',
    ],
    [
      'CONNECT',
      'GET /forward-auth HTTP/1.1',
      replaced(FORWARDED, 'X-Forwarded-Method: CONNECT'),
      'method_not_allowed',
    ],
    [
      'two schemes',
      'GET /forward-auth HTTP/1.1',
      replaced(FORWARDED, 'X-Forwarded-Proto: https,http'),
      'bad_request',
    ],
    [
      'a broken address',
      'GET /forward-auth HTTP/1.1',
      replaced(FORWARDED, 'X-Forwarded-For: 203.0.113.7, x'),
      'bad_request',
    ],
    [
      'a folded line',
      'GET /forward-auth HTTP/1.1',
      replaced(FORWARDED, 'X-Forwarded-Uri: /public\r\n /admin'),
      'bad_request',
    ],
    [
      'a blank before the colon',
      'GET /forward-auth HTTP/1.1',
      [...without(FORWARDED, 'X-Forwarded-Uri'), 'X-Forwarded-Uri : /public'],
      'bad_request',
    ],
    [
      'a bare CR',
      'GET /forward-auth HTTP/1.1',
      replaced(FORWARDED, 'X-Forwarded-Uri: /public\rX: y'),
      'bad_request',
    ],
    ['a NUL', 'GET /forward-auth HTTP/1.1', replaced(FORWARDED, 'X-Forwarded-Uri: /public\0'), 'bad_request'],
    ['a name beyond ASCII', 'GET /forward-auth HTTP/1.1', [...FORWARDED, 'X-\xdcser: x'], 'bad_request'],
    [
      'an alias beside it',
      'GET /forward-auth HTTP/1.1',
      [...FORWARDED, 'X_Forwarded_Uri: /admin'],
      'bad_request',
    ],
    [
      'an alias in its place',
      'GET /forward-auth HTTP/1.1',
      [...without(FORWARDED, 'X-Forwarded-Method'), 'X-Forwarded_Method: GET'],
      'bad_request',
    ],
    [
      'nominated by Connection',
      'GET /forward-auth HTTP/1.1',
      [...FORWARDED, 'Connection: X-Forwarded-Uri, X-Forwarded-For, Host, Authorization'],
      undefined,
    ],
    ['HTTP/1.0', 'GET /forward-auth HTTP/1.0', FORWARDED, undefined],
    ['a second Host', 'GET /forward-auth HTTP/1.1', [...FORWARDED, 'Host: x'], 'bad_request'],
    [
      'no host in the URL',
      'GET /auth-request HTTP/1.1',
      replaced(ORIGINAL, 'X-Original-URL: https:///public'),
      'bad_request',
    ],
    [
      'a URL without a path',
      'GET /auth-request HTTP/1.1',
      replaced(ORIGINAL, 'X-Original-URL: https://api.example?/public'),
      'bad_request',
    ],
    [
      'a backslash host',
      'GET /auth-request HTTP/1.1',
      replaced(ORIGINAL, 'X-Original-URL: https://api.example\\/public'),
      'bad_request',
    ],
    [
      'user info in the URL',
      'GET /auth-request HTTP/1.1',
      replaced(ORIGINAL, 'X-Original-URL: https://x@api.example/public'),
      'bad_request',
    ],
    [
      'an absolute target behind the host',
      'GET /auth-request HTTP/1.1',
      replaced(ORIGINAL, 'X-Original-URL: https://api.examplehttp://x/public'),
      'ambiguous_path',
    ],
    [
      'an escaped slash',
      'GET /auth-request HTTP/1.1',
      replaced(ORIGINAL, 'X-Original-URL: https://api.example%2fx/public'),
      'bad_request',
    ],
    [
      'a URL twice',
      'GET /auth-request HTTP/1.1',
      [...ORIGINAL, 'X-Original-URL: https://api.example/public'],
      'bad_request',
    ],
    ['the fields of the other way', 'GET /auth-request HTTP/1.1', FORWARDED, 'bad_request'],
    ['those of nginx', 'GET /forward-auth HTTP/1.1', ORIGINAL, 'bad_request'],
    ['Envoy without a Host', 'GET /ext-authz/public HTTP/1.0', ENVOY, undefined],
  ];
  for (const [name, line, fields, code] of rows) {
    const { response } = await exchangeRaw(harness.decisionsPort as number, rawRequest(line, fields));
    if (code === undefined) t.equal(response?.status, 200, name);
    else if (line.includes('auth-request'))
      t.ok((response?.status ?? 0) >= 400 && response?.code === code, `${name}: ${response?.code}`);
    else t.equal(response?.code, code, name);
  }
  const bare =
    'GET /ext-authz/public HTTP/1.0\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n';
  const { response } = await exchangeRaw(harness.decisionsPort as number, bare);
  t.equal(response?.code, 'bad_request', 'no Host at all');
});

t.test('a handshake that the proxy mode would refuse is refused', async (t) => {
  const harness = await start(t);
  const handshake = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ];
  const fields = replaced(FORWARDED, 'X-Forwarded-Uri: /socket');
  const ask = async (more: readonly string[], line = 'GET /forward-auth HTTP/1.1', own = fields) =>
    (await exchangeRaw(harness.decisionsPort as number, rawRequest(line, [...own, ...more]))).response;
  t.equal((await ask(handshake))?.status, 200);
  t.equal(
    (await ask(handshake, 'GET /forward-auth HTTP/1.1', replaced(fields, 'X-Forwarded-Method: POST')))?.code,
    'bad_request',
    'a handshake is a GET',
  );
});

t.test('what a client may not expect', async (t) => {
  const harness = await start(t);
  const ask = async (more: readonly string[]) =>
    (
      await exchangeRaw(
        harness.decisionsPort as number,
        rawRequest('GET /forward-auth HTTP/1.1', [...FORWARDED, ...more]),
      )
    ).response;
  t.equal((await ask(['Expect: 100-continue']))?.status, 200);
  t.equal((await ask(['Expect: a-miracle']))?.code, 'expectation_failed', 'as in the proxy');
  const twice = await ask(['Expect: 100-continue', 'Expect: 100-continue']);
  t.equal(twice?.code, 'expectation_failed', 'two of them are a list, as in the proxy');
});

t.test('an empty query is no query that was changed', async (t) => {
  const harness = await start(t);
  const token = await harness.issuer.token();
  for (const target of ['/asked?', '/asked?a=b', '/asked?a=%20&&=', '/asked']) {
    const { response } = await exchangeRaw(
      harness.decisionsPort as number,
      rawRequest('GET /forward-auth HTTP/1.1', [
        ...replaced(FORWARDED, `X-Forwarded-Uri: ${target}`),
        `X-Token: ${token}`,
      ]),
    );
    t.equal(response?.status, 200, target);
  }
});

t.test('long lists and long fields cost no time, and too many are refused', async (t) => {
  const harness = await start(t, { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8', '2001:db8::/32'] });
  const port = harness.decisionsPort as number;
  const askBy = async (list: readonly string[]) =>
    (
      await exchangeRaw(
        port,
        rawRequest('GET /forward-auth HTTP/1.1', replaced(FORWARDED, `X-Forwarded-For: ${list.join(',')}`)),
      )
    ).response;
  const proxies = (count: number): string[] => Array.from({ length: count }, () => '10.0.0.1');
  t.equal((await askBy(proxies(5_000)))?.code, 'bad_request', 'nobody looks up so many');
  t.equal(
    (await askBy([...proxies(5_000), '203.0.113.7']))?.status,
    200,
    'what the client claims is not looked at',
  );
  t.equal((await askBy(['203.0.113.7', ...proxies(63)]))?.status, 200);
  t.equal((await askBy(['203.0.113.7', ...proxies(64)]))?.code, 'bad_request');
  t.equal((await askBy(proxies(64)))?.status, 200);
  const long = 'x'.repeat(64 * 1024);
  t.equal(
    (await exchangeRaw(port, rawRequest('GET /forward-auth HTTP/1.1', [...FORWARDED, `X-A: ${long}`])))
      .response?.code,
    'headers_too_large',
  );
  const many = Array.from({ length: 200 }, (_, at) => `X-A${at}: x`);
  t.equal(
    (await exchangeRaw(port, rawRequest('GET /forward-auth HTTP/1.1', [...FORWARDED, ...many]))).response
      ?.code,
    'headers_too_large',
  );
});

t.test('questions in a row on a connection keep their turns, bodies and methods aside', async (t) => {
  const harness = await start(t);
  const connection = await connectRaw(harness.decisionsPort as number);
  t.teardown(() => connection.destroy());
  const asked = (line: string, more: readonly string[] = [], body = '') =>
    rawRequest(line, [...FORWARDED, ...more], body);
  const smuggled = asked('GET /ext-authz/admin HTTP/1.1');
  connection.send(
    asked('POST /forward-auth HTTP/1.1', [`Content-Length: ${smuggled.length}`], smuggled) +
      asked('GET /forward-auth HTTP/1.1', ['X_User_Id: x']) +
      asked('HEAD /forward-auth HTTP/1.1') +
      asked('HEAD /ext-authz/admin HTTP/1.1') +
      asked('PUT /forward-auth HTTP/1.1', ['Content-Length: 2'], 'ab') +
      asked('GET /auth-request HTTP/1.1'),
  );
  for (const [status, method] of [
    [200, 'POST'],
    [400, 'GET'],
    [200, 'HEAD'],
    [401, 'HEAD'],
    [200, 'PUT'],
    [403, 'GET'],
  ] as const)
    t.equal((await connection.read(method))?.status, status);
  t.equal(connection.rest().length, 0, 'one response each');
});
