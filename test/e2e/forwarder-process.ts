import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startForwarder } from '../support/proxy/forwarder.ts';

/** The forwarding layer in a process of its own, so that its memory is measured apart from that of client and backend. */
export interface ForwarderProcess {
  readonly url: string;
  readonly port: number;
  /** Highest resident memory so far, in bytes. Linux only; 0 elsewhere. */
  peakMemory(): number;
  close(): Promise<void>;
}

export async function startForwarderProcess(upstream: string): Promise<ForwarderProcess> {
  const child = fork(fileURLToPath(import.meta.url), [upstream], {
    execArgv: ['--import=tsx'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [port] = (await once(child, 'message')) as [number];
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    peakMemory() {
      if (process.platform !== 'linux') return 0;
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
    },
    async close() {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , upstream = ''] = process.argv;
  const forwarder = await startForwarder(upstream);
  process.on('disconnect', () => process.exit(0));
  process.send?.(forwarder.port);
}
