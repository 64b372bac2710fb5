import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { builtGateway } from './built-gateway.ts';

type Line = Readonly<Record<string, unknown>> & { readonly msg: string };

/** `sealgate start` as a process of its own, built from the sources. */
export interface GatewayProcess {
  readonly url: string;
  readonly adminUrl: string;
  readonly file: string;
  readonly child: ChildProcess;
  readonly lines: readonly Line[];
  readonly stderr: () => string;
  /** The first line with this message, now or later. */
  line(msg: string): Promise<Line>;
  /** Exit code and signal, once it has ended. */
  readonly ended: Promise<readonly [number | null, NodeJS.Signals | null]>;
}

export interface GatewayProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Further words of Node, such as a module to preload. */
  readonly nodeArgs?: readonly string[];
  /** How many files it may have open. */
  readonly openFiles?: number;
}

/** Starts it and waits until it listens; kills it with the test. */
export async function startGatewayProcess(
  t: { teardown(undo: () => void | Promise<void>): unknown },
  text: string,
  options: GatewayProcessOptions = {},
): Promise<GatewayProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-process-'));
  const file = join(folder, 'gateway.yaml');
  writeFileSync(file, text);
  const words = [process.execPath, ...(options.nodeArgs ?? []), builtGateway(), 'start', '-c', file];
  const limit = options.openFiles === undefined ? '' : `ulimit -n ${options.openFiles}; `;
  const child = spawn('sh', ['-c', `${limit}exec "$@"`, 'sh', ...words], {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const lines: Line[] = [];
  const waiting = new Set<() => void>();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line) as Line);
    for (const notify of waiting) notify();
  });
  const line = (msg: string): Promise<Line> =>
    new Promise((found, fail) => {
      const notify = (): void => {
        const hit = lines.find((candidate) => candidate.msg === msg);
        if (hit === undefined) return;
        waiting.delete(notify);
        found(hit);
      };
      waiting.add(notify);
      notify();
      void ended.then(() => fail(new Error(`ended without "${msg}": ${stderr}`)));
    });
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  const { url, adminUrl } = (await line('listening')) as unknown as { url: string; adminUrl: string };
  return { url, adminUrl, file, child, lines, stderr: () => stderr, line, ended };
}
