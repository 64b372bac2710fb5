import { X509Certificate } from 'node:crypto';
import t, { type Test } from 'tap';
import { connectRaw, rawRequest } from '../../support/clients/raw.ts';
import { type Harness, startHarness } from '../../support/gateway/gateway-harness.ts';
import { hasOpenssl, makeAuthority } from '../../support/tls/certificates.ts';

/* `binding` in policies, alternatives and rules of MCP messages, and what the metadata of a resource has of it. */

const skip = hasOpenssl() ? false : 'openssl is not installed';
const alice = skip ? undefined : makeAuthority('alice');
const der = skip ? Buffer.alloc(0) : new X509Certificate(alice?.cert ?? '').raw;
const FIELD = `Client-Cert: :${der.toString('base64')}:`;
const LISTEN = {
  publicUrl: 'https://gw.example',
  trustedProxies: ['127.0.0.1'],
  clientCertHeader: { name: 'client-cert', format: 'rfc9440' },
};
const ROUTES = [
  { name: 'policy', path: '/policy', upstream: 'backend', access: { policy: 'bound' } },
  {
    name: 'either',
    path: '/either',
    upstream: 'backend',
    access: [{ binding: 'mtls' }, { scopes: ['unbound'] }],
  },
  {
    name: 'tools',
    path: '/mcp',
    upstream: 'backend',
    access: 'authenticated',
    resource: true,
    mcp: { tools: { search: 'allow', pay: { binding: 'mtls' } } },
  },
];

async function start(t: Test): Promise<Harness & { readonly bound: string; readonly unbound: string }> {
  const harness = await startHarness(t, {
    listen: LISTEN,
    routes: ROUTES,
    file: { policies: { bound: { binding: 'any' } } },
  });
  const hash = new X509Certificate(der).fingerprint256.replaceAll(':', '');
  const cnf = { 'x5t#S256': Buffer.from(hash, 'hex').toString('base64url') };
  return {
    ...harness,
    bound: await harness.issuer.token({ cnf }),
    unbound: await harness.issuer.token(),
  };
}

async function send(port: number, line: string, fields: readonly string[], body = '') {
  const connection = await connectRaw(port);
  const length = body === '' ? [] : [`Content-Length: ${body.length}`, 'Content-Type: application/json'];
  connection.send(rawRequest(`${line} HTTP/1.1`, [...fields, ...length]) + body);
  const response = await connection.read();
  connection.destroy();
  return response;
}

t.test('binding of a policy and of an alternative', { skip }, async (t) => {
  const { port, bound, unbound, issuer } = await start(t);
  const codeOf = async (path: string, token: string) => {
    const response = await send(port, `GET ${path}`, [FIELD, `Authorization: Bearer ${token}`]);
    return response?.code ?? response?.status;
  };
  t.equal(await codeOf('/policy', bound), 200);
  t.equal(await codeOf('/policy', unbound), 'binding_required');
  t.equal(await codeOf('/either', bound), 200);
  t.equal(await codeOf('/either', unbound), 'insufficient_scope', 'the alternative that got furthest');
  t.equal(await codeOf('/either', await issuer.token({ scope: 'unbound' })), 200);
});

t.test('the challenge is that of an invalid token', { skip }, async (t) => {
  const { port, unbound } = await start(t);
  const response = await send(port, 'GET /policy', [FIELD, `Authorization: Bearer ${unbound}`]);
  t.equal(response?.status, 401);
  t.match(response?.headers['www-authenticate']?.[0], /^Bearer .*error="invalid_token"/);
});

t.test('binding of a tool', { skip }, async (t) => {
  const { port, bound, unbound, upstream } = await start(t);
  const call = async (tool: string, token: string) => {
    const message = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: tool, arguments: {} } };
    const fields = [FIELD, `Authorization: Bearer ${token}`, 'MCP-Protocol-Version: 2025-06-18'];
    const response = await send(port, 'POST /mcp', fields, JSON.stringify(message));
    return /"code":"(\w+)"/.exec(response?.body.toString() ?? '')?.[1] ?? response?.status;
  };
  t.equal(await call('search', unbound), 200);
  t.equal(await call('pay', unbound), 'binding_required');
  t.equal(await call('pay', bound), 200);
  t.equal(upstream.requests.length, 2);
});

t.test('metadata of resources has it where clients can show a certificate', { skip }, async (t) => {
  const path = 'GET /.well-known/oauth-protected-resource/mcp';
  const documentOf = async ({ port }: Harness) => JSON.parse(String((await send(port, path, []))?.body));
  t.equal((await documentOf(await start(t))).tls_client_certificate_bound_access_tokens, true);
  const without = await startHarness(t, {
    listen: { publicUrl: LISTEN.publicUrl },
    routes: [{ name: 'tools', path: '/mcp', upstream: 'backend', access: 'authenticated', resource: true }],
  });
  t.notOk('tls_client_certificate_bound_access_tokens' in (await documentOf(without)));
});

t.test('metadata of resources lists the ways to bind a token that its routes accept', { skip }, async (t) => {
  const boundBy: Readonly<Record<string, unknown>> = {
    mtls: { binding: 'mtls' },
    dpop: { binding: 'dpop' },
    any: { policy: 'bound' },
    policy: { policy: 'certified' },
    either: [{ binding: 'mtls' }, { binding: 'dpop' }],
    open: [{ binding: 'dpop' }, { scopes: ['x'] }],
  };
  const { port } = await startHarness(t, {
    listen: LISTEN,
    issuerSettings: { dpop: { algorithms: ['ES256'] } },
    routes: Object.entries(boundBy).map(([name, access]) => ({
      ...{ name, path: `/${name}`, upstream: 'backend', access, resource: true },
    })),
    file: { policies: { bound: { binding: 'any' }, certified: { binding: 'mtls' } } },
  });
  const factsOf = async (name: string) => {
    const response = await send(port, `GET /.well-known/oauth-protected-resource/${name}`, []);
    const document = JSON.parse(String(response?.body));
    return [
      document.tls_client_certificate_bound_access_tokens,
      document.dpop_bound_access_tokens_required,
      document.dpop_signing_alg_values_supported,
    ];
  };
  const facts = await Promise.all(
    Object.keys(boundBy).map(async (name) => [name, ...(await factsOf(name))] as const),
  );
  t.strictSame(facts, [
    ['mtls', true, undefined, undefined],
    ['dpop', undefined, true, ['ES256']],
    ['any', true, undefined, ['ES256']],
    ['policy', true, undefined, undefined],
    ['either', true, undefined, ['ES256']],
    ['open', true, undefined, ['ES256']],
  ]);
});
