import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { acceptsConnections } from '../../support/backends/ports.ts';
import { startGatewayProcess } from '../../support/gateway/gateway-process.ts';
import { askOnce, connectAsking, HTTP_WAYS, QUESTIONS } from '../../support/gateway/questions.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';

/* The end of a gateway that other proxies ask: an asked question is replied to, or refused, but never left open. */

const KEY = signingKey('ES256');

/** A gateway whose issuer keeps its keys back until `release`. */
async function startWaiting(t: Test, shutdown: string) {
  const held: ServerResponse[] = [];
  const provider = createServer((_, res) => held.push(res)).listen(0, '127.0.0.1');
  await once(provider, 'listening');
  t.teardown(() => {
    provider.closeAllConnections();
    provider.close();
  });
  const issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  const gateway = await startGatewayProcess(
    t,
    `listen: { port: 0 }
admin: { port: 0 }
decisions: { port: 0 }
shutdown: ${shutdown}
issuers: { corp: { issuer: '${issuer}', jwksUri: '${issuer}/keys', audiences: [api] } }
routes:
  - { name: open, path: /open, upstream: none, access: public }
  - { name: asked, path: /asked, upstream: none, access: authenticated }
`,
  );
  const { decisionsUrl } = (await gateway.line('listening')) as unknown as { decisionsUrl: string };
  const token = mint(KEY, { iss: issuer, aud: 'api', sub: 'ann', exp: Math.floor(Date.now() / 1000) + 600 });
  /** Asks something that waits for the keys; resolves once it has arrived. */
  const askWaiting = async (way: keyof typeof QUESTIONS) => {
    const connection = await connectAsking(decisionsUrl);
    t.teardown(() => connection.destroy());
    // The response to the first shows that the second has arrived, too.
    connection.send(QUESTIONS[way]('/open') + QUESTIONS[way]('/asked', [`Authorization: Bearer ${token}`]));
    t.equal((await connection.read())?.status, 200);
    return connection;
  };
  return {
    gateway,
    decisionsUrl,
    askWaiting,
    release: () => {
      for (const res of held.splice(0)) res.end(JSON.stringify({ keys: [KEY.jwk] }));
    },
  };
}

t.test(
  'a question that waits for keys gets its reply, new ones are taken during the delay, exit 0',
  async (t) => {
    const { gateway, decisionsUrl, askWaiting, release } = await startWaiting(
      t,
      '{ delay: 700ms, grace: 10s }',
    );
    const waiting = await Promise.all(HTTP_WAYS.map(askWaiting));
    gateway.child.kill('SIGTERM');
    await gateway.line('draining');
    t.equal((await fetch(`${gateway.adminUrl}/ready`)).status, 503);
    const late = await askOnce(decisionsUrl, QUESTIONS['forward-auth']('/open'));
    t.equal(late?.status, 200, 'a late question gets its reply');
    t.same(late?.headers.connection, ['close'], 'so that the proxy asks elsewhere next time');
    while (await acceptsConnections(Number(new URL(decisionsUrl).port)));
    release();
    for (const connection of waiting) {
      const response = await connection.read();
      t.equal(response?.status, 200);
      t.same(response?.headers['x-user-id'], ['ann']);
      t.equal(await connection.closed(), true);
    }
    t.same(await gateway.ended, [0, null]);
    t.match(gateway.lines.at(-1), { msg: 'ended', outcome: 'clean' });
    t.equal(gateway.stderr(), '');
  },
);

t.test('what is not decided within the grace is refused, never allowed, exit 1', async (t) => {
  const { gateway, askWaiting } = await startWaiting(t, '{ grace: 300ms }');
  const waiting = await Promise.all(HTTP_WAYS.map(askWaiting));
  gateway.child.kill('SIGTERM');
  for (const connection of waiting) {
    const response = await connection.read();
    t.match(response, { status: 503, code: 'shutting_down' });
    t.equal(response?.headers['x-user-id'], undefined);
    t.equal(await connection.closed(), true);
  }
  t.same(await gateway.ended, [1, null]);
  const cut = gateway.lines
    .filter(({ code }) => code === 'shutting_down')
    .map(({ via, status }) => [via, status]);
  t.same(
    cut.sort(),
    [...HTTP_WAYS].sort().map((way) => [way, 503]),
  );
});

t.test('idle connections of asking proxies do not hold the end up', async (t) => {
  const { gateway, decisionsUrl, release } = await startWaiting(t, '{ grace: 30s }');
  release();
  const [used, silent] = [await connectAsking(decisionsUrl), await connectAsking(decisionsUrl)];
  used.send(QUESTIONS['forward-auth']('/open'));
  t.equal((await used.read())?.status, 200);
  gateway.child.kill('SIGTERM');
  t.same(await gateway.ended, [0, null]);
  used.destroy();
  silent.destroy();
});
