import { measure, medianSample } from '../measure/measure.ts';
import { CONNECTIONS, type Results } from '../measure/rounds.ts';
import { routePath } from '../peers/sealgate.ts';
import type { StartedPeer } from '../peers/start-peers.ts';

export interface Latency {
  readonly requestsPerSecond: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  /** The upstream alone at the same rate. */
  readonly direct: { readonly p50Micros: number; readonly p99Micros: number };
}

interface Wanted {
  readonly started: readonly StartedPeer[];
  readonly results: Results;
  readonly token: string;
  readonly upstream: { readonly pid: number; readonly port: number };
  readonly runs: number;
  readonly seconds: number;
  readonly folder: string;
  /** Called for a peer without a result, with the reason. */
  readonly leftOut: (what: string) => void;
}

/**
 * Latencies at half of each peer's saturated rate, and of the upstream alone at the same rate, in turns. A peer that fails or has
 * ended is reported and left out.
 */
export async function measureLatency(wanted: Wanted): Promise<ReadonlyMap<string, Latency>> {
  const found = new Map<string, Latency>();
  for (const { peer, running } of wanted.started) {
    const saturated = wanted.results.get('repeated')?.get(peer.name);
    if (saturated === undefined || saturated instanceof Error) continue;
    try {
      found.set(peer.name, await latencyAt(saturated.requestsPerSecond / 2, running, wanted));
    } catch (error) {
      wanted.leftOut(`${peer.name}: ${(error as Error).message}`);
    }
  }
  return found;
}

async function latencyAt(requestsPerSecond: number, running: Target, wanted: Wanted): Promise<Latency> {
  const pauseMs = (CONNECTIONS * 1000) / requestsPerSecond;
  const through = [];
  const direct = [];
  for (let round = 0; round < wanted.runs; round += 1) {
    through.push(await paced(running, pauseMs, wanted));
    direct.push(await paced(wanted.upstream, pauseMs, wanted));
  }
  return { ...medianSample(through), direct: medianSample(direct) };
}

interface Target {
  readonly pid: number;
  readonly further?: number;
  readonly port: number;
}

function paced(target: Target, pauseMs: number, { token, seconds, folder }: Wanted) {
  return measure({
    pid: target.pid,
    further: target.further,
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
