import t from 'tap';
import { startGatewayProcess } from '../../support/gateway/gateway-process.ts';
import { askOnce, HTTP_WAYS, QUESTIONS } from '../../support/gateway/questions.ts';
import { childrenOf, metric, until } from '../../support/gateway/workers-harness.ts';
import { createKeyServer } from '../../support/tokens/key-server.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';

const KEY = signingKey('ES256');

t.test(
  'questions are served by all workers, and by one that replaces another',
  { timeout: 60_000 },
  async (t) => {
    const issuer = await createKeyServer();
    issuer.publish(KEY);
    t.teardown(() => issuer.close());
    const gateway = await startGatewayProcess(
      t,
      `listen: { port: 0 }
admin: { port: 0 }
decisions: { port: 0 }
workers: 2
shutdown: { grace: 5s }
issuers: { corp: { issuer: '${issuer.issuer()}', audiences: [api] } }
routes: [{ name: a, path: /a, upstream: none, access: authenticated }]
`,
    );
    await until(async () => (await fetch(`${gateway.adminUrl}/ready`)).status === 200);
    const { decisionsUrl } = (await gateway.line('listening')) as unknown as { decisionsUrl: string };
    const now = Math.floor(Date.now() / 1000);
    const token = mint(KEY, { iss: issuer.issuer(), aud: 'api', sub: 's', iat: now, exp: now + 600 });
    const bearer = `Authorization: Bearer ${token}`;
    const served = () =>
      new Set(gateway.lines.filter(({ via }) => via !== undefined).map(({ worker }) => worker));

    // A connection of its own each time. The kernel chooses who accepts it, and a busy machine may leave one worker out for a while.
    let rounds = 0;
    await until(async () => {
      for (const way of HTTP_WAYS)
        t.equal((await askOnce(decisionsUrl, QUESTIONS[way]('/a', [bearer])))?.status, 200);
      rounds += 1;
      return rounds >= 4 && served().size === 2;
    });
    t.equal((await askOnce(decisionsUrl, QUESTIONS['auth-request']('/a')))?.status, 401);
    t.same([...served()].sort(), [1, 2]);
    t.equal(
      await metric(
        gateway,
        'sealgate_requests_total{route="a",method="GET",status="200",code="allow",via="auth-request"}',
      ),
      rounds,
    );
    t.equal(issuer.fetches(), 1, 'one fetch of keys for all');
    const { questions } = (await (await fetch(`${gateway.adminUrl}/status`)).json()) as {
      questions: unknown;
    };
    t.same(questions, [
      { via: 'forward-auth', allowed: rounds, refused: 0, failed: 0 },
      { via: 'auth-request', allowed: rounds, refused: 1, failed: 0 },
      { via: 'ext-authz', allowed: rounds, refused: 0, failed: 0 },
    ]);
    const { decisions } = (await (await fetch(`${gateway.adminUrl}/status/decisions`)).json()) as {
      decisions: readonly { readonly via: string }[];
    };
    t.equal(decisions.length, 3 * rounds + 1);
    t.equal(decisions.filter(({ via }) => via === 'ext-authz').length, rounds);

    const [pid] = await childrenOf(gateway);
    process.kill(pid as number, 'SIGKILL');
    await gateway.line('a worker ended; it is replaced');
    await until(async () => {
      const response = await askOnce(decisionsUrl, QUESTIONS['forward-auth']('/a', [bearer])).catch(
        () => undefined,
      );
      return response?.status === 200 && served().has(3);
    });
    gateway.child.kill('SIGTERM');
    t.same(await gateway.ended, [0, null]);
    t.match(gateway.lines.at(-1), { msg: 'ended', outcome: 'clean' });
  },
);
