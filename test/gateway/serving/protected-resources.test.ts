import { readFileSync, writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { join } from 'node:path';
import t from 'tap';
import { exchangeRaw, type RawResponse, rawRequest } from '../../support/clients/raw.ts';
import { startHarness } from '../../support/gateway/gateway-harness.ts';
import { hasOpenssl, makeAuthority } from '../../support/tls/certificates.ts';

const ROOT = '/.well-known/oauth-protected-resource';
const LISTEN = { publicUrl: 'https://gw.example' };
const MCP = {
  name: 'tools',
  path: '/mcp',
  upstream: 'backend',
  access: { scopes: ['mcp:use'] },
  resource: { title: 'Bücher' },
};
const REST = { name: 'rest', path: '/', upstream: 'backend', access: 'public' };

async function ask(port: number, line: string, headers: readonly string[] = []): Promise<RawResponse> {
  const { response } = await exchangeRaw(port, rawRequest(`${line} HTTP/1.1`, [...headers]));
  if (response === undefined) throw new Error(`no response to ${line}`);
  return response;
}

const documentOf = ({ body }: RawResponse): Readonly<Record<string, unknown>> => JSON.parse(body.toString());
const challengeOf = ({ headers }: RawResponse): string => headers['www-authenticate']?.join() ?? '';
const metadataUrlOf = (response: RawResponse): URL =>
  new URL(/resource_metadata="([^"]*)"/.exec(challengeOf(response))?.[1] ?? '');

t.test(
  'a client finds the metadata at all three places, without a token, and no backend sees it',
  async (t) => {
    const harness = await startHarness(t, { listen: LISTEN, routes: [MCP, REST] });
    const refused = await ask(harness.port, 'POST /mcp', ['Content-Length: 0']);
    t.equal(refused.status, 401);
    t.match(challengeOf(refused), /^Bearer realm="gw.example", .*scope="mcp:use"/);
    const named = metadataUrlOf(refused);
    t.equal(named.href, `https://gw.example${ROOT}/mcp`);
    for (const path of [named.pathname, `${ROOT}/mcp`, `${ROOT}/mcp/`, `${ROOT}/mcp?x=1`, ROOT, `${ROOT}/`]) {
      const response = await ask(harness.port, `GET ${path}`);
      t.equal(response.status, 200, path);
      t.strictSame(documentOf(response), {
        resource: 'https://gw.example/mcp',
        authorization_servers: [harness.issuer.url],
        scopes_supported: ['mcp:use'],
        bearer_methods_supported: ['header'],
        resource_name: 'Bücher',
      });
      const { date: _, connection: __, 'keep-alive': ___, 'x-request-id': id, ...headers } = response.headers;
      t.match(id, [/./]);
      t.strictSame(headers, {
        'content-type': ['application/json'],
        'content-length': [String(response.body.length)],
        'cache-control': ['max-age=300'],
        'access-control-allow-origin': ['*'],
      });
    }
    t.equal(harness.upstream.bytes(), 0);
  },
);

t.test('a bad token, or two, does not matter where the metadata is', async (t) => {
  const harness = await startHarness(t, { listen: LISTEN, routes: [MCP] });
  for (const headers of [['Authorization: Bearer x'], ['Authorization: Bearer a', 'Authorization: Bearer b']])
    t.equal((await ask(harness.port, `GET ${ROOT}/mcp`, headers)).status, 200);
});

t.test(
  'HEAD has the fields of GET and no body; other methods are refused with what is allowed',
  async (t) => {
    const harness = await startHarness(t, { listen: LISTEN, routes: [MCP, REST] });
    const get = await ask(harness.port, `GET ${ROOT}/mcp`);
    const { response: head } = await exchangeRaw(
      harness.port,
      rawRequest(`HEAD ${ROOT}/mcp HTTP/1.1`),
      'HEAD',
    );
    t.equal(head?.status, 200);
    for (const name of ['content-type', 'content-length', 'cache-control', 'access-control-allow-origin'])
      t.strictSame(head?.headers[name], get.headers[name], name);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const response = await ask(harness.port, `${method} ${ROOT}/mcp`, ['Content-Length: 0']);
      t.equal(response.code, 'method_not_allowed', method);
      t.strictSame(response.headers.allow, ['GET, HEAD']);
      t.strictSame(response.headers['access-control-allow-origin'], ['*']);
    }
    t.equal(harness.upstream.bytes(), 0);
  },
);

t.test('a page of any site may read it, with the fields that MCP clients send', async (t) => {
  const harness = await startHarness(t, { listen: LISTEN, routes: [MCP] });
  const origin = 'Origin: https://inspector.example';
  const preflight = await ask(harness.port, `OPTIONS ${ROOT}/mcp`, [
    origin,
    'Access-Control-Request-Method: GET',
    'Access-Control-Request-Headers: authorization,mcp-protocol-version',
  ]);
  t.equal(preflight.status, 204);
  t.match(preflight.headers, {
    'access-control-allow-origin': ['*'],
    'access-control-allow-methods': ['GET, HEAD'],
    'access-control-allow-headers': [/\*.*Authorization.*MCP-Protocol-Version/],
  });
  const read = await ask(harness.port, `GET ${ROOT}/mcp`, [origin, 'MCP-Protocol-Version: 2025-11-25']);
  t.equal(read.status, 200);
  t.strictSame(read.headers['access-control-allow-origin'], ['*']);
});

t.test('the access line is that of a response of the gateway itself', async (t) => {
  const harness = await startHarness(t, { listen: LISTEN, routes: [MCP] });
  await ask(harness.port, `GET ${ROOT}/mcp`);
  await ask(harness.port, `POST ${ROOT}/mcp`, ['Content-Length: 0']);
  await harness.drain();
  t.match(harness.lines, [
    { status: 200, path: `${ROOT}/mcp` },
    { status: 405, code: 'method_not_allowed' },
  ]);
  for (const line of harness.lines) t.equal(line.route ?? undefined, undefined);
});

t.test('every challenge of a route names its resource, and 403 the scopes that a client keeps', async (t) => {
  const harness = await startHarness(t, {
    listen: LISTEN,
    routes: [
      MCP,
      { ...MCP, name: 'files', path: '/mcp/files', access: { scopes: ['files'] }, resource: 'tools' },
      { ...MCP, name: 'all', path: '/all', resource: { challenge: 'cumulative' } },
      { ...MCP, name: 'plain', path: '/plain', resource: undefined },
    ],
  });
  const other = `Authorization: Bearer ${await harness.issuer.token({ scope: 'mail' })}`;
  for (const path of ['/mcp', '/mcp/x', '/mcp/files']) {
    for (const headers of [[], ['Authorization: Bearer x'], [other]]) {
      const response = await ask(harness.port, `GET ${path}`, headers);
      t.equal(metadataUrlOf(response).href, `https://gw.example${ROOT}/mcp`, `${path} ${response.code}`);
    }
  }
  t.match(challengeOf(await ask(harness.port, 'GET /mcp', [other])), /scope="mcp:use"/);
  t.match(challengeOf(await ask(harness.port, 'GET /all', [other])), /scope="mcp:use mail"/);
  t.notMatch(challengeOf(await ask(harness.port, 'GET /plain')), /resource_metadata/);
});

t.test('several resources on one host: no bare place', async (t) => {
  const harness = await startHarness(t, {
    listen: LISTEN,
    routes: [MCP, { ...MCP, name: 'more', path: '/more' }, REST],
  });
  const response = await ask(harness.port, `GET ${ROOT}`);
  t.equal(response.code, 'route_unknown');
  t.equal(documentOf(await ask(harness.port, `GET ${ROOT}/more`)).resource, 'https://gw.example/more');
  t.equal(harness.upstream.bytes(), 0);
});

t.test('resources of hosts are served on their host, whatever its case and port', async (t) => {
  const harness = await startHarness(t, {
    listen: LISTEN,
    routes: [
      { ...MCP, host: 'One.Example' },
      { ...MCP, name: 'two', host: 'two.example' },
    ],
  });
  const at = (host: string, path: string) =>
    exchangeRaw(harness.port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`).then(
      ({ response }) => response,
    );
  for (const host of ['one.example', 'ONE.EXAMPLE:8443', 'one.example.']) {
    for (const path of [`${ROOT}/mcp`, ROOT]) {
      const response = await at(host, path);
      t.equal(documentOf(response as RawResponse).resource, 'https://one.example/mcp', `${host}${path}`);
    }
  }
  t.equal(documentOf((await at('two.example', ROOT)) as RawResponse).resource, 'https://two.example/mcp');
  t.equal((await at('three.example', `${ROOT}/mcp`))?.code, 'route_unknown');
});

t.test('a reload changes the document', async (t) => {
  const harness = await startHarness(t, { listen: LISTEN, routes: [MCP, REST], reloads: true });
  const file = join(harness.folder, 'gateway.yaml');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace('title: Bücher', 'title: Ordner').replace('mcp:use', 'mcp:all'));
  t.equal(await harness.reload(), 'applied');
  t.match(documentOf(await ask(harness.port, `GET ${ROOT}/mcp`)), {
    resource_name: 'Ordner',
    scopes_supported: ['mcp:all'],
  });
  writeFileSync(file, text.replace(/ {4}resource:\n {6}title: Bücher\n/, ''));
  t.equal(await harness.reload(), 'applied');
  t.notMatch(challengeOf(await ask(harness.port, 'GET /mcp')), /resource_metadata/);
  t.equal(harness.upstream.bytes(), 0);
  await ask(harness.port, `GET ${ROOT}/mcp`);
  t.not(harness.upstream.bytes(), 0, 'the place is for the routes again');
});

const skip = hasOpenssl() ? false : 'openssl is not installed';

t.test('the same over HTTP/2', { skip }, async (t) => {
  const authority = makeAuthority('test-ca');
  const own = authority.issue('localhost');
  const harness = await startHarness(t, {
    listen: { ...LISTEN, tls: { cert: 'tls.crt', key: 'tls.key' } },
    files: { 'tls.crt': own.cert, 'tls.key': own.key },
    routes: [MCP, REST],
  });
  const session = connect(`https://localhost:${harness.port}`, { ca: authority.cert });
  t.teardown(() => session.destroy());
  const get = await askHttp2(session, { ':path': `${ROOT}/mcp` });
  t.match(get.headers, {
    ':status': 200,
    'content-type': 'application/json',
    'cache-control': 'max-age=300',
    'access-control-allow-origin': '*',
    'content-length': String(Buffer.byteLength(get.body)),
  });
  t.equal(JSON.parse(get.body).resource, 'https://gw.example/mcp');
  const head = await askHttp2(session, { ':path': `${ROOT}/mcp`, ':method': 'HEAD' });
  t.match(head, { body: '', headers: { ':status': 200, 'content-length': get.headers['content-length'] } });
  const post = await askHttp2(session, { ':path': ROOT, ':method': 'POST' });
  t.match(post.headers, { ':status': 405, allow: 'GET, HEAD' });
  const refused = await askHttp2(session, { ':path': '/mcp' });
  t.match(refused.headers['www-authenticate'], /resource_metadata="https:\/\/gw.example/);
  t.equal(harness.upstream.bytes(), 0);
});

async function askHttp2(
  session: ClientHttp2Session,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly headers: Readonly<Record<string, unknown>>; readonly body: string }> {
  const stream = session.request(headers);
  stream.setEncoding('utf8');
  const head = new Promise<Record<string, unknown>>((resolve) => stream.once('response', resolve));
  let body = '';
  for await (const piece of stream) body += piece;
  return { headers: await head, body };
}
