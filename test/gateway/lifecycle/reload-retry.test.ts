import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { watchFiles } from '../../../src/gateway/lifecycle/watch-files.ts';
import { startGatewayProcess } from '../../support/gateway/gateway-process.ts';
import { liveText, startLiveGateway } from '../../support/gateway/live-gateway.ts';

const REFUSED = 'configuration refused; the one before stays active';

const fileWith = (route: string): string => `
listen: { port: 0, limits: { headerTimeout: 10m } }
admin: { port: 0 }
routes: [{ name: ${route}, path: /${route}, upstream: "http://127.0.0.1:9", access: public }]
`;

t.test(
  'a reload that lacks descriptors is tried again until there are some',
  { timeout: 90_000 },
  async (t) => {
    const openFiles = 64;
    const running = await startGatewayProcess(t, fileWith('a'), { openFiles });
    // Silent clients take every descriptor; the rest of them are closed.
    const clients: Socket[] = [];
    t.teardown(() => {
      for (const client of clients) client.destroy();
    });
    const replaceFile = (route: string): void => {
      writeFileSync(`${running.file}.new`, fileWith(route));
      renameSync(`${running.file}.new`, running.file);
    };
    const linesOf = (msg: string) => running.lines.filter((line) => line.msg === msg);

    // One may be free for a moment: then the file is applied, and it is done again.
    let versions = 0;
    while (linesOf(REFUSED).length === 0) {
      if (clients.length < 4 * openFiles) {
        const client = createConnection(Number(new URL(running.url).port), '127.0.0.1').on('error', () => {});
        clients.push(client);
        await new Promise((settled) => client.once('connect', settled).once('close', settled));
        if (clients.length < openFiles) continue;
      }
      if (linesOf('configuration applied').length === versions) {
        versions += 1;
        replaceFile(`b${versions}`);
      }
      await delay(10);
    }
    t.match(linesOf(REFUSED)[0], {
      problems: [/cannot read the file: this process may not open any more files/],
    });

    for (const client of clients) client.destroy();
    while (linesOf('configuration applied').length < versions) await delay(10);
    t.match(linesOf('configuration applied').at(-1), { trigger: /^(?:retry|file)$/ });
    t.equal((await fetch(`${running.url}/b${versions}`)).status, 502, 'the new route is there');

    // The watch has lived through it.
    replaceFile('c');
    while ((await fetch(`${running.url}/c`)).status !== 502);
    running.child.kill('SIGTERM');
    t.same(await running.ended, [0, null]);
  },
);

t.test('a file that only the new configuration names is waited for, its folder too', async (t) => {
  const live = await startLiveGateway(t, liveText());
  const withKeys = (place: string): string =>
    liveText().replace('audiences: [api] }', `audiences: [api], jwks: { file: ${place} } }`);
  for (const place of ['keys.json', 'later/keys.json']) {
    const refused = live.nextLine(REFUSED);
    live.write(withKeys(place));
    t.match(await refused, { problems: [/cannot read .*there is no such file/] });
    const applied = live.nextLine('configuration applied');
    const file = join(live.folder, place);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(`${file}.new`, JSON.stringify({ keys: live.issuer.keys }));
    renameSync(`${file}.new`, file);
    t.match(await applied, { trigger: /^(?:file|retry)$/ }, place);
    t.equal((await live.get('/a')).status, 200);
  }
});

t.test('a folder that cannot be watched yet is watched once it is there', async (t) => {
  const folder = join(t.testdir({}), 'later');
  const file = join(folder, 'gateway.yaml');
  let changed: () => void = () => {};
  const next = (): Promise<void> =>
    new Promise((resolve) => {
      changed = resolve;
    });
  const watch = watchFiles({ onChange: () => changed(), settleMs: 1, pollMs: 20 });
  // The watch itself keeps no process alive.
  const alive = setInterval(() => {}, 1_000);
  t.teardown(() => {
    watch.close();
    clearInterval(alive);
  });
  let noticed = next();
  watch.follow([file]);
  await noticed;
  noticed = next();
  mkdirSync(folder);
  writeFileSync(file, 'a');
  await noticed;
  noticed = next();
  writeFileSync(file, 'ab');
  await noticed;
  t.pass('each change was noticed');
});
