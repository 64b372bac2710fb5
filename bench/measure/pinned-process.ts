import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** The core of the measured process, and the core of everything else. */
export const CORE = { measured: '0', load: '1' } as const;

export interface PinnedProcess {
  readonly pid: number;
  close(): Promise<void>;
}

interface Command {
  readonly core: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Folder for its output; includes standard output unless `drainOutput`. */
  readonly folder: string;
  /** Reads standard output from a real pipe on the load's core, as a container runtime would. */
  readonly drainOutput?: boolean;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

let started = 0;

/** Starts a program bound to one core; `taskset` replaces itself, so the pid is the program's own. */
export function startPinned({ core, argv, env, folder, drainOutput }: Command): PinnedProcess {
  started += 1;
  const log = openSync(join(folder, `process-${started}.log`), 'w');
  const output = drainOutput ? openDrain(join(folder, `process-${started}.fifo`)) : log;
  const child = spawn('taskset', ['-c', core, ...argv], {
    env: { ...process.env, ...env },
    stdio: ['ignore', output, log],
  });
  if (output !== log) closeSync(output);
  closeSync(log);
  running.add(child);
  child.on('exit', () => running.delete(child));
  if (child.pid === undefined) throw new Error(`cannot start ${argv[0]}`);
  return { pid: child.pid, close: () => stop(child) };
}

function openDrain(fifo: string): number {
  if (spawnSync('mkfifo', [fifo]).status !== 0) throw new Error('mkfifo failed');
  // The reader opens its own end, since a program may make a shared one non-blocking.
  const reader = spawn('taskset', ['-c', CORE.load, 'cat', fifo], { stdio: 'ignore' });
  running.add(reader);
  reader.on('exit', () => running.delete(reader));
  // Opened for reading and writing, so that opening does not wait for the reader.
  return openSync(fifo, 'r+');
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await Promise.race([gone, wait(5_000, undefined, { ref: false })]);
  child.kill('SIGKILL');
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

/** Resolves when something accepts on the port; throws after `timeoutMs`. */
export async function untilListening(port: number, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await accepts(port))) {
    if (Date.now() > deadline) throw new Error(`nothing listens on port ${port}`);
    await wait(5);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Whether a program is on the PATH (or an absolute path to one). */
export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$0"', name], { stdio: 'ignore' }).status === 0;
}
