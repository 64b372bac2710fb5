import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { freePorts } from '../../support/backends/ports.ts';
import { sealgate } from '../../support/cli/cli.ts';
import { startGatewayProcess } from '../../support/gateway/gateway-process.ts';
import { signingKey } from '../../support/tokens/mint.ts';

const key = signingKey('ES256', { kid: 'one' });

/** A provider with keys and metadata, which is also the backend. */
async function providerOf(t: Test): Promise<{ origin: string; metadata: Record<string, unknown> }> {
  const server = createServer((req, res) => {
    const known: Record<string, unknown> = {
      '/keys': { keys: [key.jwk] },
      '/.well-known/openid-configuration': metadata,
    };
    const document = known[req.url ?? ''];
    res.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' });
    res.end(JSON.stringify(document ?? {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const metadata: Record<string, unknown> = {
    issuer: origin,
    jwks_uri: `${origin}/keys`,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
  };
  return { origin, metadata };
}

const fileOf = (origin: string, port: number, resource: string): string => `
listen: { port: ${port}, publicUrl: 'http://127.0.0.1:${port}' }
admin: { port: 0 }
issuers: { corp: { issuer: '${origin}', audiences: ['http://127.0.0.1:${port}/mcp'] } }
routes:
  - { name: tools, path: /mcp, upstream: '${origin}', access: { scopes: [use] }, resource: ${resource} }
`;

t.test('check --online goes the way of a client through the running gateway', async (t) => {
  const { origin, metadata } = await providerOf(t);
  const [port = 0] = await freePorts(1);
  const { file } = await startGatewayProcess(t, fileOf(origin, port, 'true'));
  const found = await sealgate(['check', '--online', '-c', file]);
  t.equal(found.code, 0);
  t.match(
    found.stdout,
    `note: routes[0].resource: clients find http://127.0.0.1:${port}/mcp and log in at ${origin}`,
  );

  delete metadata.code_challenge_methods_supported;
  const entra = await sealgate(['check', '--online', '-c', file]);
  t.equal(entra.code, 0);
  t.match(entra.stdout, /warning: routes\[0\]\.resource: .* does not announce PKCE with S256/);
  t.match(entra.stdout, /hint: set `oauthProxy`/);
});

t.test('a gateway that serves another file, or none', async (t) => {
  const { origin } = await providerOf(t);
  const [port = 0] = await freePorts(1);
  const gateway = await startGatewayProcess(t, fileOf(origin, port, 'true'));
  const other = `${gateway.file}.new.yaml`;
  writeFileSync(other, fileOf(origin, port, '{ title: Tools }'));
  const { code, stdout } = await sealgate(['check', '--online', '-c', other]);
  t.equal(code, 1);
  t.match(stdout, /error: routes\[0\]\.resource: the metadata at .* is not what this file publishes/);

  gateway.child.kill('SIGTERM');
  await gateway.ended;
  const gone = await sealgate(['check', '--online', '-c', other]);
  t.equal(gone.code, 0, 'it may not run yet');
  t.match(
    gone.stdout,
    /warning: routes\[0\]\.resource: clients cannot reach .*: nothing listens at 127\.0\.0\.1/,
  );
});
