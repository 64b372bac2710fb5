import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { GatewayProcess } from '../support/gateway/gateway-process.ts';

/** Words of Node for a gateway that can be asked what it holds. */
export const GAUGE: readonly string[] = [
  '--expose-gc',
  '--import',
  `data:text/javascript,${encodeURIComponent(`process.on('SIGUSR2', () => {
  const kinds = process.getActiveResourcesInfo();
  const sockets = kinds.filter((kind) => kind === 'TCPSocketWrap' || kind === 'TLSWrap').length;
  const listeners = process.eventNames().reduce((sum, event) => sum + process.listenerCount(event), 0);
  process.stdout.write(JSON.stringify({ msg: 'resources', sockets, listeners }) + '\\n');
});
process.on('SIGWINCH', async () => {
  // What a finalizer lets go of is garbage for the next collection only.
  for (let left = 4; left > 0; left--) {
    gc();
    await new Promise((later) => setTimeout(later, 50));
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  process.stdout.write(JSON.stringify({ msg: 'memory', used: heapUsed + external, rss }) + '\\n');
});`)}`,
];

/** What the event loop waits for, who listens to the process, and what it has open. */
export interface Resources {
  readonly sockets: number;
  readonly listeners: number;
  readonly descriptors: number;
}

export async function resourcesOf(gateway: GatewayProcess): Promise<Resources> {
  const folder = `/proc/${gateway.child.pid}/fd`;
  const { sockets, listeners } = await ask<Resources>(gateway, 'SIGUSR2', 'resources');
  return { sockets, listeners, descriptors: existsSync(folder) ? readdirSync(folder).length : 0 };
}

/** In bytes: what is in use once garbage was collected, and what the process has, which allocators return when they like. */
export interface Memory {
  readonly used: number;
  readonly rss: number;
}

export function memoryOf(gateway: GatewayProcess): Promise<Memory> {
  return ask<Memory>(gateway, 'SIGWINCH', 'memory');
}

async function ask<Report>(gateway: GatewayProcess, signal: NodeJS.Signals, msg: string): Promise<Report> {
  const reported = () => gateway.lines.filter((line) => line.msg === msg);
  const known = reported().length;
  gateway.child.kill(signal);
  while (reported().length === known) await pause(5);
  return reported().at(-1) as unknown as Report;
}
