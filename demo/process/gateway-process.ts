import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { waitUntilOk } from './wait-until-ok.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

interface GatewayProcessOptions {
  /** The gateway's file. */
  readonly config: string;
  /** The values of the file's `${…}`. */
  readonly env: Readonly<Record<string, string>>;
  readonly adminUrl: string;
  /** Called with each line of its log. */
  readonly log: (line: string) => void;
}

/** Starts the built gateway as a separate process, as a user does, and waits until it is ready. */
export async function startGatewayProcess(
  options: GatewayProcessOptions,
): Promise<{ close(): Promise<void> }> {
  const child = spawn(process.execPath, [MAIN, 'start', '-c', options.config], {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true, // Ctrl-C reaches only the demo, which then ends the gateway by SIGTERM, as an operator would
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
