import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { freePorts } from '../../support/backends/ports.ts';
import { liveText, startLiveGateway } from '../../support/gateway/live-gateway.ts';
import { type DocumentedCommand, readCommands } from './runbook.ts';

const commands = readCommands('docs/operations.md');
const of = (program: string): readonly DocumentedCommand[] =>
  commands.filter((command) => command.program === program);
const missing = (program: string): string | false =>
  spawnSync('which', [program]).status === 0 ? false : `${program} is not installed`;

for (const program of ['haproxy', 'promtool']) {
  t.test(
    `the runbook's commands of ${program} accept the files of deploy`,
    { skip: missing(program) },
    async (t) => {
      t.ok(of(program).length > 0);
      const settings = of('export').map(({ text }) => text);
      for (const { where, text } of of(program)) {
        const { status, stdout, stderr } = spawnSync('bash', ['-c', [...settings, text].join('\n')], {
          encoding: 'utf8',
        });
        t.equal(status, 0, `${where} ${text}`, { stdout, stderr });
      }
    },
  );
}

t.test("promtool accepts the runbook's part of a configuration", { skip: missing('promtool') }, async (t) => {
  const [, part = ''] =
    /```yaml\n(scrape_configs:\n[\s\S]*?)```/.exec(readFileSync('docs/operations.md', 'utf8')) ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-scrape-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'prometheus.yml'), part);
  const { status, stdout, stderr } = spawnSync(
    'promtool',
    ['check', 'config', join(folder, 'prometheus.yml')],
    { encoding: 'utf8' },
  );
  t.equal(status, 0, stderr);
  t.match(stdout, 'SUCCESS');
});

t.test("the runbook's tunnel reaches the admin listener", { skip: missing('sshd') }, async (t) => {
  const live = await startLiveGateway(t, liveText());
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-ssh-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const [port = 0, local = 0] = await freePorts(2);
  for (const name of ['host', 'user']) {
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
  }
  writeFileSync(
    join(folder, 'sshd_config'),
    `ListenAddress 127.0.0.1:${port}
HostKey ${folder}/host
AuthorizedKeysFile ${folder}/user.pub
StrictModes no
PermitRootLogin prohibit-password
UsePAM no
PidFile none
`,
  );
  writeFileSync(
    join(folder, 'ssh_config'),
    `Host gateway-host
  HostName 127.0.0.1
  Port ${port}
  User ${userInfo().username}
  IdentityFile ${folder}/user
  IdentitiesOnly yes
  UserKnownHostsFile ${folder}/known
  StrictHostKeyChecking no
  LogLevel ERROR
  ConnectionAttempts 50
`,
  );
  // Debian's service would create it.
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true });
  const server = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(folder, 'sshd_config')], {
    stdio: 'ignore',
  });
  const [command] = of('ssh');
  const text = String(command?.text)
    .replace(/^ssh /, `exec ssh -F ${folder}/ssh_config `)
    .replace('9090:127.0.0.1:9090', `${local}:${new URL(live.adminUrl).host}`);
  const tunnel = spawn('bash', ['-c', text], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  tunnel.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  t.teardown(async () => {
    for (const child of [tunnel, server]) {
      if (child.exitCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    }
  });
  const ask = () => fetch(`http://127.0.0.1:${local}/status`).catch(() => undefined);
  let response = await ask();
  while (response === undefined) {
    if (tunnel.exitCode !== null) throw new Error(`ssh ended: ${errors}`);
    await delay(20);
    response = await ask();
  }
  t.equal(response.status, 200, 'also what only the machine itself may see');
  t.match(await response.json(), { status: 'ready' });
});
