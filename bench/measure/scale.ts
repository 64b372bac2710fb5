import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { mintToken, type Pool } from '../load/tokens.ts';
import type { Ground, RunningPeer } from '../peers/peer.ts';
import { issuerName, routePath, type Size, sealgate } from '../peers/sealgate.ts';
import { measure, median, type Sample } from './measure.ts';
import { CONNECTIONS } from './rounds.ts';

const SIZES: readonly Size[] = [
  { routes: 10, issuers: 1 },
  { routes: 1_000, issuers: 1 },
  { routes: 10_000, issuers: 1 },
  { routes: 10, issuers: 500 },
];

export interface Scale extends Size {
  readonly startMs: number;
  readonly cpuMicros: number;
  readonly rssMiB: number;
}

interface Wanted {
  readonly ground: Ground;
  readonly pool: Pool;
  readonly runs: number;
  readonly seconds: number;
}

/** One gateway of each size, measured in turns; requests go to all of its routes, with tokens of all its issuers. */
export async function measureScale({ ground, pool, runs, seconds }: Wanted): Promise<readonly Scale[]> {
  const tracks = [];
  for (const size of SIZES) {
    const folder = join(ground.folder, `size-${size.routes}-${size.issuers}`);
    mkdirSync(folder);
    const begun = performance.now();
    const running = await sealgate('size', size).start({ ...ground, folder });
    const startMs = performance.now() - begun;
    const tokens = await Promise.all(
      Array.from({ length: size.issuers }, (_, index) => mintToken(pool.key, { issuer: issuerName(index) })),
    );
    const paths = Array.from({ length: size.routes }, (_, index) => `${routePath(index)}/7`);
    tracks.push({ size, running, startMs, tokens, paths, samples: [] as Sample[] });
  }
  for (let round = 0; round <= runs; round += 1) {
    for (const track of tracks) {
      const sample = await press(track, { seconds, folder: ground.folder });
      if (round > 0) track.samples.push(sample);
    }
  }
  return tracks.map(({ size, startMs, samples }) => ({
    ...size,
    startMs,
    cpuMicros: median(samples.map((sample) => sample.cpuMicros)),
    rssMiB: median(samples.map((sample) => sample.rssMiB)),
  }));
}

interface Track {
  readonly running: RunningPeer;
  readonly tokens: readonly string[];
  readonly paths: readonly string[];
}

function press({ running, tokens, paths }: Track, { seconds, folder }: { seconds: number; folder: string }) {
  const load = {
    port: running.port,
    seconds,
    connections: CONNECTIONS,
    paths,
    tokens,
    first: 0,
    pauseMs: 0,
    newConnections: false,
  };
  return measure({ pid: running.pid, expect: 'allowed', folder, load });
}
