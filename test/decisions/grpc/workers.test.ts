import t from 'tap';
import { codeOf, connectCheckClient, fieldsOf } from '../../support/decisions/check-client.ts';
import { startGatewayProcess } from '../../support/gateway/gateway-process.ts';
import { createKeyServer } from '../../support/tokens/key-server.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';

const KEY = signingKey('ES256');

t.test('two workers of the built gateway serve one port', { timeout: 60_000 }, async (t) => {
  const issuer = await createKeyServer();
  issuer.publish(KEY);
  t.teardown(() => issuer.close());
  const gateway = await startGatewayProcess(
    t,
    `listen: { port: 0 }
admin: { port: 0 }
workers: 2
shutdown: { delay: 0s, grace: 10s }
decisions: { port: 0, grpc: 0 }
issuers: { corp: { issuer: "${issuer.issuer()}", jwksUri: "${issuer.jwksUri}", audiences: [api] } }
routes: [{ name: a, path: /a, upstream: none, access: authenticated }]
`,
  );
  const { grpcUrl } = (await gateway.line('listening')) as unknown as { readonly grpcUrl: string };
  const now = Math.floor(Date.now() / 1000);
  const token = mint(KEY, { iss: issuer.issuer(), aud: 'api', sub: 'alice', iat: now, exp: now + 600 });
  const workers = (): Set<unknown> =>
    new Set(gateway.lines.filter(({ msg }) => msg === 'request').map(({ worker }) => worker));
  // Each connection goes to one of them.
  while (workers().size < 2) {
    const client = connectCheckClient(grpcUrl, undefined, { 'grpc.use_local_subchannel_pool': 1 });
    const result = await client.check({ headers: { authorization: `Bearer ${token}` } });
    t.equal(codeOf(result), 'allow');
    t.equal(fieldsOf(result.response.ok_response?.headers)['x-user-id'], 'alice');
    t.equal(await client.health(), 'SERVING');
    client.close();
    await new Promise(setImmediate);
  }
  gateway.child.kill('SIGTERM');
  t.same(await gateway.ended, [0, null]);
  t.match(gateway.lines.at(-1), { msg: 'ended', outcome: 'clean' });
});
