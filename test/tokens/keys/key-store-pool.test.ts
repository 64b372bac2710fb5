import t, { type Test } from 'tap';
import { createKeyStorePool } from '../../../src/tokens/keys/key-store-pool.ts';
import { createTokenVerifier } from '../../../src/tokens/verifier.ts';
import { freezeTime, until } from '../../support/core/frozen-time.ts';
import { createKeyServer } from '../../support/tokens/key-server.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';
import { ANY_ISSUER, codeOf, compile } from '../../support/tokens/verifier.ts';

const key = signingKey('ES256', { kid: 'one' });
const two = signingKey('ES256', { kid: 'two' }, 'second');

async function rigOf(t: Test) {
  const server = await createKeyServer();
  t.teardown(() => server.close());
  server.publish(key);
  const time = freezeTime();
  const { clock, scheduler } = time;
  const pool = createKeyStorePool({ clock, scheduler, random: () => 0.5, env: {} });
  /** As a reload does it: the new one is made and started before the old one is closed. */
  const load = async (more: Record<string, unknown> = {}) => {
    const { issuers } = compile({
      corp: { issuer: 'https://corp.example', audiences: ['a'], jwksUri: server.jwksUri, ...more },
    });
    const verifier = createTokenVerifier({ issuers, clock, tokenBytes: 9_999, cacheBytes: 9_999, pool });
    t.teardown(() => verifier.close());
    await verifier.start();
    return verifier;
  };
  const token = (by = key) => mint(by, { iss: 'https://corp.example', exp: time.clock() / 1000 + 3600 });
  return { server, time, load, token };
}

t.test('a reload that leaves an issuer as it is keeps its keys, and asks nobody', async (t) => {
  const { server, load, token } = await rigOf(t);
  const first = await load();
  await server.down();
  const second = await load({ audiences: ['b'], scopeClaims: ['scp'] });
  first.close();
  t.equal(codeOf(second.verify(token(), ANY_ISSUER)), 'ok');
  t.match(second.status(), [{ state: 'fresh', fetches: 1 }]);
  t.equal(server.fetches(), 1);
});

t.test('a reload in mid-outage that changes how long keys may serve goes on with the old ones', async (t) => {
  const { server, time, load, token } = await rigOf(t);
  const first = await load({ keys: { maxStale: '2h' } });
  await server.down();
  time.advance(3_600_000);
  await until(() => first.status()[0]?.nextRefreshMs !== undefined);
  const second = await load({ keys: { maxStale: '24h' } });
  first.close();
  t.equal(codeOf(second.verify(token(), ANY_ISSUER)), 'ok');
  t.ok(Number(second.status()[0]?.ageMs) >= 3_600_000, 'and their age counts from their fetch');
});

t.test('keys do not follow an issuer to another place', async (t) => {
  const { server, load, token } = await rigOf(t);
  const first = await load();
  const other = await createKeyServer();
  t.teardown(() => other.close());
  other.publish(two);
  const second = await load({ jwksUri: other.jwksUri });
  first.close();
  t.equal(codeOf(second.verify(token(two), ANY_ISSUER)), 'ok');
  t.equal(codeOf(second.verify(token(), ANY_ISSUER)), 'key_unknown');
  t.equal(server.fetches(), 1);
});

t.test('what was remembered of tokens ends with the configuration', async (t) => {
  const { load, token } = await rigOf(t);
  const raw = token();
  const first = await load();
  t.equal(codeOf(first.verify(raw, ANY_ISSUER)), 'ok');
  const second = await load({ requiredClaims: ['sub'] });
  t.equal(codeOf(second.verify(raw, ANY_ISSUER)), 'claim_missing');
});

t.test('requests that began under the old configuration end well; then its keys are let go', async (t) => {
  const { server, time, load, token } = await rigOf(t);
  const first = await load();
  const second = await load({ keys: { refresh: '5m' } });
  t.equal(codeOf(first.verify(token(), ANY_ISSUER)), 'ok');
  first.close();
  second.close();
  const asked = server.fetches();
  time.advance(24 * 3_600_000);
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(server.fetches(), asked, 'nothing is fetched for nobody');
});
