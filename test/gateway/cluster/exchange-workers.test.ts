import { generateKeyPairSync } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import { issue, startTokenEndpoint } from '../../support/exchange/token-endpoint.ts';
import { startGatewayProcess } from '../../support/gateway/gateway-process.ts';
import { createKeyServer } from '../../support/tokens/key-server.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';

const KEY = signingKey('ES256');

t.test('workers exchange tokens, each for itself, and take over new secrets and keys', async (t) => {
  const issuer = await createKeyServer();
  issuer.publish(KEY);
  const endpoint = await startTokenEndpoint(t);
  const backend = await startCountingUpstream();
  t.teardown(async () => {
    await backend.close();
    await issuer.close();
  });
  const upstream = (auth: string): string =>
    `{ url: "${backend.url}", exchange: { grant: token-exchange, tokenUrl: "${endpoint.url}", audience: a, auth: ${auth} } }`;
  const folder = t.testdir({
    secret: 'first\n',
    'key.pem': String(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })),
  });
  const gateway = await startGatewayProcess(
    t,
    `
listen: { port: 0 }
admin: { port: 0 }
workers: 2
shutdown: { grace: 1s }
issuers: { corp: { issuer: "${issuer.issuer()}", audiences: [api] } }
upstreams:
  secret: ${upstream(`{ clientId: g, clientSecret: '\${file:${folder}/secret}' }`)}
  key: ${upstream(`{ clientId: g, privateKey: ${folder}/key.pem }`)}
routes:
  - { name: secret, path: /secret, upstream: secret, access: authenticated }
  - { name: key, path: /key, upstream: key, access: authenticated }
`,
  );
  const now = Math.floor(Date.now() / 1000);
  const token = mint(KEY, { iss: issuer.issuer(), aud: 'api', sub: 's', iat: now, exp: now + 600 });
  /** Over many connections, so that every worker gets some. */
  const ask = async (path: string): Promise<void> => {
    endpoint.requests.length = 0;
    for (let at = 0; at < 24; at += 1) {
      const headers = { authorization: `Bearer ${token}`, connection: 'close' };
      const response = await fetch(gateway.url + path, { headers });
      t.equal(response.status, 200, await response.text());
    }
  };
  endpoint.respond = issue();
  await ask('/secret');
  t.ok(endpoint.requests.length >= 1 && endpoint.requests.length <= 2, String(endpoint.requests.length));
  await ask('/key');
  t.ok(endpoint.requests.length >= 1 && endpoint.requests.length <= 2, String(endpoint.requests.length));
  t.match(endpoint.requests[0]?.form, {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  });
  t.ok(backend.requests.every(({ headers }) => headers.authorization?.startsWith('Bearer exchanged-')));

  writeFileSync(`${folder}/new`, 'second\n');
  renameSync(`${folder}/new`, `${folder}/secret`);
  const secretOf = (authorization: unknown) =>
    Buffer.from(String(authorization).slice('Basic '.length), 'base64').toString();
  const deadline = performance.now() + 10_000;
  do {
    await delay(50);
    await ask('/secret');
  } while (endpoint.requests.length === 0 && performance.now() < deadline);
  t.equal(secretOf(endpoint.requests[0]?.headers.authorization), 'g:second');
  t.notMatch(JSON.stringify(gateway.lines) + gateway.stderr(), /second|exchanged-/);
});
