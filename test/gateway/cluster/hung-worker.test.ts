import t from 'tap';
import { childrenOf, metric, startWorkers, until } from '../../support/gateway/workers-harness.ts';

t.test('a worker that hangs holds up neither status, metrics nor reload', { timeout: 110_000 }, async (t) => {
  const { gateway, textOf, get, write } = await startWorkers(t, 2);
  await until(async () => (await fetch(`${gateway.adminUrl}/ready`)).status === 200);
  for (let n = 0; n < 6; n += 1) t.equal(await get('/a'), 200);
  t.equal(await metric(gateway, 'sealgate_requests_total{route="a"'), 6);
  const statusOf = async () =>
    (await (await fetch(`${gateway.adminUrl}/status`)).json()) as Record<string, unknown>;
  t.match(await statusOf(), { unresponsiveWorkers: [], routes: [{ requests: 6 }] });
  const [pid] = await childrenOf(gateway);
  process.kill(pid as number, 'SIGSTOP');

  t.match(await statusOf(), { workers: 2, unresponsiveWorkers: [Number], routes: [{ requests: 6 }] });
  const { worker } = (await gateway.line('a worker does not respond')) as { worker?: unknown };
  t.match((await statusOf()).unresponsiveWorkers, [worker]);
  t.equal(await metric(gateway, 'sealgate_workers_unresponsive'), 1);
  t.equal(await metric(gateway, 'sealgate_requests_total{route="a"'), 6, 'what it counted is not lost');
  write(textOf('  - { name: b, path: /b, upstream: backend, access: authenticated }'));
  t.match(await gateway.line('a worker has not confirmed the configuration'), { worker, pid });
  await gateway.line('configuration applied');

  process.kill(pid as number, 'SIGCONT');
  t.match(await gateway.line('a worker responds again'), { worker, pid });
  t.same((await statusOf()).unresponsiveWorkers, []);
  for (let n = 0; n < 6; n += 1) t.equal(await get('/b'), 200, 'it has the new file by then');
  t.equal(await metric(gateway, 'sealgate_worker_restarts_total'), 0);
  gateway.child.kill('SIGTERM');
  t.same(await gateway.ended, [0, null]);
});
