import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { stringify } from 'yaml';
import { startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { startExchangingProvider } from '../support/exchange/exchanging-provider.ts';
import { startGateway } from '../support/gateway/gateway.ts';

const provider = await startExchangingProvider(t);
const backend = await startCountingUpstream();
const folder = t.testdir({
  'key.pem': provider.privateKey,
  'other.pem': generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }),
});
const SECRET = { clientId: 'gateway', clientSecret: provider.secret };
const KEY = { clientId: 'gateway-key', privateKey: `${folder}/key.pem` };
const audience = 'https://orders.example.com';

const EXCHANGES = {
  'exchange-secret': { grant: 'token-exchange', auth: SECRET, audience },
  'exchange-key': { grant: 'token-exchange', auth: KEY, audience },
  'bearer-secret': { grant: 'jwt-bearer', auth: SECRET, scopes: ['orders:read'] },
  'bearer-key': { grant: 'jwt-bearer', auth: KEY, scopes: ['orders:read'] },
  'wrong-secret': { grant: 'token-exchange', auth: { ...SECRET, clientSecret: 'wrong' }, audience },
  'wrong-key': { grant: 'token-exchange', auth: { ...KEY, privateKey: `${folder}/other.pem` }, audience },
  'wrong-method': { grant: 'token-exchange', auth: { ...SECRET, method: 'post' }, audience },
  'wrong-target': { grant: 'token-exchange', auth: SECRET, audience: 'https://nobody.example.com' },
} as const;

const gateway = await startGateway(
  stringify({
    issuers: { corp: { issuer: provider.issuer, audiences: ['https://api.example.com'] } },
    upstreams: Object.fromEntries(
      Object.entries(EXCHANGES).map(([name, exchange]) => [
        name,
        { url: backend.url, exchange: { tokenUrl: provider.tokenUrl, ...exchange } },
      ]),
    ),
    routes: Object.keys(EXCHANGES).map((name) => ({
      name,
      path: `/${name}`,
      upstream: name,
      access: 'authenticated',
    })),
  }),
);
t.teardown(async () => {
  await gateway.close();
  await backend.close();
});

for (const name of Object.keys(EXCHANGES).filter((one) => !one.startsWith('wrong'))) {
  t.test(`a real provider: ${name}`, async (t) => {
    const authorization = `Bearer ${await provider.callerToken()}`;
    const before = provider.exchanges();
    for (const _ of ['first', 'again']) {
      backend.reset();
      const response = await fetch(`${gateway.url}/${name}`, { headers: { authorization } });
      t.equal(response.status, 200, await response.text());
      const got = String(backend.requests[0]?.headers.authorization);
      t.not(got, authorization);
      t.match(await provider.claimsOf(got.slice('Bearer '.length)), { aud: audience, act_for: 'robot' });
    }
    t.equal(provider.exchanges(), before + 1, 'the second from memory');
  });
}

for (const [name, cause] of [
  ['wrong-secret', /401 \(invalid_client\)/],
  ['wrong-key', /401 \(invalid_client\)/],
  ['wrong-method', /401 \(invalid_client\)/],
  ['wrong-target', /400 \(invalid_target\)/],
] as const) {
  t.test(`a real provider: ${name}`, async (t) => {
    backend.reset();
    const authorization = `Bearer ${await provider.callerToken()}`;
    const response = await fetch(`${gateway.url}/${name}`, { headers: { authorization } });
    t.match(await response.json(), { status: 503, code: 'exchange_unavailable' });
    t.match(gateway.lines.findLast(({ msg }) => msg === 'request')?.reason, cause);
    t.strictSame(backend.requests, []);
  });
}
