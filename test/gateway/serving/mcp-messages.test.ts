import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import { connectRaw, exchangeRaw, type RawResponse } from '../../support/clients/raw.ts';
import { until } from '../../support/core/frozen-time.ts';
import { type Harness, type HarnessOptions, startHarness } from '../../support/gateway/gateway-harness.ts';

const MCP = {
  tools: {
    search: 'allow',
    'orders_*': { scopes: ['orders:write'] },
    orders_secret: 'deny',
    'orders_secret_*': 'deny',
  },
  prompts: { 'review_*': 'allow' },
  resources: { 'file:///docs/*': 'allow', 'file:///docs/private/*': { roles: ['admin'] }, '*': 'deny' },
  methods: { 'logging/*': 'deny', 'tasks/*': { scopes: ['tasks'] } },
};
const ROUTES = [
  { name: 'tools', path: '/mcp', upstream: 'backend', access: { scopes: ['mcp:use'] }, mcp: MCP },
  { name: 'plain', path: '/plain', upstream: 'backend', access: 'public', mcp: {} },
  { name: 'open', path: '/open', upstream: 'backend', access: 'optional', mcp: MCP },
  { name: 'report', path: '/report', upstream: 'backend', access: 'authenticated', mode: 'report', mcp: MCP },
  { name: 'small', path: '/small', upstream: 'backend', access: 'public', bodyLimit: '64B', mcp: {} },
  { name: 'other', path: '/other', upstream: 'backend', access: 'public' },
];

interface Client extends Harness {
  /** Sends these bytes as the body of a POST request with the usual fields, `headers` over them. */
  post(
    body: string | Buffer,
    headers?: Readonly<Record<string, string>>,
    path?: string,
  ): Promise<RawResponse>;
}

async function startGateway(t: Test, options: HarnessOptions = {}): Promise<Client> {
  const harness = await startHarness(t, { routes: ROUTES, ...options });
  const token = await harness.issuer.token({ scope: 'mcp:use' });
  return {
    ...harness,
    async post(body, headers = {}, path = '/mcp') {
      const bytes = Buffer.from(body as string);
      const fields = {
        host: 'api.example.com',
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'content-length': String(bytes.length),
        ...headers,
      };
      const lines = Object.entries(fields)
        .filter(([, value]) => value !== '')
        .map(([name, value]) => `${name.trim()}: ${value}`);
      const head = `POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
      const { response } = await exchangeRaw(harness.port, Buffer.concat([Buffer.from(head), bytes]));
      if (response === undefined) throw new Error('no response');
      return response;
    },
  };
}

const call = (name: string, id: unknown = 1) =>
  JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } });
const message = (method: string, params?: unknown) =>
  JSON.stringify({ jsonrpc: '2.0', id: 7, method, params });
const errorOf = ({ body }: RawResponse) => JSON.parse(body.toString());

t.test('the very bytes of a permitted message go up, whatever they look like', async (t) => {
  const { post, upstream } = await startGateway(t);
  for (const body of [
    call('search'),
    ` {"method" : "tools/call",\r\n\t"params":{"name":"se\\u0061rch","arguments":{"n":1.0,"big":12345678901234567890}},"id":"\\u00e4","jsonrpc":"2.0"} `,
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"text":"äöü€😀"}}}',
  ]) {
    const response = await post(body);
    t.equal(response.status, 200);
    const seen = upstream.requests.at(-1);
    t.equal(seen?.body.toString(), body);
    t.equal(seen?.headers['content-length'], String(Buffer.byteLength(body)));
    t.equal(seen?.headers['transfer-encoding'], undefined);
    t.equal(seen?.headers['x-user-id'], 'alice');
    t.equal(seen?.headers.authorization, undefined);
  }
});

/** What the rules make of a message of a token with the scope `mcp:use`. */
const RULED: readonly (readonly [what: string, body: string, status: number, code?: string])[] = [
  ['a tool that is allowed', call('search'), 200],
  ['a tool that nothing matches', call('delete'), 403, 'mcp_denied'],
  ['a tool in another case', call('Search'), 403, 'mcp_denied'],
  ['a tool that needs a scope', call('orders_list'), 403, 'insufficient_scope'],
  ['a tool that is denied by name', call('orders_secret'), 403, 'mcp_denied'],
  ['a tool that the longer pattern denies', call('orders_secret_x'), 403, 'mcp_denied'],
  [
    'a tool called without an id',
    '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"delete"}}',
    403,
    'mcp_denied',
  ],
  ['no tool at all', message('tools/call', {}), 400, 'mcp_invalid'],
  ['a list', message('tools/list'), 200],
  ['a prompt that a pattern allows', message('prompts/get', { name: 'review_code' }), 200],
  ['a prompt that nothing matches', message('prompts/get', { name: 'other' }), 403, 'mcp_denied'],
  [
    'completion for a prompt',
    message('completion/complete', { ref: { type: 'ref/prompt', name: 'other' } }),
    403,
    'mcp_denied',
  ],
  [
    'completion for a resource',
    message('completion/complete', { ref: { type: 'ref/resource', uri: 'file:///docs/{x}' } }),
    200,
  ],
  [
    'completion for another resource',
    message('completion/complete', { ref: { type: 'ref/resource', uri: 'x:y' } }),
    403,
    'mcp_denied',
  ],
  [
    'completion for something else',
    message('completion/complete', { ref: { type: 'ref/tool', name: 'x' } }),
    400,
    'mcp_invalid',
  ],
  ['a resource', message('resources/read', { uri: 'file:///docs/a%20b' }), 200],
  [
    'a resource that needs a role',
    message('resources/read', { uri: 'file:///docs/private/x' }),
    403,
    'role_missing',
  ],
  ['the same, encoded', message('resources/read', { uri: 'file:///docs/%70rivate/x' }), 403, 'role_missing'],
  [
    'the same, with slashes in a row',
    message('resources/read', { uri: 'file:///docs//private/x' }),
    403,
    'role_missing',
  ],
  ['the same, in capitals', message('resources/read', { uri: 'FILE:///docs/private/x' }), 403, 'mcp_denied'],
  ['a resource elsewhere', message('resources/subscribe', { uri: 'file:///etc/passwd' }), 403, 'mcp_denied'],
  [
    'the end of a subscription',
    message('resources/unsubscribe', { uri: 'file:///etc/passwd' }),
    403,
    'mcp_denied',
  ],
  [
    'one of several subscriptions',
    message('subscriptions/listen', {
      notifications: { resourceSubscriptions: ['file:///docs/a', 'file:///x'] },
    }),
    403,
    'mcp_denied',
  ],
  [
    'allowed subscriptions',
    message('subscriptions/listen', { notifications: { resourceSubscriptions: ['file:///docs/a'] } }),
    200,
  ],
  ['dot segments', message('resources/read', { uri: 'file:///docs/../etc/passwd' }), 400, 'mcp_invalid'],
  ['a method that is denied', message('logging/setLevel', { level: 'debug' }), 403, 'mcp_denied'],
  ['a method that needs a scope', message('tasks/get', { taskId: 'a' }), 403, 'insufficient_scope'],
  ['a method that nothing matches', message('ping'), 200],
  ['a notification', '{"jsonrpc":"2.0","method":"notifications/initialized"}', 200],
  ['a response', '{"jsonrpc":"2.0","id":1,"result":{}}', 200],
  ['a batch', `[${call('search')}]`, 400, 'mcp_invalid'],
  ['no message', '', 400, 'mcp_invalid'],
];

t.test('rules apply to whatever a message is about', async (t) => {
  const { post, upstream, lines } = await startGateway(t);
  for (const [what, body, status, code] of RULED) {
    upstream.reset();
    const response = await post(body);
    t.equal(response.status, status, what);
    if (code === undefined) {
      t.equal(upstream.requests.length, 1, what);
      continue;
    }
    t.equal(upstream.bytes(), 0, `${what}: nothing reaches the backend`);
    const error = errorOf(response);
    t.same(response.headers['content-type'], ['application/json'], what);
    t.equal(error.jsonrpc, '2.0');
    t.equal(error.error.data.code, code, what);
    t.equal(error.error.data.requestId, response.headers['x-request-id']?.[0]);
    t.equal(error.error.code, status === 403 ? 403 : body === '' ? -32700 : -32600, what);
    await until(() => lines.at(-1)?.requestId === error.error.data.requestId);
    t.equal(lines.at(-1)?.code, code, what);
    t.equal(response.headers['www-authenticate'] !== undefined, code === 'insufficient_scope', what);
  }
  t.notMatch(
    JSON.stringify(lines),
    /passwd|orders_list|delete|private\/x/,
    'no log line has a name of a message',
  );
});

t.test('a challenge names the scopes of the route and of the rule', async (t) => {
  const { post } = await startGateway(t);
  const { headers } = await post(call('orders_list'));
  t.match(headers['www-authenticate']?.[0], /error="insufficient_scope".* scope="mcp:use orders:write"/);
  const anonymous = await post(call('orders_list'), { authorization: '' }, '/open');
  t.equal(anonymous.status, 401);
  t.equal(errorOf(anonymous).error.data.code, 'token_missing');
  t.equal(errorOf(anonymous).error.code, 401);
  t.match(anonymous.headers['www-authenticate']?.[0], /^Bearer realm="[^"]*", scope="orders:write"$/);
  t.equal((await post(call('search'), { authorization: '' }, '/open')).status, 200);
});

t.test('the id of the message comes back as it was sent', async (t) => {
  const { post } = await startGateway(t);
  for (const [id, shown = id] of [
    ['1'],
    ['"a\\u00e4ö"'],
    ['1.50'],
    ['-0'],
    ['12345678901234567890123'],
    [`"${'x'.repeat(5_000)}"`, 'null'],
  ]) {
    const { body } = await post(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"x"}}`);
    t.ok(
      body.toString().startsWith(`{"jsonrpc":"2.0","id":${shown},"error":{"code":403,`),
      body.toString().slice(0, 100),
    );
  }
  const unknown = await post('{"jsonrpc":"2.0","method":"tools/call","params":{"name":"x"}}');
  t.equal(errorOf(unknown).id, null);
  t.equal(errorOf(await post('{"id":1,')).id, null);
});

t.test('in report mode only the rules give way', async (t) => {
  const { post, lines } = await startGateway(t, { file: { reportHeader: true } });
  const send = async (body: string, headers = {}) => {
    const response = await post(body, headers, '/report');
    await until(() => lines.at(-1)?.requestId === response.headers['x-request-id']?.[0]);
    return [response.status, lines.at(-1)?.wouldRefuse, response.headers['x-sealgate-would-refuse']?.[0]];
  };
  t.same(await send(call('search')), [200, undefined, undefined]);
  t.same(await send(call('delete')), [200, 'mcp_denied', 'mcp_denied']);
  t.same(await send(call('orders_list')), [200, 'insufficient_scope', 'insufficient_scope']);
  t.same(await send('[]'), [400, undefined, undefined]);
  t.same(await send(call('delete'), { 'mcp-name': 'search' }), [400, undefined, undefined]);
});

const MODERN = '2026-07-28';
const modern = (method: string, params: Record<string, unknown>, version = MODERN) =>
  message(method, { ...params, _meta: { 'io.modelcontextprotocol/protocolVersion': version } });
const headed = (method: string, name?: string, version = MODERN) => ({
  'mcp-protocol-version': version,
  'mcp-method': method,
  ...(name !== undefined && { 'mcp-name': name }),
});
const base64 = (text: string) => `=?base64?${Buffer.from(text).toString('base64')}?=`;

/** Header against body. */
const AGREEMENT: readonly (readonly [
  what: string,
  body: string,
  headers: Record<string, string>,
  agrees: boolean,
])[] = [
  ['all that MCP requires', modern('tools/call', { name: 'a' }), headed('tools/call', 'a'), true],
  ['a name in base64', modern('tools/call', { name: 'ä ö' }), headed('tools/call', base64('ä ö')), true],
  ['a plain name in base64', modern('tools/call', { name: 'a' }), headed('tools/call', base64('a')), true],
  [
    'a name that looks like base64',
    modern('tools/call', { name: base64('a') }),
    headed('tools/call', base64(base64('a'))),
    true,
  ],
  [
    'the same, not encoded',
    modern('tools/call', { name: base64('a') }),
    headed('tools/call', base64('a')),
    false,
  ],
  [
    'base64 that is not canonical',
    modern('tools/call', { name: 'a' }),
    headed('tools/call', '=?base64?YR==?='),
    false,
  ],
  [
    'base64 without padding',
    modern('tools/call', { name: 'a' }),
    headed('tools/call', '=?base64?YQ?='),
    false,
  ],
  [
    'capitals around base64',
    modern('tools/call', { name: 'a' }),
    headed('tools/call', '=?BASE64?YQ==?='),
    false,
  ],
  [
    'base64 that is not UTF-8',
    modern('tools/call', { name: '\ufffd' }),
    headed('tools/call', '=?base64?/w==?='),
    false,
  ],
  ['blanks around the values', modern('tools/call', { name: 'a' }), headed('tools/call ', ' a  '), true],
  ['a prompt', modern('prompts/get', { name: 'a' }), headed('prompts/get', 'a'), true],
  ['a resource', modern('resources/read', { uri: 'a:b' }), headed('resources/read', 'a:b'), true],
  ['a list has no name', modern('tools/list', {}), headed('tools/list'), true],
  ['a task', modern('tasks/get', { taskId: 'a' }), headed('tasks/get', 'a'), true],
  [
    'a later version',
    modern('tools/call', { name: 'a' }, '2027-01-01'),
    headed('tools/call', 'a', '2027-01-01'),
    true,
  ],
  [
    'no version in the header',
    modern('tools/call', { name: 'a' }),
    { 'mcp-method': 'tools/call', 'mcp-name': 'a' },
    false,
  ],
  ['no field at all beside a stated version', modern('tools/call', { name: 'a' }), {}, false],
  ['another version', modern('tools/call', { name: 'a' }), headed('tools/call', 'a', '2025-11-25'), false],
  [
    'no method',
    modern('tools/call', { name: 'a' }),
    { 'mcp-protocol-version': MODERN, 'mcp-name': 'a' },
    false,
  ],
  ['another method', modern('tools/call', { name: 'a' }), headed('tools/list', 'a'), false],
  ['a method in another case', modern('tools/call', { name: 'a' }), headed('Tools/Call', 'a'), false],
  ['no name', modern('tools/call', { name: 'a' }), headed('tools/call'), false],
  ['another name', modern('tools/call', { name: 'a' }), headed('tools/call', 'b'), false],
  ['a name in another case', modern('tools/call', { name: 'a' }), headed('tools/call', 'A'), false],
  ['a name where the message has none', modern('tools/list', {}), headed('tools/list', 'a'), false],
  ['another name of a prompt', modern('prompts/get', { name: 'a' }), headed('prompts/get', 'b'), false],
  ['another URI', modern('resources/read', { uri: 'a:b' }), headed('resources/read', 'a:c'), false],
  ['no method in a list', modern('tools/list', {}), { 'mcp-protocol-version': MODERN }, false],
  ['a draft', modern('tools/call', { name: 'a' }, 'draft'), { 'mcp-protocol-version': 'draft' }, false],
  [
    'nothing in an older version',
    message('tools/call', { name: 'a' }),
    { 'mcp-protocol-version': '2025-06-18' },
    true,
  ],
  ['nothing without a version', message('tools/call', { name: 'a' }), {}, true],
  [
    'a method in an older version',
    message('tools/call', { name: 'a' }),
    headed('tools/call', 'a', '2025-06-18'),
    true,
  ],
  [
    'another method in an older version',
    message('tools/call', { name: 'a' }),
    headed('ping', 'a', '2025-06-18'),
    false,
  ],
  ['another name in an older version', message('tools/call', { name: 'a' }), { 'mcp-name': 'b' }, false],
  ['the name of a subscription', message('resources/subscribe', { uri: 'a:b' }), { 'mcp-name': 'a:b' }, true],
  [
    'a notification without method',
    '{"jsonrpc":"2.0","method":"notifications/cancelled"}',
    { 'mcp-protocol-version': MODERN },
    true,
  ],
  [
    'a notification with another method',
    '{"jsonrpc":"2.0","method":"notifications/cancelled"}',
    headed('ping'),
    false,
  ],
  ['a method twice', message('ping'), { 'mcp-method': 'ping', 'Mcp-Method ': 'ping' }, false],
  [
    'a method and another spelling of it',
    message('ping'),
    { 'mcp-method': 'ping', mcp_method: 'tools/call' },
    false,
  ],
  ['another spelling alone', message('ping'), { mcp_method: 'ping' }, false],
  ['a list of methods', message('ping'), { 'mcp-method': 'ping, ping' }, false],
  [
    'a response in an older version',
    '{"jsonrpc":"2.0","id":1,"result":{}}',
    { 'mcp-protocol-version': '2025-11-25' },
    true,
  ],
];

t.test('the header must agree with the message', async (t) => {
  const { post, upstream } = await startGateway(t);
  for (const [what, body, headers, agrees] of AGREEMENT) {
    upstream.reset();
    const response = await post(body, headers, '/plain');
    t.equal(response.status, agrees ? 200 : 400, what);
    if (agrees) continue;
    t.equal(upstream.bytes(), 0, what);
    t.equal(errorOf(response).error.data.code, 'mcp_mismatch', what);
    t.equal(errorOf(response).error.code, -32020, what);
  }
  const unasked = await post(
    '{"jsonrpc":"2.0","id":1,"result":{}}',
    { 'mcp-protocol-version': MODERN },
    '/plain',
  );
  t.equal(errorOf(unasked).error.data.code, 'mcp_invalid', 'a response, in a version that has none');
  t.equal(errorOf(unasked).id, 1);
});

t.test('what is not JSON in UTF-8 by its header is refused before it is read', async (t) => {
  const { post, upstream } = await startGateway(t);
  const body = call('search');
  for (const type of [
    'application/json; charset=utf-8',
    'Application/JSON;charset="UTF-8"; profile=x',
    'application/json ;',
  ])
    t.equal((await post(body, { 'content-type': type })).status, 200, type);
  upstream.reset();
  const refused: readonly Readonly<Record<string, string>>[] = [
    { 'content-type': '' },
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/json-rpc' },
    { 'content-type': 'application/vnd.x+json' },
    { 'content-type': 'application/json; charset=utf-16' },
    { 'content-type': 'application/json; charset=utf-8; charset=latin1' },
    { 'content-type': 'application/json, text/plain' },
    { 'content-type': 'text/plain; application/json' },
    { 'Content-Type ': 'application/json', 'content-type': 'application/json' },
    { 'content-encoding': 'gzip' },
    { 'content-encoding': 'identity' },
  ];
  for (const headers of refused) {
    const response = await post(body, headers);
    t.equal(response.status, 400, JSON.stringify(headers));
    t.equal(response.code, 'mcp_invalid', JSON.stringify(headers));
  }
  const gzipped = await post(gzipSync(body));
  t.equal(errorOf(gzipped).error.code, -32700, 'compressed without a field that states it');
  t.equal(upstream.bytes(), 0);
});

t.test('a message may arrive in any pieces, with a length or in chunks', async (t) => {
  const { port, issuer, upstream } = await startGateway(t);
  const token = await issuer.token({ scope: 'mcp:use' });
  const head = (framing: string, path = '/mcp') =>
    `POST ${path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\n${framing}\r\n\r\n`;
  const body = call('search');
  const client = await connectRaw(port);
  t.teardown(() => client.destroy());
  await client.sendSlowly([...`${head(`content-length: ${body.length}`)}${body}`].map(String), 0);
  t.equal((await client.read())?.status, 200);
  t.equal(upstream.requests.at(-1)?.body.toString(), body);

  client.send(head('transfer-encoding: chunked'));
  for (const character of body) client.send(`1\r\n${character}\r\n`);
  client.send('0\r\n\r\n');
  t.equal((await client.read())?.status, 200);
  t.equal(upstream.requests.at(-1)?.body.toString(), body);
  t.equal(upstream.requests.at(-1)?.headers['content-length'], String(body.length), 'chunks become a length');
  t.equal(upstream.requests.at(-1)?.headers['transfer-encoding'], undefined);

  upstream.reset();
  const denied = call('delete');
  client.send(`${head('transfer-encoding: chunked')}${denied.length.toString(16)}\r\n${denied}\r\n0\r\n\r\n`);
  t.equal((await client.read())?.status, 403);
  t.equal(upstream.bytes(), 0);

  // Two messages at once, and one of another route between them.
  const two = [call('search', 'first'), call('search', 'second')];
  client.send(
    two
      .map((text) => `${head(`content-length: ${text.length}`)}${text}`)
      .join('GET /other HTTP/1.1\r\nhost: a\r\n\r\n'),
  );
  for (let at = 0; at < 3; at += 1) t.equal((await client.read())?.status, 200);
  t.same(
    upstream.requests.map(({ body }) => body.toString()),
    [two[0], '', two[1]],
  );
});

t.test('a length that is wrong makes no message', async (t) => {
  const { port, upstream, lines } = await startGateway(t);
  const body = call('search');
  const head = (length: number) =>
    `POST /plain HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
  const short = await exchangeRaw(port, `${head(body.length - 1)}${body}`);
  t.equal(short.response?.status, 400, 'the rest is no request either');
  const client = await connectRaw(port);
  client.send(`${head(body.length + 5)}${body}`);
  client.halfClose();
  await client.read().catch(() => undefined);
  client.destroy();
  await until(() => lines.length >= 2);
  t.equal(upstream.bytes(), 0);
});

t.test('100 Continue comes once the access of the route held', async (t) => {
  const { port, issuer, upstream } = await startGateway(t);
  const token = await issuer.token({ scope: 'mcp:use' });
  const body = call('search');
  const head = (fields: string[]) =>
    `POST /mcp HTTP/1.1\r\n${['host: a', 'content-type: application/json', `content-length: ${body.length}`, 'expect: 100-continue', ...fields].join('\r\n')}\r\n\r\n`;
  const client = await connectRaw(port);
  t.teardown(() => client.destroy());
  client.send(head([`authorization: Bearer ${token}`]));
  await until(() => client.rest().toString().startsWith('HTTP/1.1 100 '));
  client.send(body);
  t.equal((await client.read())?.status, 200);
  t.equal(upstream.requests.at(-1)?.body.toString(), body);
  t.equal(client.rest().length, 0, 'once');
  const refused = await exchangeRaw(port, head([]));
  t.equal(refused.response?.code, 'token_missing');
});

t.test('other methods of HTTP', async (t) => {
  const { port, issuer, upstream } = await startGateway(t);
  const token = await issuer.token({ scope: 'mcp:use' });
  const ask = async (line: string, fields: string[] = [], body = '') => {
    const head = [`${line} HTTP/1.1`, 'host: a', `authorization: Bearer ${token}`, ...fields].join('\r\n');
    return (await exchangeRaw(port, `${head}\r\n\r\n${body}`, line.split(' ')[0])).response;
  };
  t.equal((await ask('GET /mcp'))?.status, 200);
  t.equal((await ask('DELETE /mcp', ['mcp-session-id: x']))?.status, 200);
  t.equal((await ask('GET /mcp', ['content-length: 0']))?.status, 200);
  upstream.reset();
  for (const method of ['PUT', 'PATCH', 'HEAD', 'OPTIONS', 'QUERY']) {
    const response = await ask(`${method} /mcp`);
    t.equal(response?.status, 405, method);
    t.same(response?.headers.allow, ['POST, GET, DELETE'], method);
  }
  const withBody = await ask('GET /mcp', ['content-length: 2', 'content-type: application/json'], '{}');
  t.equal(withBody?.code, 'mcp_invalid');
  t.equal((await ask('DELETE /mcp', ['transfer-encoding: chunked'], '0\r\n\r\n'))?.code, 'mcp_invalid');
  t.equal(upstream.bytes(), 0);
});

t.test('pages of other sites are refused, whatever they ask for', async (t) => {
  const cors = { origins: ['https://app.example', 'https://*.apps.example'] };
  const { port, upstream } = await startGateway(t, {
    listen: { publicUrl: 'https://api.example.com' },
    routes: [
      { name: 'open', path: '/open', upstream: 'backend', access: 'public', mcp: {} },
      { name: 'cors', path: '/cors', upstream: 'backend', access: 'authenticated', mcp: {}, cors },
      {
        name: 'post',
        path: '/post',
        methods: ['POST'],
        upstream: 'backend',
        access: 'authenticated',
        mcp: {},
        cors,
      },
    ],
  });
  const ask = async (line: string, ...fields: string[]) =>
    (
      await exchangeRaw(
        port,
        `${[`${line} HTTP/1.1`, 'host: a', ...fields].join('\r\n')}\r\n\r\n`,
        line.split(' ')[0],
      )
    ).response;
  for (const method of ['POST', 'GET', 'DELETE', 'PUT', 'OPTIONS', 'HEAD']) {
    for (const path of ['/open', '/cors', '/post']) {
      for (const origin of [
        'https://evil.example',
        'null',
        'https://api.example.com.evil.example',
        'http://api.example.com',
      ]) {
        const response = await ask(`${method} ${path}`, `origin: ${origin}`);
        t.equal(response?.status, 403, `${method} ${path} ${origin}`);
        if (method !== 'HEAD') t.equal(response?.code, 'origin_not_allowed', `${method} ${path} ${origin}`);
      }
    }
  }
  t.equal(upstream.bytes(), 0);
  t.equal((await ask('GET /open', 'origin: https://api.example.com'))?.status, 200);
  t.equal((await ask('GET /open'))?.status, 200);
  t.equal((await ask('GET /cors', 'origin: https://app.example'))?.status, 401, 'only the token is missing');
  t.equal((await ask('GET /cors', 'origin: https://x.apps.example'))?.status, 401);
  t.equal((await ask('GET /cors', 'origin: https://api.example.com'))?.status, 401);
  t.equal(
    (await ask('GET /open', 'origin: https://api.example.com', 'origin: https://api.example.com'))?.status,
    403,
  );
});

t.test('browsers may send and read what MCP needs', async (t) => {
  const cors = { origins: ['https://app.example'], headers: ['X-Own'] };
  const { port } = await startGateway(t, {
    routes: [{ name: 'cors', path: '/', upstream: 'backend', access: 'authenticated', mcp: {}, cors }],
  });
  const preflight = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'OPTIONS',
    headers: {
      origin: 'https://app.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,mcp-method,mcp-param-region,content-type,x-evil',
    },
  });
  t.equal(preflight.status, 204);
  const allowed = preflight.headers.get('access-control-allow-headers')?.toLowerCase().split(', ') ?? [];
  for (const name of [
    'x-own',
    'authorization',
    'content-type',
    'mcp-protocol-version',
    'mcp-session-id',
    'mcp-method',
    'mcp-name',
    'last-event-id',
    'mcp-param-region',
  ])
    t.ok(allowed.includes(name), name);
  t.notOk(allowed.includes('x-evil'));
  t.equal(preflight.headers.get('access-control-allow-methods'), 'POST, GET, DELETE');
  t.equal(allowed.length, new Set(allowed).size);
  const refused = await fetch(`http://127.0.0.1:${port}/`, { headers: { origin: 'https://app.example' } });
  const exposed = refused.headers.get('access-control-expose-headers')?.toLowerCase() ?? '';
  for (const name of ['mcp-session-id', 'mcp-protocol-version', 'www-authenticate']) t.match(exposed, name);
});

function padded(length: number): string {
  const text = '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":""}}';
  return text.replace('""', `"${'x'.repeat(length - text.length)}"`);
}

t.test('a message is as large as the route allows, and no larger', async (t) => {
  const { port, post, upstream } = await startGateway(t);
  t.equal((await post(padded(1024 ** 2), {}, '/plain')).status, 200, '1 MiB by default');
  t.equal(upstream.requests.at(-1)?.body.length, 1024 ** 2);
  t.equal((await post(padded(64), {}, '/small')).status, 200);
  upstream.reset();
  t.equal((await post(padded(1024 ** 2 + 1), {}, '/plain')).code, 'body_too_large');
  t.equal((await post(padded(65), {}, '/small')).code, 'body_too_large');
  const chunked = await exchangeRaw(
    port,
    `POST /small HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n41\r\n${padded(65)}\r\n0\r\n\r\n`,
  );
  t.equal(chunked.response?.code, 'body_too_large');
  t.equal(upstream.bytes(), 0);
});

t.test('all messages together take 64 MiB at most, and release them', async (t) => {
  const { port, post } = await startGateway(t);
  const hold = async (length: number) => {
    const client = await connectRaw(port);
    client.send(
      `POST /plain HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`,
    );
    client.send(Buffer.alloc(length - 1, ' '));
    return client;
  };
  const more = message('ping', { padding: 'x'.repeat(8_192) });
  const [first, ...others] = await Promise.all(Array.from({ length: 63 }, () => hold(1024 ** 2)));
  let refused = await post(more, {}, '/plain');
  // What the large ones leave is filled in small pieces, so that none of them is refused.
  while (refused.status !== 503) {
    others.push(await hold(8_192));
    refused = await post(more, {}, '/plain');
  }
  t.equal(refused.code, 'overloaded');
  t.same(refused.headers['retry-after'], ['1']);
  first?.send('}');
  t.equal((await first?.read())?.status, 400, 'those that have their room go on');
  const refill = await hold(1024 ** 2);
  for (const client of others) client.destroy();
  const leftAt = performance.now();
  let after = await Promise.all([1, 2, 3, 4].map(() => post(padded(1024 ** 2), {}, '/plain')));
  while (after.some(({ status }) => status !== 200))
    after = await Promise.all([1, 2, 3, 4].map(() => post(padded(1024 ** 2), {}, '/plain')));
  t.ok(performance.now() - leftAt < 20_000, 'clients that leave in the middle of a body hold none');
  first?.destroy();
  refill.destroy();
});

t.test('the log has the method of a message if MCP defines it, and nothing else of it', async (t) => {
  const { post, lines } = await startGateway(t);
  await post(call('search'));
  await post(message('acme/secret-method', { secret: 'secret-value' }));
  await post('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"secret-name":1,"secret-name":2}}');
  await until(() => lines.length === 3);
  t.same(
    lines.map(({ mcpMethod }) => mcpMethod),
    ['tools/call', undefined, undefined],
  );
  t.notMatch(JSON.stringify(lines), /search|secret/);
});

t.test('a refusal after the message was read is an error of JSON-RPC, also one of the backend', async (t) => {
  const { post, upstream } = await startGateway(t, {
    file: { upstreams: { backend: { url: 'http://127.0.0.1:1' } } },
  });
  const response = await post(call('search', 'abc'));
  t.equal(response.status, 502);
  t.match(errorOf(response), { id: 'abc', error: { code: 502, data: { code: 'upstream_unreachable' } } });
  t.equal(upstream.bytes(), 0);
});

t.test('a message goes up once, and waits for no second connection', async (t) => {
  let responses = 0;
  const backend = await startCountingUpstream((_req, res) => {
    responses += 1;
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write('data: {}\n\n');
    setImmediate(() => res.end());
  });
  const { post } = await startGateway(t, { upstream: backend });
  const response = await post(call('search'));
  t.equal(response.body.toString(), 'data: {}\n\n');
  t.equal(responses, 1);
});

t.test('access is decided before anything of the body', async (t) => {
  const { post, upstream } = await startGateway(t);
  const response = await post('no json', { authorization: '' });
  t.equal(response.code, 'token_missing', 'a problem document: nothing was read');
  t.equal((await post('no json', { authorization: 'Bearer x' })).code, 'token_malformed');
  t.equal(upstream.bytes(), 0);
});
