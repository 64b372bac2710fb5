import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { liveText, startLiveGateway } from '../../support/gateway/live-gateway.ts';

const APPLIED = 'configuration applied';
const REFUSED = 'configuration refused; the one before stays active';
const MAIN = liveText({ top: 'include: [routes/*.yaml]' });

/** A file of a team: an open route that no backend serves, so that 502 shows it is there and 404 that it is not. */
const routes = (...names: readonly string[]) =>
  `routes:\n${names.map((name) => `  - { name: ${name}, path: /${name}, upstream: 'http://127.0.0.1:9', access: public }\n`).join('')}`;

t.test('an included file that changes, comes or goes is seen, and a bad one changes nothing', async (t) => {
  const live = await startLiveGateway(t, MAIN, {
    prepare(folder) {
      mkdirSync(join(folder, 'routes'));
      writeFileSync(join(folder, 'routes/one.yaml'), routes('one'));
    },
  });
  const put = (name: string, text: string): void => {
    writeFileSync(join(live.folder, 'routes', `.${name}`), text);
    renameSync(join(live.folder, 'routes', `.${name}`), join(live.folder, 'routes', name));
  };
  const status = async (path: string) => (await live.get(path)).status;
  t.same([await status('/one'), await status('/uno')], [502, 404]);

  let next = live.nextLine(APPLIED);
  put('one.yaml', routes('uno'));
  await next;
  t.same([await status('/one'), await status('/uno')], [404, 502], 'changed');

  next = live.nextLine(APPLIED);
  put('two.yaml', routes('two'));
  await next;
  t.same([await status('/uno'), await status('/two')], [502, 502], 'added');

  next = live.nextLine(REFUSED);
  put('three.yaml', routes('two', 'three'));
  t.match((await next).problems, [/routes\/two\.yaml:\d+:\d+: error: .*routes\/three\.yaml:\d+:\d+/]);
  t.same([await status('/two'), await status('/three')], [502, 404], 'refused');

  next = live.nextLine(APPLIED);
  rmSync(join(live.folder, 'routes/three.yaml'));
  rmSync(join(live.folder, 'routes/two.yaml'));
  await next;
  t.same([await status('/uno'), await status('/two')], [502, 404], 'removed');

  writeFileSync(join(live.folder, 'routes/note.txt'), 'no part of it');
  t.match(await live.gateway.reload('signal'), { result: 'unchanged' });
});

t.test('a signal reads all included files again', async (t) => {
  const live = await startLiveGateway(t, MAIN, { prepare: (folder) => mkdirSync(join(folder, 'routes')) });
  writeFileSync(join(live.folder, 'routes/one.yaml'), routes('one'));
  t.match(await live.gateway.reload('signal'), { result: 'applied' });
  t.equal((await live.get('/one')).status, 502);
});

t.test('the swap of a folder with a ConfigMap is one reload', async (t) => {
  let versions = 0;
  /** As the kubelet does it: a new hidden folder, the swap of `..data`, then links for new files; those of old ones go last. */
  const swap = (
    folder: string,
    files: Readonly<Record<string, string>>,
    gone: readonly string[] = [],
  ): void => {
    versions += 1;
    const version = `..2024_${versions}`;
    mkdirSync(join(folder, version), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, version, name), text);
    symlinkSync(version, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    for (const name of Object.keys(files)) {
      rmSync(join(folder, name), { force: true });
      symlinkSync(join('..data', name), join(folder, name));
    }
    for (const name of gone) rmSync(join(folder, name));
  };
  const live = await startLiveGateway(t, MAIN, {
    prepare: (folder) =>
      swap(join(folder, 'routes'), { 'one.yaml': routes('one'), 'two.yaml': routes('two') }),
  });
  const applied = live.nextLine(APPLIED);
  // The route moves from one file to the other: read by halves it would be there twice, or not at all.
  swap(join(live.folder, 'routes'), { 'one.yaml': routes('uno'), 'three.yaml': routes('one', 'two') }, [
    'two.yaml',
  ]);
  await applied;
  for (const path of ['/one', '/two', '/uno']) t.equal((await live.get(path)).status, 502, path);
  await live.gateway.reload('file');
  const { reloads } = (await (await live.admin('/status')).json()) as { reloads: { result: string }[] };
  t.same(
    reloads.map(({ result }) => result),
    ['applied', 'applied'],
    'the start and one reload',
  );
});
