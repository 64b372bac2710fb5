import { once } from 'node:events';
import t from 'tap';
import { childrenOf, metric, startWorkers } from '../../support/gateway/workers-harness.ts';

const TOKEN = 's3cret-of-the-admin-listener';

t.test(
  'a revocation counts in every worker, also in one that starts later',
  { timeout: 120_000 },
  async (t) => {
    const { gateway, get } = await startWorkers(t, 2, `port: 0, token: ${TOKEN}`);
    const revoke = async (method: 'POST' | 'DELETE', body: object): Promise<number> => {
      const response = await fetch(`${gateway.adminUrl}/revocations`, {
        method,
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      await response.text();
      return response.status;
    };
    const statuses = async () => new Set(await Promise.all(Array.from({ length: 12 }, () => get('/a'))));
    t.same(await statuses(), new Set([200]));
    t.equal(await revoke('POST', { subject: 's' }), 204);
    t.same(await statuses(), new Set([401]), 'at once: confirmed is in every worker');

    const status = (await (await fetch(`${gateway.adminUrl}/status`)).json()) as Record<string, unknown>;
    t.match(status.revocations, { entries: 1, sources: { admin: 1 }, cut: 0, store: null }, 'counted once');
    t.equal(await metric(gateway, 'sealgate_revocation_entries{source="admin"}'), 1);
    t.equal(await metric(gateway, 'sealgate_revocation_arrived_total{source="admin"}'), 1);
    t.equal(await metric(gateway, 'sealgate_revocation_cut_total'), 0);

    const [worker] = await childrenOf(gateway);
    process.kill(worker as number, 'SIGKILL');
    await gateway.line('a worker ended; it is replaced');
    while ((await childrenOf(gateway)).length < 2)
      await once(gateway.child.stdout as NodeJS.ReadableStream, 'data');
    t.same(await statuses(), new Set([401]));

    t.equal(await revoke('DELETE', { subject: 's' }), 204);
    t.same(await statuses(), new Set([200]));
    t.equal(await revoke('POST', [{ subject: 's' }, {}]), 400);
    t.same(await statuses(), new Set([200]), 'all or none');
  },
);
