import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as v2 from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import t, { type Test } from 'tap';
import { startMcpServer } from '../../../demo/mcp/mcp-server.ts';
import { startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import { type Harness, startHarness } from '../../support/gateway/gateway-harness.ts';

const MCP = {
  tools: { search: 'allow', 'orders_*': { scopes: ['orders:write'] }, orders_secret: 'deny' },
  prompts: { 'review_*': 'allow' },
  resources: { 'file:///docs/*': 'allow', 'file:///docs/private/*': { roles: ['admin'] } },
};
const route = (name: string, changes: Readonly<Record<string, unknown>> = {}) => ({
  name,
  path: `/${name}`,
  upstream: 'backend',
  access: 'authenticated',
  mcp: MCP,
  ...changes,
});
const ROUTES = [
  route('mcp'),
  route('unfiltered', { mcp: { ...MCP, filterLists: false } }),
  route('unlimited', { mcp: { methods: { 'logging/*': 'deny' } } }),
  route('report', { mode: 'report' }),
  route('optional', { access: 'optional' }),
  { name: 'plain', path: '/plain', upstream: 'backend', access: 'authenticated' },
];

const LISTS = {
  tools: [{ name: 'search' }, { name: 'orders_list' }, { name: 'orders_secret' }, { name: 'delete' }],
  prompts: [{ name: 'review_code' }, { name: 'other' }],
  resources: [
    { uri: 'file:///docs/a' },
    { uri: 'file:///docs/private/b' },
    { uri: 'file:///docs/../etc/passwd' },
    { uri: 'FILE:///docs/a' },
    { uri: 'x:y' },
  ],
  resourceTemplates: [{ uriTemplate: 'file:///docs/{name}' }, { uriTemplate: 'file:///{+path}' }],
};
const RESPONSE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  result: { ...LISTS, ttlMs: 5, cacheScope: 'public' },
});
const READER = ['search', 'review_code', 'file:///docs/a', 'file:///docs/{name}'];
const WRITER = ['search', 'orders_list', ...READER.slice(1)];
const ADMIN = ['search', 'review_code', 'file:///docs/a', 'file:///docs/private/b', 'file:///docs/{name}'];

function namesOf(text: string): readonly string[] {
  const { result } = JSON.parse(text) as {
    readonly result: Record<keyof typeof LISTS, Record<string, string>[]>;
  };
  return (Object.keys(LISTS) as (keyof typeof LISTS)[]).flatMap((list) =>
    result[list].map(({ name, uri, uriTemplate }) => name ?? uri ?? uriTemplate ?? ''),
  );
}

/** Responds with the lists, as the request's target asks: in JSON, as an event, or otherwise. */
function respond(req: IncomingMessage, res: ServerResponse): void {
  const { searchParams } = new URL(req.url ?? '', 'http://x');
  if (searchParams.has('gzip')) res.setHeader('content-encoding', 'gzip');
  res.setHeader('etag', '"1"');
  if (searchParams.has('large')) {
    res.setHeader('content-type', 'application/json');
    res.end(`"${'x'.repeat(5_000_000)}"`);
  } else if (searchParams.has('events') || req.method === 'GET') {
    res.setHeader('content-type', 'text/event-stream');
    res.end(`id: 1\ndata: ${RESPONSE}\n\n`);
  } else {
    res.setHeader('content-type', 'application/json');
    res.end(RESPONSE);
  }
}

interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
}

async function startGateway(t: Test) {
  const harness = await startHarness(t, { routes: ROUTES, upstream: await startCountingUpstream(respond) });
  return {
    ...harness,
    async post(target: string, { method = 'tools/list', headers = {}, claims = {} }: Asking = {}) {
      const token = await harness.issuer.token(claims);
      return fetch(`http://127.0.0.1:${harness.port}${target}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method,
          params: method === 'tools/call' ? { name: 'search' } : {},
        }),
      });
    },
  };
}

/** The message of a JSON body, or of the one event of a stream. */
const messageOf = async (response: Response) =>
  (await response.text()).replace(/^id: 1\ndata: (.*)\n\n$/, '$1');

const CALLERS = [
  ['a reader', {}, READER],
  ['a writer', { scope: 'orders:write' }, WRITER],
  ['an admin', { roles: ['admin'] }, ADMIN],
] as const;

for (const [who, claims, expected] of CALLERS)
  t.test(`lists show ${who} what it may use, whichever way they come`, async (t) => {
    const { port, issuer, post } = await startGateway(t);
    for (const method of [
      'tools/list',
      'prompts/list',
      'resources/list',
      'resources/templates/list',
      'custom/all',
      'tasks/result',
    ])
      for (const target of ['/mcp', '/mcp?events']) {
        const response = await post(target, { method, claims });
        const text = await messageOf(response);
        t.same(namesOf(text), expected, `${method} ${target}`);
        t.match(text, '"ttlMs":5,"cacheScope":"private"');
        t.equal(response.headers.get('etag'), null);
        t.equal(response.headers.get('cache-control'), 'private, no-store, no-transform');
      }
    for (const more of [[], [['last-event-id', '7']]] as [string, string][][]) {
      const authorization = `Bearer ${await issuer.token(claims)}`;
      const stream = await fetch(`http://127.0.0.1:${port}/mcp`, {
        headers: [['authorization', authorization], ...more],
      });
      t.same(namesOf(await messageOf(stream)), expected, 'GET');
    }
    const resumed = await post('/mcp?events', {
      method: 'tools/call',
      claims,
      headers: { 'Last-Event-ID': '7' },
    });
    t.same(namesOf(await messageOf(resumed)), expected, 'a stream that a call resumes');
  });

t.test('a caller without a token sees what needs none', async (t) => {
  const { port } = await startGateway(t);
  const response = await fetch(`http://127.0.0.1:${port}/optional`);
  t.same(namesOf(await messageOf(response)), READER);
});

t.test('nothing is filtered where the file does not ask for it, or rules only report', async (t) => {
  const { post, upstream } = await startGateway(t);
  for (const target of ['/unfiltered', '/unlimited', '/report', '/plain']) {
    const response = await post(target, { headers: { 'accept-encoding': 'gzip' } });
    t.equal(await response.text(), RESPONSE, target);
    t.equal(response.headers.get('etag'), '"1"');
    t.equal(upstream.requests.at(-1)?.headers['accept-encoding'], 'gzip');
  }
});

t.test('a list is asked for without a coding, and whole', async (t) => {
  const { post, upstream } = await startGateway(t);
  await post('/mcp', { headers: { 'accept-encoding': 'gzip, br', range: 'bytes=0-9', 'if-range': '"1"' } });
  const { headers } = upstream.requests[0] as (typeof upstream.requests)[0];
  t.equal(headers['accept-encoding'], 'identity');
  t.equal(headers.range, undefined);
  t.equal(headers['if-range'], undefined);
  t.equal(headers['x-user-id'], 'alice');
});

t.test('what a call returns is relayed as it comes, in any size', async (t) => {
  const { post, upstream } = await startGateway(t);
  const response = await post('/mcp?large', { method: 'tools/call', headers: { 'accept-encoding': 'br' } });
  t.equal((await response.text()).length, 5_000_002);
  t.equal(response.headers.get('etag'), '"1"');
  t.equal(upstream.requests[0]?.headers['accept-encoding'], 'br');
});

t.test('a list that cannot be filtered is refused, as an error of JSON-RPC', async (t) => {
  const { post, lines } = await startGateway(t);
  for (const target of ['/mcp?gzip', '/mcp?large']) {
    const response = await post(target);
    t.equal(response.status, 502);
    t.match(await response.json(), {
      jsonrpc: '2.0',
      id: 1,
      error: { code: 502, data: { code: 'upstream_invalid' } },
    });
  }
  t.match(lines, [
    { code: 'upstream_invalid', reason: 'the response of the MCP server has a Content-Encoding' },
    { code: 'upstream_invalid', reason: 'a message of the MCP server is larger than 4 MiB' },
  ]);
});

for (const enableJsonResponse of [true, false])
  t.test(`the MCP SDK lists what it may call, from ${enableJsonResponse ? 'JSON' : 'events'}`, async (t) => {
    const server = await startSdkServer(t, enableJsonResponse);
    const harness = await startHarness(t, {
      routes: ROUTES,
      file: { upstreams: { backend: { url: server } } },
    });
    const seen = async (scope: string) => {
      const client = await connectSdk(t, harness, scope);
      const { tools } = await client.listTools();
      const { resources } = await client.listResources();
      const { resourceTemplates } = await client.listResourceTemplates();
      for (const { name } of tools) t.match(await client.callTool({ name }), { content: [{ text: name }] });
      return [...tools, ...resources, ...resourceTemplates].map(({ name }) => name);
    };
    t.same(await seen(''), ['search', 'manual', 'pages']);
    t.same(await seen('orders:write'), ['search', 'orders_list', 'manual', 'pages']);
  });

for (const mode of ['auto', 'legacy'] as const)
  t.test(
    `the MCP SDK 2 lists what it may use, ${mode === 'auto' ? 'since 2026-07-28' : 'in a session'}`,
    async (t) => {
      const server = await startMcpServer();
      t.teardown(() => server.close());
      const mcp = {
        tools: { 'orders_*': 'allow', orders_cancel: { scopes: ['orders:write'] } },
        prompts: {},
        resources: { 'orders://order/*': 'allow' },
      };
      const { port, issuer } = await startHarness(t, {
        routes: [route('mcp', { mcp })],
        file: { upstreams: { backend: { url: server.url } } },
      });
      const seen = async (scope: string) => {
        const client = new v2.Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
        const authorization = `Bearer ${await issuer.token({ scope })}`;
        const url = new URL(`http://127.0.0.1:${port}/mcp`);
        await client.connect(
          new v2.StreamableHTTPClientTransport(url, { requestInit: { headers: { authorization } } }),
        );
        t.teardown(() => client.close());
        const { tools, cacheScope } = await client.listTools();
        const { prompts } = await client.listPrompts();
        const { resources } = await client.listResources();
        const { resourceTemplates } = await client.listResourceTemplates();
        t.equal(cacheScope, mode === 'auto' ? 'private' : undefined);
        return [...tools, ...prompts, ...resources, ...resourceTemplates].map(({ name }) => name);
      };
      t.same(await seen(''), ['orders_search', 'order']);
      t.same(await seen('orders:write'), ['orders_search', 'orders_cancel', 'order']);
    },
  );

async function startSdkServer(t: Test, enableJsonResponse: boolean): Promise<string> {
  const server = createServer((req, res) => {
    const mcp = new McpServer({ name: 'test', version: '1' });
    for (const name of ['search', 'orders_list', 'orders_secret', 'delete'])
      mcp.registerTool(name, { description: `größe "${name}"\n` }, () => ({
        content: [{ type: 'text', text: name }],
      }));
    const read = (uri: URL) => ({ contents: [{ uri: uri.href, text: '' }] });
    mcp.registerResource('manual', 'file:///docs/manual', {}, read);
    mcp.registerResource('secret', 'file:///docs/private/key', {}, read);
    mcp.registerResource('pages', new ResourceTemplate('file:///docs/{page}', { list: undefined }), {}, read);
    mcp.registerResource('files', new ResourceTemplate('file:///{path}', { list: undefined }), {}, read);
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: undefined,
      enableJsonResponse,
    });
    res.on('close', () => transport.close());
    mcp
      .connect(transport as Parameters<McpServer['connect']>[0])
      .then(() => transport.handleRequest(req, res));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function connectSdk(t: Test, { port, issuer }: Harness, scope: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  const authorization = `Bearer ${await issuer.token({ scope })}`;
  const transport = new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`), {
    requestInit: { headers: { authorization } },
  });
  await client.connect(transport as Parameters<Client['connect']>[0]);
  t.teardown(() => client.close());
  return client;
}
