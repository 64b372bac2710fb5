import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { childrenOf, metric, startWorkers, until } from '../../support/gateway/workers-harness.ts';

t.test('workers serve as one gateway', { timeout: 60_000 }, async (t) => {
  const { gateway, issuer, textOf, get, write } = await startWorkers(t);
  await until(async () => (await fetch(`${gateway.adminUrl}/ready`)).status === 200);

  for (let n = 0; n < 12; n += 1) t.equal(await get('/a'), 200);
  t.equal(await metric(gateway, 'sealgate_requests_total{route="a"'), 12, 'metrics are merged');
  t.equal(await metric(gateway, 'sealgate_workers'), 3);
  t.equal(issuer.fetches(), 1, 'one fetch of keys for all');
  const status = (await (await fetch(`${gateway.adminUrl}/status`)).json()) as Record<string, unknown>;
  t.match(status, { workers: 3, issuers: [{ name: 'corp', state: 'fresh' }], routes: [{ requests: 12 }] });

  write(textOf('  - { name: b, path: /b, upstream: backend, access: authenticated }'));
  await gateway.line('configuration applied');
  for (let n = 0; n < 6; n += 1) t.equal(await get('/b'), 200, 'every worker has the new file');

  write(textOf('  - { name: b, path: /b, upstream: nowhere, access: authenticated }'));
  await gateway.line('configuration refused; the one before stays active');
  for (let n = 0; n < 6; n += 1) t.equal(await get('/b'), 200, 'a bad file changes nothing in any of them');

  gateway.child.kill('SIGTERM');
  t.same(await gateway.ended, [0, null]);
  t.match(gateway.lines.at(-1), { msg: 'ended', outcome: 'clean' });
  const served = new Set(gateway.lines.filter(({ msg }) => msg === 'request').map(({ worker }) => worker));
  t.same([...served].sort(), [1, 2, 3], 'access lines name the worker');
});

t.test(
  'a new worker serves the active configuration, not the files on disk',
  { timeout: 60_000 },
  async (t) => {
    const { gateway, issuer, textOf, get, write } = await startWorkers(t, 2);
    await until(async () => (await fetch(`${gateway.adminUrl}/ready`)).status === 200);
    const keys = join(dirname(gateway.file), 'keys.json');
    writeFileSync(keys, JSON.stringify({ keys: issuer.keys }));
    write(textOf().replace('audiences: [api]', 'audiences: [api], jwks: { file: keys.json }'));
    await gateway.line('configuration applied');
    t.equal(await get('/a'), 200);

    rmSync(keys);
    write('routes: [');
    await gateway.line('configuration refused; the one before stays active');
    const [pid] = await childrenOf(gateway);
    process.kill(pid as number, 'SIGKILL');
    // A connection given to a dying worker would get no response.
    await gateway.line('a worker ended; it is replaced');
    const served = () => gateway.lines.filter(({ msg }) => msg === 'request').map(({ worker }) => worker);
    await until(async () => (await get('/a')) === 200 && served().includes(3));
    gateway.child.kill('SIGTERM');
    t.same(await gateway.ended, [0, null]);
  },
);

t.test('a worker that crashes is replaced', { timeout: 60_000 }, async (t) => {
  const { gateway, issuer, get } = await startWorkers(t);
  await until(async () => (await fetch(`${gateway.adminUrl}/ready`)).status === 200);
  const pids = await childrenOf(gateway);
  t.equal(pids.length, 3);
  process.kill(pids[0] as number, 'SIGKILL');
  t.match(await gateway.line('a worker ended; it is replaced'), { pid: pids[0], signal: 'SIGKILL' });
  await until(async () => (await childrenOf(gateway)).length === 3);
  for (let n = 0; n < 9; n += 1) t.equal(await get('/a'), 200);
  t.equal(await metric(gateway, 'sealgate_worker_restarts_total'), 1);
  t.equal(issuer.fetches(), 1, 'the new one has the keys of the others');
  gateway.child.kill('SIGTERM');
  t.same(await gateway.ended, [0, null]);
});
