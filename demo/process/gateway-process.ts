import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { waitUntilOk } from './wait-until-ok.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

interface GatewayProcessOptions {
  /** The gateway's file. */
  readonly config: string;
  /** What the file's `${…}` stand for. */
  readonly env: Readonly<Record<string, string>>;
  readonly adminUrl: string;
  /** Gets each line of its log. */
  readonly log: (line: string) => void;
}

/** Runs the built gateway as a user does, as a process of its own, and waits until it is ready. */
export async function startGatewayProcess(
  options: GatewayProcessOptions,
): Promise<{ close(): Promise<void> }> {
  const child = spawn(process.execPath, [MAIN, 'start', '-c', options.config], {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true, // Ctrl-C reaches the demo alone, which then ends the gateway as an operator would: by SIGTERM
  });
  const exited = once(child, 'exit');
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  createInterface({ input: child.stdout }).on('line', options.log);

  const close = async () => {
    child.kill('SIGTERM');
    await exited;
    process.off('exit', killWithUs);
  };
  try {
    await Promise.race([
      waitUntilOk(`${options.adminUrl}/ready`),
      exited.then(([code]) => Promise.reject(new Error(`the gateway ended with exit code ${code}`))),
    ]);
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}
