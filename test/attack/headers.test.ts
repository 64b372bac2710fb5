import t from 'tap';
import { startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { exchangeRaw } from '../support/clients/raw.ts';
import { startHarness } from '../support/gateway/gateway-harness.ts';

/** Values of Host that are refused; `undefined` marks one that passes. */
const HOSTS: readonly (readonly [readonly string[], 'bad_request' | undefined])[] = [
  [['Host: api.example.com'], undefined],
  [['host: API.example.com'], undefined],
  [['Host: api.example.com.'], undefined],
  [['Host: api.example.com:8080'], undefined],
  [['Host: 127.0.0.1'], undefined],
  [['Host: [::1]'], undefined],
  [['Host: [::1]:8080'], undefined],
  [['Host: [2001:DB8::1]:443'], undefined],
  [[], 'bad_request'],
  [['Host:'], 'bad_request'],
  [['Host: a.example', 'Host: a.example'], 'bad_request'],
  [['Host: a.example', 'Host: b.example'], 'bad_request'],
  [['Host: a.example', 'host: b.example'], 'bad_request'],
  [['Host: a.example', 'Host:'], 'bad_request'],
  [['Host: a.example, b.example'], 'bad_request'],
  [['Host: user@a.example'], 'bad_request'],
  [['Host: user:password@a.example'], 'bad_request'],
  [['Host: a.example:'], 'bad_request'],
  [['Host: a.example:0'], 'bad_request'],
  [['Host: a.example:65536'], 'bad_request'],
  [['Host: a.example:99999999'], 'bad_request'],
  [['Host: a.example:80a'], 'bad_request'],
  [['Host: a.example:80:80'], 'bad_request'],
  [['Host: a.example:-1'], 'bad_request'],
  [['Host: a.example: 80'], 'bad_request'],
  [['Host: a.example/admin'], 'bad_request'],
  [['Host: a.example?x'], 'bad_request'],
  [['Host: a.example#x'], 'bad_request'],
  [['Host: a.example\\x'], 'bad_request'],
  [['Host: http://a.example'], 'bad_request'],
  [['Host: a..example'], 'bad_request'],
  [['Host: .a.example'], 'bad_request'],
  [['Host: a.example..'], 'bad_request'],
  [['Host: .'], 'bad_request'],
  [['Host: *'], 'bad_request'],
  [['Host: *.example'], 'bad_request'],
  [['Host: a b'], 'bad_request'],
  [['Host: a\tb'], 'bad_request'],
  [['Host: ::1'], 'bad_request'],
  [['Host: [::1'], 'bad_request'],
  [['Host: [::1]x'], 'bad_request'],
  [['Host: [::1%25eth0]'], 'bad_request'],
  [['Host: [gg::1]'], 'bad_request'],
  [['Host: [v1.a]'], 'bad_request'],
  [['Host: a%2eexample'], 'bad_request'],
  [['Host: \xe9.example'], 'bad_request'],
  [[`Host: ${'a'.repeat(300)}`], 'bad_request'],
  [[`Host: ${'a.'.repeat(200)}example`], 'bad_request'],
  [['X-Forwarded-Host: a.example'], 'bad_request'],
  [['Hоst: a.example'.replace('о', '\xce\xbf')], 'bad_request'],
];

t.test('a Host that is not exactly one host is refused, and closes', async (t) => {
  const harness = await startHarness(t);
  for (const [lines, code] of HOSTS) {
    harness.upstream.reset();
    const bytes = `GET /public HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
    const { response, closed } = await exchangeRaw(harness.port, bytes);
    const name = JSON.stringify(lines).slice(0, 80);
    t.equal(response?.code, code, name);
    t.equal(response?.status, code === undefined ? 200 : 400, name);
    if (code === undefined) continue;
    t.equal(closed, true, `${name}: closes`);
    t.equal(harness.upstream.bytes(), 0, name);
  }
});

t.test('a route of a host serves only that host, in any spelling', async (t) => {
  const harness = await startHarness(t, {
    routes: [
      { name: 'a', host: 'a.example', path: '/', upstream: 'backend', access: 'public' },
      { name: 'rest', path: '/', upstream: 'backend', access: 'authenticated' },
    ],
  });
  for (const [host, status] of [
    ['a.example', 200],
    ['A.EXAMPLE', 200],
    ['a.example.', 200],
    ['a.example:1234', 200],
    ['a.example.:1234', 200],
    ['b.example', 401],
    ['a.example.evil.example', 401],
    ['xa.example', 401],
    ['a-example', 401],
  ] as const) {
    const spoofs = ['X-Forwarded-Host', 'X-Host', 'X-Original-Host', 'Forwarded'].map((name) =>
      name === 'Forwarded' ? 'Forwarded: host=a.example' : `${name}: a.example`,
    );
    const bytes = `GET / HTTP/1.1\r\n${[`Host: ${host}`, ...spoofs].join('\r\n')}\r\n\r\n`;
    t.equal((await exchangeRaw(harness.port, bytes)).response?.status, status, host);
  }
});

t.test('HTTP/1.0 may leave Host out, and gets no chunks', async (t) => {
  const upstream = await startCountingUpstream((_, res) => {
    res.write('first');
    res.end('last');
  });
  const harness = await startHarness(t, { upstream });
  const { response } = await exchangeRaw(harness.port, 'GET /public HTTP/1.0\r\n\r\n');
  t.equal(response?.status, 200);
  t.equal(response?.body.toString(), 'firstlast');
  t.equal(response?.headers['transfer-encoding'], undefined);
  t.equal(response?.headers.connection?.[0], 'close');
});

const IDENTITY = [
  'X-User-Id',
  'X-User-Issuer',
  'X-User-Scopes',
  'X-Tenant',
  'Remote-User',
  'X-Sealgate-Route',
];
const aliases = (name: string) => [
  name,
  name.toLowerCase(),
  name.toUpperCase(),
  name.replaceAll('-', '_'),
  name.replaceAll('-', '.'),
  name.replaceAll('-', '~'),
  name.replace('-', '_'),
  name.replaceAll('-', "'"),
  name.replaceAll('-', '*'),
  name.replaceAll('-', '|'),
];
const fold = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '-');

t.test(
  'no spelling of an identity header goes up from a client, and the real one is there once',
  async (t) => {
    const harness = await startHarness(t, {
      file: { identity: { headers: { 'x-tenant': 'tenant' }, reserved: ['remote-user'] } },
    });
    const token = await harness.issuer.token({ tenant: 'acme', scope: 'a' });
    const spoofed = IDENTITY.flatMap(aliases);
    for (const [path, authorization] of [
      ['/public', []],
      ['/protected', [`Authorization: Bearer ${token}`]],
    ] as const) {
      for (let at = 0; at < spoofed.length; at += 20) {
        harness.upstream.reset();
        const lines = [
          'Host: a.example',
          ...authorization,
          ...spoofed.slice(at, at + 20).map((name) => `${name}: evil`),
        ];
        const { response } = await exchangeRaw(
          harness.port,
          `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`,
        );
        t.equal(response?.status, 200);
        const raw = harness.upstream.requests[0]?.rawHeaders ?? [];
        t.notOk(raw.includes('evil'), path);
        const names = raw.filter((_, index) => index % 2 === 0).map(fold);
        for (const name of IDENTITY) {
          const expected = path === '/protected' && /^x-(?:user|tenant)/.test(fold(name)) ? 1 : 0;
          t.equal(names.filter((seen) => seen === fold(name)).length, expected, `${name} on ${path}`);
        }
        if (path === '/protected')
          t.match(harness.upstream.requests[0]?.headers, { 'x-user-id': 'alice', 'x-tenant': 'acme' });
      }
    }
  },
);

t.test('Connection takes away nothing that the gateway adds, nor what belongs to the message', async (t) => {
  const harness = await startHarness(t);
  const token = await harness.issuer.token();
  const nominated = [
    'x-user-id, x-user-issuer',
    'X-User-Id',
    'close, x-user-id',
    'x-forwarded-for, x-forwarded-proto, x-forwarded-host, x-request-id',
    'host',
    'content-length',
    'content-type',
    'authorization',
    'cookie',
    'transfer-encoding',
    ',,, x-user-id ,',
    '"x-user-id"',
  ];
  for (const value of nominated) {
    harness.upstream.reset();
    const lines = [
      'Host: a.example',
      `Connection: ${value}`,
      'Connection: x-user-scopes',
      `Authorization: Bearer ${token}`,
      'Content-Type: text/plain',
      'Cookie: a=b',
      'Content-Length: 5',
    ];
    const { response } = await exchangeRaw(
      harness.port,
      `POST /protected HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\nhello`,
    );
    t.equal(response?.status, 200, value);
    const [seen] = harness.upstream.requests;
    t.equal(harness.upstream.requests.length, 1, 'the body is no request');
    t.equal(seen?.body.toString(), 'hello');
    t.match(seen?.headers, {
      'x-user-id': 'alice',
      'x-user-issuer': harness.issuer.url,
      'content-type': 'text/plain',
      cookie: 'a=b',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'a.example',
      'x-forwarded-proto': 'http',
      'x-request-id': /^.{8,}$/,
    });
    t.equal(seen?.headers.authorization, undefined);
  }
});

t.test('fields named by Connection do not go up', async (t) => {
  const harness = await startHarness(t);
  await exchangeRaw(
    harness.port,
    'GET /public HTTP/1.1\r\nHost: a\r\nConnection: x-hop, X-Other\r\nX-Hop: 1\r\nx-other: 2\r\nX-Kept: 3\r\n\r\n',
  );
  const headers = harness.upstream.requests[0]?.headers;
  t.equal(headers?.['x-hop'], undefined);
  t.equal(headers?.['x-other'], undefined);
  t.equal(headers?.['x-kept'], '3');
});

t.test('a client that is no trusted proxy cannot set its address', async (t) => {
  const harness = await startHarness(t);
  const spoofs = [
    'X-Forwarded-For: 10.0.0.1',
    'X-Forwarded-For: 10.0.0.2',
    'x_forwarded_for: 10.0.0.3',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: evil.example',
    'X-Forwarded-Port: 443',
    'X-Forwarded-Prefix: /evil',
    'X-Forwarded-Server: evil',
    'X-Forwarded-Ssl: on',
    'Forwarded: for=10.0.0.1;host=evil.example;proto=https',
    'X-Real-IP: 10.0.0.1',
    'True-Client-IP: 10.0.0.1',
    'CF-Connecting-IP: 10.0.0.1',
    'X-Client-IP: 10.0.0.1',
    'Client-IP: 10.0.0.1',
    'Proxy-Client-IP: 10.0.0.1',
    'WL-Proxy-Client-IP: 10.0.0.1',
    'X-Envoy-External-Address: 10.0.0.1',
    'SCRIPT_NAME: /evil',
    'X-Request-Id: evil',
  ];
  await exchangeRaw(
    harness.port,
    `GET /public HTTP/1.1\r\nHost: a.example\r\n${spoofs.join('\r\n')}\r\n\r\n`,
  );
  const [seen] = harness.upstream.requests;
  t.match(seen?.headers, {
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'a.example',
    'x-forwarded-port': String(harness.port),
  });
  t.notMatch(JSON.stringify(seen?.rawHeaders), /evil|10\.0\.0\.|https|"443"|"on"/);
  t.equal(harness.lines.at(-1)?.client, '127.0.0.1');
});

t.test('what a trusted proxy took off the path goes up, with what the route takes off', async (t) => {
  const routes = [
    { name: 'plain', path: '/', upstream: 'backend', access: 'public' },
    { name: 'cut', path: '/shop', rewrite: '/', upstream: 'backend', access: 'public' },
    { name: 'socket', path: '/live', rewrite: '/', upstream: 'backend', access: 'public', websocket: true },
  ];
  const handshake = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  ];
  for (const trustedProxies of [[], ['127.0.0.1']]) {
    const harness = await startHarness(t, { routes, listen: { trustedProxies } });
    const isTrusted = trustedProxies.length > 0;
    const seen = async (path: string, ...lines: readonly string[]) => {
      harness.upstream.reset();
      const head = ['Host: a.example', ...lines, 'X_Forwarded_Prefix: /evil'].join('\r\n');
      await exchangeRaw(harness.port, `GET ${path} HTTP/1.1\r\n${head}\r\n\r\n`);
      const raw = harness.upstream.requests[0]?.rawHeaders ?? [];
      return raw.filter((_, at) => /prefix/i.test(raw[at - 1] ?? '') && at % 2 === 1);
    };
    const reported = 'X-Forwarded-Prefix: /app';
    t.same(await seen('/x'), []);
    t.same(await seen('/x', reported), isTrusted ? ['/app'] : []);
    t.same(await seen('/x', 'X-Forwarded-Prefix: //evil.example'), []);
    t.same(await seen('/x', reported, 'Connection: X-Forwarded-Prefix'), isTrusted ? ['/app'] : []);
    t.same(await seen('/shop/x'), ['/shop']);
    t.same(await seen('/shop/x', reported), isTrusted ? ['/app/shop'] : ['/shop']);
    t.same(await seen('/live/x', reported, ...handshake), isTrusted ? ['/app/live'] : ['/live']);
  }
});

t.test('Authorization goes nowhere: not up, not into a body, not into a log', async (t) => {
  const harness = await startHarness(t);
  const token = await harness.issuer.token();
  const secrets = [`Bearer ${token}`, 'Bearer not-a-token-but-secret', 'Basic c2VjcmV0OnNlY3JldA=='];
  for (const path of ['/public', '/protected']) {
    for (const secret of secrets) {
      const { response } = await exchangeRaw(
        harness.port,
        `GET ${path}?access_token=query-secret HTTP/1.1\r\nHost: a\r\nAuthorization: ${secret}\r\nCookie: c=d\r\n\r\n`,
      );
      const value = secret.slice(secret.indexOf(' ') + 1);
      t.notMatch(response?.body.toString(), value);
      t.notMatch(JSON.stringify(response?.headers), value);
    }
  }
  for (const { headers } of harness.upstream.requests) t.equal(headers.authorization, undefined);
  const logged = JSON.stringify([harness.lines, harness.warnings]);
  for (const secret of [...secrets, 'query-secret'])
    t.notOk(logged.includes(secret.slice(secret.indexOf(' ') + 1)));
});

t.test('a token behind the hundredth header is not overlooked', async (t) => {
  const harness = await startHarness(t);
  const token = await harness.issuer.token();
  const fill = (count: number) => Array.from({ length: count }, (_, i) => `X-${i}: y`).join('\r\n');
  const ask = (count: number) =>
    exchangeRaw(
      harness.port,
      `GET /protected HTTP/1.1\r\nHost: a\r\n${fill(count)}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    );
  t.equal((await ask(98)).response?.status, 200);
  t.equal((await ask(99)).response?.code, 'headers_too_large');
  t.equal((await ask(2000)).response?.code, 'headers_too_large');
});

t.test('trailers of a request do not go up', async (t) => {
  const harness = await startHarness(t);
  const body = '5\r\nhello\r\n0\r\nX-User-Id: evil\r\nAuthorization: Bearer evil\r\nX-Trailer: evil\r\n\r\n';
  const { response } = await exchangeRaw(
    harness.port,
    `POST /public HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n\r\n${body}`,
  );
  t.equal(response?.status, 200);
  const [seen] = harness.upstream.requests;
  t.equal(seen?.body.toString(), 'hello');
  t.strictSame(seen?.trailers, []);
  t.notMatch(JSON.stringify(seen?.rawHeaders), 'evil');
  t.equal(seen?.headers.trailer, undefined);
});

t.test('hop-by-hop and identity names of a response are dropped, Set-Cookie is not', async (t) => {
  const upstream = await startCountingUpstream((_, res) => {
    res.writeHead(200, [
      ...[
        'Connection',
        'x-drop-me',
        'X-Drop-Me',
        'y',
        'Keep-Alive',
        'timeout=99',
        'Proxy-Authenticate',
        'Basic',
      ],
      ...['Upgrade', 'h2c', 'X-User-Id', 'mallory', 'x-user-issuer', 'evil', 'X-Request-Id', 'evil'],
      ...['X_User_Id', 'mallory', 'X.User-Issuer', 'evil', 'X-Sealgate-Would-Refuse', 'role_missing'],
      ...['Set-Cookie', 'a=b', 'Set-Cookie', 'c=d', 'X-Kept', '1', 'Content-Length', '2'],
    ]);
    res.end('ok');
  });
  const harness = await startHarness(t, { upstream });
  const { response } = await exchangeRaw(harness.port, 'GET /public HTTP/1.1\r\nHost: a\r\n\r\n');
  for (const name of [
    'x-drop-me',
    'proxy-authenticate',
    'upgrade',
    'trailer',
    'x-user-id',
    'x-user-issuer',
    'x_user_id',
    'x.user-issuer',
    'x-sealgate-would-refuse',
  ]) {
    t.equal(response?.headers[name], undefined, name);
  }
  t.strictSame(response?.headers['set-cookie'], ['a=b', 'c=d']);
  t.strictSame(response?.headers['x-kept'], ['1']);
  t.equal(response?.headers['x-request-id']?.length, 1);
  t.not(response?.headers['x-request-id']?.[0], 'evil');
  t.notMatch(response?.headers['keep-alive']?.join(), '99');
});

t.test('hop-by-hop fields of a request stay here', async (t) => {
  const harness = await startHarness(t);
  const lines = [
    'Host: a',
    'Connection: keep-alive, Upgrade, HTTP2-Settings',
    'Upgrade: h2c',
    'HTTP2-Settings: AAMAAABkAAQAAP__',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'Proxy-Authorization: Basic eDp5',
    'TE: trailers, deflate',
    'Trailer: X-T',
  ];
  const { response } = await exchangeRaw(
    harness.port,
    `GET /public HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`,
  );
  t.equal(response?.status, 200, 'an upgrade to h2c is ignored');
  const headers = harness.upstream.requests[0]?.headers ?? {};
  for (const name of [
    'upgrade',
    'http2-settings',
    'keep-alive',
    'proxy-connection',
    'proxy-authorization',
    'te',
    'trailer',
  ]) {
    t.equal(headers[name], undefined, name);
  }
  t.notMatch(headers.connection, /upgrade|http2/i);
});
