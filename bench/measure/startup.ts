import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Ground } from '../peers/peer.ts';
import { sealgate } from '../peers/sealgate.ts';
import { median } from './measure.ts';
import { CORE } from './pinned-process.ts';
import { residentMiB } from './process-cost.ts';

const ROOT = dirname(fileURLToPath(new URL('..', import.meta.url)));
const ONLY_IMPORTS = `await Promise.all([import('fastify'), import('undici'), import('jose')]); process.exit()`;
/** How long a started gateway is idle before its memory is read. */
const SETTLE_MS = 1_000;

export interface Startup {
  readonly importsMs: number;
  /** From the start of the process until it is ready: it accepts connections and has its keys. */
  readonly readyMs: number;
  readonly idleRssMiB: number;
}

/** Start of the gateway beside that of a process that only imports fastify, undici and jose, in turns. */
export async function measureStartup(ground: Ground, runs: number): Promise<Startup> {
  const importsMs: number[] = [];
  const readyMs: number[] = [];
  const idleRssMiB: number[] = [];
  for (let round = 0; round <= runs; round += 1) {
    const imports = timeImports(ground.node);
    const folder = join(ground.folder, `startup-${round}`);
    mkdirSync(folder);
    const begun = performance.now();
    const gateway = await sealgate('start', { routes: 10, issuers: 1 }).start({ ...ground, folder });
    const ready = performance.now() - begun;
    await wait(SETTLE_MS);
    const rss = residentMiB(gateway.pid);
    await gateway.close();
    // The first round fills the page cache and is not counted.
    if (round === 0) continue;
    importsMs.push(imports);
    readyMs.push(ready);
    idleRssMiB.push(rss);
  }
  return {
    importsMs: median(importsMs),
    readyMs: median(readyMs),
    idleRssMiB: median(idleRssMiB),
  };
}

function timeImports(node: string): number {
  const begun = performance.now();
  const argv = ['-c', CORE.measured, node, '--input-type=module', '-e', ONLY_IMPORTS];
  const { status } = spawnSync('taskset', argv, { cwd: ROOT });
  if (status !== 0) throw new Error('the process that only imports failed');
  return performance.now() - begun;
}
