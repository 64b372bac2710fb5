import type { Contestant } from './contestants.ts';
import { measure, medianSample } from './measure.ts';
import { routePath } from './peers/sealgate.ts';
import { CONNECTIONS, type Results } from './rounds.ts';

export interface Latency {
  readonly requestsPerSecond: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  /** What the upstream itself took at the same rate. */
  readonly direct: { readonly p50Micros: number; readonly p99Micros: number };
}

interface Wanted {
  readonly contestants: readonly Contestant[];
  readonly results: Results;
  readonly token: string;
  readonly upstream: { readonly pid: number; readonly port: number };
  readonly runs: number;
  readonly seconds: number;
  readonly folder: string;
}

/** Latencies at half of the rate at which each peer was saturated, and of the upstream alone at that same rate, in turns. */
export async function measureLatency(wanted: Wanted): Promise<ReadonlyMap<string, Latency>> {
  const found = new Map<string, Latency>();
  for (const { peer, running } of wanted.contestants) {
    const saturated = wanted.results.get('repeated')?.get(peer.name);
    if (saturated === undefined || saturated instanceof Error) continue;
    const pauseMs = (CONNECTIONS * 1000) / (saturated.requestsPerSecond / 2);
    const through = [];
    const direct = [];
    for (let round = 0; round < wanted.runs; round += 1) {
      through.push(await paced(running, pauseMs, wanted));
      direct.push(await paced(wanted.upstream, pauseMs, wanted));
    }
    found.set(peer.name, { ...medianSample(through), direct: medianSample(direct) });
  }
  return found;
}

function paced(target: { pid: number; port: number }, pauseMs: number, { token, seconds, folder }: Wanted) {
  return measure({
    pid: target.pid,
    expect: 'allowed',
    folder,
    load: {
      port: target.port,
      seconds,
      connections: CONNECTIONS,
      paths: [`${routePath(0)}/7`],
      tokens: [token],
      first: 0,
      pauseMs,
      newConnections: false,
    },
  });
}
