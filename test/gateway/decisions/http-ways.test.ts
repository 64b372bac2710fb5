import t, { type Test } from 'tap';
import { CAUSES, type Cause } from '../../../src/core/causes.ts';
import { exchangeRaw, rawRequest } from '../../support/clients/raw.ts';
import { type Harness, startHarness } from '../../support/gateway/gateway-harness.ts';

/* The three ways of asking over HTTP, by the bytes that an asking proxy sends. */

const ROUTES = [
  { name: 'public', path: '/public', upstream: 'backend', access: 'public' },
  { name: 'asked', path: '/asked', upstream: 'none', access: 'authenticated' },
  { name: 'admin', path: '/admin', upstream: 'none', access: { scopes: ['admin'] } },
  {
    name: 'forwarding',
    path: '/forwarding',
    upstream: 'none',
    access: 'authenticated',
    identity: { forwardToken: true },
  },
  {
    name: 'places',
    path: '/places',
    upstream: 'none',
    access: 'authenticated',
    websocket: true,
    cors: { origins: ['https://app.example'] },
    tokenFrom: [
      { cookie: 'session' },
      { query: 'token' },
      { webSocketProtocol: 'bearer' },
      { header: 'x-token' },
    ],
  },
  { name: 'tools', path: '/tools', upstream: 'backend', access: 'authenticated', mcp: {} },
  { name: 'tools-asked', path: '/asked-tools', upstream: 'none', access: 'authenticated', mcp: {} },
  { name: 'socket', path: '/socket', upstream: 'none', access: 'authenticated', websocket: true },
  {
    name: 'shop',
    path: '/shop',
    methods: ['GET'],
    upstream: 'none',
    access: 'authenticated',
    cors: { origins: ['https://app.example'] },
  },
  {
    name: 'rare',
    path: '/rare',
    upstream: 'none',
    access: 'public',
    rateLimit: { max: 1, window: '1h', by: 'ip' },
  },
];

interface Asked {
  readonly method?: string;
  readonly proto?: string;
  readonly host?: string;
  readonly target: string;
  readonly client?: string;
}

const CLIENT = '203.0.113.7';

/** The question of each way about the same request, with the fields of the client behind those of the asking proxy. */
const WAYS: Readonly<Record<string, (asked: Asked, fields: readonly string[]) => string>> = {
  'forward-auth': (
    { method = 'GET', proto = 'https', host = 'api.example', target, client = CLIENT },
    fields,
  ) =>
    rawRequest('GET /forward-auth HTTP/1.1', [
      `X-Forwarded-Method: ${method}`,
      `X-Forwarded-Proto: ${proto}`,
      `X-Forwarded-Host: ${host}`,
      `X-Forwarded-Uri: ${target}`,
      `X-Forwarded-For: ${client}`,
      ...fields,
    ]),
  'auth-request': (
    { method = 'GET', proto = 'https', host = 'api.example', target, client = CLIENT },
    fields,
  ) =>
    rawRequest('GET /auth-request HTTP/1.0', [
      `X-Original-Method: ${method}`,
      `X-Original-URL: ${proto}://${host}${target}`,
      `X-Forwarded-For: ${client}`,
      ...fields,
    ]),
  'ext-authz': ({ method = 'GET', proto = 'https', target, client = CLIENT }, fields) =>
    rawRequest(`${method} /ext-authz${target} HTTP/1.1`, [
      `X-Forwarded-Proto: ${proto}`,
      `X-Forwarded-For: ${client}`,
      ...fields,
    ]),
};

const start = (test: Test, more: Readonly<Record<string, unknown>> = {}): Promise<Harness> =>
  startHarness(test, { routes: ROUTES, file: { decisions: { port: 0, ...more } } });

const ask = async (harness: Harness, bytes: string) => {
  const { response } = await exchangeRaw(harness.decisionsPort as number, bytes);
  if (response === undefined) throw new Error('no response');
  return response;
};

/** The access line of the question that was asked last. */
async function lineOf(harness: Harness, requestId: string | undefined) {
  for (;;) {
    const line = harness.lines.find((one) => one.requestId === requestId);
    if (line !== undefined) return line as unknown as Record<string, unknown>;
    await new Promise(setImmediate);
  }
}

for (const [via, question] of Object.entries(WAYS)) {
  t.test(`${via}: a request that is allowed`, async (t) => {
    const harness = await start(t);
    const token = await harness.issuer.token({ sub: 'ann', scope: 'read' });
    const bearer = `Authorization: Bearer ${token}`;
    const allowed = await ask(harness, question({ target: '/asked/7?a=1' }, [bearer, 'X-User-Id: mallory']));
    t.equal(allowed.status, 200);
    t.equal(allowed.body.length, 0);
    t.same(allowed.headers['x-user-id'], ['ann']);
    t.same(allowed.headers['x-user-issuer'], [harness.issuer.url]);
    t.same(allowed.headers['x-user-scopes'], ['read']);
    t.same(allowed.headers['cache-control'], ['no-store']);
    t.equal(allowed.headers.authorization, undefined, 'the token is not forwarded');
    const [requestId] = allowed.headers['x-request-id'] ?? [];
    const line = await lineOf(harness, requestId);
    t.match(line, {
      method: 'GET',
      path: '/asked/7',
      status: 200,
      route: 'asked',
      code: 'allow',
      issuer: 'test',
      client: CLIENT,
      via,
    });
    t.equal(line.upstream, undefined);
    const metrics = await (await fetch(`${harness.adminUrl}/metrics`)).text();
    t.match(
      metrics,
      `sealgate_requests_total{route="asked",method="GET",status="200",code="allow",via="${via}"} 1`,
    );

    const forwarded = await ask(harness, question({ target: '/forwarding' }, [bearer]));
    t.same(forwarded.headers.authorization, [`Bearer ${token}`], 'a forwarded token is in the reply');
    const anonymous = await ask(harness, question({ target: '/public' }, [bearer]));
    t.equal(anonymous.status, 200);
    t.equal(anonymous.headers.authorization, undefined);
    t.equal(anonymous.headers['x-user-id'], undefined);
    const named = await ask(harness, question({ target: '/public' }, ['X-Request-Id: from-the-proxy']));
    t.same(named.headers['x-request-id'], ['from-the-proxy']);

    const preflight = await ask(
      harness,
      question({ method: 'OPTIONS', target: '/shop' }, [
        'Origin: https://app.example',
        'Access-Control-Request-Method: GET',
      ]),
    );
    t.equal(preflight.status, 200);
    t.equal(preflight.headers['x-user-id'], undefined);
    // The asking proxy adds them to the backend's response, which is the one to the preflight.
    t.same(preflight.headers['access-control-allow-origin'], ['https://app.example']);
    t.match(preflight.headers['access-control-allow-methods']?.[0], /GET/);
    const shared = await ask(harness, question({ target: '/shop' }, [bearer, 'Origin: https://app.example']));
    t.same(shared.headers['access-control-allow-origin'], ['https://app.example']);
    for (const fields of [
      ['Sec-WebSocket-Key: x'],
      ['Upgrade: websocket', 'Connection: Upgrade'],
      // As Envoy asks: without the client's Connection, and with a length that is always there.
      ['Upgrade: websocket', 'Content-Length: 0'],
    ]) {
      t.equal((await ask(harness, question({ target: '/socket' }, [bearer, ...fields]))).status, 200);
    }
    t.equal(harness.upstream.bytes(), 0, 'no backend is asked');
  });

  t.test(`${via}: a request that is refused`, async (t) => {
    const harness = await start(t);
    const token = await harness.issuer.token({ sub: 'ann', scope: 'read' });
    const bearer = `Authorization: Bearer ${token}`;
    const shown = (status: number): number =>
      via === 'auth-request' && status < 500 && status !== 401 ? 403 : status;
    const rows: readonly (readonly [
      code: string,
      status: number,
      asked: Asked,
      fields: readonly string[],
    ])[] = [
      ['token_missing', 401, { target: '/asked' }, []],
      ['token_malformed', 401, { target: '/asked' }, ['Authorization: Bearer x']],
      ['insufficient_scope', 403, { target: '/admin' }, [bearer]],
      ['multiple_tokens', 400, { target: '/public' }, [bearer, bearer]],
      ['route_unknown', 404, { target: '/' }, [bearer]],
      ['method_not_allowed', 405, { method: 'POST', target: '/shop' }, [bearer]],
      ['method_not_allowed', 405, { method: 'TRACE', target: '/asked' }, [bearer]],
      ['ambiguous_path', 400, { target: '/asked/%2e%2e/admin' }, [bearer]],
      ['ambiguous_path', 400, { target: '/asked//x' }, [bearer]],
      ['mcp_invalid', 400, { target: '/tools' }, [bearer]],
      ['mcp_invalid', 400, { method: 'POST', target: '/tools' }, [bearer]],
      ['mcp_invalid', 400, { method: 'POST', target: '/asked-tools' }, [bearer]],
      ['token_missing', 401, { method: 'POST', target: '/asked-tools' }, []],
      ['upgrade_refused', 400, { target: '/asked' }, [bearer, 'Sec-WebSocket-Key: x']],
      ['upgrade_refused', 400, { target: '/asked' }, [bearer, 'Connection: Upgrade', 'Upgrade: WebSocket']],
      ['bad_request', 400, { target: `/places?token=${token}` }, []],
      ['bad_request', 400, { proto: 'ftp', target: '/public' }, []],
      ['bad_request', 400, { client: 'unknown', target: '/public' }, []],
      ['bad_request', 400, { client: '', target: '/public' }, []],
    ];
    for (const [code, status, asked, fields] of rows) {
      const refused = await ask(harness, question(asked, [...fields, 'Content-Type: application/grpc']));
      const name = `${asked.method ?? 'GET'} ${asked.target.slice(0, 30)}: ${code}`;
      t.equal(refused.code, code, name);
      t.equal(refused.status, shown(status), `${name}: the status`);
      t.same(
        refused.headers['x-sealgate-status'],
        shown(status) === status && status !== 403
          ? undefined
          : via === 'auth-request'
            ? [String(status)]
            : undefined,
        `${name}: the status meant`,
      );
      t.same(
        refused.headers['content-type'],
        ['application/problem+json'],
        `${name}: never in the form of gRPC`,
      );
      t.same(refused.headers['cache-control'], ['no-store']);
      const line = await lineOf(harness, refused.headers['x-request-id']?.[0]);
      t.match(line, { code, status, via }, `${name}: the access line`);
    }
    const challenged = await ask(harness, question({ target: '/admin' }, [bearer]));
    t.match(challenged.headers['www-authenticate']?.[0], /error="insufficient_scope".*scope="admin"/);
    t.same((await ask(harness, question({ method: 'POST', target: '/shop' }, [bearer]))).headers.allow, [
      'GET',
    ]);
    t.equal((await ask(harness, question({ target: '/rare' }, []))).status, 200);
    const limited = await ask(harness, question({ target: '/rare' }, []));
    t.equal(limited.status, shown(429));
    t.ok(Number(limited.headers['retry-after']?.[0]) > 0);
    t.equal(
      (await ask(harness, question({ target: '/rare', client: '203.0.113.8' }, []))).status,
      200,
      'another client has a count of its own',
    );
    t.equal(harness.upstream.bytes(), 0);
  });

  t.test(`${via}: who the client is`, async (t) => {
    const harness = await start(t, { trustedProxies: ['127.0.0.1', '10.0.0.0/8'] });
    for (const [list, client] of [
      ['203.0.113.7', '203.0.113.7'],
      ['198.51.100.1, 203.0.113.7, 10.0.0.1', '203.0.113.7'],
      ['junk, 203.0.113.7', '203.0.113.7'],
      ['10.0.0.2, 10.0.0.1', '10.0.0.2'],
      ['[2001:db8::1]:4711', '2001:db8::1'],
      ['::ffff:203.0.113.7', '203.0.113.7'],
    ] as const) {
      const allowed = await ask(harness, question({ target: '/public', client: list }, []));
      t.equal((await lineOf(harness, allowed.headers['x-request-id']?.[0])).client, client, list);
    }
  });

  t.test(`${via}: each field of its own exactly once, and no other`, async (t) => {
    const harness = await start(t);
    const whole = question({ target: '/public' }, []);
    const [line = '', ...fields] = whole.split('\r\n').filter((field) => field !== '');
    const own = fields.filter((field) => /^x-/i.test(field));
    for (const field of own) {
      const without = `${[line, ...fields.filter((one) => one !== field)].join('\r\n')}\r\n\r\n`;
      const twice = `${[line, ...fields, field].join('\r\n')}\r\n\r\n`;
      t.equal((await ask(harness, without)).code, 'bad_request', `without ${field}`);
      t.equal((await ask(harness, twice)).code, 'bad_request', `twice ${field}`);
    }
    const [name] = (own[0] as string).split(':');
    t.equal(
      (await ask(harness, whole.replace(`${name}:`, `${name?.replaceAll('-', '_')}:`))).code,
      'bad_request',
    );
  });

  t.test(`${via}: a proxy that is not trusted`, async (t) => {
    const harness = await start(t, { trustedProxies: ['192.0.2.1'] });
    const refused = await ask(harness, question({ target: '/public' }, []));
    t.equal(refused.status, 403);
    t.equal(refused.code, 'proxy_not_trusted');
    t.match(await lineOf(harness, refused.headers['x-request-id']?.[0]), {
      client: '127.0.0.1',
      code: 'proxy_not_trusted',
    });
  });
}

const SPOOFED = [
  'X_User_Id: mallory',
  'X-User.Id: mallory',
  'x_user-issuer: x',
  'X-Sealgate-Trust: x',
  'X_Sealgate_Assertion: x',
  'X-HTTP-Method-Override: DELETE',
  'X_HTTP_Method_Override: DELETE',
  'X-Rewrite-URL: /admin',
  'X-Forwarded-Path: /admin',
  'X-Original-URI: /admin',
  'Transfer_Encoding: chunked',
  'X_Forwarded_For: 127.0.0.1',
  'X_Real.IP: 127.0.0.1',
];

t.test('forward-auth: a target that is no path is what it is in the proxy mode', async (t) => {
  const harness = await start(t);
  const question = WAYS['forward-auth'] as (typeof WAYS)[string];
  for (const target of ['http://api.example/public', '//api.example/public', 'public', '*']) {
    const refused = await ask(harness, question({ target }, []));
    t.equal(refused.code, 'ambiguous_path', target);
    const { response } = await exchangeRaw(harness.port, rawRequest(`GET ${target} HTTP/1.1`, []));
    if (target !== 'public') t.equal(response?.code, 'ambiguous_path', `${target}: in the proxy mode`);
  }
  t.equal((await ask(harness, question({ target: '' }, []))).code, 'bad_request', 'no target at all');
});

for (const via of ['forward-auth', 'auth-request'] as const) {
  const question = WAYS[via] as (typeof WAYS)[string];
  t.test(`${via}: what the asking proxy would forward, and may not`, async (t) => {
    const harness = await start(t);
    const token = await harness.issuer.token({ sub: 'ann' });
    const handshake = [
      'Origin: https://app.example',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: x',
    ];
    const rows: readonly (readonly [cause: Cause, fields: readonly string[], target?: string])[] = [
      ...SPOOFED.map((field) => ['question_spoofed', [field]] as const),
      [
        'question_spoofed',
        [via === 'forward-auth' ? 'X-Original-URL: http://a/admin' : 'X-Forwarded-Uri: /admin'],
      ],
      ['question_token', [`Cookie: a=b; session=${token}`], '/places'],
      ['question_token', [...handshake, `Sec-WebSocket-Protocol: bearer, ${token}, chat`], '/places'],
    ];
    for (const [cause, fields, target = '/public'] of rows) {
      const refused = await ask(harness, question({ target }, fields));
      t.equal(refused.code, CAUSES[cause], `${fields[0]?.slice(0, 40)}`);
    }
    const inHeader = await ask(harness, question({ target: '/places' }, [`X-Token: ${token}`]));
    t.equal(inHeader.status, 200, 'a header is for the asking proxy to drop');
  });
}

t.test('ext-authz: everything to drop is named, seen or not, except what the reply sets', async (t) => {
  const harness = await start(t, {});
  const token = await harness.issuer.token({ sub: 'ann', scope: undefined });
  const question = WAYS['ext-authz'] as (typeof WAYS)[string];
  const namesOf = async (target: string, fields: readonly string[]) => {
    const allowed = await ask(harness, question({ target }, fields));
    t.equal(allowed.status, 200);
    return new Set(allowed.headers['x-envoy-auth-headers-to-remove']?.[0]?.split(','));
  };
  const names = await namesOf('/asked', [`Authorization: Bearer ${token}`, ...SPOOFED]);
  for (const name of [
    'x-user-scopes',
    'x_user_scopes',
    'x_user_id',
    'authorization',
    'x-http-method-override',
    'x_http_method_override',
    'x-original-url',
    'x_original_url',
    'x-token',
    'x_token',
  ])
    t.ok(names.has(name), name);
  for (const field of SPOOFED)
    t.ok(names.has((field.split(':')[0] as string).toLowerCase()), `seen: ${field}`);
  for (const name of ['x-user-id', 'x-user-issuer']) t.notOk(names.has(name), `${name} is set`);
  t.ok((await namesOf('/public', [])).has('x-user-id'), 'no identity is set where there is none');
  t.notOk((await namesOf('/forwarding', [`Authorization: Bearer ${token}`])).has('authorization'));
  t.ok((await namesOf('/places', [`Cookie: session=${token}`])).has('cookie'));
  t.notOk((await namesOf('/places', [`Authorization: Bearer ${token}`, 'Cookie: a=b'])).has('cookie'));
  t.ok((await namesOf('/places', [`X-Token: ${token}`])).has('x-token'));
});

t.test('what is asked nowhere, and what the proxy does not serve', async (t) => {
  const harness = await start(t);
  for (const target of [
    '/',
    '/forward-auth/x',
    '/ext-authz',
    '/ext-authzx',
    '/auth-requests',
    '/forward-auth%2f',
  ]) {
    const refused = await ask(harness, rawRequest(`GET ${target} HTTP/1.1`, []));
    t.equal(refused.code, CAUSES.question_unknown satisfies string, target);
  }
  const inProxy = (await exchangeRaw(harness.port, rawRequest('GET /asked HTTP/1.1', []))).response;
  t.equal(inProxy?.code, CAUSES.route_for_decisions satisfies string);
  const own = await startHarness(t, {
    routes: [{ name: 'tools', path: '/tools', upstream: 'none', access: 'authenticated', resource: true }],
    listen: { publicUrl: 'https://api.example' },
    file: { decisions: { port: 0 } },
  });
  const question = WAYS['forward-auth'] as (typeof WAYS)[string];
  const metadata = await ask(own, question({ target: '/.well-known/oauth-protected-resource/tools' }, []));
  t.equal(metadata.code, CAUSES.own_path_asked satisfies string);
  t.equal(metadata.status, 404);
  const tools = await ask(
    harness,
    question({ target: '/tools' }, [`Authorization: Bearer ${await harness.issuer.token()}`]),
  );
  t.equal(tools.code, CAUSES.mcp_asked satisfies string);
});

t.test('a question that is no HTTP is refused once, and the connection ends', async (t) => {
  const harness = await start(t);
  const { response } = await exchangeRaw(
    harness.decisionsPort as number,
    rawRequest('GET /forward-auth HTTP/1.1', ['no colon']),
  );
  t.equal(response?.code, 'bad_request');
  const framed = await ask(
    harness,
    rawRequest('POST /forward-auth HTTP/1.1', ['Transfer-Encoding: gzip'], 'x'),
  );
  t.equal(framed.code, 'bad_request');
  t.same(framed.headers.connection, ['close']);
});

t.test('questions follow each other on a connection, also behind one about a handshake', async (t) => {
  const harness = await start(t);
  const { connectRaw } = await import('../../support/clients/raw.ts');
  const connection = await connectRaw(harness.decisionsPort as number);
  t.teardown(() => connection.destroy());
  const question = WAYS['forward-auth'] as (typeof WAYS)[string];
  for (const fields of [[], ['Connection: Upgrade', 'Upgrade: websocket'], ['X_User_Id: x'], []]) {
    connection.send(question({ target: '/asked' }, fields));
    t.ok([400, 401].includes((await connection.read())?.status ?? 0));
  }
});
