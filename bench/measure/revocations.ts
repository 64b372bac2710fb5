import type { Pool } from '../load/tokens.ts';
import type { Ground } from '../peers/peer.ts';
import { type RevokingSealgate, routePath, startRevokingSealgate } from '../peers/sealgate.ts';
import { measure, median, medianSample, type Sample } from './measure.ts';
import { CONNECTIONS } from './rounds.ts';

/** What revocations cost each request, none of which they are about. */
export interface RevocationCost {
  readonly rows: ReadonlyMap<Entries, Sample>;
  /** CPU time beside that without `revocation`: the median of the ratios within each round. */
  readonly ratio: Readonly<Record<Entries, number>>;
}

/** How many entries there are; `off` in a file without `revocation`. */
export type Entries = 'off' | '0' | '100,000';

const COUNT = 100_000;
/** Forth and back, so that what drifts through a round affects all alike. */
const ROUND: readonly Entries[] = ['off', '0', '100,000', '100,000', '0', 'off'];

interface Wanted {
  readonly ground: Ground;
  readonly pool: Pool;
  readonly runs: number;
  readonly seconds: number;
}

/**
 * One process through all states: two processes of the same build differ by more than what is measured here.
 * Each state is loaded for a second before it counts.
 */
export async function measureRevocations({ ground, pool, runs, seconds }: Wanted): Promise<RevocationCost> {
  const gateway = await startRevokingSealgate({ routes: 10, issuers: 1 }, ground);
  const press = (length: number) =>
    measure({
      pid: gateway.pid,
      expect: 'allowed',
      folder: ground.folder,
      load: {
        port: gateway.port,
        seconds: length,
        connections: CONNECTIONS,
        paths: Array.from({ length: 10 }, (_, index) => `${routePath(index)}/7`),
        tokens: pool.tokens.slice(0, 1),
        first: 0,
        pauseMs: 0,
        newConnections: false,
      },
    });
  const samples: Record<Entries, Sample[]> = { off: [], '0': [], '100,000': [] };
  const ratios: Record<Entries, number[]> = { off: [], '0': [], '100,000': [] };
  let state: Entries = 'off';
  for (let round = -1; round < runs; round += 1) {
    const micros: Record<Entries, number> = { off: 0, '0': 0, '100,000': 0 };
    for (const next of ROUND) {
      await change(gateway, state, next);
      state = next;
      await press(1);
      const sample = await press(seconds);
      micros[next] += sample.cpuMicros;
      if (round >= 0) samples[next].push(sample);
    }
    if (round < 0) continue;
    for (const entries of ROUND.slice(0, 3)) ratios[entries].push(micros[entries] / micros.off);
  }
  await gateway.close();
  return {
    rows: new Map(ROUND.slice(0, 3).map((entries) => [entries, medianSample(samples[entries])])),
    ratio: { off: 1, '0': median(ratios['0']), '100,000': median(ratios['100,000']) },
  };
}

async function change(gateway: RevokingSealgate, from: Entries, to: Entries): Promise<void> {
  if (from === to) return;
  if (from === 'off') await gateway.reload(true);
  if (to === '100,000') await gateway.revoke(COUNT);
  if (from === '100,000') await gateway.takeBack(COUNT);
  if (to === 'off') await gateway.reload(false);
}
