import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Test } from 'tap';
import { builtGateway } from '../../support/gateway/built-gateway.ts';

/** Why no machine can be booted here, or false. Mounting and booting take root. */
export const cannotBoot: string | false =
  spawnSync('systemd-nspawn', ['--version']).status !== 0
    ? 'systemd-nspawn is not installed'
    : process.getuid?.() !== 0
      ? 'booting a machine takes root'
      : false;

/** Where the machine finds the repository, the program and the folder that it shares with the test. */
export const MACHINE = {
  repository: '/srv/repository',
  program: '/opt/sealgate',
  shared: '/srv/shared',
} as const;

/** The script's service ends the machine, however it went. */
const SERVICE = `[Unit]
Description=What this machine was booted for
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
WorkingDirectory=${MACHINE.shared}
ExecStart=/bin/bash ${MACHINE.shared}/script.sh
StandardOutput=append:${MACHINE.shared}/script.log
StandardError=inherit
TimeoutStartSec=90
`;
const TARGET = `[Unit]
Requires=basic.target
Wants=script.service
After=basic.target
AllowIsolate=yes
`;

/**
 * Boots systemd over a copy-on-write view of this system, with a loopback of its own, runs a script as one of its services
 * and powers it off. What the script leaves in the shared folder is the result; nothing else outlives the machine.
 */
export async function runOnBootedMachine(t: Test, script: string): Promise<{ read(file: string): string }> {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-machine-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['layers', 'shared', 'units']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'shared', 'script.sh'), script);
  writeFileSync(join(folder, 'shared', 'script.log'), '');
  writeFileSync(join(folder, 'units', 'script.service'), SERVICE);
  writeFileSync(join(folder, 'units', 'script.target'), TARGET);

  // In a mount namespace of its own, so that every mount goes away with it.
  const boot = `set -eu
mount -t tmpfs tmpfs '${folder}/layers'
cd '${folder}/layers'
mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
mount -t tmpfs tmpfs /run/systemd
rm -rf root/etc/systemd/system/*.target.wants root/etc/systemd/system/sealgate.service root/etc/sealgate
cp '${folder}'/units/* root/etc/systemd/system/
mkdir -p root${MACHINE.program}
cp -r '${dirname(builtGateway())}' root${MACHINE.program}/dist
chmod -R a+rX root${MACHINE.program}
chmod a+x root${MACHINE.program}/dist/main.js
ln -sf ${MACHINE.program}/dist/main.js root/usr/local/bin/sealgate
exec systemd-nspawn --quiet --register=no --keep-unit --private-network --machine=sealgate-${process.pid} \\
  --directory=root --bind='${folder}/shared:${MACHINE.shared}' --bind-ro='${resolve('.')}:${MACHINE.repository}' \\
  --bind-ro='${process.execPath}:/usr/local/bin/node' \\
  --console=pipe --boot -- --unit=script.target --show-status=false
`;
  const child = spawn('unshare', ['--mount', 'bash', '-c', boot], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
  }
  const ended = once(child, 'close');
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
  });
  const [code] = await ended;
  if (code !== 0) throw new Error(`the machine ended with ${code}: ${output}`);
  return { read: (file) => readFileSync(join(folder, 'shared', file), 'utf8') };
}
