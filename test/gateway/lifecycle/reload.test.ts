import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import t from 'tap';
import type { ReloadReport } from '../../../src/admin/status.ts';
import { type LiveGateway, liveText, startLiveGateway } from '../../support/gateway/live-gateway.ts';

const WITH_B = liveText('  - { name: b, path: /b, upstream: backend, access: authenticated }');
const REFUSED = 'configuration refused; the one before stays active';
const BROKEN = liveText('  - { name: b, path: /b, upstream: nowhere, access: authenticated }');

t.test('a new file is active from the next request on', async (t) => {
  const live = await startLiveGateway(t, liveText());
  t.equal((await live.get('/b')).status, 404);
  live.write(WITH_B);
  t.match(await live.gateway.reload('signal'), { result: 'applied', trigger: 'signal', problems: [] });
  t.equal((await live.get('/b')).status, 200);
  live.write(liveText());
  await live.gateway.reload('signal');
  t.equal((await live.get('/b')).status, 404);
});

t.test('a bad file changes nothing, and log, metric, status and readiness show it', async (t) => {
  const live = await startLiveGateway(t, WITH_B);
  for (const text of [BROKEN, 'routes: [', '', liveText({ top: 'surprise: true' })]) {
    live.write(text);
    const report = await reloadOutcome(live);
    t.equal(report.result, 'refused');
    t.match(report.problems[0], /gateway\.yaml:\d+:\d+: error: /);
    t.equal((await live.get('/b')).status, 200);
    const reported = live.lines.findLast(({ msg }) => /^configuration (?!unchanged)/.test(msg));
    t.match(reported, { msg: REFUSED });
    t.match(await (await live.admin('/status')).json(), {
      config: { current: false },
      reloads: [{ result: 'refused', problems: report.problems }],
    });
    t.match(await (await live.admin('/metrics')).text(), 'sealgate_config_last_reload_successful 0');
    t.equal((await live.admin('/ready')).status, 200, 'a ready gateway stays ready');
  }
  live.write(liveText());
  t.equal((await reloadOutcome(live)).result, 'applied');
  const metrics = await (await live.admin('/metrics')).text();
  t.match(metrics, 'sealgate_config_last_reload_successful 1');
  const counted = Number(/sealgate_config_reloads_total\{result="refused"\} (\d+)/.exec(metrics)?.[1]);
  t.equal(counted, live.lines.filter(({ msg }) => msg === REFUSED).length);
  t.match(await (await live.admin('/status')).json(), { config: { current: true } });
});

const fixed = [
  [
    'a changed port',
    (text: string) => text.replace('listen: { port: 0 }', 'listen: { port: 4711 }'),
    'listen.port',
  ],
  [
    'a changed address',
    (text: string) => text.replace('listen: { port: 0 }', 'listen: { port: 0, host: 127.0.0.2 }'),
    'listen.host',
  ],
  [
    'a changed admin port',
    (text: string) => text.replace('admin: { port: 0 }', 'admin: { port: 4712 }'),
    'admin.port',
  ],
] as const;

t.test('what a running process cannot change needs a restart', async (t) => {
  const live = await startLiveGateway(t, liveText());
  for (const [name, change, key] of fixed) {
    live.write(change(WITH_B));
    const { result, problems } = await reloadOutcome(live);
    t.equal(result, 'refused', name);
    t.match(problems, [new RegExp(`${key} needs a restart`)]);
    t.equal((await live.get('/b')).status, 404, 'nor does the rest of the file count');
  }
});

t.test('keys and connections that did not change stay warm', async (t) => {
  const live = await startLiveGateway(t, liveText());
  await (await live.get('/a')).text();
  const fetches = live.issuer.fetches();
  for (let n = 0; n < 5; n += 1) {
    live.write(liveText(`  - { name: n${n}, path: /n${n}, upstream: backend, access: public }`));
    t.equal((await reloadOutcome(live)).result, 'applied');
    await (await live.get('/a')).text();
  }
  t.equal(live.issuer.fetches(), fetches, 'no key was fetched again');
  t.equal(live.upstream.connections(), 1, 'the backend keeps its connection');
});

t.test('keys of a new issuer are there before the first request needs them', async (t) => {
  const live = await startLiveGateway(t, liveText());
  live.write(
    liveText()
      .replace(
        'upstreams:',
        `  more: { issuer: '${live.issuer.issuer('/more')}', audiences: [api] }\nupstreams:`,
      )
      .replace('access: authenticated', 'access: { issuers: [more] }'),
  );
  t.match(await reloadOutcome(live), { result: 'applied' });
  t.equal((await live.get('/a', live.token({ iss: live.issuer.issuer('/more') }))).status, 200);
  t.equal((await live.get('/a')).status, 401, 'the old issuer is not accepted there any more');
});

t.test('a token that was accepted before is checked by the new rules', async (t) => {
  const live = await startLiveGateway(t, liveText());
  const token = live.token({ scope: 'read' });
  t.equal((await live.get('/a', token)).status, 200);
  live.write(liveText().replace('access: authenticated', 'access: { scopes: [write] }'));
  await live.gateway.reload('signal');
  t.equal((await live.get('/a', token)).status, 403);
  live.write(liveText().replace('audiences: [api]', 'audiences: [other]'));
  await live.gateway.reload('signal');
  t.equal((await live.get('/a', token)).status, 401);
});

t.test('a request that runs finishes on the old configuration', async (t) => {
  const responses: ServerResponse[] = [];
  const live = await startLiveGateway(t, liveText(), { upstream: (_req, res) => void responses.push(res) });
  const asked = live.get('/a');
  while (responses.length === 0) await new Promise(setImmediate);
  live.write(
    liveText()
      .replace('{ name: a, path: /a,', '{ name: z, path: /z,')
      .replace('url: BACKEND', 'url: "http://127.0.0.1:9"'),
  );
  t.equal((await reloadOutcome(live)).result, 'applied');
  t.equal((await live.get('/a')).status, 404, 'new requests see the new file');
  responses[0]?.end('late');
  const response = await asked;
  t.equal(response.status, 200);
  t.equal(await response.text(), 'late');
});

t.test('a file that did not change is not applied again', async (t) => {
  const live = await startLiveGateway(t, liveText());
  live.write(WITH_B);
  t.equal((await reloadOutcome(live)).result, 'applied');
  t.equal((await live.gateway.reload('signal')).result, 'unchanged');
  live.write(BROKEN);
  t.equal((await reloadOutcome(live)).result, 'refused');
  t.equal((await live.gateway.reload('file')).result, 'unchanged', 'nor refused again for an event');
  t.match(
    await (await live.admin('/status')).json(),
    { config: { current: false } },
    'but it is still refused',
  );
});

t.test('a reload that is requested again reports the refusal again', async (t) => {
  const live = await startLiveGateway(t, liveText());
  live.write(BROKEN);
  const first = await live.gateway.reload('signal');
  t.equal(first.result, 'refused');
  for (const problems of [first.problems, first.problems]) {
    const reported = live.nextLine(REFUSED);
    t.match(await live.gateway.reload('signal'), { result: 'refused', trigger: 'signal', problems });
    t.match(await reported, { trigger: 'signal', problems });
  }
  const reports = await Promise.all([live.gateway.reload('file'), live.gateway.reload('signal')]);
  for (const { result } of reports) t.equal(result, 'refused', 'also where an event came first');
  live.write(liveText());
  await reloadOutcome(live);
  const reported = live.nextLine('configuration unchanged');
  t.equal((await live.gateway.reload('signal')).result, 'unchanged', 'a good file that did not change');
  t.match(await reported, { level: 'info', trigger: 'signal' });
});

t.test('many at once are one attempt after the other, and read what is there then', async (t) => {
  const live = await startLiveGateway(t, liveText());
  live.write(WITH_B);
  const reports = await Promise.all(Array.from({ length: 10 }, () => live.gateway.reload('signal')));
  t.equal(new Set(reports).size, 1);
  t.equal(reports[0]?.result, 'applied');
});

t.test(
  'a file that is replaced while the gateway starts is not taken for the one that was read',
  async (t) => {
    const live = await startLiveGateway(t, liveText(), { replacedBy: WITH_B });
    while ((await live.get('/b')).status !== 200);
    t.ok(live.lines.some(({ msg }) => msg === 'configuration applied'));
  },
);

t.test('a file that is replaced is seen by itself', async (t) => {
  const live = await startLiveGateway(t, liveText());
  const applied = live.nextLine('configuration applied');
  live.write(WITH_B);
  t.match(await applied, { trigger: 'file' });
  t.equal((await live.get('/b')).status, 200);
  const again = live.nextLine('configuration applied');
  writeFileSync(
    live.file,
    liveText().replaceAll('ISSUER', live.issuer.issuer()).replaceAll('BACKEND', live.upstream.url),
  );
  await again;
  t.equal((await live.get('/b')).status, 404, 'written in place');
});

t.test('the swap of a symlink, as Kubernetes does it with a ConfigMap, is seen', async (t) => {
  let versions = 0;
  const fill = (text: string) =>
    text.replaceAll('ISSUER', 'http://127.0.0.1:9').replaceAll('BACKEND', 'http://127.0.0.1:9');
  const swap = (folder: string, text: string): void => {
    versions += 1;
    mkdirSync(join(folder, `..v${versions}`));
    writeFileSync(join(folder, `..v${versions}`, 'gateway.yaml'), text);
    symlinkSync(`..v${versions}`, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  const open = (name: string) =>
    fill(
      `listen: { port: 0 }\nadmin: { port: 0 }\nroutes:\n  - { name: ${name}, path: /${name}, upstream: 'BACKEND', access: public }\n`,
    );
  const live = await startLiveGateway(t, '', {
    file: 'gateway.yaml',
    prepare(folder) {
      swap(folder, open('a'));
      symlinkSync('..data/gateway.yaml', join(folder, 'gateway.yaml'));
    },
  });
  for (const name of ['b', 'c', 'd']) {
    const applied = live.nextLine('configuration applied');
    swap(live.folder, open(name));
    await applied;
    t.equal((await live.get(`/${name}`)).status, 502, `${name} is there`);
    t.equal((await live.get('/a')).status, 404);
  }
});

t.test('a changed secret file is seen', async (t) => {
  const secret = (folder: string) => join(folder, 'token');
  const live = await startLiveGateway(
    t,
    liveText().replace('admin: { port: 0 }', "admin: { port: 0, token: '${file:token}' }"),
    { prepare: (folder) => writeFileSync(secret(folder), 'first-secret\n') },
  );
  const ask = async (token: string) =>
    (await fetch(`${live.adminUrl}/status`, { headers: { authorization: `Bearer ${token}` } })).status;
  t.equal(await ask('first-secret'), 200);
  const applied = live.nextLine('configuration applied');
  writeFileSync(secret(live.folder), 'second-secret\n');
  await applied;
  t.equal(await ask('first-secret'), 401);
  t.equal(await ask('second-secret'), 200);
});

t.test('a file that was missing is tried again when it is there', async (t) => {
  const live = await startLiveGateway(t, liveText());
  const refused = live.nextLine('configuration refused; the one before stays active');
  live.write(liveText().replace('admin: { port: 0 }', "admin: { port: 0, token: '${file:token}' }"));
  await refused;
  const applied = live.nextLine('configuration applied');
  writeFileSync(join(live.folder, 'token'), 'here-it-is');
  await applied;
  t.pass();
});

/** What became of the file that was just written, whether this signal or the watcher came first. */
async function reloadOutcome(live: LiveGateway): Promise<ReloadReport> {
  const report = await live.gateway.reload('signal');
  if (report.result !== 'unchanged') return report;
  const { reloads } = (await (await live.admin('/status')).json()) as { reloads: ReloadReport[] };
  return reloads[0] ?? report;
}
