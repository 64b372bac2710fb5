import { once } from 'node:events';
import { createServer } from 'node:net';
import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import { boundFile, clientOf } from '../../support/dpop/bound-gateway.ts';
import { startGateway } from '../../support/gateway/gateway.ts';
import { startGatewayProcess } from '../../support/gateway/gateway-process.ts';
import { hasRedisServer, startRedisServer } from '../../support/peers/redis-server.ts';
import { msUntil } from '../../support/tokens/revocation-stores.ts';

const skip = hasRedisServer() ? false : 'redis-server is not installed';
const ADMIN_TOKEN = 's3cret-of-the-admin-listener';

interface Running {
  readonly url: string;
  readonly adminUrl: string;
}

/** What a test does with one of several gateways. */
function userOf(gateway: Running) {
  const client = clientOf(gateway.url, Date.now);
  return {
    ask: (claims: Record<string, unknown> = {}) =>
      client.ask({ token: client.token(claims), scheme: 'Bearer', proofs: [] }),
    async admin(method: 'POST' | 'DELETE', body: object): Promise<number> {
      const response = await fetch(`${gateway.adminUrl}/revocations`, {
        method,
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      await response.text();
      return response.status;
    },
  };
}

async function fileFor(t: Test, revocation: object): Promise<(more?: object) => string> {
  const upstream = await startCountingUpstream();
  t.teardown(() => upstream.close());
  const file = boundFile(upstream.url, {});
  return (more = {}) =>
    stringify({
      ...file,
      listen: { ...file.listen, port: 0 },
      admin: { port: 0, token: ADMIN_TOKEN },
      revocation: { ...revocation, ...more },
    });
}

t.test('three gateways and one store', { skip, timeout: 120_000 }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const text = await fileFor(t, { store: server.url });
  const workers = await startGatewayProcess(t, `${text()}\nworkers: 2\n`);
  const gateways = [await startGateway(text()), await startGateway(text({ onFailure: 'open' }))];
  t.teardown(() => Promise.all(gateways.map((gateway) => gateway.close())));
  const users = [...gateways, workers].map(userOf);
  const [closed, open, several] = users as [(typeof users)[0], (typeof users)[0], (typeof users)[0]];
  /** Of each gateway; both workers are asked. */
  const codes = async (claims: Record<string, unknown>): Promise<string[]> =>
    (
      await Promise.all([closed, open, several, several, several, several].map((user) => user.ask(claims)))
    ).map(({ code }) => code);
  const all = async (claims: Record<string, unknown>, code: string): Promise<boolean> =>
    (await codes(claims)).every((found) => found === code);

  await msUntil(() => all({ jti: 'a' }, 'allow'));
  t.equal(await several.admin('POST', { issuer: 'corp', jti: 'a' }), 204);
  await msUntil(() => all({ jti: 'a' }, 'token_revoked'));
  t.equal(await open.admin('POST', { issuer: 'corp', subject: 'bob' }), 204);
  await msUntil(() => all({ sub: 'bob' }, 'token_revoked'));
  t.equal(await closed.admin('DELETE', { issuer: 'corp', subject: 'bob' }), 204);
  await msUntil(() => all({ sub: 'bob' }, 'allow'));

  await server.stop();
  t.equal(await open.admin('POST', { issuer: 'corp', jti: 'b' }), 503, 'not confirmed');
  t.equal((await open.ask({ jti: 'b' })).code, 'token_revoked', 'but it counts');
  await msUntil(async () => (await closed.ask({ jti: 'c' })).code === 'revocation_unavailable');
  await msUntil(async () => (await several.ask({ jti: 'c' })).code === 'revocation_unavailable');
  const refused = await closed.ask({ jti: 'c' });
  t.match(refused, { status: 503, headers: { 'retry-after': '1' } });
  t.equal((await closed.ask({ jti: 'a' })).code, 'token_revoked', 'what is known is certain');
  t.equal((await open.ask({ jti: 'c' })).code, 'allow');
  t.equal((await open.ask({ jti: 'a' })).code, 'token_revoked');

  const again = await startRedisServer(Number(new URL(server.url).port));
  t.teardown(() => again.stop());
  await msUntil(() => all({ jti: 'c' }, 'allow'));
  await msUntil(() => all({ jti: 'b' }, 'token_revoked'));
  t.ok(await all({ jti: 'a' }, 'token_revoked'));
  const fresh = await startGateway(text());
  t.teardown(() => fresh.close());
  const late = userOf(fresh);
  t.same(
    await Promise.all(
      [{ jti: 'a' }, { jti: 'b' }, { sub: 'bob' }].map(async (c) => (await late.ask(c)).code),
    ),
    ['token_revoked', 'token_revoked', 'allow'],
    'one that starts now knows what the empty store has again',
  );
  const lines = [...gateways.flatMap((gateway) => gateway.lines), ...workers.lines];
  t.notMatch(JSON.stringify(lines), /sesame/, 'the password of the store is in no line');
  t.equal(lines.filter(({ msg }) => msg === 'the revocation store is silent').length, 3, 'once each');
});

t.test(
  'a store that accepts connections and stays silent does not hold up a start',
  { skip, timeout: 60_000 },
  async (t) => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    t.teardown(() => silent.close());
    const { port } = silent.address() as { port: number };
    const text = await fileFor(t, { store: `redis://127.0.0.1:${port}` });
    const gateway = await startGateway(text());
    t.teardown(() => gateway.close());
    t.equal(
      (await userOf(gateway).ask()).code,
      'revocation_unavailable',
      'nothing is known: nothing is allowed',
    );
    await gateway.waitForLine(({ msg }) => msg === 'the revocation store is silent');
  },
);
