import { LARGE_PATH } from '../load/upstream.ts';
import type { Peer, RunningPeer } from '../peers/peer.ts';
import { routePath } from '../peers/sealgate.ts';
import { SEALGATE, type StartedPeer } from '../peers/start-peers.ts';
import type { Case, Pools } from './cases.ts';
import { measure, medianSample, type Sample } from './measure.ts';

export const CONNECTIONS = 64;
const PATHS = Array.from({ length: 10 }, (_, index) => `${routePath(index)}/7`);

/** Case → peer → its medians, or why there are none. */
export type Results = ReadonlyMap<string, ReadonlyMap<string, Sample | Error>>;

interface Wanted {
  readonly started: readonly StartedPeer[];
  readonly cases: readonly Case[];
  readonly pools: Pools;
  readonly runs: number;
  readonly seconds: number;
  readonly folder: string;
}

/**
 * Measures every case on every peer, `runs` times in turns, so that a slow minute of the machine affects all
 * of them alike. A list of tokens continues where the peer's last run of that case ended.
 */
export async function measureInRounds(wanted: Wanted): Promise<Results> {
  const { started, cases, pools, runs, seconds } = wanted;
  const results = new Map<string, Map<string, Sample | Error>>();
  for (const one of cases) {
    const proofs = await one.proofs?.(pools);
    const tokens = proofs?.proofs ?? (await one.tokens(pools));
    const fields = proofs && [`Authorization: DPoP ${proofs.token}`];
    const tracks = started
      .filter(({ peer }) => takesPart(one, peer))
      .map(({ peer, running }) => ({
        peer,
        running,
        samples: [] as Sample[],
        first: 0,
        failure: undefined as Error | undefined,
      }));
    for (let round = 0; round <= runs; round += 1) {
      for (const track of tracks) {
        if (track.failure) continue;
        const run = { ...wanted, tokens, fields, track };
        try {
          const sample = round === 0 ? await warmUp(one, run) : await runOnce(one, run, seconds);
          track.first += sample.requests + CONNECTIONS;
          if (round > 0) track.samples.push(sample);
        } catch (error) {
          track.failure = error as Error;
        }
      }
    }
    results.set(
      one.name,
      new Map(tracks.map(({ peer, samples, failure }) => [peer.name, failure ?? medianSample(samples)])),
    );
    process.stderr.write(`  ${one.name}: done\n`);
  }
  return results;
}

function takesPart(one: Case, peer: Peer): boolean {
  if (one.peers === 'mcp') return peer.mcp !== undefined;
  if (peer.mcp === 'only') return false;
  if (one.peers === 'all') return true;
  return one.peers === 'sealgate' ? peer === SEALGATE : peer.algorithms.includes(one.peers);
}

interface Run extends Wanted {
  readonly tokens: readonly string[];
  /** With the bound token, where `tokens` are its proofs. */
  readonly fields: readonly string[] | undefined;
  readonly track: { readonly running: RunningPeer; readonly first: number };
}

/** Requests until the just-in-time compiler has warmed up, and the longest wait for them. */
const WARM_REQUESTS = 20_000;
const WARM_SECONDS = 8;

/** Loads a peer until its code is warm, however slow the machine is at the moment; returns the last second's sample with all requests. */
async function warmUp(one: Case, run: Run): Promise<Sample> {
  let { first } = run.track;
  for (let second = 1; ; second += 1) {
    const sample = await runOnce(one, { ...run, track: { ...run.track, first } }, 1);
    first += sample.requests + CONNECTIONS;
    const requests = first - run.track.first;
    if (requests >= WARM_REQUESTS || second === WARM_SECONDS || one.path === LARGE_PATH) {
      return { ...sample, requests };
    }
  }
}

function runOnce(one: Case, { tokens, fields, track, folder }: Run, seconds: number): Promise<Sample> {
  const { running } = track;
  return measure({
    pid: running.pid,
    further: running.further,
    expect: one.expect,
    folder,
    load: {
      port: running.port,
      seconds,
      connections: one.connections ?? CONNECTIONS,
      paths: one.path === undefined ? PATHS : [one.path],
      tokens,
      ...(fields && { fields, tokenField: 'DPoP: ' }),
      first: track.first,
      pauseMs: 0,
      newConnections: one.newConnections ?? false,
      ...(one.post !== undefined && { post: one.post }),
    },
  });
}
