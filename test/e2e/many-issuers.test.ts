import t from 'tap';
import { startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { startGateway } from '../support/gateway/gateway.ts';
import { createKeyServer, type KeyServer } from '../support/tokens/key-server.ts';
import { mint, type SigningKey, signingKey } from '../support/tokens/mint.ts';

const NAMES = ['one', 'two', 'three', 'four', 'five'] as const;

interface Provider {
  readonly name: string;
  readonly server: KeyServer;
  readonly key: SigningKey;
}

/** Five providers that publish different keys under one key id. */
async function startProviders(t: Tap): Promise<readonly Provider[]> {
  return Promise.all(
    NAMES.map(async (name) => {
      const server = await createKeyServer();
      t.teardown(() => server.close());
      const key = signingKey('ES256', { kid: 'shared' }, name);
      server.publish(key);
      return { name, server, key };
    }),
  );
}

type Tap = Pick<typeof t, 'teardown'>;

function tokenOf({ server }: Provider, key: SigningKey): string {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return mint(key, { iss: server.issuer(), aud: 'api', sub: 'u', exp: nowSeconds + 60, iat: nowSeconds });
}

t.test('five issuers on one route with the same key id are each verified by their own keys', async (t) => {
  const providers = await startProviders(t);
  const upstream = await startCountingUpstream();
  t.teardown(() => upstream.close());
  const gateway = await startGateway(
    JSON.stringify({
      issuers: Object.fromEntries(
        providers.map(({ name, server }) => [name, { issuer: server.issuer(), audiences: ['api'] }]),
      ),
      upstreams: { backend: { url: upstream.url } },
      routes: [
        { name: 'all', path: '/all', upstream: 'backend', access: { issuers: [...NAMES] } },
        { name: 'first', path: '/first', upstream: 'backend', access: { issuers: ['one'] } },
      ],
    }),
  );
  t.teardown(() => gateway.close());
  const ask = async (path: string, token: string) => {
    const response = await fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    const body = await response.text();
    return response.ok ? 'allow' : (JSON.parse(body) as { code: string }).code;
  };

  for (const provider of providers) {
    t.equal(await ask('/all', tokenOf(provider, provider.key)), 'allow', provider.name);
    const expected = provider.name === 'one' ? 'allow' : 'issuer_not_allowed';
    t.equal(
      await ask('/first', tokenOf(provider, provider.key)),
      expected,
      `${provider.name} on the first one's route`,
    );
    for (const other of providers) {
      if (other === provider) continue;
      const forged = tokenOf(provider, other.key);
      t.equal(await ask('/all', forged), 'signature_invalid', `${provider.name}, signed by ${other.name}`);
    }
  }
  t.equal(upstream.requests.length, 6);
});
