import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { acceptsConnections, freePorts } from '../backends/ports.ts';
import type { Replica } from '../gateway/replicas.ts';

/** False where Debian's HAProxy (or another) is not installed; tests that need it skip by name. */
export const hasHaproxy = spawnSync('haproxy', ['-v']).status === 0;

const FILE = 'deploy/haproxy/haproxy.cfg';

/** The environment that the sample file reads its addresses from. */
function haproxyEnvironment(front: number, ports: readonly Replica[]): Record<string, string> {
  const env: Record<string, string> = { FRONT: `127.0.0.1:${front}` };
  for (const [index, { port, adminPort }] of ports.entries()) {
    env[`GATEWAY_${index + 1}`] = `127.0.0.1:${port}`;
    env[`ADMIN_${index + 1}_HOST`] = '127.0.0.1';
    env[`ADMIN_${index + 1}_PORT`] = String(adminPort);
  }
  return env;
}

/** Starts HAProxy with the sample file of `deploy` in front of the gateways, and waits until it listens. Gives its URL. */
export async function startHaproxy(t: Test, ports: readonly Replica[]): Promise<string> {
  const [front = 0] = await freePorts(1);
  await runHaproxy(t, front, { file: FILE, env: haproxyEnvironment(front, ports) });
  return `http://127.0.0.1:${front}`;
}

/** Starts HAProxy with a file that listens on this port, and waits until it does. */
export async function runHaproxy(
  t: Test,
  front: number,
  { file, env = {} }: { readonly file: string; readonly env?: Readonly<Record<string, string>> },
): Promise<void> {
  const child = spawn('haproxy', ['-db', '-f', file], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  while (!(await acceptsConnections(front))) {
    if (child.exitCode !== null) throw new Error(`haproxy ended: ${errors}`);
    await delay(10);
  }
}
