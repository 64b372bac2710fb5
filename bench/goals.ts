import type { Latency } from './load/latency.ts';
import type { Algorithm } from './load/tokens.ts';
import { PROXIED, type Questions } from './measure/questions.ts';
import type { Entries, RevocationCost } from './measure/revocations.ts';
import type { Results } from './measure/rounds.ts';
import type { Scale } from './measure/scale.ts';
import type { Startup } from './measure/startup.ts';
import { haproxyJwt } from './peers/debian.ts';
import { bareNode } from './peers/node.ts';
import { SEALGATE } from './peers/start-peers.ts';

/** A target of the project and the measured figure. */
export interface Goal {
  readonly name: string;
  readonly limit: number;
  readonly reached: number;
  readonly unit: '' | ' ms' | ' MiB';
  readonly ok: boolean;
}

export interface Evidence {
  readonly results: Results;
  readonly latency: ReadonlyMap<string, Latency>;
  readonly questions: Questions | undefined;
  readonly revocations: RevocationCost | undefined;
  readonly scale: readonly Scale[];
  readonly startup: Startup | undefined;
  readonly nativeVerify: Readonly<Record<Algorithm, number>>;
}

/** Compares the measurements with the goals; a goal without measurements is left out. */
export function checkGoals(evidence: Evidence): readonly Goal[] {
  const { results, latency, questions, revocations, scale, startup, nativeVerify } = evidence;
  const figure = (peer: string, field: 'cpuMicros' | 'megabytesPerSecond') => (one: string) => {
    const sample = results.get(one)?.get(peer);
    return sample === undefined || sample instanceof Error ? Number.NaN : sample[field];
  };
  const ours = figure(SEALGATE.name, 'cpuMicros');
  const bare = figure(bareNode.name, 'cpuMicros');
  const overVerify = (one: string, algorithm: Algorithm) =>
    (ours(one) - ours('repeated')) / nativeVerify[algorithm];
  const refusal = (one: string) => ours(one) / bare('repeated');
  const revoking = (entries: Entries) => revocations?.ratio[entries] ?? Number.NaN;
  const half = latency.get(SEALGATE.name);
  const addedMs = (field: 'p50Micros' | 'p99Micros') =>
    half === undefined ? Number.NaN : (half[field] - half.direct[field]) / 1000;
  const growth = (index: number) =>
    (scale[index]?.cpuMicros ?? Number.NaN) / (scale[0]?.cpuMicros ?? Number.NaN);
  const throughput = (peer: string) => figure(peer, 'megabytesPerSecond')('large');
  const largest = scale.find(({ routes }) => routes === 10_000);

  return [
    atMost('repeated token: CPU ÷ bare Node', 1.2, ours('repeated') / bare('repeated')),
    atMost(
      'repeated token: CPU ÷ HAProxy with jwt_verify',
      1,
      ours('repeated') / figure(haproxyJwt.name, 'cpuMicros')('repeated'),
    ),
    atMost('fresh RS256: (CPU − repeated) ÷ one native verification', 1.3, overVerify('fresh', 'RS256')),
    atMost(
      'fresh ES256: (CPU − repeated) ÷ one native verification',
      1.3,
      overVerify('fresh ES256', 'ES256'),
    ),
    atMost(
      'fresh EdDSA: (CPU − repeated) ÷ one native verification',
      1.3,
      overVerify('fresh EdDSA', 'EdDSA'),
    ),
    atMost(
      'DPoP, a fresh proof: (CPU − repeated) ÷ one native ES256 verification',
      1.3,
      overVerify('DPoP', 'ES256'),
    ),
    atMost('`revocation` without entries: CPU ÷ without `revocation`', 1.01, revoking('0')),
    atMost('100,000 revocations: CPU ÷ without `revocation`', 1.02, revoking('100,000')),
    atMost('no token: CPU ÷ bare Node', 0.5, refusal('no token')),
    atMost('expired: CPU ÷ bare Node', 0.5, refusal('expired')),
    atMost('forged, seen before: CPU ÷ bare Node', 0.5, refusal('forged, seen before')),
    atMost('forged, each different: CPU ÷ fresh', 1, ours('forged, each different') / ours('fresh')),
    atMost('many tokens: CPU ÷ repeated', 1.1, ours('many tokens') / ours('repeated')),
    atMost('half of saturation: added p50', 0.3, addedMs('p50Micros'), ' ms'),
    atMost('half of saturation: added p99', 2, addedMs('p99Micros'), ' ms'),
    atMost('1,000 routes: CPU ÷ 10 routes', 1.1, growth(1)),
    atMost('10,000 routes: CPU ÷ 10 routes', 1.1, growth(2)),
    atMost('500 issuers: CPU ÷ 1 issuer', 1.1, growth(3)),
    atMost('start with 10,000 routes', 3000, largest?.startMs ?? Number.NaN, ' ms'),
    atLeast(
      'large responses: throughput ÷ bare Node',
      0.9,
      throughput(SEALGATE.name) / throughput(bareNode.name),
    ),
    ...[...(questions?.rows ?? [])]
      .filter(([name]) => name !== PROXIED)
      .map(([name, { cpuMicros }]) =>
        atMost(
          `${name}: CPU ÷ proxying`,
          0.6,
          cpuMicros / (questions?.rows.get(PROXIED)?.cpuMicros ?? Number.NaN),
        ),
      ),
    atMost('Check at half of saturation: p99', 2, (questions?.half.p99Micros ?? Number.NaN) / 1000, ' ms'),
    atMost(
      'start ÷ only imports',
      2,
      startup === undefined ? Number.NaN : startup.readyMs / startup.importsMs,
    ),
    atMost('idle RSS', 110, startup?.idleRssMiB ?? Number.NaN, ' MiB'),
  ].filter(({ reached }) => !Number.isNaN(reached));
}

function atMost(name: string, limit: number, reached: number, unit: Goal['unit'] = ''): Goal {
  return { name, limit, reached, unit, ok: reached <= limit };
}

function atLeast(name: string, limit: number, reached: number, unit: Goal['unit'] = ''): Goal {
  return { name, limit, reached, unit, ok: reached >= limit };
}
