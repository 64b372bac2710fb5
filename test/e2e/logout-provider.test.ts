import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import t from 'tap';
import { startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { startGateway } from '../support/gateway/gateway.ts';
import { mint, signingKey } from '../support/tokens/mint.ts';

/* Logout tokens as the real `oidc-provider` makes and sends them. */

const KEY = signingKey('RS256');
const CLIENT = {
  client_id: 'gateway',
  client_secret: 'a secret of the client',
  redirect_uris: ['https://app.example/cb'],
};

t.test('back-channel logout of a session, and of a subject', async (t) => {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const backend = await startCountingUpstream((_req, res) => res.end('fine'));
  const gatewayPort = await new Promise<number>((found) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => found(port));
    });
  });
  const uri = `http://127.0.0.1:${gatewayPort}/.well-known/sealgate/logout/corp`;
  const provider = new Provider(issuer, {
    clients: [
      { ...CLIENT, backchannel_logout_uri: uri, backchannel_logout_session_required: true },
      { ...CLIENT, client_id: 'everywhere', backchannel_logout_uri: uri },
      {
        ...CLIENT,
        client_id: 'another',
        backchannel_logout_uri: uri,
        backchannel_logout_session_required: true,
      },
    ],
    features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: false } },
    jwks: { keys: [{ ...KEY.privateKey.export({ format: 'jwk' }), kid: KEY.kid, alg: 'RS256', use: 'sig' }] },
    // Its own dispatcher reaches no loopback address.
    fetch: (url: string | URL, init?: RequestInit) =>
      fetch(url, { ...init, dispatcher: undefined } as RequestInit),
  } as ConstructorParameters<typeof Provider>[1]);
  server.on('request', provider.callback());

  const fileFor = (clientId: string) => `
issuers: { corp: { issuer: '${issuer}', audiences: [api], logout: { clientId: ${clientId} } } }
upstreams: { app: { url: '${backend.url}' } }
routes: [{ name: a, path: /a, upstream: app, access: authenticated }]
`;
  let gateway = await startGateway(fileFor('gateway'), { port: gatewayPort });
  t.teardown(async () => {
    await gateway.close();
    await backend.close();
    server.closeAllConnections();
    server.close();
  });
  const now = Math.floor(Date.now() / 1000);
  const call = async (claims: Record<string, unknown>): Promise<number> => {
    const token = mint(KEY, { iss: issuer, aud: 'api', iat: now, exp: now + 600, ...claims });
    const response = await fetch(`${gateway.url}/a`, { headers: { authorization: `Bearer ${token}` } });
    await response.text();
    return response.status;
  };
  type LogoutClient = { backchannelLogout(sub: string, sid: string): Promise<void> };
  const client = async (id: string) => (await provider.Client.find(id)) as unknown as LogoutClient;

  t.equal(await call({ sub: 'alice', sid: 's1' }), 200);
  await (await client('gateway')).backchannelLogout('alice', 's1');
  t.equal(await call({ sub: 'alice', sid: 's1' }), 401);
  t.equal(await call({ sub: 'alice', sid: 's2' }), 200, 'her other session');
  await t.rejects((await client('another')).backchannelLogout('bob', 's3'), /got: 400/, 'for another client');
  t.equal(await call({ sub: 'bob', sid: 's3' }), 200);

  await gateway.close();
  gateway = await startGateway(fileFor('everywhere'), { port: gatewayPort });
  await (await client('everywhere')).backchannelLogout('alice', 's9');
  t.equal(await call({ sub: 'alice', sid: 's2' }), 401, 'all she has until now');
  t.equal(await call({ sub: 'alice', sid: 's2', iat: now + 25 }), 200, 'what she gets later');
  t.equal(await call({ sub: 'bob' }), 200);
});
