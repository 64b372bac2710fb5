import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { startCountingUpstream } from '../support/counting-upstream.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { createKeyServer } from '../support/key-server.ts';
import { mint, signingKey } from '../support/mint.ts';

type Tap = Parameters<typeof startGatewayProcess>[0];

const KEY = signingKey('ES256');

async function startStand(t: Tap) {
  const issuer = await createKeyServer();
  issuer.publish(KEY);
  const upstream = await startCountingUpstream((_req, res) => res.end('fine'));
  t.teardown(async () => {
    await upstream.close();
    await issuer.close();
  });
  const textOf = (more = '') => `listen: { port: 0 }
admin: { port: 0 }
workers: 3
shutdown: { grace: 5s }
issuers: { corp: { issuer: '${issuer.issuer()}', audiences: [api] } }
upstreams: { backend: { url: '${upstream.url}' } }
routes:
  - { name: a, path: /a, upstream: backend, access: authenticated }
${more}
`;
  const gateway = await startGatewayProcess(t, textOf());
  const now = Math.floor(Date.now() / 1000);
  const token = mint(KEY, { iss: issuer.issuer(), aud: 'api', sub: 's', iat: now, exp: now + 600 });
  // A connection of its own each time, so that every worker gets some.
  const get = async (path: string): Promise<number> => {
    const answer = await fetch(`${gateway.url}${path}`, {
      headers: { authorization: `Bearer ${token}`, connection: 'close' },
    });
    await answer.text();
    return answer.status;
  };
  return { gateway, issuer, textOf, get, write: (text: string) => replace(gateway, text) };
}

function replace({ file }: GatewayProcess, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

async function metric(gateway: GatewayProcess, name: string): Promise<number> {
  const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => line.startsWith(name))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(20);
}

t.test('workers serve as one gateway', { timeout: 60_000 }, async (t) => {
  const { gateway, issuer, textOf, get, write } = await startStand(t);
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
  await gateway.line('configuration refused; the one before stays in force');
  for (let n = 0; n < 6; n += 1) t.equal(await get('/b'), 200, 'a bad file changes nothing in any of them');

  gateway.child.kill('SIGTERM');
  t.same(await gateway.ended, [0, null]);
  t.match(gateway.lines.at(-1), { msg: 'ended', outcome: 'clean' });
});

t.test('a worker that crashes is replaced', { timeout: 60_000 }, async (t) => {
  const { gateway, issuer, get } = await startStand(t);
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

/** Process ids of the workers, by what the kernel knows. */
async function childrenOf({ child }: GatewayProcess): Promise<number[]> {
  const { readFile } = await import('node:fs/promises');
  const text = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
  return text.trim().split(' ').filter(Boolean).map(Number);
}
