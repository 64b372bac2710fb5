import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { acceptsConnections } from '../../support/backends/ports.ts';

/** Runs a proxy until the test ends, and waits until it listens on its port. */
export async function runProgram(
  t: Test,
  command: readonly [string, ...string[]],
  { port, ...options }: SpawnOptions & { readonly port: number },
): Promise<void> {
  const [program, ...args] = command;
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  const ended = once(child, 'exit');
  t.teardown(async () => {
    // Not SIGKILL: the workers of nginx would outlive it.
    child.kill('SIGTERM');
    await ended;
  });
  while (!(await acceptsConnections(port))) {
    if (child.exitCode !== null) throw new Error(`${program} ended: ${errors}`);
    await delay(10);
  }
}

/** The text with each address replaced, which must be in it. */
export function replaceAddresses(text: string, addresses: Readonly<Record<string, string>>): string {
  return Object.entries(addresses).reduce((changed, [from, to]) => {
    if (!changed.includes(from)) throw new Error(`the example file does not have ${from}`);
    return changed.replaceAll(from, to);
  }, text);
}
