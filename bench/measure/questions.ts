import { type CheckLoad, loadChecks } from '../load/checks.ts';
import type { Pool } from '../load/tokens.ts';
import type { Ground } from '../peers/peer.ts';
import { type RunningSealgate, routePath, startSealgate } from '../peers/sealgate.ts';
import { measure, measureRun, medianSample, type Sample } from './measure.ts';
import { CONNECTIONS } from './rounds.ts';

/** What a question costs beside forwarding the same request. */
export interface Questions {
  /** By what was sent: the request itself, or the question of a way. */
  readonly rows: ReadonlyMap<string, Sample>;
  /** Checks at half of the rate at which they saturate the gateway or their client. */
  readonly half: Sample;
}

/** The row of the request itself. */
export const PROXIED = 'proxied';
const CHECK = 'Check (gRPC)';

interface Wanted {
  readonly ground: Ground;
  readonly pool: Pool;
  readonly runs: number;
  readonly seconds: number;
}

const TARGET = `${routePath(3)}/7`;
const HOST = 'api.bench.test';
const CLIENT = 'X-Forwarded-For: 203.0.113.7';
/** Channels of gRPC, and calls on each at a time: together as many as there are connections over HTTP. */
const CHANNELS = 4;
const CALLS = CONNECTIONS / CHANNELS;
/** Seconds that the just-in-time compiler gets for each row. */
const WARM_ROUNDS = 4;

/** One gateway, asked in every way and given the request itself, in turns. */
export async function measureQuestions({ ground, pool, runs, seconds }: Wanted): Promise<Questions> {
  const running = await startSealgate({ routes: 10, issuers: 1 }, ground, true);
  const asked = { token: pool.tokens[0] ?? '', folder: ground.folder };
  const tracks = Object.entries(sources(running, asked)).map(([name, run]) => ({
    name,
    run,
    samples: [] as Sample[],
  }));
  for (let round = -WARM_ROUNDS; round < runs; round += 1) {
    for (const { run, samples } of tracks) {
      const sample = await run(round < 0 ? 1 : seconds);
      if (round >= 0) samples.push(sample);
    }
  }
  const rows = new Map(tracks.map(({ name, samples }) => [name, medianSample(samples)]));
  const saturated = rows.get(CHECK)?.requestsPerSecond ?? Number.NaN;
  const halves: Sample[] = [];
  for (let round = 0; round < runs; round += 1)
    halves.push(await checks(running, { ...asked, seconds, perSecond: saturated / 2 }));
  await running.close();
  return { rows, half: medianSample(halves) };
}

type Asked = Pick<CheckLoad, 'token' | 'folder'>;
type Run = (seconds: number) => Promise<Sample>;

function sources(running: RunningSealgate, asked: Asked): Readonly<Record<string, Run>> {
  const { pid, port, decisionsPort } = running;
  const over =
    (to: number, path: string, fields: readonly string[] = []): Run =>
    (seconds) =>
      measure({
        pid,
        expect: 'allowed',
        folder: asked.folder,
        load: {
          port: to,
          seconds,
          connections: CONNECTIONS,
          paths: [path],
          tokens: [asked.token],
          first: 0,
          pauseMs: 0,
          newConnections: false,
          ...(fields.length > 0 && { fields }),
        },
      });
  return {
    [PROXIED]: over(port, TARGET),
    '/forward-auth': over(decisionsPort, '/forward-auth', [
      'X-Forwarded-Method: GET',
      'X-Forwarded-Proto: https',
      `X-Forwarded-Host: ${HOST}`,
      `X-Forwarded-Uri: ${TARGET}`,
      CLIENT,
    ]),
    '/auth-request': over(decisionsPort, '/auth-request', [
      'X-Original-Method: GET',
      `X-Original-URL: https://${HOST}${TARGET}`,
      CLIENT,
    ]),
    '/ext-authz': over(decisionsPort, `/ext-authz${TARGET}`, ['X-Forwarded-Proto: https', CLIENT]),
    [CHECK]: (seconds) => checks(running, { ...asked, seconds, perSecond: undefined }),
  };
}

function checks(
  { pid, grpcPort }: RunningSealgate,
  load: Asked & Pick<CheckLoad, 'seconds' | 'perSecond'>,
): Promise<Sample> {
  return measureRun({ pid, expect: 'allowed' }, () =>
    loadChecks({ ...load, port: grpcPort, host: HOST, target: TARGET, channels: CHANNELS, calls: CALLS }),
  );
}
